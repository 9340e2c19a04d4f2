"""Logs: bounded in memory and on disk, and never in the way of a service."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.agent.logs import ROOM_BYTES, ROTATE_BYTES, Logs
from emulator.agent.loop import Loop, Timer


class Later(Loop):
    """A loop that only remembers what is due."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        self.due.append(callback)
        return Timer(callback)

    def fire(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


@pytest.fixture
def loop() -> Later:
    return Later()


@pytest.fixture
def held(loop: Later, tmp_path: Path) -> Logs:
    return Logs(loop, lambda node, service: f"{tmp_path}/{node}/{service}.log")


def test_lines_are_gathered_and_written_together(loop: Later, held: Logs, tmp_path: Path) -> None:
    log = held.open("web", "http")
    log.line("one")
    log.line("two \x80")
    assert not (tmp_path / "web").exists()
    assert len(loop.due) == 1
    loop.fire()
    lines = (tmp_path / "web/http.log").read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["one", "two \x80"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[0].partition(" ")[0])
    assert not loop.due
    log.line("three")
    loop.fire()
    assert len((tmp_path / "web/http.log").read_text().splitlines()) == 3


def test_a_flood_is_counted_not_kept(loop: Later, held: Logs, tmp_path: Path) -> None:
    log = held.open("web", "http")
    for _ in range(10_000):
        log.line("x" * 100)
    assert log.room <= 0
    loop.fire()
    text = (tmp_path / "web/http.log").read_text()
    assert len(text) < ROOM_BYTES + 1000
    lost = re.search(r"\((\d+) more lines left out\)\n\Z", text)
    assert lost
    assert int(lost[1]) + text.count("x" * 100) == 10_000


def test_the_file_is_rotated(loop: Later, held: Logs, tmp_path: Path) -> None:
    log = held.open("web", "cmd")
    for number in range(40):
        log.raw(f"{number}\n".encode() + b"x" * 100_000)
        loop.fire()
    files = {path.name: path for path in (tmp_path / "web").iterdir()}
    assert set(files) == {"cmd.log", "cmd.log.1"}
    assert all(path.stat().st_size <= ROTATE_BYTES for path in files.values())
    assert b"39\n" in files["cmd.log"].read_bytes()


def test_waiting_for_room(loop: Later, held: Logs) -> None:
    log = held.open("web", "cmd")
    log.raw(b"x" * ROOM_BYTES)
    told: list[int] = []
    held.after_flush(lambda: told.append(log.room))
    loop.fire()
    assert told == [ROOM_BYTES]


def test_a_disk_that_refuses_is_no_reason_to_stop(loop: Later, held: Logs, tmp_path: Path) -> None:
    (tmp_path / "web").write_text("not a folder")
    held.open("web", "http").line("lost")
    loop.fire()


def test_it_does_not_write_through_a_link(loop: Later, held: Logs, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "victim").write_text("")
    (tmp_path / "web/http.log").symlink_to(tmp_path / "victim")
    held.open("web", "http").line("lost")
    loop.fire()
    assert (tmp_path / "victim").read_text() == ""


def test_time_stamps_follow_the_clock(loop: Later, held: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = held.open("web", "http")
    for now in (1_700_000_000.5, 1_700_000_000.75, 1_700_000_001.0):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        log.line("")
    loop.fire()
    assert [line.strip() for line in (tmp_path / "web/http.log").read_text().splitlines()] == [
        "2023-11-14T22:13:20.500Z",
        "2023-11-14T22:13:20.750Z",
        "2023-11-14T22:13:21.000Z",
    ]
