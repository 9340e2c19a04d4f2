"""The words of an answer to `reaches`: a line for an assertion, and all that explains it. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.analysis.answer import Analysis, Explanation
from emulator.report import trace
from emulator.topology.flows import Component, Verdict
from emulator.topology.traces import Trace


class Stopped(NamedTuple):
    """Who dropped it. why: in words; line: of the topology file, 0 where none is to blame."""

    by: Component | None
    way_back: bool
    why: str
    line: int


def stopped(way: Trace, analysis: Analysis) -> Stopped | None:
    """Who was seen to drop it, None if nobody was. The sentence and the line are the topology's for that component."""
    if way.dropped_at is None or not way.forward:
        return None
    reason = _reason(analysis, way.dropped_at)
    if reason is None:
        return Stopped(way.dropped_at, way.verdict.on_the_way_back, way.reason, 0)
    return Stopped(way.dropped_at, way.verdict.on_the_way_back, reason.sentence, reason.where.line)


def _reason(analysis: Analysis, component: Component | None) -> Explanation | None:
    return next((each for each in analysis.explanations if each.component == component), None)


def line(question: str, verdict: Verdict, expected: Sequence[IPv4Address], stopped: Stopped | None, file: str) -> str:
    """`dev -> 8.8.8.8 tcp 443: dropped at security group dev, egress (nat.yaml:43): no rule allows ...`."""
    if stopped is not None:
        place = f" ({file}:{stopped.line})" if stopped.line else ""
        back = " on the way back" if stopped.way_back else ""
        return f"{question}: dropped{back} at {component(stopped.by)}{place}: {stopped.why}"
    if verdict.result != "pass":
        return f"{question}: {verdict.result}{f' at {verdict.receiver}' if verdict.receiver else ''}"
    seen = f", seen as {verdict.seen_as}" if verdict.seen_as else ""
    wanted = f" and not as {' or '.join(map(str, expected))}" if expected and verdict.seen_as not in expected else ""
    return f"{question}: reached {verdict.receiver or 'it'}{seen}{wanted}"


def component(which: Component | None) -> str:
    """`security group web, ingress`."""
    if which is None:
        return "nobody known"
    kind = which.kind.replace("_", " ")
    name = "" if which.name == which.kind else f" {which.name}"
    return f"{kind}{name}{f', {which.direction}' if which.direction else ''}"


def explained(line: str, detail: str, analysis: Analysis, way: Trace | str, file: str) -> list[str]:
    """Every line for a report: the wire, the reasons, the packet's way. way: its trace, or why there is none."""
    told = [line, f"on the wire: {detail}"]
    told += [text for reason in analysis.explanations for text in _told(reason, file)]
    if isinstance(way, str):
        return [*told, way]
    if way.verdict.result != analysis.verdict.result:
        told.append(f"the topology alone says otherwise: {analysis.verdict.result}")
    return [*told, "", *trace.render(way)]


def _told(reason: Explanation, file: str) -> list[str]:
    place = f"{file}:{reason.where.line}: " if reason.where.line else ""
    hint = [f"    hint: {reason.hint}"] if reason.hint else []
    return [f"{place}{reason.sentence} [{reason.code}]", *hint]
