"""A VPC: its implicit router, its route tables, and the ENIs that hang on it.

Every ENI is a point-to-point veth into the router's namespace; there is no bridge. The router answers ARP for every
other ENI (proxy ARP), so even two instances of one subnet talk through its forward hook, where security groups are
enforced. A subnet is therefore no object of the kernel's: it is an address range, and a route table for its ENIs.
"""

from collections.abc import Iterable

from emulator import names
from emulator.compile import nft, untracked
from emulator.compile.acl import network_acls
from emulator.compile.eni import Eni, gateway_address, namespace, service_addresses
from emulator.compile.security import security_groups
from emulator.compile.state import (
    CONFINED,
    MAIN_TABLE,
    Address,
    Namespace,
    Neighbour,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Sysctl,
)
from emulator.compile.tracking import established, tracking
from emulator.topology import model
from emulator.topology.model import Addresses, Instance, PrefixList, Topology, Vpc, router_of
from emulator.topology.words import route_text

# Forwarding by our rules alone: no reverse-path filter (asymmetric paths are legal in a VPC), no ICMP redirects
# (a packet often leaves by the link it came in), no IPv6 yet.
FORWARDING = frozenset(
    Sysctl(f"net/ipv4/{key}", value)
    for key, value in (
        ("ip_forward", "1"),
        ("conf/all/rp_filter", "0"),
        ("conf/default/rp_filter", "0"),
        ("conf/all/send_redirects", "0"),
        ("conf/default/send_redirects", "0"),
    )
) | {Sysctl("net/ipv6/conf/all/disable_ipv6", "1"), Sysctl("net/ipv6/conf/default/disable_ipv6", "1")}

# A command of the user's runs without root: it may still open port 80 and ping, as a service on an instance would.
UNPRIVILEGED = frozenset(
    {Sysctl("net/ipv4/ip_unprivileged_port_start", "0"), Sysctl("net/ipv4/ping_group_range", "0 2147483647")}
)


def router(vpc: Vpc, enis: dict[str, Eni], addresses: Addresses, topology: Topology) -> Namespace:
    """RT-01: one implicit router per VPC. The main table holds `local`; each VPC route table is a table."""
    links = [eni.link for eni in enis.values()]
    neighbours = {Neighbour(eni.link, ip, eni.mac) for eni in enis.values() for ip in eni.ips}
    routes = {Route(MAIN_TABLE, f"{ip}/32", link=eni.link) for eni in enis.values() for ip in eni.ips}
    # RT-41, GEN-01: what has no route is dropped in silence; the kernel's own answer would be "unreachable".
    routes.add(Route(MAIN_TABLE, "0.0.0.0/0", "blackhole"))
    for table in vpc.route_tables:
        routes |= set(_routes(vpc, table, enis))
    # Without the delay at 0 the kernel answers ARP on behalf of others only after up to 0.8 s.
    at_once = {Sysctl(f"net/ipv4/neigh/{link}/proxy_delay", "0") for link in links}
    if vpc.internet_gateway:
        neighbours.add(Neighbour(names.IGW_LINK, str(names.NEXT_HOP), names.mac(vpc.name, "igw", "vpc")))
        links.append(names.IGW_LINK)
    tables = {names.route_table(table.name) for table in vpc.route_tables}
    return Namespace(
        kind="router",
        up=frozenset({"lo", *links}),
        sysctls=FORWARDING
        | tracking(topology.settings)
        | at_once
        | {established(topology.settings), Sysctl("net/ipv4/conf/all/proxy_arp", "1")},
        addresses=frozenset(
            Address("lo", address, 32) for address in (*map(gateway_address, vpc.subnets), *service_addresses(vpc))
        ),
        neighbours=frozenset(neighbours),
        routes=frozenset(routes),
        rules=frozenset(PolicyRule(names.ROUTE_RULE_PRIORITY, table, table) for table in tables),
        ruleset=_ruleset(vpc, enis, addresses, topology.prefix_lists),
    )


