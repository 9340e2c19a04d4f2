"""What a running lab does of what its file expects: every flow is sent, and judged.

A drop is silence, and silence proves nothing by itself: somebody may be dead. So it counts only if something of the
same run got through, and both its ends gave a sign of life in that run. Otherwise it is inconclusive.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from emulator.lab.probe import NO_ROOM, WINDOW, Outcome, probe
from emulator.topology.addresses import INTERNET_ADDRESS
from emulator.topology.expand import Expected
from emulator.topology.flows import Flow
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.reception import Reception
from emulator.topology.zones import dark

PAYLOAD = 8000  # bytes: several packets on the internet
RESOLVER = 2  # in every block: this address answers whatever groups and ACLs say (SG-40)


class Judged(NamedTuple):
    """An expected flow, what became of it, and what of that is otherwise. differs: in words, "" for nothing.

    doubt: why nothing follows from it, "" if something does.
    """

    expected: Expected
    outcome: Outcome
    differs: str
    doubt: str


def judge(
    lab: str, topology: Topology, addresses: Addresses, expected: Sequence[Expected], window: float = WINDOW
) -> list[Judged]:
    """Send every flow and hold what became of it against what was expected; `via` is not looked at here."""
    reception = Reception(topology, addresses)

    def holders(flow: Flow) -> list[str]:
        return list(dict.fromkeys(place.node for place in reception.of(flow)))

    silent = [each for each in expected if each.expectation.result == "drop"]
    ends = {each.flow.source for each in silent} | {node for each in silent for node in holders(each.flow)}
    signs = [flow for flow in signs_of_life(topology, addresses) if flow.source in ends]
    outcomes, heard = _send(lab, expected, signs, window)
    through = any(outcome.verdict.result in ("pass", "refused") for outcome in outcomes)
    alive = {outcome.flow.source for outcome in [*outcomes, *heard] if outcome.verdict.result in ("pass", "refused")}
    alive |= {outcome.verdict.receiver for outcome in outcomes}
    living = {flow.source for flow in signs}  # those that could have given a sign
    found = []
    for each, outcome in zip(expected, outcomes, strict=True):
        differs = difference(each, outcome)
        doubt = ""
        if outcome.detail == NO_ROOM:
            differs, doubt = "", NO_ROOM
        elif not differs and outcome.verdict.result == "drop":
            dead = {each.flow.source, *holders(each.flow)} & living - alive
            doubt = _doubt(through=through, dead=sorted(dead))
        elif not differs and each.expectation.seen_as and outcome.verdict.seen_as is None:
            where = " and ".join(holders(each.flow)) or "the receiver, which is not in the lab"
            doubt = f"nobody saw it arrive at {where}: as whom it came is unknown"
        found.append(Judged(each, outcome, differs, doubt))
    return found


def difference(each: Expected, outcome: Outcome) -> str:
    """What is not as expected, in words; "" if all is."""
    want, got = each.expectation, outcome.verdict
    if got.result != want.result:
        return f"{_RESULTS[want.result]} was expected, but {_got(outcome)}"
    if want.seen_as and got.seen_as and got.seen_as != want.seen_as:
        return f"{got.receiver or 'the receiver'} saw it as {got.seen_as}, not as {want.seen_as}"
    return ""


_RESULTS = {"pass": "an answer", "drop": "silence", "refused": "a refusal"}


def _got(outcome: Outcome) -> str:
    match outcome.verdict.result:
        case "pass":
            return f"it passes ({outcome.detail})"
        case "refused":
            return "it is refused: it arrived, and the port is closed"
        case "drop":
            return f"there is {outcome.detail}" if outcome.detail.startswith("no answer") else outcome.detail
        case "error":
            return f"there is an error: {outcome.detail}"


def _doubt(*, through: bool, dead: Sequence[str]) -> str:
    if not through:
        return "nothing got through in this run, so silence proves nothing: expect something that passes as well"
    if dead:
        verb = "give" if len(dead) > 1 else "gives"
        return f"{' and '.join(dead)} {verb} no sign of life, so silence proves nothing: `vpcemu status` may know more"
    return ""


def _send(
    lab: str, expected: Sequence[Expected], signs: Sequence[Flow], window: float
) -> tuple[list[Outcome], list[Outcome]]:
    """All flows, in their order, and the signs of life beside them."""

    def kind(each: Expected) -> tuple[bool, bool]:
        return each.expectation.result != "refused", each.expectation.payload

    found: dict[int, Outcome] = {}
    heard: list[Outcome] = []
    for wanted in ((True, False), (False, False), (True, True)):
        chosen = [index for index, each in enumerate(expected) if kind(each) == wanted]
        beside = signs if wanted == (True, False) else ()
        flows = [*(expected[index].flow for index in chosen), *beside]
        if not flows:
            continue
        listen, payload = wanted
        outcomes = probe(lab, flows, listen, window, PAYLOAD if payload else 0)
        found |= dict(zip(chosen, outcomes, strict=False))
        heard += outcomes[len(chosen) :]
    return [found[index] for index in range(len(expected))], heard


def signs_of_life(topology: Topology, addresses: Addresses) -> Iterable[Flow]:
    """A flow of every running node that is answered or refused whatever the file says, if the node is well."""
    for host in topology.internet.hosts:
        yield Flow(host.name, host.ip, INTERNET_ADDRESS, "icmp")
    lost = dark(topology)
    for vpc in topology.vpcs:
        resolver = vpc.cidr_block.network_address + RESOLVER
        for instance in vpc.awake.instances:
            if instance.name in lost:
                continue
            yield Flow(instance.name, addresses.private[instance.name], resolver, "tcp", 53)
