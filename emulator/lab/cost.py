"""cost: what AWS would charge for a file, or for a lab that is up and the bytes that it has really carried."""

from collections.abc import Mapping
from decimal import Decimal
from importlib import resources

from emulator import names
from emulator.errors import UsageError
from emulator.lab import running, source
from emulator.lab.analyze import is_file
from emulator.pricing.cost import Priced, Usage
from emulator.pricing.cost import cost as sums
from emulator.pricing.prices import Prices, read

GB = Decimal(10**9)


def prices() -> Prices:
    """The table that comes with vpcemu."""
    return read(resources.files("emulator.pricing").joinpath("prices.toml").read_text(encoding="utf-8"))


def cost(subject: str | None, usage: Usage | None = None, *, measured: bool = False) -> Priced:
    """subject: a topology file, or the name of a lab that is up (None: the only one).

    measured: the GB of NAT gateways and internet gateways are those that the lab has carried since it is up.
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


def _carried(found: running.Running) -> Mapping[str, Decimal]:
    """GB: of a NAT gateway all that has come in by its interface (PRICE-01: questions and answers), of an internet
    gateway what has come from its VPC.
    """
    from emulator.kernel.counters import received

    links = {held.name: names.GUEST_LINK for vpc in found.topology.vpcs for held in vpc.nat_gateways}
    links |= {vpc.internet_gateway: names.VPC_LINK for vpc in found.topology.vpcs if vpc.internet_gateway}
    counted = received(found.lab, links.keys())
    return {node: Decimal(held.get(links[node], 0)) / GB for node, held in counted.items()}
