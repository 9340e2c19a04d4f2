"""What the rules are called in AWS's words: their comments, which `nft list` and a trace show. Written and read here.

A trace follows a packet through the kernel and knows of each rule only its comment, so the comment says which of the
user's rules it stands for; for rules in sets the element's own comment is the end of the sentence.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from emulator.topology.flows import ComponentKind

Direction = Literal["egress", "ingress"]

_ROOM: Final = 70  # of the 126 characters of a comment
_CHECK: Final = "source/destination check"
OWN_SOURCE: Final = f"{_CHECK}: sent from an address of its own"
ANY_SOURCE: Final = f"{_CHECK}: off"
FOREIGN_SOURCE: Final = f"{_CHECK}, egress: not an address of this interface"
FOREIGN_DESTINATION: Final = f"{_CHECK}, ingress: not addressed to this interface"
EDGE_TABLE: Final = "internet gateway: its edge route table"
KNOWN_FLOW: Final = "security groups: part of an allowed flow"
NOT_TRACKED: Final = {
    "egress": "untracked connection: the sender's groups are open to all, both ways",
    "ingress": "untracked connection: the receiver's groups are open to all, both ways",
}
ASKED_AGAIN: Final = "security groups: asked for the answer too, since the connection is untracked"
ALWAYS_TRACKED: Final = "always tracked"
STRANGER: Final = "security groups: asked, the interface has not seen the flow"
SEEN: Final = "seen by this interface"
LISTENER: Final = " forwards to "
INTERNAL: Final = frozenset({ALWAYS_TRACKED, SEEN})  # of no interest to who asks about a packet
ROUTER_PING: Final = "VPC router: answers ping from its subnet"
SERVICE: Final = "VPC router: AWS's own services are not filtered"
BACK_TO_NODE: Final = "VPC router: an answer goes back to the load balancer that forwarded the flow"
RETURN_TO_SENDER: Final = "VPC peering connection: an answer to a NAT gateway of the peer goes back to it"
NO_SERVICE: Final = "VPC router: answers ping from its subnet and nothing else"
NO_INTERFACE: Final = "VPC router: no network interface of this VPC"


def group(name: str, direction: str) -> str:
    """A rule that looks up a set of a group's rules; `rules` is the rest of the sentence."""
    return f"security group {name}, {direction}"


def dark(zone: str) -> str:
    """AZ-01: the end of what is sent in a zone that is down."""
    return f"network interface, egress: availability zone {zone} is down"


def public_access(direction: Direction, mode: str) -> str:
    """BPA-02, BPA-03: said by the router on behalf of the internet gateway."""
    return f"VPC Block Public Access, {direction}: {mode}"


def peering(name: str, end: str) -> str:
    """PCX-12: end: the packet's "source" or "destination"."""
    return f"VPC peering connection {name}, {end} in neither VPC"


def transit(name: str, words: str) -> str:
    return f"transit gateway {name}: {words}"


def balancer(node: str, words: str) -> str:
    return f"network load balancer {node}: {words}"


def listener(node: str, protocol: str, port: int, group: str) -> str:
    """Where a new flow is given its target."""
    return balancer(node, f"listener {protocol} {port}{LISTENER}{group}")


def endpoint(node: str, words: str) -> str:
    return f"VPC endpoint {node}: {words}"


def rules(numbers: Iterable[int]) -> str:
    """The user's rules that an element stands for, by their place in the file."""
    return f"rule {', '.join(map(str, sorted(numbers)))}"


def members(name: str, direction: str, peer: str, numbers: Iterable[int]) -> str:
    """A rule for what comes from, or goes to, members of another group."""
    return f"{group(name, direction)} {rules(numbers)}: members of {peer}"


def no_rule(direction: str, groups: tuple[str, ...]) -> str:
    """The end of an ENI's groups: they only ever allow. Short enough for a comment, however long the names are."""
    more = f" and {len(groups) - 1} more" if len(", ".join(groups)) > _ROOM else ""
    listed = groups[0] if more else ", ".join(groups)
    return f"security group{'s' if len(groups) > 1 else ''} {listed}{more}, {direction}: no rule allows it"


def acl(name: str, direction: str, number: str, action: str) -> str:
    return f"network ACL {name}, {direction} rule {number} {action.upper()}"


def within(subnet: str) -> str:
    return f"stays within subnet {subnet}: no network ACL is asked"


class Remark(NamedTuple):
    """A comment, understood. name: of the network ACL or the security group, "" where the comment names none."""

    kind: ComponentKind
    name: str
    direction: Literal["egress", "ingress", ""]


_FORMS: Final[tuple[tuple[ComponentKind, re.Pattern[str]], ...]] = (
    ("security_group", re.compile(r"security groups? .+, (?P<direction>egress|ingress): no rule allows it")),
    ("security_group", re.compile(r"security group (?P<name>\S+), (?P<direction>egress|ingress)\b")),
    ("security_group", re.compile(r"security groups: ")),
    ("network_acl", re.compile(r"network ACL (?P<name>\S+), (?P<direction>egress|ingress) rule ")),
    ("network_interface", re.compile(rf"{_CHECK}, (?P<direction>egress|ingress): ")),
    ("network_interface", re.compile(_CHECK)),
    ("network_interface", re.compile(r"network interface, (?P<direction>egress): availability zone ")),
    ("internet_gateway", re.compile("internet gateway: ")),
    ("internet_gateway", re.compile("VPC Block Public Access, (?P<direction>egress|ingress): ")),
    ("nat_gateway", re.compile("NAT gateway: ")),
    ("vpc_peering_connection", re.compile(r"VPC peering connection (?P<name>\S+), ")),
    ("vpc_peering_connection", re.compile("VPC peering connection: ")),
    ("transit_gateway", re.compile(r"transit gateway (?P<name>\S+): ")),
    ("vpc_endpoint", re.compile(r"VPC endpoint (?P<name>\S+): ")),
    ("network_load_balancer", re.compile(r"network load balancer (?P<name>\S+): ")),
    ("vpc", re.compile("VPC router: ")),
)


def read(comment: str) -> Remark | None:
    """Who is speaking, or None: a comment that says nothing of AWS's, or somebody else's."""
    for kind, form in _FORMS:
        if found := form.match(comment):
            held = found.groupdict()
            direction = held.get("direction", "")
            return Remark(kind, held.get("name") or "", direction)  # type: ignore[arg-type]
    return None


def complete(comment: str, element: str) -> str:
    """The whole sentence: of a rule, and of the element by which it matched ("" for none).

    A rule that names several numbers is told by its element which of them it was.
    """
    if not element or not element.startswith("rule "):
        return comment
    if " rule " in comment:
        return re.sub(r" rule [\d, ]+", f" {element}", comment, count=1)
    return f"{comment} {element}"
