"""The narrow doors that import-linter cannot see: who makes a process, and who moves between namespaces."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "emulator"
MODULES = {"os", "syscalls", "linux", "_libc"}  # where these verbs come from


class Door(NamedTuple):
    """Functions, and the only files that may call them."""

    verbs: set[str]
    files: set[str]


DOORS = {
    # The agent makes processes of its own: itself, and the users' commands, confined, as its children.
    "process": Door(
        {"fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen"}
        | {f"{verb}{kind}" for verb in ("exec", "spawn") for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
        {"kernel/process.py", "kernel/enter.py", "agent/client.py", "agent/server.py", "agent/sandbox.py"},
    ),
    # A thread that goes and does not come home does the next thing in the wrong place.
    "namespace": Door(
        {"setns", "unshare"},
        {
            "kernel/netns.py",
            "kernel/enter.py",
            "kernel/process.py",
            "agent/server.py",
            "agent/sandbox.py",
            "agent/sockets.py",
        },
    ),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_only_the_door_does_it(door: Door) -> None:
    calls = {
        f"{path.relative_to(PACKAGE)}:{line}: {verb}": str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, verb in system_calls(ast.parse(path.read_text()))
        if verb in door.verbs
    }
    assert calls, "nothing found at all: has the code moved away from what this test looks for?"
    assert not [call for call, file in calls.items() if file not in door.files]


def system_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every call `os.x(...)` and the like, and every `from os import x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in MODULES:
                yield node.lineno, node.func.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2] in MODULES:
            yield from ((node.lineno, alias.name) for alias in node.names)
