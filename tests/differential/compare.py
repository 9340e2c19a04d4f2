"""Three views of one flow: what the model derives, what the wire did, what a trace of the packets shows.

They must agree on the verdict, on the address that the receiver saw, and on who dropped what was dropped.
"""

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from emulator.analysis import Analysis, Analyzer
from emulator.lab.trace import trace
from emulator.topology.flows import Component, Flow, Verdict
from tests.differential import questions
from tests.differential.tally import Tally
from tests.differential.wire import PATIENT, QUIET, Wire
from tests.support.lab import Lab

FLOWS = 67  # of one topology
TRACED = 12  # of its drops


class Disagreement(NamedTuple):
    """A flow about which the views differ. `field` is the first thing in which they do."""

    flow: Flow
    field: str
    views: dict[str, Verdict]

    def __str__(self) -> str:
        lines = [
            f"{self.flow}: {self.field}",
            *(f"  {name:<8} {_words(verdict)}" for name, verdict in self.views.items()),
        ]
        return "\n".join(lines)


def flows_of(lab: Lab, numbers: Sequence[int]) -> list[Flow]:
    """The flows that these numbers are in this lab."""
    return questions.flows(questions.ask(lab.topology, lab.addresses), numbers)


def disagreements(
    lab: Lab,
    flows: Sequence[Flow],
    tally: Tally | None = None,
    patient: bool = False,
    expected: Sequence[Verdict] | None = None,
) -> list[Disagreement]:
    """Ask the model, the wire, and for the drops a trace; all against the model, or against what is expected.

    patient: wait longer before silence is a drop, and trace every drop.
    """
    analyzer = Analyzer(lab.topology, lab.addresses)
    analyses = [analyzer.analyze(flow) for flow in flows]
    model = [held.verdict for held in analyses]
    routers = {node.name for node in lab.topology.nodes() if node.kind not in ("instance", "outside_host")}
    real = _on_the_wire(lab, flows, patient)
    found = []
    for number, flow in enumerate(flows):
        if expected is not None and (field := _differs(expected[number], model[number])):
            found.append(Disagreement(flow, field, {"expected": expected[number], "analyze": model[number]}))
        wire = _settled(real[number], analyses[number], routers)
        if field := _differs(model[number], wire, who=False):
            found.append(Disagreement(flow, field, {"analyze": model[number], "wire": wire}))
    if tally is not None:
        tally.count(analyses)
    return found + _traced(lab, analyzer, analyses, tally, patient)


def _on_the_wire(lab: Lab, flows: Sequence[Flow], patient: bool) -> list[Verdict]:
    wire = Wire(lab)
    try:
        return wire.ask(flows, PATIENT if patient else QUIET)
    finally:
        wire.close()


def _traced(
    lab: Lab, analyzer: Analyzer, analyses: Sequence[Analysis], tally: Tally | None, every: bool
) -> list[Disagreement]:
    """Who dropped it, by the model and by a trace."""
    drops = [held for held in analyses if held.verdict.result == "drop" and not held.by_port]
    if not every:
        drops = _sample(drops, TRACED)
    if not drops:
        return []
    traces = trace(lab.name, [held.flow for held in drops])
    found = []
    for held, traced in zip(drops, traces, strict=True):
        astray = _astray(analyzer, held.flow)
        model, real = held.verdict, _settled_drop(traced.verdict, held, astray)
        if tally is not None:
            tally.traced += 1
            at = traced.verdict.dropped_at
            if real == model and at not in {verdict.dropped_at for verdict in held.alternatives}:
                tally.astray += at in astray
                tally.elsewhere += at not in astray
        if field := _differs(model, real):
            found.append(Disagreement(held.flow, field, {"analyze": model, "trace": real}))
    return found


