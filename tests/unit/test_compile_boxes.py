"""Overlapping rules become disjoint boxes that allow exactly the same points."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.compile.boxes import Box, disjoint

_EDGE = 12


def _range() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, _EDGE), st.integers(0, _EDGE)).map(lambda pair: (min(pair), max(pair)))


_boxes = st.lists(st.tuples(_range(), _range()), max_size=8).map(
    lambda found: [Box(*addresses, *ports, (number,)) for number, (addresses, ports) in enumerate(found, 1)]
)


def _points(boxes: list[Box]) -> dict[tuple[int, int], set[int]]:
    """Every allowed point with the rules that allow it."""
    allowed: dict[tuple[int, int], set[int]] = {}
    for box in boxes:
        for address in range(box.low, box.high + 1):
            for port in range(box.first, box.last + 1):
                allowed.setdefault((address, port), set()).update(box.rules)
    return allowed


@given(_boxes)
def test_disjoint_boxes_allow_the_same_points_by_the_same_rules(boxes: list[Box]) -> None:
    result = disjoint(boxes)
    assert _points(result) == _points(boxes)
    assert sum((box.high - box.low + 1) * (box.last - box.first + 1) for box in result) == len(_points(result))


@given(_boxes)
def test_order_of_the_rules_does_not_matter(boxes: list[Box]) -> None:
    assert disjoint(reversed(boxes)) == disjoint(boxes)


def test_what_does_not_overlap_stays_as_it_is() -> None:
    apart = [Box(0, 9, 80, 80, (1,)), Box(10, 19, 443, 443, (2,))]
    assert disjoint(apart) == apart


def test_a_wide_rule_around_a_narrow_one() -> None:
    assert disjoint([Box(0, 99, 80, 80, (1,)), Box(10, 19, 80, 80, (2,))]) == [
        Box(0, 9, 80, 80, (1,)),
        Box(10, 19, 80, 80, (1, 2)),
        Box(20, 99, 80, 80, (1,)),
    ]
