"""Every fault on the wire: the intended checks of a lesson fail, at whom the fault blames; after the undo all pass."""

import traceback
from collections.abc import Iterable

import pytest

from emulator.analysis import Analyzer
from emulator.lab import doors
from emulator.lab.faults import active, break_, undo
from emulator.lab.noticed import called
from emulator.lab.plan import compare, settle
from emulator.lab.probe import probe
from emulator.lab.running import of_file, recall
from emulator.lab.trace import trace
from emulator.topology.expand import Expected, expand
from emulator.topology.faults import FAULTS
from emulator.topology.flows import Component, Verdict
from tests.faults.proofs import PROOFS, Proof
from tests.support import children
from tests.support import lab as labs
from tests.support.lab import Lab

WINDOWS = (0.12, 1.0)  # seconds of silence: enough on an idle machine; and what a surprise is asked again with

WORKERS = 4  # children that share the lessons: most of the time is spent waiting for silence

_CASES = [(lesson, proof) for lesson, proofs in PROOFS.items() for proof in proofs]


@pytest.fixture(scope="session")
def proven(request: pytest.FixtureRequest) -> dict[str, str]:
    """What went wrong with each of the proofs that were asked for, by lesson and proof; "" if nothing did."""
    chosen: dict[str, list[Proof]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.originalname == test_a_fault_is_felt_found_and_undone.__name__:
            lesson, proof = item.callspec.params["lesson"], item.callspec.params["proof"]
            assert isinstance(lesson, str)
            assert isinstance(proof, Proof)
            chosen.setdefault(lesson, []).append(proof)
    shares: list[list[str]] = [[] for _ in range(WORKERS)]
    for lesson in sorted(chosen, key=lambda lesson: -len(chosen[lesson])):
        min(shares, key=lambda share: sum(len(chosen[held]) for held in share)).append(lesson)
    found = children.at_once(*(lambda share=share: _prove(share, chosen) for share in shares if share))
    return {name: wrong for share in found for name, wrong in share.items()}


def _prove(share: list[str], chosen: dict[str, list[Proof]]) -> dict[str, str]:
    """A lesson that is up and does what it says, and one proof after the other."""
    found = {}
    for lesson in share:
        with labs.up(labs.TOPOLOGIES / f"{lesson}.yaml") as lab:
            assert not failing(lab), lesson
            for proof in chosen[lesson]:
                try:
                    prove(lab, proof)
                    found[f"{lesson} {proof}"] = ""
                except Exception:  # noqa: BLE001 - told to the test whose proof it is
                    found[f"{lesson} {proof}"] = traceback.format_exc()
    return found


@pytest.mark.parametrize(("lesson", "proof"), _CASES, ids=str)
def test_a_fault_is_felt_found_and_undone(lesson: str, proof: Proof, proven: dict[str, str]) -> None:
    wrong = proven[f"{lesson} {proof}"]
    if wrong:
        pytest.fail(wrong, pytrace=False)


def expected(lab: Lab) -> dict[str, Expected]:
    """Every line of the file's `expect:`, by its name in the table of proofs."""
    there = recall(lab.name)
    flows, problems = expand(of_file(there.record), called(there.record.kept, there.addresses))
    assert not problems
    port = {each: f":{each.flow.port}" if each.flow.port else "" for each in flows}
    named = {f"{each.source} > {each.target}{port[each]}": each for each in flows}
    assert len(named) == len(flows)
    return named


def failing(lab: Lab, wanted: Iterable[str] = ()) -> dict[str, Verdict]:
    """The lines that the wire does not do as expected. If they are not the wanted ones, it is asked more patiently."""
    found: dict[str, Verdict] = {}
    for window in WINDOWS:
        found = _failing(lab, window)
        if found.keys() == set(wanted):
            break
    return found


def _failing(lab: Lab, window: float) -> dict[str, Verdict]:
    lines = expected(lab)
    refused = [line for line, each in lines.items() if each.expectation.result == "refused"]
    heard = [line for line in lines if line not in refused]
    outcomes = probe(lab.name, [lines[line].flow for line in heard], window=window)
    if refused:
        outcomes += probe(lab.name, [lines[line].flow for line in refused], listen=False, window=window)
    found = {}
    for line, outcome in zip((*heard, *refused), outcomes, strict=True):
        wanted, verdict = lines[line].expectation, outcome.verdict
        seen = wanted.seen_as is None or wanted.seen_as == verdict.seen_as
        if verdict.result != wanted.result or not seen:
            found[line] = verdict
    return found


def prove(lesson: Lab, proof: Proof) -> None:
    before = recall(lesson.name)
    done = break_(lesson.name, proof.fault, on=proof.on)
    try:
        (fault,) = done.came
        guilty = _guilty(lesson, proof, fault.broken.component)
        _felt(lesson, guilty)
        _found_by_the_model(lesson, guilty)
        _found_by_a_trace(lesson, guilty)
    finally:
        undo(lesson.name)
    assert not failing(lesson), "after the undo"
    assert not active(lesson.name)
    there = recall(lesson.name)
    assert there.addresses == before.addresses
    wanted = settle(there.record.file, there.record.text, there.topology, [], there.addresses)
    assert not compare(wanted, there.record, doors.kernel()).steps, "the lab is not what its file says"


def _guilty(lab: Lab, proof: Proof, blamed: Component) -> dict[str, Component | None]:
    """The lines that fail, and at whom."""
    hoped = [line for line, each in expected(lab).items() if each.expectation.result != "drop"]
    return {line: blamed if guilty == "fault" else guilty for line, guilty in proof.lines(hoped).items()}


def _felt(lab: Lab, guilty: dict[str, Component | None]) -> None:
    wrong = failing(lab, guilty)
    assert wrong.keys() == guilty.keys()
    results = {line: verdict.result for line, verdict in wrong.items()}
    assert results == {line: "drop" if at else "pass" for line, at in guilty.items()}


def _found_by_the_model(lab: Lab, guilty: dict[str, Component | None]) -> None:
    there = recall(lab.name)
    analyzer = Analyzer(there.topology, there.addresses)
    lines = expected(lab)
    assert {line: analyzer.verdict(lines[line].flow).dropped_at for line in guilty} == guilty


def _found_by_a_trace(lab: Lab, guilty: dict[str, Component | None]) -> None:
    lines = expected(lab)
    traces = trace(lab.name, [lines[line].flow for line in guilty])
    assert {line: found.verdict.dropped_at for line, found in zip(guilty, traces, strict=True)} == guilty


def test_every_fault_has_a_proof() -> None:
    assert {proof.fault for _, proof in _CASES} == set(FAULTS)
