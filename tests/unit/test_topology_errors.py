"""Every wrong file of tests/cases/errors against its golden: the messages are an interface.

`scripts/regen-errors` writes the goldens anew; read the difference as somebody who makes that mistake.
"""

from pathlib import Path

import pytest

from emulator.topology.load import load

CASES = sorted((Path(__file__).parents[1] / "cases/errors").glob("*.yaml"))
ONLY_WARNINGS = {case.stem for case in CASES if case.stem.startswith("warnings")}


def test_there_are_cases() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_wrong_file(case: Path) -> None:
    topology, problems = load(case.read_text(), case.name)
    said = "".join(problem.render(case.name) + "\n" for problem in problems)
    assert said == case.with_suffix(".log").read_text(), "scripts/regen-errors, then read the diff"
    assert (topology is not None) == (case.stem in ONLY_WARNINGS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_problems_are_in_the_order_of_the_file_and_point_into_it(case: Path) -> None:
    lines = case.read_text().split("\n")
    _, problems = load(case.read_text(), case.name)
    places = [(problem.where.line, problem.where.column) for problem in problems if problem.where.line]
    assert places == sorted(places)
    for line, column in places:
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    assert len(set(problems)) == len(problems)
