"""Completion: the shell's script, and what it is answered, without root and without reading a lab's files."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from emulator.cli import main
from emulator.cli.entry import group
from emulator.lab import places


@pytest.fixture
def two_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Directories and names only, which is all that somebody without root can see."""
    for lab in ("nat", "other"):
        (tmp_path / "run" / lab).mkdir(parents=True)
        (tmp_path / "run" / lab).chmod(0)
    (tmp_path / "netns").mkdir()
    for name in ("nat.dev", "nat.dns.example", "nat.web", "other.db", "docker"):
        (tmp_path / "netns" / name).touch()
    monkeypatch.setattr(places, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(places, "NETNS", str(tmp_path / "netns"))
    yield
    for directory in (tmp_path / "run").iterdir():
        directory.chmod(0o700)


def completed(words: str) -> list[str]:
    """What is offered for the last word of the line."""
    *done, last = words.split(" ")[1:]
    found = ShellComplete(group, {}, "vpcemu", "_VPCEMU_COMPLETE").get_completions(done, last)
    return [item.value for item in found]


@pytest.mark.usefixtures("two_labs")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("vpcemu st", ["status"]),
        ("vpcemu d", ["down", "doctor"]),
        ("vpcemu down ", ["nat", "other"]),
        ("vpcemu status o", ["other"]),
        ("vpcemu exec -l ", ["nat", "other"]),
        ("vpcemu exec -l nat d", ["dev", "dns.example"]),
        ("vpcemu shell -l other ", ["db"]),
        ("vpcemu logs --lab nat w", ["web"]),
        ("vpcemu exec ", []),  # which lab?
        ("vpcemu up --tr", ["--trust"]),
    ],
)
def test_offers(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.usefixtures("two_labs")
def test_one_lab_need_not_be_named(tmp_path: Path) -> None:
    os.rmdir(tmp_path / "run" / "other")
    assert completed("vpcemu exec ") == ["dev", "dns.example", "web"]


def test_root_is_offered_network_interfaces_as_ends_of_a_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(places, "NETNS", str(tmp_path / "netns"))
    (tmp_path / "run" / "lab").mkdir(parents=True)
    (tmp_path / "netns").mkdir()
    (tmp_path / "netns" / "lab.fw").touch()
    nodes = {"fw": {"interfaces": {"fw.eth0": ["10.0.0.4", ""], "fw.eth1": ["10.0.1.4", ""]}}}
    (tmp_path / "run" / "lab" / "nodes.json").write_text(json.dumps({"nodes": nodes, "dns": "", "uplink": False}))
    assert completed("vpcemu trace f") == ["fw", "fw.eth0", "fw.eth1"]
    assert completed("vpcemu exec f") == ["fw"]


def test_where_nothing_has_ever_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(places, "NETNS", str(tmp_path / "netns"))
    assert completed("vpcemu down ") == []
    assert completed("vpcemu exec -l nat ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    assert "_VPCEMU_COMPLETE" in capsys.readouterr().out


def test_bash_is_answered() -> None:
    """The whole way that the script takes."""
    environment = os.environ | {"_VPCEMU_COMPLETE": "bash_complete", "COMP_WORDS": "vpcemu stat", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "emulator"],
        cwd=Path(__file__).parent.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "plain,status\n"
