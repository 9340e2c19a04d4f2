"""A kernel item in words, for plans, for status, and for the error when the kernel refuses a step."""

import shlex

from emulator.compile.state import (
    MAIN_TABLE,
    Address,
    FlushConntrack,
    Item,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Step,
    Sysctl,
    Uplink,
    Veth,
)

KIND = {
    "router": "VPC router",
    "instance": "instance",
    "nat_gateway": "NAT gateway",
    "network_load_balancer": "node of load balancer",
    "internet_gateway": "internet gateway",
    "transit_gateway": "transit gateway",
    "vpc_endpoint": "VPC endpoint",
    "internet": "internet",
    "outside_host": "outside host",
}


def describe(item: Item) -> str:
    """The item in the words of `ip`, `nft` and `sysctl`, without its namespace."""
    match item:
        case Netns():
            return f"namespace ({KIND[item.kind]})"
        case Sysctl():
            return f"sysctl {item.key.replace('/', '.')} = {item.value}"
        case Veth():
            return f"link {item.link}" + (f" to {item.peer_link} in {item.peer_node}" if item.peer_node else "")
        case LinkUp():
            return f"link {item.link} up"
        case Address():
            return f"address {item.ip}/{item.prefixlen} on {item.link}"
        case Neighbour():
            return f"neighbour {item.ip} at {item.mac} on {item.link}"
        case Route():
            return _route(item)
        case PolicyRule():
            who = f"from {item.source}" if item.source else f"mark {item.mark:#x}"
            return f"rule {item.priority}: {who} looks up table {item.table}"
        case Ruleset():
            return f"nftables ruleset {item.digest}" if item.digest else "nftables ruleset"
        case FlushConntrack():
            return f"tracked connections of {item.address}" if item.address else "tracked connections"
        case Service():
            return _service(item)
        case Uplink():
            return f"uplink {item.link} to the machine's own network"


def _route(item: Route) -> str:
    kind = "" if item.kind == "unicast" else f"{item.kind} "
    via = f" via {item.via}" if item.via else ""
    link = f" on {item.link}" if item.link else ""
    table = "" if item.table == MAIN_TABLE else f" in table {item.table}"
    mtu = f", MTU {item.mtu}" if item.mtu else ""
    return f"{kind}route {item.destination}{via}{link}{table}{mtu}"


def _service(item: Service) -> str:
    if item.kind == "health":
        return "health checks of its targets"
    if item.kind == "relay":
        return f"listener on port {item.port}, by proxy protocol"
    if item.kind == "command":
        return f"service {item.name}: {shlex.join(item.argv)}"
    return f"service {item.name} on port {item.port}"


def describe_step(step: Step) -> str:
    """`add route 10.0.0.0/16 via 10.0.0.1 on eth0 in dev (missing)`."""
    reason = f" ({step.reason})" if step.reason else ""
    return f"{step.verb} {describe(step.item)} in {step.node}{reason}"
