"""One flow, there and back: the verdict and all its reasons."""

from collections.abc import Iterator, Sequence

from emulator.analysis import packets, reasons
from emulator.analysis.account import Memory
from emulator.analysis.answer import Analysis
from emulator.analysis.walk import Walk
from emulator.analysis.world import World
from emulator.topology.flows import Component, Flow, Verdict
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.services import TRANSPORTS
from emulator.topology.targets import Serving


def analyze(topology: Topology, addresses: Addresses, flow: Flow, serving: Serving | None = None) -> Analysis:
    """What becomes of the flow, hop by hop, with every reason why it may not get through.

    A flow whose fate depends on the source port (a network ACL that lets only some of the ephemeral ports pass) is
    "drop", and `partial`: connections fail now and then. So is one that reaches only some of the targets of a load
    balancer, or gets through with only some of a NAT gateway's addresses. serving: to which targets new flows go; where
    it says nothing, all are taken for healthy (RA-05).
    """
    return Analyzer(topology, addresses, serving).analyze(flow)


class Analyzer:
    """One lab, for many questions. serving: as in `analyze`."""

    def __init__(self, topology: Topology, addresses: Addresses, serving: Serving | None = None) -> None:
        self.world = World(topology, addresses)
        self.world.serving = serving or {}

    def analyze(self, flow: Flow) -> Analysis:
        """As the function of that name."""
        branches = list(self.walks(flow, explain=True))
        verdicts = [_verdict(*branch) for branch in branches]
        there, back = branches[_deciding(verdicts)]
        verdict = verdicts[_deciding(verdicts)]
        dropping = [branch for branch, held in zip(branches, verdicts, strict=True) if held.result == "drop"]
        walks = [walk for branch in dropping or branches for walk in branch if walk is not None]
        notes = list(dict.fromkeys(note for walk in (there, back) if walk for note in walk.notes))
        for held, branch in zip(verdicts, branches, strict=True):
            asked = packets.of_arrival(flow, branch[0].arrival)
            if held.result == "pass" and not self._may_listen(held.receiver, asked):
                port = f"{flow.protocol} {asked.port} of {held.receiver}"
                notes.append(f"nothing in the file listens on {port}: the caller is refused")
        seen = dict.fromkeys(there.arrival.source_ip for there, _ in branches if there.arrival is not None)
        by_port = any(_partial(*each) for each in dropping)
        return Analysis(
            flow=flow,
            verdict=verdict,
            forward=tuple(there.hops),
            back=tuple(back.hops) if back else (),
            explanations=tuple(dict.fromkeys(each for walk in walks for each in walk.explanations)),
            partial=by_port or 0 < len(dropping) < len(branches),
            by_port=by_port,
            seen_as=tuple(seen),
            notes=tuple(notes),
            alternatives=tuple(dict.fromkeys(verdicts)),
        )

    def verdict(self, flow: Flow) -> Verdict:
        """The verdict alone: several times faster."""
        verdicts = []
        for branch in self.walks(flow, explain=False):
            verdicts.append(_verdict(*branch))
            if verdicts[-1].result == "drop":
                break
        return verdicts[_deciding(verdicts)]

    def walks(self, flow: Flow, *, explain: bool = True) -> Iterator[tuple[Walk, Walk | None]]:
        """There and back, for each target and each address that components on the way may choose; once if there is no
        choice. explain: see `Account`.
        """
        plan: list[int] | None = []
        while plan is not None:
            there, back = self._walk(flow, Memory(plan), explain=explain)
            yield there, back
            plan = there.memory.next_plan

    def _walk(self, flow: Flow, memory: Memory, *, explain: bool) -> tuple[Walk, Walk | None]:
        packet = packets.first(flow)
        there = Walk(self.world, memory, explain=explain)
        there.send(flow.source, packet)
        if there.arrival is None or not there.answered or (there.dropped_at and not explain):
            return there, None
        reply = packets.answer(there.arrival)
        if reply is None:
            return there, None
        memory.asked = len(memory.translated)
        back = Walk(self.world, memory, explain=explain, back=True)
        back.send(there.receiver, reply)
        if back.arrival is not None and (back.arrival.source, back.receiver) != (packet.destination, flow.source):
            # PCX-15: it may have come to somebody else who has the same address.
            whom = back.receiver if back.receiver in self.world.instances else flow.source
            kind = "outside_host" if whom in self.world.hosts else "instance"
            enis = self.world.enis_of.get(whom)
            component = Component(kind, whom, enis[0].vpc.name if enis else "")  # type: ignore[arg-type]
            strange = back.arrival
            back.drop(component, lambda: reasons.wrong_answer(component, flow.source, strange, packet.destination))
        return there, back

    def _may_listen(self, node: str, flow: Flow) -> bool:
        """RA-05: no part of the verdict. GEN-02: who arrives at a closed port is refused, which is not a drop."""
        owner = self.world.instances.get(node) or self.world.hosts.get(node)
        if owner is None or flow.protocol == "icmp":
            return True
        return any(
            service.kind == "command" or (service.port == flow.port and flow.protocol in TRANSPORTS[service.kind])
            for service in owner.services
        )


def _deciding(verdicts: Sequence[Verdict]) -> int:
    """Which of the alternatives the answer is about: the first that is dropped, since some connections fail."""
    return next((index for index, held in enumerate(verdicts) if held.result == "drop"), 0)


def _verdict(there: Walk, back: Walk | None) -> Verdict:
    arrived = there.dropped_at is None and there.arrival is not None
    receiver = there.receiver if arrived else ""
    seen_as = there.arrival.source_ip if arrived and there.arrival else None
    if there.dropped_at is not None:
        return Verdict("drop", there.dropped_at)
    if there.refused:
        return Verdict("refused", None, False, receiver, seen_as)
    if back is not None and back.dropped_at is not None:
        return Verdict("drop", back.dropped_at, True, receiver, seen_as)
    return Verdict("pass", None, False, receiver, seen_as)


def _partial(there: Walk, back: Walk | None) -> bool:
    dropping = [walk for walk in (there, back) if walk is not None and walk.dropped_at is not None]
    return bool(dropping) and all(walk.partial_only for walk in dropping)
