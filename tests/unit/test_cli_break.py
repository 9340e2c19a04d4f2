"""`vpcemu break`: which lab and which fault the words mean, what a shell offers, and the catalogue without a lab."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.shell_completion import ShellComplete

from emulator.cli import main
from emulator.cli.break_words import Asked, choose
from emulator.cli.entry import group
from emulator.errors import UsageError
from emulator.lab import places, running
from emulator.lab.record import Applied, Exercise
from emulator.topology.faults import FAULTS
from emulator.topology.given import Addresses
from emulator.topology.load import load

NAT = Path(__file__).parent.parent.parent / "topologies" / "nat.yaml"


@pytest.fixture(autouse=True)
def _one_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nat").mkdir()
    monkeypatch.setattr(places, "RUN", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "flags", "meant"),
    [
        (["nat", "group-wrong-port"], {}, Asked("nat", "group-wrong-port")),
        (["group-wrong-port"], {}, Asked(None, "group-wrong-port")),
        (["group-wrong-prot"], {}, Asked(None, "group-wrong-prot")),  # the catalogue knows the nearest
        ([], {"undo": True}, Asked(None, "")),
        (["nat"], {"undo": True}, Asked("nat", "")),
        (["nat"], {"undo": True, "last": True}, Asked("nat", "")),
        (["nat", "group-wrong-port"], {"undo": True}, Asked("nat", "group-wrong-port")),
        (["group-wrong-port"], {"undo": True}, Asked(None, "group-wrong-port")),
        (["nat"], {"at_random": True, "seed": 7}, Asked("nat", "")),
        ([], {"reveal": True}, Asked(None, "")),
        ([], {"listing": True}, Asked(None, "")),
        (["nat"], {"listing": True}, Asked("nat", "")),
    ],
)
def test_what_is_meant(words: list[str], flags: dict[str, bool], meant: Asked) -> None:
    assert choose(words, **flags) == meant  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "flags", "what"),
    [
        ([], {}, "which fault?"),
        (["nat"], {}, "which fault?"),
        (["nat", "a", "b"], {}, "one fault at a time"),
        (["nat", "group-wrong-port"], {"at_random": True}, "--random takes a lab and no fault"),
        (["nat", "group-wrong-port"], {"reveal": True}, "--reveal takes a lab and no fault"),
        (["nat"], {"undo": True, "at_random": True}, "either --random or --undo"),
        (["nat", "group-wrong-port"], {"seed": 3}, "--seed goes with --random"),
        (["nat", "group-wrong-port"], {"last": True}, "--last goes with --undo and a lab"),
        (["nat"], {"on": "web", "at_random": True}, "--on goes with a fault"),
        (["nat"], {"secret": True, "undo": True}, "--secret goes with a fault or --random"),
    ],
)
def test_what_does_not_go_together(words: list[str], flags: dict[str, bool], what: str) -> None:
    with pytest.raises(UsageError) as found:
        choose(words, **flags)  # type: ignore[arg-type]
    assert str(found.value) == what


def completed(words: str) -> list[str]:
    *done, last = words.split(" ")[1:]
    found = ShellComplete(group, {}, "vpcemu", "_VPCEMU_COMPLETE").get_completions(done, last)
    return [item.value for item in found]


def test_a_shell_is_offered_labs_and_faults() -> None:
    assert completed("vpcemu break n")[0] == "nat"
    assert completed("vpcemu break nat edge") == ["edge-route-blackhole"]
    assert completed("vpcemu break nat nat") == [name for name in FAULTS if name.startswith("nat")]
    assert completed("vpcemu break nat --und") == ["--undo"]


def test_a_shell_is_offered_what_there_is_to_take_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After --undo the lab's own faults; of a secret exercise the whole catalogue, so that nothing is given away."""
    faults = (Applied("igw-detached", "main"), Applied("group-wrong-port", "web"))
    held = SimpleNamespace(exercise=Exercise(faults, Addresses({}, {})))
    monkeypatch.setattr(running, "recall", lambda lab: SimpleNamespace(record=held))
    assert completed("vpcemu break nat --undo ") == ["igw-detached", "group-wrong-port"]
    held.exercise = held.exercise._replace(secret=True)
    assert completed("vpcemu break nat --undo ") == list(FAULTS)


def test_a_shell_is_offered_what_a_fault_can_break(monkeypatch: pytest.MonkeyPatch) -> None:
    topology, _ = load(NAT.read_text(encoding="utf-8"))
    monkeypatch.setattr(running, "recall", lambda lab: SimpleNamespace(topology=topology))
    assert completed("vpcemu break nat group-wrong-port --on w") == ["web"]
    assert completed("vpcemu break nat no-such-fault --on ") == []


def test_the_catalogue_needs_neither_root_nor_a_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["break", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in FAULTS)
    assert main(["break", "--list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["fault"] for each in found["catalogue"]] == list(FAULTS)
    assert found["lab"] == ""
    assert all(each["title"] and each["lesson"] and each["victims"] == [] for each in found["catalogue"])
