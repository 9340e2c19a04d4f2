"""The memory of a lab's file: right or not there, and never a way in."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.lab import memory, places, record
from emulator.topology import load as loader
from emulator.topology import model
from emulator.topology.load import load

TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"
NAT = (TOPOLOGIES / "nat.yaml").read_text()


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memory of nat.yaml, just kept."""
    monkeypatch.setattr(places, "RUN", str(tmp_path))
    (tmp_path / "nat").mkdir(mode=0o700)
    topology, problems = load(NAT)
    assert topology
    memory.keep(topology, problems, NAT)
    return tmp_path / "nat" / memory.NAME


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that were read after all."""
    texts: list[str] = []

    def counting(text: str, file: str) -> Any:
        texts.append(text)
        return load(text, file)

    monkeypatch.setattr(loader, "load", counting)
    return texts


@pytest.mark.parametrize("file", sorted(TOPOLOGIES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_noun_is_remembered(
    file: Path, parsed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that memory does not believe would have every `up` read the text again."""
    monkeypatch.setattr(places, "RUN", str(tmp_path))
    text = file.read_text(encoding="utf-8")
    topology, problems = load(text)
    assert topology
    (tmp_path / topology.name).mkdir(mode=0o700)
    memory.keep(topology, problems, text)
    assert memory.load(text, file.name) == (topology, problems)
    assert parsed == []


def every(value: object) -> Iterator[object]:
    """All that a topology is made of, places in the file included."""
    yield value
    if isinstance(value, tuple):
        for item in value:
            yield from every(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from every(getattr(value, name))


def test_what_is_remembered_is_what_was_read(stored: Path, parsed: list[str]) -> None:
    again, problems = memory.load(NAT, "nat.yaml")
    assert parsed == []
    topology, found = load(NAT)
    assert problems == found
    assert [str(item) for item in every(again)] == [str(item) for item in every(topology)]
    assert list(every(again)) == list(every(topology))


@pytest.mark.parametrize("text", [NAT + "\n", NAT.replace("port: 80", "port: 81", 1), "name: other\n", ""])
def test_another_text_is_read(stored: Path, parsed: list[str], text: str) -> None:
    assert memory.load(text, "nat.yaml", "nat") == load(text)
    assert parsed == [text]


def test_another_version_of_the_code_reads_for_itself(
    stored: Path, parsed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "load.py").write_text("")
    monkeypatch.setattr(model, "__file__", str(tmp_path / "model.py"))
    assert memory.load(NAT, "nat.yaml")[0]
    assert parsed == [NAT]


@pytest.mark.parametrize("length", [0, 10, 32, 33, -1])
def test_one_that_is_cut_off_is_not_used(stored: Path, parsed: list[str], length: int) -> None:
    stored.write_bytes(stored.read_bytes()[:length])
    assert memory.load(NAT, "nat.yaml")[0]
    assert parsed == [NAT]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_may_enter_is_not_believed(stored: Path, parsed: list[str], mode: int) -> None:
    stored.parent.chmod(mode)
    assert memory.load(NAT, "nat.yaml")[0]
    assert parsed == [NAT]


def test_neither_is_a_link(stored: Path, parsed: list[str], tmp_path: Path) -> None:
    moved = stored.rename(tmp_path / "elsewhere")
    stored.symlink_to(moved)
    assert memory.load(NAT, "nat.yaml")[0]
    assert parsed == [NAT]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_neither_is_what_is_somebody_elses(stored: Path, parsed: list[str], what: str) -> None:
    os.chown(stored if what == "file" else stored.parent, 12345, 12345)
    assert memory.load(NAT, "nat.yaml")[0]
    assert parsed == [NAT]


class Evil:
    """Calls what it likes when it is unpickled."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, model.router_of, print])
def test_a_pickle_calls_nothing(stored: Path, parsed: list[str], tmp_path: Path, function: Any) -> None:
    content = pickle.dumps((Evil(function, f"touch {tmp_path}/called"), []))
    stored.write_bytes(memory._digest(NAT, content) + content)
    topology, _ = memory.load(NAT, "nat.yaml")
    assert isinstance(topology, model.Topology)
    assert parsed == [NAT]
    assert not (tmp_path / "called").exists()


def test_a_disk_that_is_full_is_no_failure(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "replace", full)
    topology, problems = load(NAT)
    assert topology
    memory.keep(topology, problems, NAT)
