"""VPC peering connections: one link between the routers of two VPCs, for an active one; nothing for any other.

What comes in by it is routed by the main table, which knows this VPC's ENIs and nothing else. So there is no transit
(PCX-13) and no use of the other side's gateways (PCX-14, NAT-40). Security groups and ACLs are each VPC's own.
"""

from collections.abc import Iterator

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.border import Border, members
from emulator.compile.eni import ENI_MTU
from emulator.compile.state import PolicyRule, Route, Veth
from emulator.topology.given import Addresses, slot
from emulator.topology.model import Target, Topology, Vpc, router_of
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.peering import VpcPeeringConnection

FAR_MTU = 8500  # MTU-04
_NUMBERS = 128  # bits of a flow's label, and more than a VPC may have active connections


def links(topology: Topology) -> Iterator[Veth]:
    """The links of all active connections. MTU-01: as large a packet as within a VPC, unless it leaves the region."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for held in topology.vpc_peering_connections:
        if held.active:
            one, other = vpcs[held.vpc], vpcs[held.peer_vpc]
            mtu = ENI_MTU if topology.region_of(one) == topology.region_of(other) else FAR_MTU
            link = names.peering(held.name)
            yield Veth(
                router_of(one.name),
                link,
                _mac(held, one.name),
                router_of(other.name),
                link,
                _mac(held, other.name),
                mtu,
            )


def borders(vpc: Vpc, topology: Topology, addresses: Addresses) -> tuple[Border, ...]:
    """The VPC's side of its active connections."""
    vpcs = {held.name: held for held in topology.vpcs}
    found = []
    for held in topology.peerings_of(vpc.name):
        peer = vpcs[held.other(vpc.name)]
        link = names.peering(held.name)
        near = topology.region_of(vpc) == topology.region_of(peer)
        found.append(
            Border(
                Target("vpc_peering_connection", held.name),
                link,
                _mac(held, peer.name),
                guards=tuple(_guards(held.name, link, vpc, peer)),
                members=members(vpc, peer, addresses) if near else {},
                returns=tuple(_nat_gateways(peer, addresses)),
            )
        )
    return tuple(found)


def _guards(name: str, link: str, vpc: Vpc, peer: Vpc) -> Iterator[nft.Rule]:
    """PCX-12: between addresses of the two VPCs, and nobody else's, whichever way."""
    own, theirs = nft.either(map(str, vpc.cidr_blocks)), nft.either(map(str, peer.cidr_blocks))
    quoted = nft.link(link)
    for way, source, destination in (("oifname", own, theirs), ("iifname", theirs, own)):
        yield nft.Rule(f"{way} {quoted} ip saddr != {source} drop", remarks.peering(name, "source"))
        yield nft.Rule(f"{way} {quoted} ip daddr != {destination} drop", remarks.peering(name, "destination"))


def _nat_gateways(peer: Vpc, addresses: Addresses) -> Iterator[str]:
    for node in nat_nodes(peer):
        if not node.zone:  # a regional one has no way into a peer
            yield from (str(addresses.private[slot(node.name, number)]) for number in range(len(node.addresses)))


def _mac(held: VpcPeeringConnection, vpc: str) -> str:
    return names.mac(held.name, "pcx", vpc)


# ---- back to a NAT gateway -----------------------------------------------------------------------------------------


def return_routes(borders: tuple[Border, ...]) -> set[Route]:
    """NAT-42: what answers a NAT gateway of a peer goes back to it, whatever the subnet's route table says."""
    return {
        Route(_table(number), f"{ip}/32", "unicast", border.link, str(names.NEXT_HOP), onlink=True)
        for number, border in _numbered(borders)
        for ip in border.returns
    }


def return_rules(borders: tuple[Border, ...]) -> set[PolicyRule]:
    tables = [_table(number) for number, _ in _numbered(borders)]
    return {PolicyRule(names.ROUTE_RULE_PRIORITY, table, table) for table in tables}


def return_chains(borders: tuple[Border, ...]) -> tuple[nft.Chain, ...]:
    """After conntrack has told an answer from a question, and before the route is looked up.

    An address says too little: another peer may have the same blocks (PCX-15), and a transit gateway may lead to
    somebody with the gateway's address, or to the gateway itself, which is then answered by the route table alone. So
    a flow is labelled with the connection by which it came: all bits of the mark are taken.
    """
    numbered = _numbered(borders)
    if not numbered:
        return ()
    asked = [nft.together(border.quoted, ip) for _, border in numbered for ip in border.returns]
    held = sorted({ip for _, border in numbered for ip in border.returns})
    label = [nft.Rule(f"iifname {border.quoted} ct label set {number}", remarks.SEEN) for number, border in numbered]
    back = [
        nft.Rule(
            f"ct label {number} ip daddr {nft.either(border.returns)} meta mark set {_table(number)}",
            remarks.RETURN_TO_SENDER,
        )
        for number, border in numbered
    ]
    rules = (
        nft.Rule(f"ct state new iifname . ip saddr {nft.either(asked)} jump asked_by_peer"),
        nft.Rule(f"ct direction reply ip daddr {nft.either(held)} jump back_to_peer"),
    )
    return (
        nft.Chain("asked_by_peer", tuple(label)),
        nft.Chain("back_to_peer", tuple(back)),
        nft.Chain("return_to_sender", rules, nft.Hook("filter", "prerouting", "mangle", "accept")),
    )


def return_labels(vpc: Vpc, borders: tuple[Border, ...]) -> dict[tuple[str, object], str]:
    """Those routes in words."""
    by_link = {border.link: border.target.name for border in borders}
    return {
        (router_of(vpc.name), route): f"back to the NAT gateway that asked, by {by_link[route.link]}"
        for route in return_routes(borders)
    }


def _table(number: int) -> int:
    return names.RETURN_TABLE + number


def _numbered(borders: tuple[Border, ...]) -> list[tuple[int, Border]]:
    """Those with NAT gateways beyond."""
    by_link = {border.link: border for border in borders if border.returns}
    numbers = names.numbered(sorted(by_link)[:_NUMBERS], _NUMBERS)
    return sorted((number, by_link[link]) for link, number in numbers.items())