def _settled(real: Verdict, analysis: Analysis, routers: set[str]) -> Verdict:
    """What the wire did, in the model's words if it is any of the things that the model lets happen: which target, a
    load balancer chooses; which of its addresses and which port, a NAT gateway.
    """
    for held in analysis.alternatives:
        seen = real
        if not seen.receiver and held.receiver in routers:  # one that answers itself has no sockets of ours
            seen = held._replace(result=seen.result)
        if analysis.by_port:  # NAT-21: it depends on the port that a gateway chooses
            seen = seen._replace(result=held.result, on_the_way_back=held.on_the_way_back)
            seen = seen if held.receiver else held
        if not _differs(held, seen, who=False):
            return analysis.verdict
    return real


def _settled_drop(real: Verdict, analysis: Analysis, astray: set[Component]) -> Verdict:
    """What a trace saw, in the model's words if it is any of the drops that the model lets happen."""
    unseen = _in_a_circle(analysis) or _out_of_sight(analysis)
    for held in analysis.alternatives:
        somewhere = unseen or real.dropped_at in _reasons(analysis, held)
        somewhere |= held.on_the_way_back and real.dropped_at in astray
        if not _differs(held, real, who=not somewhere):
            return analysis.verdict
    return real


def _reasons(analysis: Analysis, held: Verdict) -> set[Component]:
    """Whoever would drop the packet, had the first one not done so. The kernel asks some of them in another order than
    AWS does: it looks the route up before the filters run. Nobody can see that from outside, since drops are silent.
    """
    way_back = held.on_the_way_back
    return {reason.component for reason in analysis.explanations if reason.on_the_way_back == way_back}


def _astray(analyzer: Analyzer, flow: Flow) -> set[Component]:
    """Internet gateways by which an answer leaves though its question did not come in by them, for any choice on
    the way. AWS translates it (IGW-01), and whoever gets it has asked another address; Linux, which tracks flows, drops
    it at the gateway.
    """
    found: set[Component] = set()
    for there, back in analyzer.walks(flow):
        ways = [hop.component for hop in there.hops]
        asked = {(at.name, at.vpc) for at in ways if at.kind == "internet_gateway" and at.direction == "ingress"}
        found |= {
            at
            for at in (hop.component for hop in (back.hops if back else ()))
            if at.kind == "internet_gateway" and at.direction == "egress" and (at.name, at.vpc) not in asked
        }
    return found


def _in_a_circle(analysis: Analysis) -> bool:
    """Routes that lead back to where the packet was: it dies of its TTL, wherever that happens to be."""
    return any("in a circle" in reason.sentence for reason in analysis.explanations)


def _out_of_sight(analysis: Analysis) -> bool:
    """A datagram's answer that somebody takes for a question, and translates: a trace may know its new port no more."""
    return analysis.flow.protocol == "udp" and any(
        hop.component.kind in ("nat_gateway", "instance") and hop.before.source != hop.after.source
        for hop in analysis.back
    )


def _sample(drops: list[Analysis], count: int) -> list[Analysis]:
    """The same ones each time; of every kind of drop one, then of every kind another one."""
    seen: Counter[object] = Counter()
    ranked: list[tuple[int, int, Analysis]] = []
    for drop in random.Random(len(drops)).sample(drops, len(drops)):
        at = drop.verdict.dropped_at
        kind = at and (at.kind, at.direction), drop.verdict.on_the_way_back
        seen[kind] += 1
        ranked.append((seen[kind], len(ranked), drop))
    return [drop for _, _, drop in sorted(ranked, key=lambda held: held[:2])[:count]]


def _differs(one: Verdict, other: Verdict, who: bool = True) -> str:
    """The first field in which two verdicts differ. `who`: also in who dropped it."""
    fields = ("result", "on_the_way_back", "receiver", "seen_as", *(["dropped_at"] if who else []))
    return next((field for field in fields if getattr(one, field) != getattr(other, field)), "")


def _words(verdict: Verdict) -> str:
    words: list[str] = [verdict.result]
    if verdict.on_the_way_back:
        words.append("on the way back")
    if verdict.dropped_at is not None:
        words.append("at " + " ".join(filter(None, verdict.dropped_at)))
    if verdict.receiver:
        words.append(f"(arrived at {verdict.receiver} from {verdict.seen_as})")
    return " ".join(words)
