"""cost: what AWS would charge for a file, or for a lab that is up and the bytes that it has really carried."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import resources
from typing import NamedTuple

from emulator import names
from emulator.errors import UsageError
from emulator.lab import running, source
from emulator.lab.analyze import is_file
from emulator.pricing.cost import Priced, Usage
from emulator.pricing.cost import cost as sums
from emulator.pricing.prices import Prices, read
from emulator.topology.model import Topology

GB = Decimal(10**9)


def prices() -> Prices:
    """The table that comes with vpcemu."""
    return read(resources.files("emulator.pricing").joinpath("prices.toml").read_text(encoding="utf-8"))


def cost(subject: str | None, usage: Usage | None = None, *, measured: bool = False) -> Priced:
    """subject: a topology file, or the name of a lab that is up (None: the only one).

    measured: the GB of all that is charged by them are those that the lab has carried since it is up.
    UsageError: no such lab, no prices of its region, data of a component that there is not.
    """
    usage = usage or Usage()
    if subject is not None and is_file(subject):
        if measured:
            raise UsageError(
                "only a lab that is up has carried anything", f"`vpcemu up {subject}`, then the lab's name"
            )
        topology, _ = source.load(source.read(subject), subject)
        return Priced(topology.name, subject, topology, usage, sums(topology, prices(), usage), measured)
    found = running.recall(subject)
    if measured:
        usage = usage._replace(named={**_carried(found), **usage.named})
    total = sums(found.topology, prices(), usage)
    return Priced(found.lab, found.record.file, found.topology, usage, total, measured)


class _Counted(NamedTuple):
    """The links of a node by which that arrives which a component is charged for. No links: all of them."""

    component: str
    node: str
    links: tuple[str, ...] = ()


def _counted(topology: Topology) -> Iterator[_Counted]:
    for vpc in topology.vpcs:
        for gateway in vpc.nat_gateways:  # PRICE-01: questions and answers both arrive by its interface
            yield from (_Counted(gateway.name, node, (names.GUEST_LINK,)) for node in vpc.nodes_of(gateway))
        if vpc.internet_gateway:
            yield _Counted(vpc.internet_gateway, vpc.internet_gateway, (names.VPC_LINK,))
        # Questions and answers both pass them.
        yield from (_Counted(held.name, node) for held in vpc.load_balancers for node in held.nodes)
        yield from (_Counted(held.name, node) for held in vpc.vpc_endpoints for node in held.nodes)
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for through in topology.transit_gateways:
        for held in through.vpc_attachments:  # PRICE-03: what its VPC sends
            zones = {vpcs[held.vpc].subnet(subnet).availability_zone for subnet in held.subnets}
            links = tuple(names.to_attachment(held.name, zone) for zone in zones)
            yield _Counted(f"{through.name}/{held.name}", through.name, links)


def _carried(found: running.Running) -> Mapping[str, Decimal]:
    """By component, the GB that have arrived at it."""
    from emulator.kernel.counters import received

    wanted = list(_counted(found.topology))
    bytes_at = received(found.lab, {held.node for held in wanted})
    carried: dict[str, Decimal] = {}
    for component, node, links in wanted:
        if node in bytes_at:
            arrived = sum(count for link, count in bytes_at[node].items() if link in (links or {link} - {"lo"}))
            carried[component] = carried.get(component, Decimal(0)) + Decimal(arrived) / GB
    return carried
