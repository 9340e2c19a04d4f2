"""Hostile YAML: what a loader that trusts its input does not survive."""

import time

import pytest

from emulator.topology import nodes
from emulator.topology.load import load
from emulator.topology.nodes import COMPOSER, PythonComposer, ScalarNode, compose
from emulator.topology.report import LIMIT

BOTH = pytest.mark.parametrize("composer", [COMPOSER, PythonComposer], ids=["libyaml", "python"])

HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "indentation": "".join(" " * i + "a:\n" for i in range(1500)),
    "surrogate": "name: \ud800",
    "escaped surrogate": 'name: "\\ud800"',
    "no character": 'name: "\\UFFFFFFFF"',
    "nul": "name: a\0b",
    "byte order mark": "\ufeffname: lab",
    "version": "%YAML 3.0\n---\nname: lab",
    "directive": "%TAG ! tag:x,2000:\n---\nname: !y lab",
    "recursive alias": "&a [*a]",
    "recursive map": "name: &a {vpcs: *a}",
    "recursive key": "&a ? *a : b",
    "long key": "a" * 5000 + ": 1",
    "billion laughs": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 28)),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_a_problem_and_soon(text: str, composer: type) -> None:
    small = text[:3000] if composer is PythonComposer else text
    start = time.process_time()
    compose(small, composer)
    topology, problems = load(text)
    assert time.process_time() - start < 5
    assert topology is None
    assert problems


@BOTH
def test_every_scalar_stays_text(composer: type) -> None:
    odd = ["yes", "0o17", "1_000", "2024-01-01", "22:30", "~", "1e3", ".inf", "0x1F", "=", "<<"]
    root = compose("".join(f"- {word}\n" for word in odd), composer).root
    assert root is not None
    assert [node.value for node in root.value] == odd
    assert all(type(node) is ScalarNode and node.tag == "" for node in root.value)


@BOTH
def test_positions(composer: type) -> None:
    root = compose("# ü\nname:   lab\nvpcs: {ä: {b: c}}\n", composer).root
    assert root is not None
    marks = [(value.start_mark.line, value.start_mark.column) for _, value in root.value]
    assert marks == [(1, 8), (2, 6)]
    inner = root.value[1][1].value[0][1]
    assert (inner.start_mark.line, inner.start_mark.column) == (2, 10)


@BOTH
@pytest.mark.parametrize("text", ["a: [1, 2", "a: 'b", "a: b: c", "a: *b", "---\n---\n", "a:\n\tb: c", "@", "a: !<"])
def test_a_syntax_error_has_a_place(text: str, composer: type) -> None:
    problem = compose(text, composer).problem
    assert problem is not None
    assert problem.where.line >= 1
    assert problem.where.column >= 1


def test_the_largest_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "SIZE_LIMIT", 100)
    assert compose("a" * 101).root is None
    assert compose("a" * 100).root is not None


def test_the_largest_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "NODE_LIMIT", 10)
    problem = compose("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]").problem
    assert problem is not None
    assert "more than 10 values" in problem.what


def test_aliases_that_stand_for_too_much_are_not_followed() -> None:
    text = "name: lab\nvpcs:\n  v0: &v\n    cidr_block: 10.0.0.0/16\n    instances: {i0: &i {subnet: a}"
    text += "".join(f", i{n}: *i" for n in range(1, 1500)) + "}\n" + "".join(f"  v{n}: *v\n" for n in range(1, 1500))
    start = time.process_time()
    _, problems = load(text)
    assert "aliases" in problems[-1].what
    assert time.process_time() - start < 10


def test_a_file_of_nothing_but_mistakes_is_not_answered_at_length() -> None:
    _, problems = load("name: lab\nvpcs: {}\n" + "".join(f"key{n}: x\n" for n in range(5000)))
    assert len(problems) == LIMIT + 1
    assert "rest of the file" in problems[-1].what
