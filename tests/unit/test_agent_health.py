"""Health of targets: thresholds, who is served, what an HTTP answer says."""

import pytest

from emulator.agent.health_check import FAILED, MISMATCH, TIMEOUT, Found, judged
from emulator.agent.health_state import Health, serving

GOOD, BAD = Found(), Found(TIMEOUT, "Request timed out")


def after(*found: Found, healthy: int = 3, unhealthy: int = 2) -> Health:
    held = Health()
    for each in found:
        held.judge(each, healthy, unhealthy)
    return held


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], "initial"),
        ([GOOD] * 2, "initial"),
        ([GOOD] * 3, "healthy"),
        ([GOOD, GOOD, BAD, GOOD], "initial"),
        ([BAD], "initial"),
        ([BAD, BAD], "unhealthy"),
        ([BAD, BAD, GOOD, GOOD], "unhealthy"),
        ([BAD, BAD, GOOD, GOOD, GOOD], "healthy"),
        ([GOOD] * 3 + [BAD], "healthy"),
        ([GOOD] * 3 + [BAD, GOOD, BAD], "healthy"),
        ([GOOD] * 3 + [BAD, BAD], "unhealthy"),
    ],
)
def test_thresholds(found: list[Found], state: str) -> None:
    assert after(*found).state == state


def test_a_transition_is_told_once_and_the_latest_reason_counts() -> None:
    held = Health()
    assert [held.judge(BAD, 2, 2) for _ in range(3)] == [False, True, False]
    assert held.reason == TIMEOUT
    assert not held.judge(Found(MISMATCH, "Health checks failed with these codes: [500]"), 2, 2)
    assert held.reason == MISMATCH
    assert [held.judge(GOOD, 2, 2) for _ in range(2)] == [False, True]
    assert (held.reason, held.description) == ("", "")


def of(**states: str) -> dict[str, Health]:
    return {name: Health(state) for name, state in states.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "elsewhere", "served"),
    [
        (of(a="healthy", b="unhealthy", c="initial"), {}, ["a"]),
        (of(a="initial", b="unhealthy"), of(x="healthy"), ["a"]),
        (of(a="unhealthy", b="unhealthy"), of(x="healthy"), []),  # LB-22
        (of(a="unhealthy", b="unhealthy"), of(x="unhealthy"), ["a", "b"]),  # LB-16
        (of(a="healthy", b="draining"), {}, ["a"]),
        (of(b="draining"), of(x="unhealthy"), []),
        ({}, of(x="unhealthy"), []),
    ],
)
def test_who_is_served(own: dict[str, Health], elsewhere: dict[str, Health], served: list[str]) -> None:
    assert serving(own, [*own.values(), *elsewhere.values()]) == served


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HTTP/1.1 200 OK", ""),
        (b"HTTP/1.0 399", ""),
        (b"HTTP/1.1 404 Not Found", MISMATCH),
        (b"HTTP/1.1 199 x", MISMATCH),
        (b"220 smtp.example ESMTP", FAILED),
        (b"HTTP/1.1 OK", FAILED),
        (b"", FAILED),
    ],
)
def test_what_an_answer_says(line: bytes, reason: str) -> None:
    assert judged(line, ((200, 399),)).reason == reason
