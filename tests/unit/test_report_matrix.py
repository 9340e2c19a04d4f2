"""Who reaches whom, as a table and as a list."""

import json
from pathlib import Path

from emulator.report.matrix import Cell, Group, Matrix, text

DOCS = Path(__file__).parent.parent.parent / "docs" / "json.md"


def matrix(groups: list[list[str]], results: list[list[Cell]], tried: int = 20, silent: tuple[str, ...] = ()) -> Matrix:
    return Matrix(
        lab="nat",
        protocol="tcp",
        port=443,
        endpoints=5,
        pairs=20,
        tried=tried,
        silent=list(silent),
        seconds=1.5,
        groups=[Group(members=members) for members in groups],
        results=results,
    )


def test_a_table() -> None:
    found = text(
        matrix(
            [["web"], ["a", "b", "c", "d", "e"], ["out"]],
            [["", "drop", "pass"], ["refused", "pass", "drop"], ["pass", "error", ""]],
        )
    )
    assert found == [
        "from, to:           web      a, b, c and 2 more  out",
        "web                          -                   yes",
        "a, b, c and 2 more  refused  yes                 -",
        "out                 yes      error",
        "",
        "nat, tcp 443: 5 endpoints, all 20 pairs tried (1.5 s)",
    ]


def test_what_is_too_wide_for_a_table_is_a_list() -> None:
    names = [[f"instance-{number:08}"] for number in range(12)]
    results: list[list[Cell]] = [["drop"] * 12 for _ in names]
    results[0][3], results[0][4], results[1][0] = "pass", "error", "pass"
    lines = text(matrix(names, results, tried=7, silent=("dev",)))
    assert max(map(len, lines)) < 120
    assert lines[:5] == [
        "instance-00000000 reaches",
        "  instance-00000003",
        "  instance-00000004 (error)",
        "instance-00000001 reaches",
        "  instance-00000000",
    ]
    assert lines[5] == "instance-00000002 reaches nobody"
    assert "7 of 20 pairs tried" in lines[-2]
    assert lines[-1] == "no sign of life from dev: silence there proves nothing"


def test_its_json_is_as_documented() -> None:
    sample = json.loads(DOCS.read_text().partition("\n## matrix\n")[2].partition("```json\n")[2].partition("```")[0])
    assert sample.keys() == matrix([], []).keys()
    assert sample["groups"][0].keys() == Group(members=[]).keys()