def _routes(vpc: Vpc, table: model.RouteTable, enis: dict[str, Eni]) -> Iterable[Route]:
    """One VPC route table. `throw` sends the VPC's own block on to the main table, which knows every ENI (RT-02)."""
    number = names.route_table(table.name)
    yield Route(number, str(vpc.cidr_block), "throw")
    if not any(route.destination.prefixlen == 0 for route in table.routes):
        yield Route(number, "0.0.0.0/0", "blackhole")  # GEN-01: no route is a silent drop
    for route in table.routes:
        yield _route(number, route, enis)


def _route(table: int, route: model.Route, enis: dict[str, Eni]) -> Route:
    destination, target = str(route.destination), route.target
    match target.kind:
        case "internet_gateway":
            return Route(table, destination, "unicast", names.IGW_LINK, str(names.NEXT_HOP), onlink=True)
        case "nat_gateway":
            eni = enis[target.name]
            return Route(table, destination, "unicast", eni.link, eni.ip, onlink=True)
        case "blackhole":
            return Route(table, destination, "blackhole")  # RT-40, RT-41: it stays, wins by prefix, and drops


def route_labels(vpc: Vpc, enis: dict[str, Eni]) -> dict[tuple[str, object], str]:
    """What each route of the router is in the user's file."""
    return {
        (router_of(vpc.name), _route(names.route_table(table.name), route, enis)): (
            f"route table {table.name}: {route_text(route)}"
        )
        for table in vpc.route_tables
        for route in table.routes
    }


