"""The lab's lock: one at a time, nothing left, and no lock on a file that is gone."""

import os
import threading
from pathlib import Path

import pytest

from emulator.lab import lock, places


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "RUN", str(tmp_path / "run"))
    return tmp_path / "run"


def test_it_is_there_while_held_and_says_who(run: Path) -> None:
    with lock.hold("nat"):
        assert (run / "nat" / "lock").read_text() == f"{os.getpid()}\n"
        assert lock.busy("nat")
        assert oct((run / "nat").stat().st_mode)[-3:] == "700"
    assert not lock.busy("nat")
    assert not lock.busy("other")


def test_removed_it_leaves_nothing(run: Path) -> None:
    with lock.hold("nat") as held:
        held.remove()
    assert not run.exists()


def test_removal_leaves_alone_what_is_not_its_own(run: Path) -> None:
    with lock.hold("nat") as held:
        (run / "nat" / "agent.log").touch()
        held.remove()
    assert os.listdir(run / "nat") == ["agent.log"]


def test_whoever_waited_for_a_lock_that_was_removed_makes_a_new_one(run: Path) -> None:
    """Otherwise a third process would lock the new file, and two would hold `the` lock."""
    told: list[str] = []
    waiting, done = threading.Event(), threading.Event()

    def wait() -> None:
        def tell(holder: str) -> None:
            told.append(holder)
            waiting.set()

        with lock.hold("nat", tell):
            assert lock.busy("nat")
            assert (run / "nat" / "lock").exists()
        done.set()

    with lock.hold("nat") as held:
        other = threading.Thread(target=wait)
        other.start()
        assert waiting.wait(10)
        held.remove()
    other.join(10)
    assert done.is_set()
    assert told == [str(os.getpid())]


def test_a_failure_lets_go() -> None:
    with pytest.raises(ZeroDivisionError), lock.hold("nat"):
        raise ZeroDivisionError
    assert not lock.busy("nat")
