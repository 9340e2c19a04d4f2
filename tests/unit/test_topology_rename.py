"""A topology under another name: the name changes, and no line moves."""

import pytest

from emulator.topology.load import load
from emulator.topology.rename import renamed
from tests.support.lab import TOPOLOGIES

BODY = "vpcs: {main: {cidr_block: 10.0.0.0/16}}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"name: old\n{BODY}",
        f"# a comment\n{BODY}name:   'old'  # says who\n",
        BODY,
        BODY.rstrip(),
        f"\n    {BODY}    ",
        f"{{name: old, {BODY.strip()}}}",
        f"{{{BODY.strip()}}}",
        '{"vpcs": {"name": {"cidr_block": "10.0.0.0/16"}}, "name": "old"}',
        f"---\nname: öld\n{BODY}",
    ],
)
def test_another_name_and_the_same_lines(text: str) -> None:
    named = renamed(text, "new")
    topology, problems = load(named, "file")
    assert topology is not None, problems
    assert topology.name == "new"
    assert [number for number, line in enumerate(named.splitlines()) if "cidr" in line] == [
        number for number, line in enumerate(text.splitlines()) if "cidr" in line
    ]


def test_every_lesson_keeps_its_lines() -> None:
    for path in sorted(TOPOLOGIES.glob("*.yaml")):
        text = path.read_text()
        named = renamed(text, "new")
        changed = [(old, new) for old, new in zip(text.splitlines(), named.splitlines(), strict=True) if old != new]
        assert changed == [(f"name: {path.stem}", "name: new")]


def test_a_mapping() -> None:
    topology, _ = load(renamed({"vpcs": {"main": {"cidr_block": "10.0.0.0/16"}}, "name": "old"}, "new"), "file")
    assert topology is not None
    assert topology.name == "new"


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list\n", "", "name: {a: b}: c"])
def test_what_is_no_topology_is_left_for_the_reader_to_complain_about(text: str) -> None:
    assert renamed(text, "new") == text
