"""The narrow doors that import-linter cannot see: who may start a process, and who may change namespace."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "emulator"

# What -> the only files that may do it. `os.replace` and the like are not meant: only what makes or becomes a process.
DOORS = {
    "process": (
        {"fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen", "startfile"}
        | {
            f"{verb}{suffix}"
            for verb in ("exec", "spawn")
            for suffix in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
        },
        {"kernel/process.py"},
    ),
    "namespace": ({"setns", "unshare"}, {"kernel/netns.py", "kernel/process.py"}),
}


@pytest.mark.parametrize("door", DOORS)
def test_only_the_door_does_it(door: str) -> None:
    verbs, files = DOORS[door]
    culprits = [
        f"{path.relative_to(PACKAGE)}:{line}: {verb}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if str(path.relative_to(PACKAGE)) not in files
        for line, verb in os_calls(ast.parse(path.read_text()))
        if verb in verbs
    ]
    assert not culprits


def os_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every `os.x` and every name imported from `os`; and `libc.x`, as ctypes has it."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"os", "libc", "_libc"}
        ):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from ((node.lineno, alias.name) for alias in node.names)
