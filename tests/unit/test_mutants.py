"""Every mutant of scripts/mutation still fits the source that it breaks, and is still Python."""

import pytest

from tests.mutation.__main__ import REPOSITORY
from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies(mutant: Mutant) -> None:
    text = (REPOSITORY / "emulator" / mutant.file).read_text(encoding="utf-8")
    broken = mutant.apply(text)
    assert broken != text
    compile(broken, mutant.file, "exec")
    assert all((REPOSITORY / "tests/conformance" / name).exists() for name in mutant.tests)


def test_there_are_enough_and_no_name_is_used_twice() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25
