"""What an analysis says: the packet at each component of its way, and every reason why it does not arrive."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.analysis.packets import Packet
from emulator.errors import Where
from emulator.topology.flows import Component, Flow, Verdict
from emulator.topology.model import NetworkAclEntry, Route, SecurityGroupRule
from emulator.topology.place import NOWHERE

Action = Literal["pass", "drop"]


class LocalRoute(NamedTuple):
    """The route that every table has for a block of the VPC (RT-02); no line of the file says it."""

    destination: str


Rule = SecurityGroupRule | NetworkAclEntry | Route | LocalRoute | None


class Hop(NamedTuple):
    """One component that a packet met, in the order in which AWS asks them (GEN-03, GEN-04).

    before, after: the packet on its way in and out; they differ where it was translated.
    sentence: what the component did, and by which rule. rule: that rule, None where none is asked.
    where: the rule's place in the user's file. group: the security group that holds the rule.
    node: whose ENI, or which node, was met; "" for routes and ACLs.
    """

    component: Component
    action: Action
    sentence: str
    before: Packet
    after: Packet
    rule: Rule = None
    where: Where = NOWHERE
    group: str = ""
    node: str = ""


class Explanation(NamedTuple):
    """One reason why the flow does not get through. There may be several: each alone would stop it (RA-63).

    code: AWS's explanation code (RA-50 to RA-60). where: the line of the user's file that would have to change.
    hint: the YAML to write. on_the_way_back: it is the answer that is stopped.
    """

    code: str
    component: Component
    sentence: str
    where: Where = NOWHERE
    hint: str = ""
    on_the_way_back: bool = False
    packet: Packet | None = None
    rule: Rule = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer to one question.

    forward, back: the way of the packet and of its answer; they go on past a drop where it is known how.
    partial: whether the flow gets through depends on the source port that the sender happens to choose, on the target
    that a load balancer does, or on the address that a NAT gateway does; the verdict is then "drop", because
    connections would fail now and then.
    by_port: it does so on the source port, whatever else is chosen.
    seen_as: every source address that the receiver may see; several behind a NAT gateway with several (NAT-26).
    alternatives: what may become of it, each once: several where a load balancer or a NAT gateway chooses. `verdict` is
    one of them.
    notes: what is true of this flow and is no reason for a drop.
    """

    flow: Flow
    verdict: Verdict
    forward: tuple[Hop, ...]
    back: tuple[Hop, ...]
    explanations: tuple[Explanation, ...]
    partial: bool = False
    by_port: bool = False
    seen_as: tuple[IPv4Address, ...] = ()
    notes: tuple[str, ...] = ()
    alternatives: tuple[Verdict, ...] = ()

    @property
    def reachable(self) -> bool:
        return self.verdict.result != "drop"
