"""From the passes of a flow to its Trace: the way there, the way back, the verdict."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from emulator.observe.narrate import Ended, Narrator
from emulator.observe.packet import ANSWERED, TIME_EXCEEDED, refuses
from emulator.observe.passes import Pass
from emulator.topology.flows import Flow, Verdict
from emulator.topology.traces import Trace, TraceHop


def journey(flow: Flow, passes: Sequence[Pass], narrator: Narrator, unsent: str) -> Trace:
    """What became of a flow. passes: all of its packets, in the order of their beginnings.

    unsent: why the sender's own kernel refused to send it, "" if it did not.
    """
    there = [held for held in passes if held.known.direction == "forward"]
    here = [held for held in passes if held.known.direction == "back"]
    forward = _follow(there, next((held for held in there if held.made and held.node == flow.source), None), narrator)
    # An answer begins where it is made; beyond an uplink that is nowhere to be seen.
    begins = next((held for held in here if held.made), None) or next(
        (held for held in here if narrator.came(held) and not _comes_from_inside(held, here, narrator)), None
    )
    back = _follow(here, begins, narrator)
    hops, hops_back = tuple(map(narrator.hop, forward)), tuple(map(narrator.hop, back))
    answer = back[0].known.answer if back else ""
    if not forward:
        words = f"{flow.source} could not send it: {unsent}" if unsent else f"{flow.source} did not send it"
        return Trace(flow, Verdict("drop", narrator.component(flow.source)), (), (), words)
    stopped = narrator.ended(forward, hops[-1])
    receiver, seen_as = "", None
    if stopped is None:
        receiver, seen_as = forward[-1].node, IPv4Address(forward[-1].ends.source)
    elif unsent and len(forward) == 1 and not forward[0].left:
        stopped = stopped._replace(words=f"{stopped.words} ({unsent})")
    verdict, words = _verdict(flow, stopped, receiver, seen_as, back, hops_back, narrator)
    return Trace(flow, verdict, hops, hops_back, words, answer)


def _verdict(
    flow: Flow,
    stopped: Ended | None,
    receiver: str,
    seen_as: IPv4Address | None,
    back: list[Pass],
    hops_back: tuple[TraceHop, ...],
    narrator: Narrator,
) -> tuple[Verdict, str]:
    answer = back[0].known.answer if back else ""
    if stopped and back and back[0].node == flow.source:
        back = []  # L2-02: its own kernel has given up asking for a MAC, which is nobody's answer
    if back and back[-1].arrived and not back[-1].dropped and back[-1].node == flow.source:
        said = back[-1].ends.source
        if refuses(answer):
            dropped_at = stopped.component if stopped else None
            words = f"{receiver} answered with {answer}"
            if stopped:
                words = f"{stopped.words}, and {back[0].node} said so: {answer}"
            if answer == TIME_EXCEEDED:  # a circle of routes: nobody refused anything
                return Verdict("drop", dropped_at, False, receiver, seen_as), words
            return Verdict("refused", dropped_at, False, receiver, seen_as), words
        if said != str(flow.to):
            words = f"the answer comes from {said}, where {flow.source} waits for one from {flow.to}"
            return Verdict("drop", narrator.component(flow.source), True, receiver, seen_as), words
        return Verdict("pass", None, False, receiver, seen_as), f"answered with {answer}"
    if stopped is not None:
        return Verdict("drop", stopped.component), stopped.words
    if back:
        ended = narrator.ended(back, hops_back[-1])
        at = ended.component if ended else narrator.component(back[-1].node)
        words = ended.words if ended else f"the answer went to {back[-1].node}"
        return Verdict("drop", at, True, receiver, seen_as), words
    if flow.protocol == "icmp" and flow.icmp_type not in ANSWERED:
        return Verdict("pass", None, False, receiver, seen_as), "arrived; nobody answers an ICMP message of this type"
    at = narrator.component(receiver)
    return Verdict("drop", at, False, receiver, seen_as), f"{receiver} got it and did not answer"


def _follow(passes: list[Pass], first: Pass | None, narrator: Narrator) -> list[Pass]:
    """The passes of one packet, from link to link. A packet that is sent again (a retransmission) is left out."""
    if first is None:
        return []
    way, left = [first], [held for held in passes if held is not first]
    while way[-1].left and (peer := narrator.peer(way[-1])):
        found = next(
            (held for held in left if not held.made and held.node == peer[0] and narrator.came(held) == peer[1]), None
        )
        if found is None:
            break
        left.remove(found)
        way.append(found)
    return way


def _comes_from_inside(held: Pass, passes: list[Pass], narrator: Narrator) -> bool:
    """Whether another of these passes led to this one."""
    return any(narrator.peer(other) == (held.node, narrator.came(held)) for other in passes if other.left)
