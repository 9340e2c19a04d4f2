"""Transit gateways: a namespace each, joined to the router of every attached VPC by one link for each zone.

What comes in by a link is marked with the table of its attachment and its zone, and goes out by the link of the same
zone where the attachment that it is for has one (TGW-40). So there is a kernel table for each route table and zone.
Appliance mode (TGW-42): conntrack remembers in which zone a flow began, and both ways keep to it. AWS picks that zone
by a hash; here it is where the first packet came in.

A peering attachment (TGW-50) is a link between two gateways, of no zone: what comes in by it goes to the first zone of
the attachment that it is for.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.border import Border, members
from emulator.compile.eni import router_mac
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Neighbour, PolicyRule, Route, Ruleset, Veth
from emulator.compile.tables import number_for
from emulator.compile.tracking import tracking
from emulator.compile.vpc import FORWARDING
from emulator.topology import gateways
from emulator.topology.given import Addresses
from emulator.topology.model import Target, Topology, Vpc, router_of
from emulator.topology.transit import (
    TransitGateway,
    TransitGatewayPeeringAttachment,
    TransitGatewayRouteTable,
    TransitGatewayVpcAttachment,
)

MTU = 8500  # MTU-02
_HEADERS = 40  # of IPv4 and TCP, without options
_NO_ZONE = ""
_Chosen = dict[IPv4Network, tuple[str, str]]  # by destination: the attachment ("" for a blackhole), and its origin


class _End(NamedTuple):
    """A link of the gateway's, and where it leads. zone: "" for a peering attachment's."""

    attachment: str
    zone: str
    link: str
    far_mac: str


def _places(topology: Topology, held: TransitGatewayVpcAttachment) -> dict[str, str]:
    """By zone, the attachment's subnet. Where a zone is down, its place is not used; the others go on. None before it
    is accepted.
    """
    if not held.available:
        return {}
    vpc = next(vpc for vpc in topology.vpcs if vpc.name == held.vpc)
    places = sorted((vpc.subnet(name).availability_zone, name) for name in held.subnets)
    return {zone: name for zone, name in places if zone not in topology.dark_zones}


def borders(vpc: Vpc, topology: Topology, addresses: Addresses) -> tuple[Border, ...]:
    """The VPC's side. TGW-07: what arrives is routed by the table of the attachment's subnet."""
    return tuple(
        Border(
            Target("transit_gateway", gateway.name),
            names.to_transit(gateway.name, zone),
            _mac(gateway, held, zone),
            number_for(vpc, vpc.subnet(subnet)),
            remarks.transit(gateway.name, f"by the route table of subnet {subnet}"),
            subnet=subnet,
            members=_members(vpc, topology, gateway, addresses),
            inward=True,
        )
        for gateway in topology.transit_gateways
        if (held := gateway.of_vpc(vpc.name))
        for zone, subnet in _places(topology, held).items()
    )


def _members(vpc: Vpc, topology: Topology, gateway: TransitGateway, addresses: Addresses) -> dict[str, tuple[str, ...]]:
    """SG-34: groups of the other VPCs at the gateway whose packets come straight from there. What might come by way of
    an inspection VPC is nobody's: here it looks the same.
    """
    found: dict[str, tuple[str, ...]] = {}
    for other in topology.vpcs:
        named = other.name != vpc.name and gateway.names_groups(vpc.name, other.name)
        if named and _straight(topology, gateway, other, vpc):
            for name, ips in members(vpc, other, addresses).items():
                found[name] = (*found.get(name, ()), *ips)
    return found


def _straight(topology: Topology, gateway: TransitGateway, source: Vpc, target: Vpc) -> bool:
    """Whether the gateway leads all that one VPC sends to the other one to its attachment."""
    held, wanted = gateway.of_vpc(source.name), gateway.of_vpc(target.name)
    table = gateway.table_of(held.name) if held else None
    if table is None or wanted is None:
        return False
    best = chosen(topology, gateway, table)
    for block in target.cidr_blocks:
        around = max((to for to in best if block.subnet_of(to)), key=lambda to: to.prefixlen, default=None)
        inside = {best[to][0] for to in best if to.subnet_of(block)}
        if around is None or {best[around][0], *inside} != {wanted.name}:
            return False
    return True


def links(topology: Topology, gateway: TransitGateway) -> Iterator[Veth]:
    """MTU-02: what is larger than 8,500 bytes does not fit, and the sender is told (MTU-06)."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for held in gateway.vpc_attachments:
        for zone in _places(topology, held):
            yield Veth(
                router_of(held.vpc),
                names.to_transit(gateway.name, zone),
                router_mac(vpcs[held.vpc]),
                gateway.name,
                names.to_attachment(held.name, zone),
                _mac(gateway, held, zone),
                MTU,
            )


