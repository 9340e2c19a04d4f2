"""An analysis as a person reads it: the verdict, the way hop by hop, and what stands against it."""

from collections.abc import Iterable, Mapping, Sequence

from emulator.analysis import Analysis, Explanation, Hop
from emulator.errors import Where
from emulator.report.flows import component_text, flow_text
from emulator.report.text import PLAIN, Paint, count, one_line, table
from emulator.topology.flows import Component


def headline(found: Analysis, target: str, paint: Paint = PLAIN) -> str:
    """The answer in one line."""
    verdict = found.verdict
    flow = one_line(flow_text(found.flow, target))
    if verdict.result == "refused":
        return f"{flow}: {paint.warn('refused')}: it arrives, and nobody listens there"
    if verdict.result == "pass":
        seen = " or ".join(map(str, found.seen_as))
        return f"{flow}: {paint.good('reachable')}" + (f", seen as {seen}" if seen else "")
    way = "the answer is dropped" if verdict.on_the_way_back else "dropped"
    at = f", {way} at {one_line(component_text(verdict.dropped_at))}" if verdict.dropped_at else ""
    word = "not always reachable" if found.partial else "not reachable"
    return f"{flow}: {paint.bad(word)}{at}"


def render(found: Analysis, target: str, file: str, paint: Paint = PLAIN) -> list[str]:
    """All of it. target: what the user called the destination. file: the topology file, for the lines."""
    lines = [headline(found, target, paint)]
    numbers = {(each.component, each.sentence): number for number, each in enumerate(found.explanations, 1)}
    for title, hops in (("Forward", found.forward), ("Return", found.back)):
        if hops:
            lines += ["", paint.bold(title), *_hops(hops, numbers, file, paint)]
    if found.explanations:
        lines += ["", paint.bold(_why(found))]
        for number, each in enumerate(found.explanations, 1):
            lines += _reason(number, each, file, paint)
    lines += [f"\nnote: {one_line(note)}" for note in found.notes]
    return lines


def _why(found: Analysis) -> str:
    if len(found.explanations) == 1:
        return "Why not"
    return f"Why not: {count(len(found.explanations), 'reason')}"


def _hops(hops: Sequence[Hop], numbers: Mapping[tuple[Component, str], int], file: str, paint: Paint) -> list[str]:
    """numbers: of the reasons, which are told in full below."""
    rows = []
    for hop in hops:
        sentence = hop.sentence.removeprefix(f"{hop.component.direction} ")
        if hop.action == "drop":
            sentence = f"drops: reason {numbers[hop.component, hop.sentence]}"
        mark = "DROP" if hop.action == "drop" else "pass"
        rows.append((mark, one_line(component_text(hop.component)), one_line(sentence), place(hop.where, file)))
    lines = table(("", "component", "what it does", "line"), rows, paint, "  ")
    return [line.replace("DROP", paint.bad("DROP"), 1) if line.startswith("  DROP") else line for line in lines]


def _reason(number: int, each: Explanation, file: str, paint: Paint) -> Iterable[str]:
    way = ", on the way back" if each.on_the_way_back else ""
    yield f"  {number}. {paint.bad(each.code)}  {one_line(component_text(each.component))}{way}"
    yield f"     {one_line(each.sentence)}"
    if at := place(each.where, file):
        path = f"  {paint.dim(each.where.path)}" if each.where.path else ""
        yield f"     {at}{path}"
    if each.hint:
        yield f"     hint: {one_line(each.hint)}"


def place(where: Where, file: str) -> str:
    """`nat.yaml:41`, or "" for what no line says."""
    return f"{file.rpartition('/')[2]}:{where.line}" if where.line else ""
