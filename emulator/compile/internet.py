"""The internet gateway, the internet behind it, and the hosts out there."""

from ipaddress import IPv4Network

from emulator import names
from emulator.compile import hops, nft, remarks
from emulator.compile.border import Border
from emulator.compile.eni import ENI_MTU, router_mac
from emulator.compile.guest import UNPRIVILEGED, services
from emulator.compile.state import (
    CONFINED,
    MAIN_TABLE,
    Address,
    Namespace,
    Neighbour,
    Route,
    Ruleset,
    Uplink,
    Veth,
)
from emulator.compile.tables import number_for_edge
from emulator.compile.tracking import tracking
from emulator.compile.vpc import FORWARDING
from emulator.topology import addresses
from emulator.topology.addresses import slots
from emulator.topology.given import Addresses
from emulator.topology.model import INTERNET, OutsideHost, Target, Topology, Vpc, router_of
from emulator.topology.nat_nodes import regional_places
from emulator.topology.settings import Settings

INTERNET_MTU = 1500  # MTU-03
INTERNET_ADDRESS = str(addresses.INTERNET_ADDRESS)

# IGW-08: the internet carries no RFC 1918 and no RFC 6598 address; link-local is nobody's.
UNROUTABLE = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
)

_VPC_SIDE = ("igw", "vpc")
_INTERNET_SIDE = ("igw", "internet")


def public_addresses(vpc: Vpc, addresses: Addresses) -> dict[str, str]:
    """Private to public address of every ENI of the VPC that has both (IGW-01)."""
    held = (one.name for one in slots(vpc))
    return {str(addresses.private[name]): str(addresses.public[name]) for name in held if name in addresses.public}


def gateway_links(vpc: Vpc) -> list[Veth]:
    """Router to internet gateway, internet to internet gateway. No subnet on either: see names.NEXT_HOP."""
    gateway = vpc.internet_gateway
    assert gateway is not None
    return [
        Veth(
            router_of(vpc.name), names.IGW_LINK, router_mac(vpc),
            gateway, names.VPC_LINK, names.mac(vpc.name, *_VPC_SIDE), ENI_MTU,
        ),
        Veth(
            INTERNET, names.to_gateway(vpc.name), names.mac(INTERNET),
            gateway, names.INTERNET_LINK, names.mac(vpc.name, *_INTERNET_SIDE), INTERNET_MTU,
        ),
    ]  # fmt: skip


def borders(vpc: Vpc) -> tuple[Border, ...]:
    """The router's way out, if the VPC has one. GRT-01: what comes in by it may have a route table."""
    if vpc.internet_gateway is None:
        return ()
    target, far_mac = Target("internet_gateway", vpc.internet_gateway), names.mac(vpc.name, "igw", "vpc")
    return (Border(target, names.IGW_LINK, far_mac, number_for_edge(vpc), remarks.EDGE_TABLE),)


def internet_gateway(vpc: Vpc, addresses: Addresses, settings: Settings) -> Namespace:
    """IGW-01: a 1:1 translator between private and public addresses, and nothing for who has no public one."""
    hop = str(names.NEXT_HOP)
    return Namespace(
        kind="internet_gateway",
        up=frozenset({"lo", names.VPC_LINK, names.INTERNET_LINK}),
        sysctls=FORWARDING | tracking(settings),
        neighbours=frozenset(
            {
                Neighbour(names.VPC_LINK, hop, router_mac(vpc)),
                Neighbour(names.INTERNET_LINK, hop, names.mac(INTERNET)),
            }
        ),
        # Only for the one thing it ever says itself, that a packet is too large (MTU-05).
        addresses=frozenset({Address("lo", str(names.NEXT_HOP + 1), 32)}),
        routes=frozenset(
            {
                Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.INTERNET_LINK, hop, onlink=True),
                *(
                    Route(MAIN_TABLE, str(block), "unicast", names.VPC_LINK, hop, onlink=True)
                    for block in (*vpc.cidr_blocks, *(place.cidr_block for place in regional_places(vpc)))
                ),
            }
        ),
        ruleset=_gateway_ruleset(vpc, public_addresses(vpc, addresses)),
    )


