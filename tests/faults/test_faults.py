"""Every fault on the wire: the intended checks of a lesson fail, at whom the fault blames; after the undo all pass."""

import traceback
from collections.abc import Iterable

import pytest

from emulator.analysis import Analyzer
from emulator.lab import doors
from emulator.lab.faults import Done, active, break_, undo
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
        _felt(lesson, proof)
        _found_by_the_model(lesson, proof, done)
        _found_by_a_trace(lesson, proof, done)
    finally:
        undo(lesson.name)
    assert not failing(lesson), "after the undo"
    assert not active(lesson.name)
    there = recall(lesson.name)
    assert there.addresses == before.addresses
    wanted = settle(there.record.file, there.record.text, there.topology, [], there.addresses)
    assert not compare(wanted, there.record, doors.kernel()).steps, "the lab is not what its file says"


def _felt(lab: Lab, proof: Proof) -> None:
    wanted = {*proof.fails, *proof.elsewhere}
    wrong = failing(lab, wanted)
    assert wrong.keys() == wanted
    results = {line: verdict.result for line, verdict in wrong.items()}
    assert results == {line: "pass" if proof.elsewhere.get(line, INTENDED) is None else "drop" for line in wrong}


INTENDED = Component("internet", "a line that the fault's own component drops")


def _found_by_the_model(lab: Lab, proof: Proof, done: Done) -> None:
    there = recall(lab.name)
    analyzer = Analyzer(there.topology, there.addresses)
    (fault,) = done.came
    lines = expected(lab)
    for line in (*proof.fails, *proof.elsewhere):
        verdict = analyzer.verdict(lines[line].flow)
        assert verdict.dropped_at == proof.elsewhere.get(line, fault.broken.component), line


def _found_by_a_trace(lab: Lab, proof: Proof, done: Done) -> None:
    (fault,) = done.came
    lines = expected(lab)
    asked = [*proof.fails, *proof.elsewhere]
    for line, traced in zip(asked, trace(lab.name, [lines[line].flow for line in asked]), strict=True):
        assert traced.verdict.dropped_at == proof.elsewhere.get(line, fault.broken.component), line


def test_every_fault_has_a_proof() -> None:
    assert {proof.fault for _, proof in _CASES} == set(FAULTS)
