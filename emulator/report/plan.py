"""The plan, as a person reads it: AWS's words first, then the kernel's, each step with its reason."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from emulator.compile.state import Netns, Step
from emulator.compile.words import describe
from emulator.report.text import PLAIN, Paint, count, one_line
from emulator.report.words import GLYPH
from emulator.topology.changes import Change

MANY_STEPS = 250  # above which a plan shows counts instead, unless asked; nat.yaml has some 150
MANY_CHANGES = 80

_KINDS = {
    "Netns": ("namespace", ""),
    "Sysctl": ("sysctl", ""),
    "Veth": ("link", ""),
    "LinkUp": ("link to raise", "links to raise"),
    "Address": ("address", "addresses"),
    "Neighbour": ("neighbour entry", "neighbour entries"),
    "Route": ("route", ""),
    "PolicyRule": ("policy rule", ""),
    "Ruleset": ("nftables ruleset", ""),
    "FlushConntrack": ("connection table to flush", "connection tables to flush"),
    "Service": ("service", ""),
    "Uplink": ("uplink", ""),
}

# vpcs.main.security_groups.web.ingress[0]: whose change it is, and which part. Names of outside hosts hold dots.
_INSIDE = re.compile(r"vpcs\.[^.]+\.(?P<kind>[a-z_]+)\.(?P<owner>[^.]+)\.(?P<part>.+)")
_OUTSIDE = re.compile(r"internet\.hosts\.(?P<owner>.+)\.(?P<part>services.*|ip)")
_OWNER = {
    "subnets": "subnet",
    "route_tables": "route table",
    "nat_gateways": "NAT gateway",
    "target_groups": "target group",
    "load_balancers": "load balancer",
    "vpc_endpoint_services": "endpoint service",
    "vpc_endpoints": "VPC endpoint",
    "security_groups": "security group",
    "instances": "instance",
}


def render(
    changes: Sequence[Change],
    steps: Sequence[Step],
    flows: Sequence[str] = (),
    *,
    verbose: bool = False,
    paint: Paint = PLAIN,
) -> list[str]:
    """The lines of a plan. `verbose`: every change and step, however many. `flows`: lines on what opens and closes."""
    if not steps and not changes:
        return ["nothing to change"]
    lines = []
    if changes:
        short = len(changes) > MANY_CHANGES and not verbose
        lines += [*(_changes_counted(changes, paint) if short else changes_text(changes, paint)), ""]
    if flows:
        lines += [*flows, ""]
    if not steps:
        return [*lines, "nothing to change in the kernel"]
    shown = as_seen(steps)
    if len(steps) > MANY_STEPS and not verbose:
        lines += [paint.bold(f"In the kernel: {count(len(steps), 'step')} (--verbose lists them)")]
        return lines + _steps_counted(shown, paint)
    return [*lines, paint.bold(f"In the kernel: {count(len(steps), 'step')}"), *_steps_listed(shown, paint)]


def changes_text(changes: Sequence[Change], paint: Paint = PLAIN) -> list[str]:
    """What an edit changes, in AWS's words, VPC by VPC; parts of something new are indented below it."""
    lines: list[str] = []
    for vpc, group in groupby(changes, key=lambda change: change.vpc):
        lines.append(paint.bold(f"VPC {vpc}" if vpc else "Outside the VPCs"))
        whole = ""  # the path of the last thing that came as a whole
        for change in group:
            below = bool(whole) and change.path.startswith(f"{whole}.")
            if change.verb == "add" and not below and change.noun != "VPC":
                whole = change.path
            indent = "      " if below else "  "
            lines.append(f"{indent}{glyph(change.verb, paint)} {one_line(change_text(change, short=below))}".rstrip())
    return lines


def as_seen(steps: Sequence[Step]) -> list[Step]:
    """Steps as a reader sees them: in a new namespace nothing is replaced, everything is added."""
    new = {step.node for step in steps if isinstance(step.item, Netns) and step.verb == "add"}
    return [step._replace(verb="add") if step.verb == "replace" and step.node in new else step for step in steps]


def totals(steps: Sequence[Step]) -> str:
    """`12 to add, 1 to replace, 2 to remove, in 4 namespaces`."""
    verbs = Counter(step.verb for step in as_seen(steps))
    parts = [f"{verbs[verb]:,} to {verb}" for verb in ("add", "replace", "remove") if verbs[verb]]
    return f"{', '.join(parts)}, in {count(len({step.node for step in steps}), 'namespace')}"


def glyph(verb: str, paint: Paint = PLAIN) -> str:
    """`+`, `~` or `-`, in its colour."""
    sign = GLYPH[verb]
    return {"+": paint.good, "-": paint.bad, "~": paint.warn}[sign](sign)


def change_text(change: Change, *, short: bool = False) -> str:
    """`security group web: ingress tcp 80 from 0.0.0.0/0`; `short`: without the owner, which stands above."""
    found = _INSIDE.fullmatch(change.path) or _OUTSIDE.fullmatch(change.path)
    if found is None:
        return f"{change.noun} {change.text}"
    direction = re.match(r"(ingress|egress)\[", found["part"])
    told = direction and change.text.startswith(f"{direction[1]} ")  # an ACL's entry says it: its number is of one
    what = f"{direction[1]} {change.text}" if direction and not told else change.text
    named = change.noun == "service" or (change.noun == "network interface" and change.path.endswith("]"))
    if named:
        what = f"{change.noun} {what}"
    if short:
        return what if direction or named or "secondary private IP" in what else f"{change.noun} {what}"
    owner = _OWNER.get(found["kind"], change.noun) if found.re is _INSIDE else "outside host"
    return f"{owner} {found['owner']}: {'route ' if change.noun == 'route' else ''}{what}"


def _changes_counted(changes: Sequence[Change], paint: Paint) -> list[str]:
    tally = Counter((change.verb, change.noun) for change in changes)
    head = paint.bold(f"In the topology: {count(len(changes), 'change')} (--verbose lists them)")
    return [head, *(f"  {glyph(verb, paint)} {number:,} × {noun}" for (verb, noun), number in tally.items())]


def _steps_listed(steps: Sequence[Step], paint: Paint) -> list[str]:
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


def _steps_counted(steps: Sequence[Step], paint: Paint) -> list[str]:
    """How many of what, in the order of execution."""
    tally = Counter((step.verb, type(step.item).__name__) for step in steps)
    return [f"  {glyph(verb, paint)} {count(number, *_KINDS[kind])}" for (verb, kind), number in tally.items()]
