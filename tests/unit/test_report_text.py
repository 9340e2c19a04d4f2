"""Tables, counts, durations, colours."""

import pytest

from emulator.report import text


def test_a_table_is_aligned_and_leaves_out_empty_columns() -> None:
    rows = [("a", "", "1"), ("long name", "", "")]
    assert text.table(("name", "unused", "n"), rows) == ["name       n", "a          1", "long name"]


def test_a_table_without_rows_has_no_head() -> None:
    assert text.table(("name",), []) == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0.00 s"),
        (0.144, "0.14 s"),
        (3.21, "3.2 s"),
        (59.9, "60 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172800, "2 days"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


def test_counts() -> None:
    assert text.count(1, "VPC") == "1 VPC"
    assert text.count(1000, "entry", "entries") == "1,000 entries"
    assert text.counts((2, "VPC"), (0, "instance"), (1, "outside host")) == "2 VPCs, 1 outside host"


def test_colours_or_none() -> None:
    assert text.Paint(False).bad("x") == "x"
    assert text.Paint(True).bad("x") == "\033[31mx\033[0m"
    assert text.Paint(True).bad("") == ""


def test_a_strangers_words_do_not_drive_the_terminal() -> None:
    assert text.one_line("a\033[2Jb\nc\u202ed é") == "a?[2Jb?c?d é"
