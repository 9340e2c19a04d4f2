"""The arithmetic of scripts/bench: medians, bounds, the table, the page."""

import pytest

from scripts.benchlib.phases import Stopwatch
from scripts.benchlib.report import MEANING, document, phases_table
from scripts.benchlib.stats import Bound, Result, Samples, figure, results_table, shown, table

OURS = Samples("vpcemu", "ms", (130.0, 120.0, 500.0))
THEIRS = Samples("C", "ms", (100.0, 101.0, 99.0))


def test_a_ratio_is_the_quotient_of_the_medians_and_one_bad_round_does_not_spoil_it() -> None:
    result = Result("kernel", "up", OURS, THEIRS, bound=Bound(1.3))
    assert result.value == pytest.approx(1.3)
    assert result.verdict == "met"
    assert list(result.spread) == pytest.approx([120 / 101, 500 / 99])


def test_a_missed_bound_says_so() -> None:
    assert Result("kernel", "up", OURS, THEIRS, bound=Bound(1.29)).verdict == "missed"
    assert Result("mininet", "up", OURS, THEIRS, bound=Bound(8, "at least")).verdict == "missed"


def test_a_difference_and_a_fact() -> None:
    assert Result("exec", "more", OURS, THEIRS, "difference", Bound(60)).value == pytest.approx(30)
    fact = Result("large", "up", OURS, relation="fact")
    assert (fact.value, fact.verdict, fact.spread) == (130, "", (120, 500))


def test_unequal_numbers_of_rounds_are_compared_with_the_median() -> None:
    assert Result("x", "x", OURS, Samples("C", "ms", (100.0,))).spread == (1.2, 5.0)


def test_nothing_to_divide_by_is_no_crash() -> None:
    assert Result("x", "x", OURS, Samples("C", "ms", (0.0,))).value == float("inf")


def test_samples_per_instance() -> None:
    assert Samples("loop", "s", (2.0, 4.0)).each(2, "s each").values == (1.0, 2.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0123, "0.0123"), (0.05, "0.0500"), (0.5, "0.500"), (1.29999, "1.30"), (8, "8.00"), (10, "10"),
        (45.67, "45.7"), (123.4, "123"), (12345.6, "12,346"), (-2.5, "-2.50"),
    ],
)  # fmt: skip
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_bounds_are_printed_as_they_are_required() -> None:
    assert [str(Bound(1.3)), str(Bound(8, "at least"))] == ["≤ 1.30", "≥ 8.00"]


def test_samples_are_shown_with_their_range() -> None:
    assert shown(OURS) == "130 ms (120 - 500)"
    assert shown(Samples("", "s", (1.5,))) == "1.50 s"
    assert shown(None) == ""


def test_a_table_is_markdown() -> None:
    assert table([("a", "bb"), ("ccc", "d")]) == "| a   | bb |\n| --- | -- |\n| ccc | d  |"


def test_every_result_is_one_line_with_bound_and_verdict() -> None:
    text = results_table([Result("kernel", "up", OURS, THEIRS, bound=Bound(1.3)), Result("large", "up", OURS)])
    lines = text.splitlines()
    assert len(lines) == 4
    assert "1.30× (1.19 - 5.05)" in lines[2]
    assert "≤ 1.30" in lines[2]
    assert lines[2].rstrip(" |").endswith("met")


def test_the_page_names_the_machine_the_results_and_what_could_not_be_measured() -> None:
    page = document(
        [("kernel", "6.1")],
        "1000 instances.",
        [Result("kernel", "up", OURS, THEIRS, bound=Bound(1.3))],
        {"first": ({"imports": 0.25}, 1.0)},
        {"mininet": "it is broken"},
    )
    for part in (
        "6.1",
        "1000 instances.",
        "`mininet` could not be measured: it is broken",
        "250 ms, 25 %",
        "**kernel.**",
    ):
        assert part in page
    assert MEANING["exec"] not in page


def test_phases_of_several_commands_stand_side_by_side() -> None:
    text = phases_table({"up": ({"imports": 0.1, "nft": 0.4}, 1.0), "down": ({"imports": 0.1}, 0.2)})
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == ["imports", "nft", "whole command"]
    assert "100 ms, 50 %" in text


def test_time_belongs_to_the_innermost_phase() -> None:
    now = 0.0

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    watch = Stopwatch(lambda: now)
    inner = watch.wrap("nft", work)

    def build() -> None:
        work(1)
        inner(10)
        work(2)

    watch.wrap("execute", build)()
    work(5)
    watch.charge("the rest")
    assert watch.spent == {"the rest": 5, "execute": 3, "nft": 10}


def test_the_second_look_is_told_apart() -> None:
    now = 0.0

    def look() -> None:
        nonlocal now
        now += 1

    watch = Stopwatch(lambda: now)
    observe = watch.wrap("observe", look)
    observe()
    observe()
    assert (watch.spent["observe"], watch.spent["observe, again"]) == (1, 1)