def peering_links(topology: Topology) -> Iterator[Veth]:
    """TGW-50: of the peering attachments that are accepted. MTU-02: as large as any other attachment's."""
    for held in topology.transit_gateway_peering_attachments:
        if held.available:
            one, other, link = held.transit_gateway, held.peer_transit_gateway, names.to_peer(held.name)
            yield Veth(one, link, _peer_mac(held, one), other, link, _peer_mac(held, other), MTU)


def _peer_mac(held: TransitGatewayPeeringAttachment, gateway: str) -> str:
    return names.mac(held.name, "tgw-peering", gateway)


def _mac(gateway: TransitGateway, held: TransitGatewayVpcAttachment, zone: str) -> str:
    return names.mac(gateway.name, "tgw", held.name, zone)


def chosen(topology: Topology, gateway: TransitGateway, table: TransitGatewayRouteTable) -> _Chosen:
    """TGW-22, TGW-24: one route for each destination, static before propagated; TGW-28: of two VPCs, the first."""
    blocks = {vpc.name: vpc.cidr_blocks for vpc in topology.vpcs}
    found: _Chosen = {route.destination: (route.attachment, "static") for route in table.routes}
    for name in table.propagations:
        if not gateway.attachment(name).available:
            continue
        for block in blocks[gateway.attachment(name).vpc]:
            found.setdefault(block, (name, "propagated"))
    return found