def _gateway_ruleset(vpc: Vpc, public: dict[str, str]) -> Ruleset:
    """Translation by conntrack and maps, so that the packet inside an ICMP error is rewritten too.

    What passes is decided for the first packet of a flow. When the rules change, `diff` has the gateway forget all
    flows, so an address that is taken away is cut at once; flows that may go on are picked up where they are, since
    their translation can only come out the same.
    """
    inside, outside = nft.link(names.VPC_LINK), nft.link(names.INTERNET_LINK)
    pairs = sorted(public.items())
    return nft.render(
        nft.Table(
            sets=(
                nft.Set("public_of", "ipv4_addr : ipv4_addr", tuple(nft.Element(*pair) for pair in pairs)),
                nft.Set("private_of", "ipv4_addr : ipv4_addr", tuple(nft.Element(ip, own) for own, ip in pairs)),
                nft.Set("has_public", "ipv4_addr", tuple(nft.Element(private) for private, _ in pairs)),
                nft.Set("unroutable", "ipv4_addr", nft.prefixes(UNROUTABLE), interval=True),
                # VPC-06, SG-31: the block may be of public addresses. Who comes from outside with one of them would
                # pass for a member of a security group.
                nft.Set(
                    "inside", "ipv4_addr", nft.prefixes((*UNROUTABLE, *vpc.cidr_blocks)), interval=True, merge=True
                ),
            ),
            chains=(
                hops.on_arrival(),
                nft.Chain(
                    "to_private",
                    (nft.Rule("dnat to ip daddr map @private_of", "internet gateway: public to private"),),
                    nft.Hook("nat", "prerouting", "dstnat", "accept"),
                ),
                nft.Chain(
                    "to_gateway",
                    (nft.Rule("drop", "internet gateway: it is no host"),),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "from_gateway",
                    # IGW-11: it is in no traceroute, nor does it say which fragments never came. It does say when a
                    # packet is too large (MTU-05).
                    (nft.Rule("icmp type time-exceeded drop", "internet gateway: no hop"),),
                    nft.Hook("filter", "output", "filter", "accept"),
                ),
                nft.Chain(
                    "through_gateway",
                    (
                        # Before the tracked flows: a hairpin's own packets have such a source, but on the other link.
                        nft.Rule(f"iifname {outside} ip saddr @inside drop", "internet gateway: private source"),
                        nft.Rule("ct state established,related accept", "internet gateway: a known flow"),
                        # IGW-06: a public address that belongs to no private one here was not translated.
                        nft.Rule(f"iifname {outside} ct state new ct status dnat accept", "internet gateway: inbound"),
                        # IGW-03: no public address, no passage.
                        nft.Rule(
                            f"iifname {inside} ip saddr != @has_public drop", "internet gateway: no public address"
                        ),
                        nft.Rule(f"oifname {inside} ct state new ct status dnat accept", "internet gateway: hairpin"),
                        nft.Rule(
                            f"oifname {outside} ip daddr @unroutable drop",
                            "internet gateway: the destination is a private address",
                        ),
                        # Out, and nowhere else: what turns back untranslated is meant for nobody.
                        nft.Rule(
                            f"iifname {inside} oifname {outside} ct state new accept", "internet gateway: outbound"
                        ),
                        nft.Rule("drop", "internet gateway: belongs to no flow and no public address"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
                nft.Chain(
                    # IGW-10: between two public addresses of the VPC both ends are rewritten; the packet turns back.
                    "to_public",
                    (nft.Rule("snat to ip saddr map @public_of", "internet gateway: private to public"),),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )


def host_mac(host: OutsideHost) -> str:
    """It follows the address, as an ENI's does: with another address `up` replaces the veth, and the old one goes."""
    return names.mac("host", host.name, str(host.ip))


def host_link(host: OutsideHost) -> Veth:
    return Veth(
        INTERNET, names.to_host(host.name), names.mac(INTERNET),
        host.name, names.GUEST_LINK, host_mac(host), INTERNET_MTU,
    )  # fmt: skip


def outside_host(host: OutsideHost) -> Namespace:
    """One address, and everything else behind the internet's router."""
    commands = any(service.kind in CONFINED for service in host.services)
    return Namespace(
        kind="outside_host",
        guest=True,
        up=frozenset({"lo", names.GUEST_LINK}),
        sysctls=(UNPRIVILEGED if commands else frozenset()) | {hops.TALKATIVE},
        addresses=frozenset({Address(names.GUEST_LINK, str(host.ip), 32)}),
        neighbours=frozenset({Neighbour(names.GUEST_LINK, str(names.NEXT_HOP), names.mac(INTERNET))}),
        routes=frozenset(
            {Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, str(names.NEXT_HOP), onlink=True)}
        ),
        services=services(host.services),
    )


def uplink(topology: Topology) -> Uplink | None:
    """The veth to the machine's own network, with a /31 that no other lab has."""
    if not topology.internet.uplink:
        return None
    low = names.uplink_address(topology.name)
    return Uplink(
        link=names.uplink(topology.name),
        peer_link=names.UPLINK_LINK,
        ip=str(low),
        peer_ip=str(low + 1),
        table=names.uplink_table(topology.name),
    )


def internet(topology: Topology, addresses: Addresses) -> Namespace:
    """The internet's router: a /32 for every public address, silence for all others, or the uplink."""
    hop = str(names.NEXT_HOP)
    links, neighbours, routes = {"lo"}, set[Neighbour](), set[Route]()
    held = {Address("lo", INTERNET_ADDRESS, 32)}
    for vpc in topology.vpcs:
        if not vpc.internet_gateway:
            continue
        link = names.to_gateway(vpc.name)
        links.add(link)
        neighbours.add(Neighbour(link, hop, names.mac(vpc.name, *_INTERNET_SIDE)))
        for public in public_addresses(vpc, addresses).values():
            routes.add(Route(MAIN_TABLE, f"{public}/32", "unicast", link, hop, onlink=True))
    for host in topology.internet.hosts:
        link = names.to_host(host.name)
        links.add(link)
        neighbours.add(Neighbour(link, str(host.ip), host_mac(host)))
        routes.add(Route(MAIN_TABLE, f"{host.ip}/32", link=link))
    if real := uplink(topology):
        links.add(names.UPLINK_LINK)
        held.add(Address(names.UPLINK_LINK, real.peer_ip, 31))
        routes.add(Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.UPLINK_LINK, real.ip))
    else:
        routes.add(Route(MAIN_TABLE, "0.0.0.0/0", "blackhole"))
    return Namespace(
        kind="internet",
        up=frozenset(links),
        sysctls=FORWARDING | {hops.TALKATIVE},
        addresses=frozenset(held),
        neighbours=frozenset(neighbours),
        routes=frozenset(routes),
        ruleset=_internet_ruleset(real),
    )


def _internet_ruleset(real: Uplink | None) -> Ruleset:
    """The uplink's door, if there is one: out only, translated to its address, and never into a private network.

    A lab may come from a stranger, and the machine's own LAN is not the internet (IGW-08). Without an uplink there
    is nothing to track here, and conntrack stays out of the packets' way.
    """
    to_internet = nft.Chain(
        "to_internet",
        (
            nft.Rule("icmp type echo-request accept", "the internet's router answers ping"),
            nft.Rule("drop", "the internet's router answers ping alone"),
        ),
        nft.Hook("filter", "input", "filter", "drop"),
    )
    if real is None:
        return nft.render(nft.Table(sets=(), chains=(to_internet,)))
    link = nft.link(real.peer_link)
    to_internet = to_internet._replace(
        rules=(nft.Rule(f"iifname {link} drop", "uplink: unsolicited"), *to_internet.rules)
    )
    return nft.render(
        nft.Table(
            sets=(nft.Set("unroutable", "ipv4_addr", nft.prefixes(UNROUTABLE), interval=True),),
            chains=(
                to_internet,
                nft.Chain(
                    "uplink",
                    (
                        nft.Rule(f"oifname {link} ip daddr @unroutable drop", "uplink: private destination"),
                        nft.Rule(f"iifname {link} ct state established,related accept"),
                        nft.Rule(f"iifname {link} drop", "uplink: unsolicited"),
                    ),
                    nft.Hook("filter", "forward", "filter", "accept"),
                ),
                nft.Chain(
                    "translate",
                    (nft.Rule(f"oifname {link} masquerade", "uplink"),),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )
