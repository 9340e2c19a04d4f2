"""A step in words: what the kernel item is, as `plan` and `status` print it."""

import shlex
from collections.abc import Iterable

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

GLYPH = {"add": "+", "remove": "-", "replace": "~"}

KIND = {
    "router": "VPC router",
    "instance": "instance",
    "nat_gateway": "NAT gateway",
    "internet_gateway": "internet gateway",
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
            return f"rule {item.priority}: mark {item.mark:#x} looks up table {item.table}"
        case Ruleset():
            return f"nftables ruleset {item.digest}" if item.digest else "nftables ruleset"
        case FlushConntrack():
            return "tracked connections"
        case Service():
            return _service(item)
        case Uplink():
            return f"uplink {item.link} to the machine's own network"


def _route(item: Route) -> str:
    kind = "" if item.kind == "unicast" else f"{item.kind} "
    via = f" via {item.via}" if item.via else ""
    link = f" on {item.link}" if item.link else ""
    table = "" if item.table == MAIN_TABLE else f" in table {item.table}"
    return f"{kind}route {item.destination}{via}{link}{table}"


def _service(item: Service) -> str:
    if item.kind == "command":
        return f"service {item.name}: {shlex.join(item.argv)}"
    return f"service {item.name} on port {item.port}"


def wrong(step: Step) -> str:
    """What a step that ought not to be needed says about the lab: `status` prints it."""
    what = describe(step.item)
    if step.verb == "remove":
        return f"{what} should not be there"
    match step.item:
        case LinkUp(link):
            return f"link {link} is down"
        case Sysctl():
            return f"{what} has another value"
        case Ruleset():
            return f"{what}: {step.reason}"
        case Service():
            return f"{what} does not run"
    if step.verb == "add" or step.reason.endswith(("missing", "new")):
        return f"{what} is missing"
    return f"{what} is not as it should be"


def essential(steps: Iterable[Step]) -> list[Step]:
    """The steps without those that only follow from others: what a missing namespace or link takes along."""
    steps = list(steps)
    nodes = {step.node for step in steps if isinstance(step.item, Netns) and step.verb == "add"}
    veths = [step.item for step in steps if isinstance(step.item, Veth) and step.verb == "add"]
    links = {end for veth in veths for end in ((veth.node, veth.link), (veth.peer_node, veth.peer_link))}
    kept = []
    for step in steps:
        item = step.item
        if isinstance(item, Veth):
            follows = {item.node, item.peer_node} & nodes or (step.verb == "remove" and (item.node, item.link) in links)
        elif isinstance(item, Netns):
            follows = False
        elif isinstance(item, FlushConntrack):
            follows = True  # of new rules
        elif isinstance(item, Sysctl):
            parts = item.key.split("/")
            follows = step.node in nodes or (len(parts) > 3 and (step.node, parts[3]) in links)
        else:
            follows = step.node in nodes or (step.node, getattr(item, "link", "")) in links
        if not follows:
            kept.append(step)
    return kept