def gateway(topology: Topology, held: TransitGateway) -> tuple[Namespace, dict[tuple[str, object], str]]:
    """The namespace, and its routes in words."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    joined = [one for one in gateways.peerings_of(topology, held.name) if one.available]
    places = {one.name: _places(topology, one) for one in held.vpc_attachments}
    zones = sorted({zone for place in places.values() for zone in place}) + ([_NO_ZONE] if joined else [])
    appliances = {one.name for one in held.vpc_attachments if one.appliance_mode}
    # In which zone a flow began, and how conntrack remembers that.
    flows = {zone: ord(zone[-1]) if zone else _FROM_A_PEER for zone in zones} if appliances else {_NO_ZONE: 0}
    states = {one.name: one.state for one in held.vpc_attachments}
    states |= {one.name: one.state for one in gateways.peerings_of(topology, held.name)}
    hop = str(names.NEXT_HOP)
    labels: dict[tuple[str, object], str] = {}
    routes = {Route(MAIN_TABLE, "0.0.0.0/0", "blackhole")}
    numbers: set[int] = set()
    for table in held.route_tables:
        best = chosen(topology, held, table)
        for zone in zones:
            for began in flows:
                number = _number(table.name, zone, began)
                numbers.add(number)
                for destination, (name, origin) in best.items():
                    route = Route(number, str(destination), "blackhole")
                    if any(one.name == name for one in joined):
                        route = Route(number, str(destination), "unicast", names.to_peer(name), hop, onlink=True)
                    elif place := places.get(name):
                        wanted = began if name in appliances else zone  # TGW-42, TGW-40
                        link = names.to_attachment(name, wanted if wanted in place else min(place))
                        route = Route(number, str(destination), "unicast", link, hop, onlink=True)
                    routes.add(route)
                    words = f"attachment {name}, {origin}" if name else "blackhole"
                    if states.get(name, "available") != "available":
                        words += f": it is {states[name]}"
                    labels[held.name, route] = f"transit gateway route table {table.name}: {destination} to {words}"
                if IPv4Network("0.0.0.0/0") not in best:
                    route = Route(number, "0.0.0.0/0", "blackhole")  # TGW-30
                    routes.add(route)
                    labels[held.name, route] = f"transit gateway route table {table.name}: no route"
    ends = [
        _End(one.name, zone, names.to_attachment(one.name, zone), router_mac(vpcs[one.vpc]))
        for one in held.vpc_attachments
        for zone in places[one.name]
    ]
    ends += [_End(one.name, _NO_ZONE, names.to_peer(one.name), _peer_mac(one, one.other(held.name))) for one in joined]
    namespace = Namespace(
        kind="transit_gateway",
        up=frozenset({"lo", *(end.link for end in ends)}),
        sysctls=FORWARDING | tracking(topology.settings),
        # Only for the one thing it ever says itself, that a packet is too large (MTU-06).
        addresses=frozenset({Address("lo", str(names.NEXT_HOP + 1), 32)}),
        neighbours=frozenset(Neighbour(end.link, hop, end.far_mac) for end in ends),
        routes=frozenset(routes),
        rules=frozenset(PolicyRule(names.ROUTE_RULE_PRIORITY, number, number) for number in numbers),
        ruleset=_ruleset(held, ends, flows),
    )
    return namespace, labels


def _number(table: str, zone: str, began: str) -> int:
    return names.route_table(f"{table}/{zone}/{began}")


_FROM_A_PEER = 1  # of no zone, and no letter


def _ruleset(held: TransitGateway, ends: list[_End], flows: dict[str, int]) -> Ruleset:
    remark = held.name
    alone = [
        nft.Rule(
            f"iifname {nft.link(end.link)} drop",
            remarks.transit(remark, f"attachment {end.attachment} is associated with no route table"),
        )
        for end in ends
        if held.table_of(end.attachment) is None
    ]  # TGW-20
    marks = tuple(
        nft.Element(nft.together(nft.link(end.link), f"{mark:#x}"), str(_number(table.name, end.zone, began)))
        for end in ends
        if (table := held.table_of(end.attachment))
        for began, mark in flows.items()
    )
    remembers = len(flows) > 1 or 0 not in flows.values()
    began = tuple(nft.Element(nft.link(end.link), f"{flows[end.zone]:#x}") for end in ends) if remembers else ()
    # What conntrack takes for no flow, as an answer whose question went another way, keeps to its own zone.
    remember = (
        (
            nft.Rule("ct mark 0 ct mark set iifname map @zone_of"),
            nft.Rule("meta mark set iifname map @zone_of"),
            nft.Rule("meta mark set ct mark"),
        )
        if remembers
        else ()
    )
    return nft.render(
        nft.Table(
            sets=(
                nft.Set("table_of", "ifname . mark : mark", marks),
                nft.Set("zone_of", "ifname : mark", began),
            ),
            chains=(
                nft.Chain(
                    "arriving",
                    (
                        *alone,
                        *remember,
                        nft.Rule("meta mark set iifname . meta mark map @table_of"),  # without an appliance: 0
                    ),
                    nft.Hook("filter", "prerouting", "mangle", "accept"),
                ),
                nft.Chain(
                    "to_gateway",
                    (nft.Rule("drop", remarks.transit(remark, "it is no host")),),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "from_gateway",
                    (nft.Rule("icmp type time-exceeded drop", remarks.transit(remark, "no hop")),),  # TGW-58
                    nft.Hook("filter", "output", "filter", "accept"),
                ),
                nft.Chain(
                    "through_gateway",
                    (
                        nft.Rule(
                            f"tcp flags & (syn | rst) == syn tcp option maxseg size set {MTU - _HEADERS}",
                            remarks.transit(remark, f"TCP segments of at most {MTU - _HEADERS} bytes (MSS)"),
                        ),  # MTU-07
                        nft.Rule("accept"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
            ),
        )
    )