def _ruleset(vpc: Vpc, enis: dict[str, Eni], addresses: Addresses, prefix_lists: tuple[PrefixList, ...]) -> Ruleset:
    """The router's table. Order, by GEN-03 and GEN-04: source check, sender's groups and ACL, route, receiver's ACL and
    groups. What is addressed to the router itself passes neither groups nor ACLs (SG-40, ACL-17): chain `to_router`.
    """
    groups = security_groups(vpc, addresses, prefix_lists)
    acls = network_acls(vpc, enis)
    offered = tuple(nft.Element(address) for address in service_addresses(vpc))
    quoted = {eni.node: nft.link(eni.link) for eni in enis.values()}
    gateways = tuple(nft.Element(nft.together(eni.gateway, quoted[eni.node])) for eni in enis.values())
    instances = tuple(nft.Element(quoted[instance.name]) for instance in vpc.instances)
    own = tuple(
        nft.Element(nft.together(eni.mac, eni.ip, quoted[eni.node]), str(eni.table))
        for eni in (enis[instance.name] for instance in vpc.instances)
    )
    # A NAT gateway's ENI sends what it translates back, from any source.
    unchecked = tuple(nft.Element(quoted[gateway.name], str(enis[gateway.name].table)) for gateway in vpc.nat_gateways)
    nat_addresses = tuple(nft.Element(ip) for gateway in vpc.nat_gateways for ip in enis[gateway.name].ips)
    # A link that is in no map is no link of this VPC and may neither send nor receive. NAT-34: a NAT gateway's
    # ENI carries no group; nor does the internet gateway.
    ungrouped = [quoted[gateway.name] for gateway in vpc.nat_gateways]
    if vpc.internet_gateway:
        ungrouped.append(nft.link(names.IGW_LINK))
    free = tuple(nft.Element(link, "return") for link in ungrouped)
    tracked_links, tracked = untracked.always_tracked(quoted[gateway.name] for gateway in vpc.nat_gateways)
    return nft.render(
        nft.Table(
            sets=(
                nft.Set("own_address", "ether_addr . ipv4_addr . ifname : mark", own),
                nft.Set("instance_link", "ifname", instances),
                nft.Set("unchecked_link", "ifname : mark", unchecked),
                nft.Set("nat_address", "ipv4_addr", nat_addresses),
                nft.Set("router_address", "ipv4_addr . ifname", gateways),
                nft.Set("service_address", "ipv4_addr", offered),
                tracked_links,
                nft.Set("sender_groups", "ifname : verdict", (*groups.egress, *free)),
                nft.Set("receiver_groups", "ifname : verdict", (*groups.ingress, *free)),
                *groups.sets,
                *acls.sets,
            ),
            chains=(
                *groups.chains,
                *acls.chains,
                nft.Chain("sender", (nft.Rule("iifname vmap @sender_groups"), nft.Rule("drop"))),
                nft.Chain("receiver", (nft.Rule("oifname vmap @receiver_groups"), nft.Rule("drop"))),
                untracked.judge_again(),
                nft.Chain(
                    "known",
                    (
                        nft.Rule(f"ct mark != 0 jump {untracked.KNOWN}"),
                        # ACL-01: groups know a reply, ACLs judge it like any other packet.
                        *acls.leave,
                        *acls.enter,
                        nft.Rule("accept", "SG-03: replies to what was allowed"),
                    ),
                ),
                nft.Chain(
                    "from_eni",
                    # SDC-01, SDC-04: an ENI sends from its own address and MAC only. One lookup answers that and which
                    # route table its subnet has; before conntrack, so a forgery leaves no trace.
                    (
                        nft.Rule(
                            "meta mark set ether saddr . ip saddr . iifname map @own_address", "subnet route table"
                        ),
                        nft.Rule("meta mark != 0 accept"),
                        nft.Rule("iifname @instance_link drop", "source/destination check"),
                        nft.Rule("meta mark set iifname map @unchecked_link", "subnet route table"),
                    ),
                    nft.Hook("filter", "prerouting", "raw", "accept"),
                ),
                nft.Chain(
                    "to_router",
                    # L2-05: base+1 answers ping from its own subnet. SG-40: AWS's services answer the VPC's instances.
                    (
                        nft.Rule(
                            "icmp type echo-request ip daddr . iifname @router_address accept", "the router's address"
                        ),
                        nft.Rule(
                            "iifname @instance_link ip daddr @service_address meta l4proto { tcp, udp } accept",
                            "SG-40: not filtered",
                        ),
                    ),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "from_router",
                    # L2-04: AWS's router is no hop. The kernel's counts as one, but it does not say so.
                    (nft.Rule("icmp type time-exceeded drop", "the router is no hop"),),
                    nft.Hook("filter", "output", "filter", "accept"),
                ),
                nft.Chain(
                    "vpc",
                    (
                        nft.Rule("ct state established,related goto known"),
                        nft.Rule("jump sender"),
                        *acls.leave,
                        *acls.enter,
                        nft.Rule("jump receiver"),
                        *tracked,
                        nft.Rule("accept"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
            ),
        )
    )


def _from_gateway(vpc: Vpc) -> tuple[nft.Rule, ...]:
    """What comes from the internet: it has no route table of its own, and a NAT gateway's share is not tracked here."""
    if not vpc.internet_gateway:
        return ()
    link = nft.link(names.IGW_LINK)
    return (
        nft.Rule(f"iifname {link} ip daddr @nat_address notrack", "the outside to a NAT gateway"),
        nft.Rule(f"iifname {link} accept"),
    )


def instance(held: Instance, eni: Eni) -> Namespace:
    """The guest: its one ENI, its subnet's router as default route. Its owner may add to it (see Namespace.guest)."""
    commands = any(service.kind in CONFINED for service in held.services)
    return namespace(eni)._replace(
        kind="instance",
        guest=True,
        sysctls=UNPRIVILEGED if commands else frozenset(),
        services=services(held.services),
    )


def services(held: tuple[model.Service, ...]) -> frozenset[Service]:
    return frozenset(Service(item.name, item.kind, item.port, item.argv, item.user) for item in held)
