"""topologies/security-group-vs-acl.yaml: each of the six permissions that it numbers is needed, and which remember."""

import re
from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES, Lab
from tests.support.probes import check, drops, passes

LESSON = (TOPOLOGIES / "security-group-vs-acl.yaml").read_text()
# Beside each that is taken away, something that still passes.
STILL = passes("batch", "web", "tcp", 8080)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(LESSON) as up:
        yield up  # its own services listen


def without(number: int) -> str:
    """The lesson with the rule of this number made one for another port, which is as good as none."""
    text, count = re.subn(
        rf"port: [0-9-]+(, (?:from|to): \S+}} +# {number})$", r"port: 9\1", LESSON, flags=re.MULTILINE
    )
    assert count == 1
    return text


def test_GEN_06_one_conversation_needs_six_permissions(lab: Lab) -> None:
    """Between two subnets a question needs both groups and both ACLs, and its answer both ACLs once more: six rules."""
    lab.up(LESSON)
    check(lab, passes("web", "db", "tcp", 5432), STILL)
    for number in range(1, 7):
        lab.up(without(number))
        check(lab, drops("web", "db", "tcp", 5432), STILL)
    lab.up(LESSON)
    check(lab, passes("web", "db", "tcp", 5432), STILL)


def test_ACL_15_swapped_numbers_let_everybody_in(lab: Lab) -> None:
    """A deny with a higher number than the allow that matches as well has no effect."""
    lab.up(LESSON)
    check(lab, drops("batch", "db", "tcp", 5432), STILL)
    lab.up(LESSON.replace("rule_number: 90", "rule_number: 110"))
    check(lab, passes("batch", "db", "tcp", 5432), STILL)
    lab.up(LESSON)
