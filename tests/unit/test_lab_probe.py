"""What was silent while the machine's ARP table was full says nothing, and is asked for again."""

from collections.abc import Sequence

import pytest

from emulator.agent.prober_flow import Answer, Asked
from emulator.kernel import arp
from emulator.lab import probe

_STATISTICS = """\
entries  allocs   destroys table_fulls
000005a6 000888ed 0007fcd9 0000001f
000005a6 0008ae75 000934e3 00000001
"""


def _asked(source: str) -> Asked:
    return Asked(source, "10.0.0.4", 0, "10.0.0.5", "tcp", 80, 8, 0, ())


class _Wire:
    """Answers those it has room for, and goes on filling up until it is made to forget. The machine counts the rest."""

    def __init__(self, room: int) -> None:
        self.room, self.full = room, 0
        self.used: set[str] = set()
        self.waves: list[list[str]] = []

    def ask(self, flows: Sequence[Asked]) -> list[Answer]:
        self.waves.append([flow.source for flow in flows])
        return [self._answer(flow.source) for flow in flows]

    def forget(self, nodes: set[str]) -> None:
        self.used -= nodes

    def _answer(self, source: str) -> Answer:
        if len(self.used) < self.room:
            self.used.add(source)
            return Answer("pass", "", "", "passed")
        self.full += 1
        return Answer("drop", "", "", "dropped")


@pytest.mark.parametrize(
    ("room", "waves", "details"),
    [
        (3, [["a", "b", "c"]], ["passed"] * 3),
        (2, [["a", "b", "c"], ["c"]], ["passed"] * 3),
        (1, [["a", "b", "c"], ["b"], ["c"]], ["passed"] * 3),
        (0, [["a", "b", "c"], ["a"], ["b"], ["c"]], [probe.NO_ROOM] * 3),
    ],
)
def test_silence_for_want_of_room_is_no_drop(
    monkeypatch: pytest.MonkeyPatch, room: int, waves: list[list[str]], details: list[str]
) -> None:
    monkeypatch.setattr(probe, "FEW", 1)
    wire = _Wire(room)
    monkeypatch.setattr(arp, "refused", lambda: wire.full)
    answers = probe._with_room(wire.ask, wire.forget, [_asked(name) for name in "abc"])
    assert wire.waves == waves
    assert [answer.detail for answer in answers] == details


def test_what_there_is_no_end_of_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FEW", 2)
    monkeypatch.setattr(probe, "MOST", 1)
    wire = _Wire(1)
    monkeypatch.setattr(arp, "refused", lambda: wire.full)
    answers = probe._with_room(wire.ask, wire.forget, [_asked(name) for name in "abc"])
    assert wire.waves == [["a", "b", "c"], ["b"]]
    assert [answer.detail for answer in answers] == ["passed", "passed", probe.NO_ROOM]


def test_a_drop_with_room_is_a_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arp, "refused", lambda: 7)
    wire = _Wire(0)
    answers = probe._with_room(wire.ask, wire.forget, [_asked("a")])
    assert [answer.detail for answer in answers] == ["dropped"]
    assert wire.waves == [["a"]]


def test_the_counter_is_that_of_all_cpus() -> None:
    assert arp.count(_STATISTICS) == 32
    assert arp.count("entries  allocs\n00000001 00000002\n") == 0
