"""Connections that run while their topology is edited: the model and the wire agree on who is cut, and who lives on."""

import os
import random
from pathlib import Path

import pytest

from tests.differential import edits

SEED = int(os.environ.get("VPCEMU_SEED", "2026"))
TOPOLOGIES = 12


@pytest.mark.parametrize("batch", range(2))
def test_who_is_cut_by_an_edit(batch: int, tmp_path: Path) -> None:
    tally = edits.Tally()
    for number in range(TOPOLOGIES):
        found = edits.examine(random.Random(f"{SEED} {batch} {number}"), tally)
        if found:
            path = edits.keep(found[0], tmp_path)
            pytest.fail(f"VPCEMU_SEED={SEED}: {found[0]}\n\nwritten, {path}:\n{path.read_text(encoding='utf-8')}")
    print(tally)
    assert tally.asked > 60 * TOPOLOGIES
    assert tally.asked / 50 < tally.cut < tally.asked / 2, "edits that cut nobody, or everybody, prove little"
