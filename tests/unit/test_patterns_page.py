"""The comparison of the four ways: which cells there are, and how they are shown."""

import json
from pathlib import Path

import pytest

from emulator.errors import UsageError
from tests.patterns import page
from tests.patterns.measure import MEASURES, Measured
from tests.patterns.networks import WAYS
from tests.patterns.page import Explanation, Result
from tests.patterns.published import COLUMNS, ROWS, Cell, chosen, published


def cell(word: str) -> Cell:
    [found] = chosen([word])
    return found


def shown(*results: Result) -> str:
    return page.text(results, 3.2, evidence=False, width=80, colours=False)


GOOD = Result(cell("three/peering"), Measured("△", ("4 of 6 pass",)))
WRONG = Result(cell("three/tgw"), Measured("×", ("h1 -> h3: dropped",)))
UNKNOWN = Result(cell("overlap/peering"), None, "h1 -> h2: dropped")


def test_every_cell_of_the_comparison_is_tried() -> None:
    assert len(chosen([])) == len(ROWS) * len(COLUMNS) == 44
    assert MEASURES.keys() == {row.key for row in ROWS}
    assert WAYS.keys() == {column.key for column in COLUMNS}


def test_what_was_published() -> None:
    assert [published(each) for each in chosen(["privatelink"])] == [
        *("yes", "no", "27.576", "yes", "○", "○", "△", "○", "△", "○", "×")
    ]


def test_choosing() -> None:
    assert chosen(["three/tgw", "overlap"]) == [cell("three/tgw"), *chosen(["overlap"])]
    assert chosen(["tgw/three"]) == chosen(["three/tgw"])
    for wrong in ("thre", "three/tgv", "", "three/tgw/igw"):
        with pytest.raises(UsageError, match="there is no"):
            chosen([wrong])


def test_a_cell_is_red_unless_it_is_as_published_or_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.well for each in (GOOD, WRONG, UNKNOWN)] == [True, False, False]
    monkeypatch.setitem(page.EXPLAINED, ("three", "tgw"), Explanation("×", "AWS has changed it"))
    assert WRONG.well
    assert "AWS has changed it" in page.markdown([WRONG], 1, evidence=True)
    other = WRONG._replace(found=Measured("△", ()))
    assert not other.well, "the explanation is of another value"


def test_the_table() -> None:
    assert (
        shown(GOOD, WRONG, UNKNOWN)
        == f"""\
                         VPC peering      Transit Gateway
Three or more VPCs       △                × (published ○)
Overlapping CIDR blocks  ? (published ×)

Three or more VPCs: does one more connection join one more VPC to all others?
    tried: a third VPC joined by one step: who reaches whom; if not everybody,
      again with all steps
  Transit Gateway: × (published ○)  differs
    h1 -> h3: dropped

Overlapping CIDR blocks: can both VPCs have the same block?
    tried: both are 10.0.0.0/16
  VPC peering: ? (published ×)  not measured
    h1 -> h2: dropped

{page.LEGEND}
3 cells: 1 as published, 1 differs, 1 not measured, in 3 s"""
    )


def test_the_page_in_the_documentation_has_every_cell_as_published() -> None:
    text = (Path(__file__).parents[2] / "docs" / "patterns.md").read_text(encoding="utf-8")
    assert text.startswith(page.INTRODUCTION)
    for row in ROWS:
        assert f"| {row.title} | {' | '.join(row.values)} |\n" in text


def test_the_other_forms() -> None:
    assert page.markdown([GOOD, WRONG], 3, evidence=False) == (
        f"{page.INTRODUCTION}\n"
        "| | VPC peering | Transit Gateway |\n|---|---|---|\n| Three or more VPCs | △ | **× (published ○)** |\n\n"
        f"{page.LEGEND}\n2 cells: 1 as published, 1 differs, in 3 s"
    )
    shape = json.loads(page.as_json([GOOD, UNKNOWN], 3))
    assert shape["failed"]
    assert [each["state"] for each in shape["cells"]] == ["as published", "not measured"]
    assert shape["cells"][1]["reason"] == "h1 -> h2: dropped"
