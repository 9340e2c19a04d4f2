"""A step in words, for progress and for errors: "add route 10.0.0.0/16 via eth0 in dev"."""

from emulator.compile.state import (
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


def describe(step: Step) -> str:
    reason = f" ({step.reason})" if step.reason else ""
    return f"{step.verb} {describe_item(step.item)} in {step.node}{reason}"


def describe_item(item: Item) -> str:
    match item:
        case Netns():
            return f"the namespace of {_article(item.kind)}"
        case Sysctl(key, value):
            return f"the setting {key.replace('/', '.')} = {value}"
        case Veth():
            return f"the link {item.link} to {item.peer_link} of {item.peer_node or 'an unknown namespace'}"
        case LinkUp(link):
            return f"the up state of link {link}"
        case Address():
            return f"the address {item.ip}/{item.prefixlen} on {item.link}"
        case Neighbour():
            return f"the neighbour {item.ip} at {item.mac} on {item.link}"
        case Route():
            return _route(item)
        case PolicyRule():
            return f"the rule {item.priority}: mark {item.mark:#x} to table {item.table}"
        case Ruleset(digest):
            return f"the ruleset {digest}"
        case FlushConntrack():
            return "a flush of tracked connections"
        case Service(name):
            return f"the service {name}"
        case Uplink():
            return f"the uplink {item.link}"


def _route(item: Route) -> str:
    kind = "" if item.kind == "unicast" else f"{item.kind} "
    via = f" via {item.via}" if item.via else ""
    link = f" on {item.link}" if item.link else ""
    return f"the {kind}route {item.destination}{via}{link} in table {item.table}"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
