"""The plan, as a person reads it: AWS's words first, then the kernel's, each step with its reason."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from emulator.compile.state import Step
from emulator.report.text import PLAIN, Paint, count, one_line
from emulator.report.words import GLYPH, describe
from emulator.topology.changes import Change

MANY = 60  # steps above which a plan shows counts instead, unless asked
_KINDS = {
    "Netns": "namespace",
    "Sysctl": "sysctl",
    "Veth": "link",
    "LinkUp": "link to raise",
    "Address": "address",
    "Neighbour": "neighbour entry",
    "Route": "route",
    "PolicyRule": "policy rule",
    "Ruleset": "nftables ruleset",
    "FlushConntrack": "connection table to flush",
    "Service": "service",
    "Uplink": "uplink",
}
_PLURALS = {
    "Neighbour": "neighbour entries",
    "LinkUp": "links to raise",
    "FlushConntrack": "connection tables to flush",
}


def render(
    changes: Sequence[Change], steps: Sequence[Step], *, verbose: bool = False, paint: Paint = PLAIN
) -> list[str]:
    """The lines of a plan. `verbose`: every step, however many."""
    if not steps and not changes:
        return ["nothing to change"]
    lines = changes_text(changes, paint)
    if lines:
        lines.append("")
    if not steps:
        return [*lines, "nothing to change in the kernel"]
    short = len(steps) > MANY and not verbose
    lines.append(
        paint.bold(f"In the kernel: {count(len(steps), 'step')}{', by kind (--verbose lists them)' if short else ''}")
    )
    return lines + (_counted(steps, paint) if short else _listed(steps, paint))


def changes_text(changes: Sequence[Change], paint: Paint = PLAIN) -> list[str]:
    """What an edit changes, in AWS's words, VPC by VPC."""
    lines: list[str] = []
    for vpc, group in groupby(changes, key=lambda change: change.vpc):
        lines.append(paint.bold(f"VPC {vpc}" if vpc else "Outside the VPCs"))
        for change in group:
            lines.append(f"  {glyph(change.verb, paint)} {change.noun} {one_line(change.text)}".rstrip())
    return lines


def totals(steps: Sequence[Step]) -> str:
    """`12 to add, 1 to replace, 2 to remove, in 4 namespaces`."""
    verbs = Counter(step.verb for step in steps)
    parts = [f"{verbs[verb]:,} to {verb}" for verb in ("add", "replace", "remove") if verbs[verb]]
    return f"{', '.join(parts)}, in {count(len({step.node for step in steps}), 'namespace')}"


def glyph(verb: str, paint: Paint = PLAIN) -> str:
    """`+`, `~` or `-`, in its colour."""
    sign = GLYPH[verb]
    return {"+": paint.good, "-": paint.bad, "~": paint.warn}[sign](sign)


def _listed(steps: Sequence[Step], paint: Paint) -> list[str]:
    """Every step, grouped by node in the order in which the nodes are first touched."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.node, []).append(step)
    lines = []
    for node, group in groups.items():
        lines.append(f"  {paint.bold(node)}")
        width = min(60, max(len(describe(step.item)) for step in group))
        for step in group:
            what = one_line(describe(step.item)).ljust(width)
            lines.append(f"    {glyph(step.verb, paint)} {what}  {paint.dim(one_line(step.reason))}")
    return lines


def _counted(steps: Sequence[Step], paint: Paint) -> list[str]:
    """How many of what, in the order of execution."""
    tally = Counter((step.verb, type(step.item).__name__) for step in steps)
    return [
        f"  {glyph(verb, paint)} {count(number, _KINDS[kind], _PLURALS.get(kind, ''))}"
        for (verb, kind), number in tally.items()
    ]
