"""test: does a lab do what its file expects? Brings the lab up, and down again, if it is not up already."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from emulator.errors import ExitCode, Problem, TopologyError, UsageError
from emulator.lab import doors, places, reasons, running, source
from emulator.lab.down import down
from emulator.lab.expected import Judged, judge
from emulator.lab.lent import lent
from emulator.lab.probe import WINDOW
from emulator.lab.ticking import ticking
from emulator.lab.undisturbed import undisturbed
from emulator.lab.up import Interrupted, Progress, no_progress, up
from emulator.report.tested import Finding, Findings, Got, Outcome, Reason, Summary, Want
from emulator.topology.expand import Expected, expand
from emulator.topology.given import Addresses
from emulator.topology.model import Topology


class _Lab(NamedTuple):
    """A lab that is up, with what a file expects of it.

    meant: what the file says. topology: what the lab is made of, which differs where it was broken on purpose.
    called: the addresses that the file's names stand for. secret: nothing may tell how it was broken.
    """

    name: str
    file: str
    meant: Topology
    topology: Topology
    addresses: Addresses
    called: Addresses
    brought_up: bool = False
    complaints: Sequence[str] = ()
    secret: bool = False


def check(
    target: str | None = None,
    *,
    trust: bool = False,
    window: float = WINDOW,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Findings:
    """Send every flow that the file expects something of, and say what became of it and why.

    target: a file, or the name of a lab that is up; None for the only one that is. A file whose lab is up is tried
    there if the lab is what the file says (its `expect:` may be another); if not, that is a UsageError. A lab that
    was not up is taken down again.
    window: how long a drop must stay silent, in seconds. say: gets a sentence when there is something to know.
    TopologyError, UsageError: the file is wrong or expects nothing, or there is no such lab.
    """
    began = time.monotonic()
    with _lab(target, trust, progress, say) as lab:
        for complaint in lab.complaints:
            say(complaint)
        expected = _expected(lab)
        with undisturbed(lab.name):
            judged = ticking(
                progress,
                f"trying {len(expected):,} flows",
                lambda: judge(lab.name, lab.topology, lab.addresses, expected, window),
            )
            flows = _explained(lab, judged)
    outcomes = [flow["outcome"] for flow in flows]
    return Findings(
        lab=lab.name,
        file=lab.file,
        brought_up=lab.brought_up,
        seconds=round(time.monotonic() - began, 3),
        summary=Summary(
            flows=len(flows),
            ok=outcomes.count("ok"),
            differs=outcomes.count("differs"),
            inconclusive=outcomes.count("inconclusive"),
        ),
        flows=flows,
    )


def exit_code(facts: Findings) -> ExitCode:
    """0 as expected, 1 something differs, 3 something could not be decided."""
    if facts["summary"]["differs"]:
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if facts["summary"]["inconclusive"] else ExitCode.OK


@contextmanager
def _lab(target: str | None, trust: bool, progress: Progress, say: Callable[[str], None]) -> Iterator[_Lab]:
    if target is None or not _is_file(target):
        found = running.recall(target)
        yield _running(found, found.record.file, running.of_file(found.record))
        return
    text = source.read(target)
    topology, _ = source.load(text, target)
    _nothing_expected(topology, target)
    with lent(topology.name, say) as ours:
        if ours:
            with _brought_up(target, text, topology, trust, progress, say) as lab:
                yield lab
            return
        found = running.recall(topology.name)
        if replace(running.of_file(found.record), expect=()) != replace(topology, expect=()):
            raise UsageError(
                f"lab {topology.name} is up, and is not what {target} says",
                f"`vpcemu up {target}` makes it so; `vpcemu test {topology.name}` tests what is up",
            )
        yield _running(found, target, topology)


@contextmanager
def _brought_up(
    file: str, text: str, topology: Topology, trust: bool, progress: Progress, say: Callable[[str], None]
) -> Iterator[_Lab]:
    """For as long as the test runs."""
    try:
        done = up(file, text=text, trust=trust, progress=progress, say=say)
        wanted = done.plan.wanted
        yield _Lab(
            wanted.lab, file, topology, wanted.topology, wanted.addresses, wanted.addresses, True, done.complaints
        )
    except Interrupted:  # what it says of an incomplete lab is not true: that goes as well
        raise KeyboardInterrupt from None
    finally:
        down(topology.name)


def _running(found: running.Running, file: str, meant: Topology) -> _Lab:
    exercise = found.record.exercise
    secret = exercise is not None and exercise.secret
    # By name everybody is meant where they are now; who has no address any more is called by the one they had.
    last = exercise.before if exercise else found.addresses
    called = Addresses(last.private | found.addresses.private, last.public | found.addresses.public)
    return _Lab(found.lab, file, meant, found.topology, found.addresses, called, secret=secret)


def _is_file(target: str) -> bool:
    """A lab's name is no path; a file in the current directory may be called as a lab is."""
    if target in places.recorded() and not os.path.isfile(target):
        return False
    return target == source.STDIN or "/" in target or "." in target or os.path.isfile(target)


def _nothing_expected(topology: Topology, file: str) -> None:
    if not topology.expect:
        hint = "`expect: [{from: dev, to: web, port: 80, result: pass}]`"
        raise UsageError(f"{file} expects nothing: it has no list `expect`", hint)


def _expected(lab: _Lab) -> list[Expected]:
    _nothing_expected(lab.meant, lab.file)
    expected, wrong = expand(lab.meant, lab.called)
    if wrong:
        raise TopologyError(lab.file, tuple(wrong))
    if not expected:
        what = "the expectations come down to no flow at all"
        raise TopologyError(lab.file, (Problem(lab.meant.expect[0].where, what),))
    return expected


def _explained(lab: _Lab, judged: Sequence[Judged]) -> list[Finding]:
    """With the way that a flow took, where one is expected, and with reasons for what is otherwise."""
    guided = [index for index, each in enumerate(judged) if each.expected.expectation.via and not each.differs]
    ways = reasons.paths(lab.name, lab.topology, lab.addresses, [judged[index].expected.flow for index in guided])
    astray = {index: reasons.not_via(judged[index], way) for index, way in zip(guided, ways, strict=True)}
    judged = [each._replace(differs=astray[index]) if astray.get(index) else each for index, each in enumerate(judged)]
    surprising = [each for each in judged if each.differs]
    known = iter(
        [[] for _ in surprising]  # somebody is to find out by trace
        if lab.secret
        else reasons.reasons(lab.name, lab.topology, lab.addresses, surprising)
    )
    return [_flow(each, next(known) if each.differs else []) for each in judged]


def _flow(judged: Judged, why: list[Reason]) -> Finding:
    flow, expectation = judged.expected.flow, judged.expected.expectation
    got = judged.outcome.verdict
    outcome: Outcome = "differs" if judged.differs else "inconclusive" if judged.doubt else "ok"
    return {
        "name": expectation.name,
        "from": judged.expected.source,
        "to": judged.expected.target,
        "source_ip": str(flow.source_ip),
        "destination": str(flow.to),
        "protocol": flow.protocol,
        "port": flow.port,
        "icmp_type": flow.icmp_type,
        "icmp_code": flow.icmp_code,
        "line": expectation.where.line,
        "want": Want(
            result=expectation.result,
            seen_as=str(expectation.seen_as or ""),
            via=list(expectation.via),
            payload=expectation.payload,
        ),
        "got": Got(
            result=got.result,
            seen_as=str(got.seen_as or ""),
            receiver=got.receiver,
            detail=judged.outcome.detail,
        ),
        "outcome": outcome,
        "why": judged.differs or judged.doubt,
        "reasons": why,
    }
