"""Who talks to whom in a topology, and by which route tables: what a fault must hit to be noticed.

A plain look at the file's `expect:` list, enough to choose a victim. What really becomes of a flow is for analysis to
say, and for the wire.
"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.topology.addresses import assign
from emulator.topology.expand import expand
from emulator.topology.faults_edits import owner_of
from emulator.topology.flows import NUMBERS, Flow, Protocol
from emulator.topology.given import Addresses, slot
from emulator.topology.instances import Instance, NetworkInterface
from emulator.topology.model import Route, RouteTable, Subnet, Topology, Vpc

_HOPS = 4
_SEVERAL = 16  # instances whose services are looked at where the file expects nothing


class End(NamedTuple):
    """One side of a talk. ip: its own address. called: the address by which the other side knows it.

    vpc, instance and interface are None for an outside host.
    """

    name: str
    ip: IPv4Address
    called: IPv4Address
    vpc: Vpc | None = None
    instance: Instance | None = None
    interface: NetworkInterface | None = None

    def after(self, vpc: Vpc) -> "End":
        """The same end where its VPC has become this one."""
        owner = (
            owner_of(vpc, self.interface.name) if self.interface and self.vpc and self.vpc.name == vpc.name else None
        )
        return self._replace(vpc=vpc, instance=owner[0], interface=owner[1]) if owner else self


class Talk(NamedTuple):
    """Something that passes, or is meant to. protocol: IP protocol number; port: 0 for ICMP."""

    source: End
    target: End
    protocol: int
    port: int

    @property
    def within(self) -> bool:
        """Both are in one VPC, and call each other by private addresses."""
        one, other = self.source, self.target
        return one.vpc is not None and one.vpc == other.vpc and other.ip == other.called

    def after(self, vpc: Vpc) -> "Talk":
        """The same question where the VPC has become this one. No address and no name of its ends may have changed."""
        return self._replace(source=self.source.after(vpc), target=self.target.after(vpc))


class Leg(NamedTuple):
    """A decision of a route table: for a talk's packet, or for the answer to it.

    end: whose packet it is. to: its destination. route None: the table has none; `local` is one of LOCAL.
    """

    talk: Talk
    end: End
    to: IPv4Address
    vpc: Vpc
    subnet: Subnet
    table: RouteTable
    route: Route | None
    local: bool

    @property
    def answer(self) -> bool:
        return self.end is self.talk.target


@lru_cache(maxsize=1)  # every fault of the catalogue asks for the same
def talks(topology: Topology) -> tuple[Talk, ...]:
    """What the file expects to pass, in its order; where it expects nothing, what it seems to be made for."""
    addresses, problems = assign(topology)
    if problems:
        return ()
    expected, _ = expand(topology, addresses)
    flows = [each.flow for each in expected if each.expectation.result == "pass"]
    if not topology.expect:
        flows = _likely(topology, addresses)
    ends = _ends(topology, addresses)
    found = []
    for flow in flows:
        pair = _pair(ends, flow.source_ip, flow.to, flow.source)
        if pair:
            found.append(Talk(*pair, NUMBERS[flow.protocol], flow.port))
    return tuple(found)


def legs(topology: Topology) -> Iterator[Leg]:
    """Every decision of a route table that the talks depend on: of each talk, first those of the question."""
    for talk in talks(topology):
        yield from way(talk, talk.source, talk.target.called)
        yield from way(talk, talk.target, talk.source.called)


def best(vpc: Vpc, table: RouteTable, to: IPv4Address) -> tuple[Route | None, bool]:
    """RT-50: the route with the longest prefix, and whether it is `local`. (None, False): there is none.

    Routes to a prefix list are passed over: none of the faults edits one.
    """
    local = max((block.prefixlen for block in vpc.cidr_blocks if to in block), default=-1)
    found, longest = None, -1
    for route in table.routes:
        block = route.destination
        if isinstance(block, IPv4Network) and to in block and block.prefixlen > longest:
            found, longest = route, block.prefixlen
    if longest >= local and found:  # RT-04: of equal length, it has replaced local
        return found, False
    return None, local >= 0


def table_of(vpc: Vpc, subnet: Subnet) -> RouteTable:
    return next(table for table in vpc.route_tables if table.name == subnet.route_table)


def way(talk: Talk, end: End, to: IPv4Address) -> Iterator[Leg]:
    """The decisions about a packet of one end's, from its subnet to the last table that is asked."""
    vpc = end.vpc
    if vpc is None or end.interface is None:
        return
    name = end.interface.subnet
    for _ in range(_HOPS):
        subnet = vpc.subnet(name)
        if to in subnet.cidr_block:  # RT-08: within a subnet no route table is asked
            return
        table = table_of(vpc, subnet)
        route, local = best(vpc, table, to)
        yield Leg(talk, end, to, vpc, subnet, table, route, local)
        onward: list[str] = []
        if route and route.target.kind == "nat_gateway":
            # A regional one is in no subnet, and so are the decisions beyond it.
            onward = [held.subnet for held in vpc.nat_gateways if held.name == route.target.name and held.subnet]
        elif route and route.target.kind == "instance" and (owner := owner_of(vpc, route.target.name)):
            onward = [owner[0].subnet]  # an instance's default route leaves by its primary ENI
        if not onward:
            return
        name = onward[0]


