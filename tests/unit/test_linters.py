"""The linters, as tests. `scripts/check` runs this file; `scripts/check --fix` mends first what can be mended."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PYTHON = (sys.executable, "-m")
SHELL = sorted(
    str(path.relative_to(REPOSITORY))
    for folder in ("scripts", ".ci")
    for path in (REPOSITORY / folder).iterdir()
    if path.is_file() and (path.name == "_bootstrap" or path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash")))
)


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param((*PYTHON, "ruff", "check", "--output-format", "concise", "."), id="ruff-check"),
        pytest.param((*PYTHON, "ruff", "format", "--check", "--output-format", "concise", "."), id="ruff-format"),
        pytest.param((*PYTHON, "mypy"), id="mypy"),
        pytest.param((str(Path(sys.executable).parent / "lint-imports"), "--no-cache"), id="import-linter"),
        pytest.param((str(Path(sys.executable).parent / "shellcheck"), "--external-sources", *SHELL), id="shellcheck"),
    ],
)
def test_linter_is_content(argv: tuple[str, ...]) -> None:
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{Path(argv[0]).name} {' '.join(argv[1:])}\n{done.stdout}{done.stderr}", pytrace=False)
