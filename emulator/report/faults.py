"""break as text and as JSON: the catalogue, what a lab was given, and what a trainer wants to see again."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Protocol, TypedDict

from emulator.report.flows import component_text
from emulator.report.text import PLAIN, Paint, one_line, table
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.flows import Component

WIDTH = 100
SHOWN = 8  # unmet lines


class ComponentShape(TypedDict):
    kind: str
    name: str
    vpc: str
    direction: str


class FaultShape(TypedDict):
    """A fault that a lab has on purpose."""

    fault: str
    on: str
    title: str
    what: str
    lesson: str
    component: ComponentShape


class ListedShape(TypedDict):
    """A fault of the catalogue. victims: what it could break; always empty without a lab."""

    fault: str
    title: str
    lesson: str
    victims: list[str]


class ExerciseShape(TypedDict):
    """`break --json` but for --list. Of a secret exercise only what is undone is told, until it is revealed.

    came, undone: names of faults. faults: all that the lab has now, the oldest first. unmet: what the lab no longer
    does of what its file expects.
    """

    lab: str
    secret: bool
    came: list[str]
    undone: list[str]
    faults: list[FaultShape]
    unmet: list[str]


class Active(Protocol):
    """A fault that a lab has, and the topology that has it."""

    @property
    def fault(self) -> Fault: ...
    @property
    def on(self) -> str: ...
    @property
    def broken(self) -> Broken: ...


class Done(Protocol):
    """What was done to a lab, or is to be revealed of it."""

    @property
    def lab(self) -> str: ...
    @property
    def came(self) -> Sequence[Active]: ...
    @property
    def gone(self) -> Sequence[Active]: ...
    @property
    def left(self) -> Sequence[Active]: ...
    @property
    def secret(self) -> bool: ...
    @property
    def unmet(self) -> Sequence[str]: ...


def exercise(done: Done, *, open_: bool) -> ExerciseShape:
    """open_: a secret is told."""
    hidden = done.secret and not open_
    return ExerciseShape(
        lab=done.lab,
        secret=done.secret,
        came=[] if hidden else [each.fault.name for each in done.came],
        undone=[each.fault.name for each in done.gone],
        faults=[] if hidden else [_fault(each) for each in done.left],
        unmet=[] if hidden else list(done.unmet),
    )


def _fault(active: Active) -> FaultShape:
    broken = active.broken
    return FaultShape(
        fault=active.fault.name,
        on=active.on,
        title=active.fault.title,
        what=broken.sentence,
        lesson=active.fault.lesson,
        component=ComponentShape(
            kind=broken.component.kind,
            name=broken.component.name,
            vpc=broken.component.vpc,
            direction=broken.component.direction,
        ),
    )


def listed(made: Fault, victims: Sequence[str]) -> ListedShape:
    return ListedShape(fault=made.name, title=made.title, lesson=made.lesson, victims=list(victims))


def catalogue(found: Sequence[ListedShape], lab: str, program: str, paint: Paint = PLAIN) -> list[str]:
    """A line for each fault; with a lab, first what it has something for."""
    if not lab:
        lines = table(("fault", "what is wrong"), [(each["fault"], each["title"]) for each in found], paint)
        return [*lines, "", f"What a lab has something for: {program} break --list LAB"]
    here = [each for each in found if each["victims"]]
    none = [each["fault"] for each in found if not each["victims"]]
    rows = [(each["fault"], each["title"], one_line(", ".join(each["victims"]))) for each in here]
    lines = table(("fault", "what is wrong", "could be broken (--on)"), rows, paint)
    return [*lines, *(["", f"Nothing to break in {lab} for: {', '.join(none)}"] if none else [])]


def exercise_text(shape: ExerciseShape, program: str, paint: Paint = PLAIN) -> list[str]:
    """What was done, or what is revealed."""
    lab = shape["lab"]
    if shape["undone"]:
        return [_undone(shape, paint)]
    if not shape["faults"]:
        return _secret(lab, program, paint) if shape["secret"] else [f"{lab} is not broken on purpose"]
    lines: list[str] = []
    for each in shape["faults"]:
        if shape["came"] and each["fault"] not in shape["came"]:
            continue  # it was there before
        guilty = each["component"]
        lines += [f"{paint.bold(lab)} is broken on purpose, {each['fault']}: {one_line(each['what'])}"]
        lines += wrap(each["lesson"], WIDTH, initial_indent="  ", subsequent_indent="  ")
        culprit = Component(guilty["kind"], one_line(guilty["name"]), guilty["vpc"], guilty["direction"])  # type: ignore[arg-type]
        lines += [f"  To be found guilty: {component_text(culprit)}", ""]
    return [*lines, *_unmet(shape["unmet"]), "", f"Back again: {program} break {lab} --undo"]


def _undone(shape: ExerciseShape, paint: Paint) -> str:
    left = [each["fault"] for each in shape["faults"]]
    now = f"still broken by {', '.join(left)}" if left else "it is what its file says"
    if shape["secret"]:
        now = "other faults are left"
    return f"{paint.bold(shape['lab'])}: undone {', '.join(shape['undone'])}; {now}"


def _secret(lab: str, program: str, paint: Paint) -> list[str]:
    """What may stand on a screen that learners see."""
    return [
        f"{paint.bold(lab)} is broken on purpose. What is wrong is a secret.",
        "",
        f"The answer: {program} break {lab} --reveal",
        f"Back again: {program} break {lab} --undo",
    ]


def _unmet(unmet: Sequence[str]) -> list[str]:
    if not unmet:
        return ["No line of `expect:` notices it."]
    more = [f"  and {len(unmet) - SHOWN} more"] if len(unmet) > SHOWN else []
    return ["Against what its file expects:", *(f"  {one_line(each)}" for each in unmet[:SHOWN]), *more]