def _ends(topology: Topology, addresses: Addresses) -> list[End]:
    """One for each address by which somebody can be called."""
    found = [End(host.name, host.ip, host.ip) for host in topology.internet.hosts]
    for vpc in topology.vpcs:
        for instance in vpc.instances:
            for interface in instance.interfaces:
                for number in range(len(interface.addresses)):
                    name = slot(interface.name, number)
                    own, public = addresses.private[name], addresses.public.get(name)
                    end = End(instance.name, own, own, vpc, instance, interface)
                    found += [end, end._replace(called=public)] if public else [end]
    return found


def _pair(ends: list[End], source_ip: IPv4Address, to: IPv4Address, source: str) -> tuple[End, End] | None:
    one = next((end for end in ends if end.name == source and end.ip == end.called == source_ip), None)
    if one is None:
        return None
    called = [end for end in ends if end.called == to and end.name != source]
    other = min(called, key=lambda end: end.vpc != one.vpc, default=None)  # VPCs may have the same private addresses
    if other is None:
        return None
    if one.vpc is not None and one.vpc == other.vpc and other.called != other.ip:
        # IGW-10: by its public address a neighbour is called from the internet, and sees a public address, too.
        seen = next(
            (end.called for end in ends if end.ip == one.ip and end.vpc == one.vpc and end.called != end.ip), None
        )
        return (one._replace(called=seen), other) if seen else None
    return one, other


def _likely(topology: Topology, addresses: Addresses) -> list[Flow]:
    """Instances call the first outside host; it, and the first instances, call the services."""
    outside = topology.internet.hosts[0] if topology.internet.hosts else None
    found = []
    for vpc in topology.vpcs:
        for instance in vpc.instances:
            if outside:
                found.append(Flow(instance.name, addresses.private[instance.name], outside.ip, "tcp", 443))
    for vpc in topology.vpcs:
        for instance in vpc.instances[:_SEVERAL]:
            for service in instance.services:
                if not service.port:
                    continue
                protocol: Protocol = "udp" if service.kind in ("udp", "dns") else "tcp"
                if outside and instance.name in addresses.public:
                    found.append(
                        Flow(outside.name, outside.ip, addresses.public[instance.name], protocol, service.port)
                    )
                for other in vpc.instances[:_SEVERAL]:
                    own, to = addresses.private[other.name], addresses.private[instance.name]
                    found.append(Flow(other.name, own, to, protocol, service.port))
    return found
