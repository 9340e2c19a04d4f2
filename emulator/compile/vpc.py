"""A VPC: its implicit router, its route tables, and the ENIs that hang on it.

Every ENI is a point-to-point veth into the router's namespace; there is no bridge. The router answers ARP for every
other ENI (proxy ARP), so even two instances of one subnet talk through its forward hook, where security groups are
enforced. A subnet is therefore no object of the kernel's: it is an address range, and a route table for its ENIs.
"""

from collections.abc import Iterable

from emulator import names
from emulator.compile import nft
from emulator.compile.security import security_groups
from emulator.compile.state import (
    MAIN_TABLE,
    Address,
    Namespace,
    Neighbour,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Sysctl,
    Veth,
)
from emulator.topology import model
from emulator.topology.model import Addresses, Instance, Subnet, Vpc, router_of

ENI_MTU = 9001  # MTU-01

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

# CT-05: AWS's idle timeouts where the kernel's differ. A packet outside the TCP window is the endpoints' business.
TRACKING = frozenset(
    Sysctl(f"net/netfilter/nf_conntrack_{key}", value)
    for key, value in (("udp_timeout", "30"), ("udp_timeout_stream", "180"), ("tcp_be_liberal", "1"))
)

GUEST = frozenset({Sysctl("net/ipv6/conf/default/disable_ipv6", "1")})
# A command of the user's runs without root: it may still open port 80 and ping, as a service on an instance would.
UNPRIVILEGED = frozenset(
    {Sysctl("net/ipv4/ip_unprivileged_port_start", "0"), Sysctl("net/ipv4/ping_group_range", "0 2147483647")}
)


def gateway_address(subnet: Subnet) -> str:
    """RT-01: the router is base+1 of every subnet."""
    return str(subnet.cidr_block.network_address + 1)


def router_mac(vpc: Vpc) -> str:
    return names.mac(vpc.name, "router")


def eni_mac(vpc: Vpc, node: str, addresses: Addresses) -> str:
    """A new private address is a new ENI, as in AWS: the MAC changes with it, and `up` replaces the veth."""
    return names.mac(vpc.name, node, str(addresses.private[node]))


def _enis(vpc: Vpc) -> Iterable[tuple[str, Subnet]]:
    """Every node with an ENI in the VPC, and the ENI's subnet."""
    subnets = {subnet.name: subnet for subnet in vpc.subnets}
    for instance in vpc.instances:
        yield instance.name, subnets[instance.subnet]
    for gateway in vpc.nat_gateways:
        yield gateway.name, subnets[gateway.subnet]


def enis(vpc: Vpc, addresses: Addresses) -> list[Veth]:
    """The veth pair of every ENI. All router ends share one MAC, so `ip neigh` in an instance shows the router's."""
    router, mac = router_of(vpc.name), router_mac(vpc)
    return [
        Veth(router, names.eni(node), mac, node, names.GUEST_LINK, eni_mac(vpc, node, addresses), ENI_MTU)
        for node, _ in _enis(vpc)
    ]


def router(vpc: Vpc, addresses: Addresses) -> Namespace:
    """RT-01: one implicit router per VPC. The main table holds `local`; each VPC route table is a table."""
    members = [(node, names.eni(node), str(addresses.private[node])) for node, _ in _enis(vpc)]
    links = [link for _, link, _ in members]
    neighbours = {Neighbour(link, ip, eni_mac(vpc, node, addresses)) for node, link, ip in members}
    if vpc.internet_gateway:
        neighbours.add(Neighbour(names.IGW_LINK, str(names.NEXT_HOP), names.mac(vpc.name, "igw", "vpc")))
        links.append(names.IGW_LINK)
    routes = {Route(MAIN_TABLE, f"{ip}/32", link=link) for _, link, ip in members}
    # RT-41, GEN-01: what has no route is dropped in silence; the kernel's own answer would be "unreachable".
    routes.add(Route(MAIN_TABLE, "0.0.0.0/0", "blackhole"))
    for table in vpc.route_tables:
        routes |= set(_routes(vpc, table, addresses))
    tables = {names.route_table(table.name) for table in vpc.route_tables}
    return Namespace(
        kind="router",
        up=frozenset({"lo", *links}),
        sysctls=FORWARDING
        | TRACKING
        | {Sysctl("net/ipv4/conf/all/proxy_arp", "1")}
        # Without this the kernel answers ARP on behalf of others after a random delay of up to 0.8 s.
        | {Sysctl(f"net/ipv4/neigh/{link}/proxy_delay", "0") for _, link, _ in members},
        addresses=frozenset(Address("lo", gateway_address(subnet), 32) for subnet in vpc.subnets),
        neighbours=frozenset(neighbours),
        routes=frozenset(routes),
        rules=frozenset(PolicyRule(names.ROUTE_RULE_PRIORITY, table, table) for table in tables),
        ruleset=_ruleset(vpc, addresses),
    )


def _routes(vpc: Vpc, table: model.RouteTable, addresses: Addresses) -> Iterable[Route]:
    """One VPC route table. `throw` sends the VPC's own block on to the main table, which knows every ENI (RT-02)."""
    number = names.route_table(table.name)
    yield Route(number, str(vpc.cidr_block), "throw")
    destinations = {route.destination.prefixlen: route for route in table.routes}
    if 0 not in destinations:
        yield Route(number, "0.0.0.0/0", "blackhole")  # GEN-01: no route is a silent drop
    for route in table.routes:
        yield _route(number, route, addresses)


