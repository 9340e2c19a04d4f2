"""What a walk takes down: hops, reasons, and what components remember of a flow."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from emulator.analysis import sentences
from emulator.analysis.answer import Explanation, Hop, Rule
from emulator.analysis.filters import Acl, Piece
from emulator.analysis.packets import ICMP, NO_PORTS, Packet, Ports
from emulator.analysis.world import Eni, World
from emulator.errors import Where
from emulator.topology.flows import Component
from emulator.topology.place import NOWHERE


class Translation(NamedTuple):
    """What a NAT gateway or NAT instance remembers of a flow."""

    node: str
    inside: int
    inside_ports: Ports
    outside: int
    far: int


class Balanced(NamedTuple):
    """What a node of a load balancer remembers of a flow: the packet as it came, and as it went to the target.

    preserved: with the client's own address. consumer: the endpoint's interface by which it came by PrivateLink.
    """

    node: str
    before: Packet
    after: Packet
    preserved: bool
    consumer: Eni | None

    @property
    def by(self) -> tuple[str, ...]:
        """The node, and the endpoint's that it came by."""
        return (self.node, self.consumer.name) if self.consumer else (self.node,)

    def answered_by(self, packet: Packet) -> bool:
        """Whether the packet is the target's answer."""
        ends = (packet.destination, packet.source, packet.protocol)
        return ends == (self.after.source, self.after.destination, self.after.protocol)


class Memory:
    """What components remember of a flow, from its first packet until the answer. CT-13: each ENI for itself.

    plan: which of several each component on the way chooses that has a choice (a load balancer's node: its targets; a
    NAT gateway: its addresses), in the order of the way; the first where it ends.
    """

    def __init__(self, plan: Sequence[int] = ()) -> None:
        self.plan = plan
        self.chosen: dict[tuple[str, Packet], tuple[int, int]] = {}  # by node: which one, of how many
        self.balanced: list[Balanced] = []
        self.seen: set[tuple[str, str, int, int]] = set()  # ENI, direction, source, destination
        self.translated: list[Translation] = []
        self.by_peering: dict[tuple[str, int, int], str] = {}  # NAT-42: by VPC led to, source, destination
        self.told_dark: set[str] = set()  # nodes of which it was said that their zone is down
        self.began: dict[tuple[str, frozenset[int]], str] = {}  # TGW-42: where first, by transit gateway and both ends
        self.asked: int | None = None  # how many translations there were when the answer set out

    def choose(self, node: str, packet: Packet, count: int) -> int:
        """Which of so many a node chooses. NLB-12, NAT-26: always the same for a flow."""
        if (node, packet) not in self.chosen:
            at = len(self.chosen)
            self.chosen[node, packet] = (self.plan[at] if at < len(self.plan) else 0, count)
        return self.chosen[node, packet][0]

    @property
    def next_plan(self) -> list[int] | None:
        """The choices to try after these, until all have been tried."""
        taken = list(self.chosen.values())
        while taken:
            index, count = taken.pop()
            if index + 1 < count:
                return [*(held for held, _ in taken), index + 1]
        return None

    def original(self, node: str, packet: Packet) -> Packet | None:
        """The answer with its destination put back, if the node has translated the question.

        What it has translated of the answer is a flow of its own, and is answered by nobody.
        """
        for held in self.translated[: self.asked]:
            if held.node == node and held.outside == packet.destination and held.far == packet.source:
                ports = NO_PORTS if packet.protocol == ICMP else held.inside_ports
                return packet._replace(destination=held.inside, ports=ports)
        return None


class Question(NamedTuple):
    """What a walk would ask an ENI's groups or an ACL, put off. `other`: as `Walk._groups` is given it."""

    asked: Eni | Acl
    direction: str
    packet: Packet
    back: bool
    other: Eni | None = None


class Stranger(NamedTuple):
    """An interface of another VPC at the same transit gateway. named: rules may name its groups (SG-34)."""

    eni: Eni
    gateway: str
    named: bool


class Account:
    """One packet's way. Call `send`, then read the attributes.

    explain: collect hops and all reasons; False: stop at the first drop and collect nothing.
    back: the packet is an answer, and `memory` is what its question left behind.
    put_off: where to put the questions to groups and ACLs instead of asking them: who asks for many endpoints at once
    answers them together.
    """

    def __init__(
        self,
        world: World,
        memory: Memory,
        *,
        explain: bool,
        back: bool = False,
        put_off: list[Question] | None = None,
    ) -> None:
        self.put_off = put_off
        self.world, self.memory, self.explain, self.back = world, memory, explain, back
        self.hops: list[Hop] = []
        self.explanations: list[Explanation] = []
        self.notes: list[str] = []
        self.dropped_at: Component | None = None
        self.partial_only = True  # no drop but for some source ports
        self.receiver = ""
        self.arrival: Packet | None = None
        self.refused = False
        self.answered = True  # False: what came after a drop is a guess that does not reach as far as an answer
        self.origin = 0
        self.through_transit = False
        self.across: Stranger | None = None  # who has sent what a transit gateway brings, until an interface asks
        self.stranger: Stranger | None = None  # whom a rule may have meant that names a group of another VPC
        self.visited: set[tuple[str, Packet]] = set()

    def passed(
        self,
        component: Component,
        sentence: str,
        before: Packet,
        after: Packet | None = None,
        *,
        rule: Rule = None,
        where: Where = NOWHERE,
        group: str = "",
        node: str = "",
    ) -> None:
        if self.explain:
            self.hops.append(Hop(component, "pass", sentence, before, after or before, rule, where, group, node))

    def passed_by(self, component: Component, piece: Piece, direction: str, packet: Packet, node: str) -> None:
        rule = piece.rule
        assert rule is not None
        sentence = sentences.rule(rule, direction, piece.group or component.name)
        self.passed(component, sentence, packet, rule=rule, where=rule.where, group=piece.group, node=node)

    def drop(self, component: Component, why: Callable[[], Explanation], *, partial: bool = False) -> bool:
        """Take down a drop. True: nobody wants to know what would come after it."""
        if self.dropped_at is None:
            self.dropped_at = component
        self.partial_only = self.partial_only and partial
        if not self.explain:
            return True
        found = why()._replace(on_the_way_back=self.back)
        self.explanations.append(found)
        packet = found.packet or Packet(0, 0, 0, NO_PORTS, NO_PORTS)
        self.hops.append(Hop(found.component, "drop", found.sentence, packet, packet, found.rule, found.where))
        return False

    def host_place(self, node: str) -> Where:
        host = self.world.hosts.get(node)
        return host.where if host else NOWHERE
