"""Every file in topologies/ is a lesson, and does what it says: in its `expect:` list and in the comment at its top."""

import os
import re
from pathlib import Path

import pytest

from emulator import api
from emulator.errors import UnsupportedError
from emulator.lab import places, ssh
from emulator.report import tested
from emulator.topology.zonal import aliases
from tests.support import lab as labs

LESSONS = sorted(labs.TOPOLOGIES.glob("*.yaml"))

each_lesson = pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)


@each_lesson
def test_what_it_expects_is_what_the_wire_does(file: Path) -> None:
    """GEN-01: a drop is silence, so the file's own passes stand beside its drops."""
    read = api.validate(str(file))
    try:
        ssh.require(read.topology)
    except UnsupportedError as reason:
        pytest.skip(str(reason))
    with labs.up(file) as lab:
        results = {each.result for each in lab.topology.expect}
        assert {"pass", "drop"} <= results, "a lesson shows something that passes and something that is dropped"
        found = api.test(lab.name)
        assert found["summary"]["ok"] == found["summary"]["flows"], "\n".join(tested.text(found))
    assert not places.named_namespaces(lab.name)
    assert not os.path.exists(places.directory(lab.name))


@each_lesson
def test_it_is_called_as_its_file_and_warns_of_nothing(file: Path) -> None:
    read = api.validate(str(file))
    assert read.lab == file.stem
    assert not read.warnings or "warning" in _comment(file), "a warning is only right where it is the lesson"


@each_lesson
def test_its_comment_tells_what_to_learn_and_what_to_type(file: Path) -> None:
    comment = _comment(file)
    assert "What it teaches" in comment
    assert f"vpcemu up topologies/{file.name}" in comment.partition("What to try")[2]
    topology = api.validate(str(file)).topology
    nodes = {node.name for node in topology.nodes()} | set(aliases(topology))
    entered = re.findall(r"vpcemu (?:exec|shell|logs) (?:-l \S+ )?(\S+)", comment)
    called = [name for name in re.findall(r"https?://([^\s/:)]+)", comment) if not re.fullmatch(r"[\d.]+", name)]
    assert entered, "no command to try inside a node"
    assert not {*entered, *called} - nodes
    named = re.findall(r"topologies/([\w.-]+\.yaml)", comment)
    assert not [name for name in named if not (labs.TOPOLOGIES / name).exists()]


@each_lesson
def test_what_it_tells_to_run_in_a_node_is_there(file: Path) -> None:
    """Every machine has the programs that scripts/vpcemu installs, and those that Debian marks as essential."""
    start = (labs.TOPOLOGIES.parent / "scripts/vpcemu").read_text(encoding="utf-8")
    installed = set(re.findall(r"(\S+)=\S+", re.search(r"need (nft=.*)", start)[1]))  # type: ignore[index]
    run = set(re.findall(r"vpcemu exec (?:-l \S+ )?\S+ -- (\S+)", _comment(file)))
    assert run <= installed | {"sh", "hostname"} | ({"ssh"} if "get-sshd" in _comment(file) else set())


def _comment(file: Path) -> str:
    """The one at the top, which a learner reads first."""
    return "\n".join(re.findall(r"\A(?:#.*\n|\n)+", file.read_text(encoding="utf-8")))
