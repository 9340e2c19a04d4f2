"""A State made by hand, as small as it can be with everything in it: two routers, three hosts."""

from emulator import names
from emulator.compile.diff import diff
from emulator.compile.state import (
    Address,
    Namespace,
    Neighbour,
    PolicyRule,
    Route,
    Ruleset,
    State,
    Step,
    Sysctl,
    Veth,
)

LEFT, RIGHT = "left.router", "right.router"
HOP = "169.254.0.1"
MTU = 9001


def ruleset(digest: str = "aaaa", policy: str = "accept") -> Ruleset:
    table = f"table ip {names.NFT_TABLE}"
    hook = f"type filter hook forward priority filter; policy {policy};"
    chain = f"\tchain forward {{\n\t\t{hook}\n\t\tct state established accept\n\t}}"
    return Ruleset(digest, f'{table}\ndelete {table}\n{table} {{\n\tcomment "@COMMENT@"\n{chain}\n}}\n')


def without_text(state: State) -> State:
    """As observe() reports it: of rulesets only the digest."""
    return state._replace(
        namespaces={
            node: held._replace(ruleset=Ruleset(held.ruleset.digest) if held.ruleset else None)
            for node, held in state.namespaces.items()
        }
    )


def small_lab(lab: str) -> State:
    """left.router has hosts a and b, right.router has host c; the routers are joined."""
    left = _router(LEFT, {"a": "10.1.0.10", "b": "10.1.0.11"}, "10.2.0.0/24", RIGHT)
    right = _router(RIGHT, {"c": "10.2.0.10"}, "10.1.0.0/24", LEFT)
    return State(
        lab,
        {
            LEFT: left,
            RIGHT: right,
            "a": _host("a", "10.1.0.10", LEFT),
            "b": _host("b", "10.1.0.11", LEFT),
            "c": _host("c", "10.2.0.10", RIGHT),
        },
        frozenset(
            {
                Veth(LEFT, "peer", names.mac(LEFT), RIGHT, "peer", names.mac(RIGHT), MTU),
                *(_veth(LEFT, host) for host in ("a", "b")),
                _veth(RIGHT, "c"),
            }
        ),
    )


def large_lab(lab: str, hosts: int) -> State:
    """One router with that many hosts."""
    addresses = {f"i{number}": f"10.{number >> 8}.{number & 255}.10" for number in range(hosts)}
    router = _router(LEFT, addresses, None, None)
    namespaces = {LEFT: router} | {node: _host(node, ip, LEFT, gateway=True) for node, ip in addresses.items()}
    return State(lab, namespaces, frozenset(_veth(LEFT, node) for node in addresses))


def plan(observed: State, desired: State) -> list[Step]:
    return diff(observed, desired)


def _veth(router: str, host: str) -> Veth:
    return Veth(router, names.eni(host), names.mac(router), host, "eth0", names.mac(host), MTU)


def _router(router: str, hosts: dict[str, str], beyond: str | None, peer: str | None) -> Namespace:
    links = {host: names.eni(host) for host in hosts}
    routes = {Route(254, f"{ip}/32", link=links[host]) for host, ip in hosts.items()}
    routes |= {Route(254, "0.0.0.0/0", "blackhole"), Route(70000, "10.0.0.0/8", "throw")}
    neighbours = {Neighbour(links[host], ip, names.mac(host)) for host, ip in hosts.items()}
    up = {"lo", *links.values()}
    if peer and beyond:
        routes.add(Route(254, beyond, link="peer", via=HOP, onlink=True))
        neighbours.add(Neighbour("peer", HOP, names.mac(peer)))
        up.add("peer")
    return Namespace(
        "router",
        up=frozenset(up),
        sysctls=frozenset(
            {
                Sysctl("net/ipv4/ip_forward", "1"),
                Sysctl("net/ipv4/conf/all/rp_filter", "0"),
                Sysctl("net/ipv4/conf/all/proxy_arp", "1"),
                *(Sysctl(f"net/ipv4/neigh/{link}/proxy_delay", "0") for link in links.values()),
            }
        ),
        addresses=frozenset({Address("lo", "10.1.0.1" if router == LEFT else "10.2.0.1", 32)}),
        neighbours=frozenset(neighbours),
        routes=frozenset(routes),
        rules=frozenset({PolicyRule(100, 70000, 70000)}),
        ruleset=ruleset(),
    )


def _host(host: str, ip: str, router: str, gateway: bool = False) -> Namespace:
    hop = HOP if gateway else ip.rpartition(".")[0] + ".1"
    return Namespace(
        "instance",
        guest=True,
        up=frozenset({"lo", "eth0"}),
        sysctls=frozenset({Sysctl("net/ipv4/ping_group_range", "0 2147483647")}),
        addresses=frozenset({Address("eth0", ip, 24)}),
        neighbours=frozenset({Neighbour("eth0", hop, names.mac(router))}),
        routes=frozenset({Route(254, "0.0.0.0/0", "unicast", "eth0", hop, onlink=gateway)}),
    )