def _route(table: int, route: model.Route, addresses: Addresses) -> Route:
    destination, target = str(route.destination), route.target
    match target.kind:
        case "internet_gateway":
            return Route(table, destination, "unicast", names.IGW_LINK, str(names.NEXT_HOP), onlink=True)
        case "nat_gateway":
            via = str(addresses.private[target.name])
            return Route(table, destination, "unicast", names.eni(target.name), via, onlink=True)
        case "blackhole":
            return Route(table, destination, "blackhole")  # RT-40, RT-41: it stays, wins by prefix, and drops


def route_labels(vpc: Vpc, addresses: Addresses) -> dict[tuple[str, object], str]:
    """What each route of the router is in the user's file."""
    return {
        (router_of(vpc.name), _route(names.route_table(table.name), route, addresses)): (
            f"route table {table.name}: {route.destination} to {route.target.name or route.target.kind}"
        )
        for table in vpc.route_tables
        for route in table.routes
    }


def _ruleset(vpc: Vpc, addresses: Addresses) -> Ruleset:
    """The router's table. Order, by GEN-04: source check, sender's groups, route, receiver's groups."""
    groups = security_groups(vpc, addresses)
    own, gateways, route_tables = [], [], []
    for node, subnet in _enis(vpc):
        link, ip = nft.link(names.eni(node)), str(addresses.private[node])
        route_tables.append(nft.Element(link, str(names.route_table(subnet.route_table))))
        gateways.append(nft.Element(nft.together(gateway_address(subnet), link)))
        own.append(nft.Element(nft.together(ip, link)))
    # A link that is in neither map is no link of this VPC and may neither send nor receive. NAT-34: a NAT gateway's
    # ENI carries no group; nor does the internet gateway.
    ungrouped = [nft.link(names.eni(gateway.name)) for gateway in vpc.nat_gateways]
    if vpc.internet_gateway:
        ungrouped.append(nft.link(names.IGW_LINK))
    free = tuple(nft.Element(link, "return") for link in ungrouped)
    instances = tuple(nft.Element(nft.link(names.eni(instance.name))) for instance in vpc.instances)
    return nft.render(
        nft.Table(
            sets=(
                nft.Set("route_table", "ifname : mark", tuple(route_tables)),
                nft.Set("router_address", "ipv4_addr . ifname", tuple(gateways)),
                nft.Set("own_address", "ipv4_addr . ifname", tuple(own)),
                nft.Set("instance_link", "ifname", instances),
                nft.Set("sender_groups", "ifname : verdict", (*groups.egress, *free)),
                nft.Set("receiver_groups", "ifname : verdict", (*groups.ingress, *free)),
                *groups.sets,
            ),
            chains=(
                *groups.chains,
                nft.Chain("sender", (nft.Rule("iifname vmap @sender_groups"), nft.Rule("drop"))),
                nft.Chain("receiver", (nft.Rule("oifname vmap @receiver_groups"), nft.Rule("drop"))),
                nft.Chain(
                    "source_dest_check",
                    # SDC-01: an ENI sends from its own addresses only. Before conntrack: a forgery leaves no trace.
                    (
                        nft.Rule(
                            "iifname @instance_link ip saddr . iifname != @own_address drop", "source/destination check"
                        ),
                    ),
                    nft.Hook("filter", "prerouting", "raw", "accept"),
                ),
                nft.Chain(
                    "subnet_route_table",
                    (nft.Rule("meta mark set iifname map @route_table"),),
                    nft.Hook("filter", "prerouting", "mangle", "accept"),
                ),
                nft.Chain(
                    "to_router",
                    # L2-05: base+1 answers ping from its own subnet, and the router has nothing else to say.
                    (
                        nft.Rule(
                            "icmp type echo-request ip daddr . iifname @router_address accept", "the router's address"
                        ),
                    ),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "vpc",
                    (
                        nft.Rule("ct state established,related accept", "SG-03: replies to what was allowed"),
                        nft.Rule("jump sender"),
                        nft.Rule("jump receiver"),
                        nft.Rule("accept"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
            ),
        )
    )


def instance(vpc: Vpc, held: Instance, addresses: Addresses) -> Namespace:
    """The guest: its one ENI, its subnet's router as default route. Its owner may add to it (see Namespace.guest)."""
    commands = any(service.kind == "command" for service in held.services)
    return eni_namespace(vpc, held.name, vpc.subnet(held.subnet), addresses)._replace(
        kind="instance",
        guest=True,
        sysctls=GUEST | UNPRIVILEGED if commands else GUEST,
        services=services(held.services),
    )


def eni_namespace(vpc: Vpc, node: str, subnet: Subnet, addresses: Addresses) -> Namespace:
    """What every node with one ENI has: eth0, its address, the default route, the router as a permanent neighbour."""
    gateway = gateway_address(subnet)
    return Namespace(
        kind="nat_gateway",
        up=frozenset({"lo", names.GUEST_LINK}),
        addresses=frozenset({Address(names.GUEST_LINK, str(addresses.private[node]), subnet.cidr_block.prefixlen)}),
        neighbours=frozenset({Neighbour(names.GUEST_LINK, gateway, router_mac(vpc))}),
        routes=frozenset({Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, gateway)}),
    )


def services(held: tuple[model.Service, ...]) -> frozenset[Service]:
    return frozenset(Service(item.name, item.kind, item.port, item.argv, item.user) for item in held)
