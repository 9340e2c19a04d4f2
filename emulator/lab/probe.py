"""probe: what becomes of flows on the wire. Real packets and connections, sent by the lab's agent from its nodes."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.agent.prober_flow import Answer, Asked, Request
from emulator.errors import UsageError
from emulator.kernel import arp
from emulator.lab import doors, lock, record, running
from emulator.topology.flows import Flow, Verdict
from emulator.topology.reception import Reception

AT_ONCE = 50_000  # flows of one request
WINDOW = 1.5  # seconds: TCP repeats an unanswered SYN after one


FEW, MOST = 250, 3000  # flows for which the ARP table had no room: tried again so many at a time, and in all
NO_ROOM = (
    "this machine's ARP table had no room for so many neighbours at once, so silence proves nothing: "
    "`sysctl -w net.ipv4.neigh.default.gc_thresh3=16384` makes room"
)


class Outcome(NamedTuple):
    """What became of a flow. detail: what was seen, in words."""

    flow: Flow
    verdict: Verdict
    detail: str


def probe(
    lab: str | None, flows: Sequence[Flow], listen: bool = True, window: float = WINDOW, payload: int = 0
) -> list[Outcome]:
    """Try all flows at the same time; an outcome for each, in their order.

    lab: None for the only one that is up. listen: where nobody listens on a destination port the agent does, for as
    long as the probe lasts; a service that is there stays and is used. Without it a closed port refuses.
    window: seconds without any answer, after the last one, before what is left counts as dropped.
    payload: so many bytes must come back (TCP; of UDP and ICMP what fits into a packet).
    The verdict's dropped_at is None: a probe sees the two ends only. UsageError: there is no such lab.
    What was silent while the machine's ARP table was full is tried again, and has the detail NO_ROOM if that is no use.
    """
    found = _complete(lab)
    if not flows:
        return []
    reception = Reception(found.topology, found.addresses)
    asked = tuple(_asked(flow, reception) for flow in flows)
    agent = _agent(found.lab)

    def ask(these: Sequence[Asked]) -> list[Answer]:
        return [
            answer
            for at in range(0, len(these), AT_ONCE)
            for answer in agent.probe(Request(tuple(these[at : at + AT_ONCE]), listen, window, payload))
        ]

    try:
        answers = _with_room(ask, lambda nodes: arp.forget(found.lab, nodes), asked)
    finally:
        agent.close()
    return [_outcome(flow, answer) for flow, answer in zip(flows, answers, strict=True)]


def _with_room(
    ask: Callable[[Sequence[Asked]], list[Answer]], forget: Callable[[set[str]], None], asked: Sequence[Asked]
) -> list[Answer]:
    """Ask, and ask again, a few at a time, for what was silent while the ARP table was full."""
    before = arp.refused()
    answers = ask(asked)
    silent = [index for index, answer in enumerate(answers) if answer.result == "drop"]
    if arp.refused() == before:
        return answers
    for index in silent[MOST:]:
        answers[index] = answers[index]._replace(detail=NO_ROOM)
    for few in (silent[at : min(at + FEW, MOST)] for at in range(0, min(len(silent), MOST), FEW)):
        forget({node for each in asked for node in (each.source, *dict(each.receivers))})
        before = arp.refused()
        found = ask([asked[index] for index in few])
        full = arp.refused() != before
        for index, answer in zip(few, found, strict=True):
            lost = full and answer.result == "drop"
            answers[index] = answer._replace(detail=NO_ROOM) if lost else answer
    return answers


def _complete(lab: str | None) -> running.Running:
    found = running.recall(lab)
    if not found.record.complete:
        raise UsageError(f"lab {found.lab} is incomplete", f"`vpcemu up {found.record.file}` finishes it")
    return found


def _agent(lab: str) -> doors.Agent:
    """The lab's agent. A lab without services has none, and keeps the one that is started here until its `down`."""
    found = doors.agent(lab)
    if found is not None:
        return found
    with lock.hold(lab) as held:
        if record.read(lab) is None:  # a `down` was faster
            held.remove()
            raise UsageError(f"no lab is called {lab}")
        return doors.start_agent(lab, held.fd)


def _asked(flow: Flow, reception: Reception) -> Asked:
    return Asked(
        flow.source,
        str(flow.source_ip),
        flow.source_port,
        str(flow.to),
        flow.protocol,
        flow.port,
        flow.icmp_type,
        flow.icmp_code,
        tuple((place.node, place.port) for place in reception.of(flow)),
    )


def _outcome(flow: Flow, answer: Answer) -> Outcome:
    seen_as = IPv4Address(answer.seen_as) if answer.seen_as else None
    lost = answer.result == "drop" and bool(answer.receiver)
    return Outcome(flow, Verdict(answer.result, None, lost, answer.receiver, seen_as), answer.detail)
