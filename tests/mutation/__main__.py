"""scripts/mutation: break the compiler on purpose, in many ways, and see whether the tests notice each."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS

REPOSITORY = Path(__file__).parent.parent.parent
_COPIED = ("emulator", "tests", "topologies", "scripts", "pyproject.toml")
_PATIENCE = 600
_EXCEPTION = re.compile(r"[\w.]+(Error|Exception|Unusable): ")


class Found(NamedTuple):
    """Who noticed a mutant, "" if nobody did, and by what."""

    mutant: str
    by: str
    what: str
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/mutation",
        description="Breaks a copy of the compiler on purpose; the tests must notice each mistake. Needs root.",
        epilog="The exit code is 1 if a mutant survives.",
    )
    parser.add_argument("mutants", nargs="*", help="part of a name; left out: all")
    parser.add_argument("--topologies", type=int, default=40, help="random ones for each mutant (40)")
    parser.add_argument("--seed", type=int, default=7, help="of the random topologies (7)")
    parser.add_argument("--only", choices=("differential", "conformance"), help="only these tests")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    parser.add_argument("--json", action="store_true", help="as JSON")
    arguments = parser.parse_args()
    wanted = [
        mutant for mutant in MUTANTS if not arguments.mutants or any(part in mutant.name for part in arguments.mutants)
    ]
    if arguments.list:
        print(*(f"{mutant.file}: {mutant.name}" for mutant in wanted), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception removes the copy, a signal does not
    with tempfile.TemporaryDirectory(prefix="vpcemu-mutation-") as directory:
        copy = Path(directory)
        for name in _COPIED:
            _copy(REPOSITORY / name, copy / name)
        trial = _Trial(copy, arguments.topologies, arguments.seed, arguments.only)
        unbroken = (arguments.only != "conformance" and trial.differential()) or ""
        if unbroken:
            print(f"the compiler as it is does not pass:\n{unbroken}", file=sys.stderr)
            return 1
        found = []
        for number, mutant in enumerate(wanted, 1):
            found.append(trial.of(mutant))
            if not arguments.json:
                print(f"{number:3}/{len(wanted)} {_line(found[-1])}", flush=True)
    return _score(found, arguments.json)


def _score(found: list[Found], as_json: bool) -> int:
    caught = sum(1 for one in found if one.by)
    if as_json:
        held = {"mutants": len(found), "caught": caught, "results": [one._asdict() for one in found]}
        print(json.dumps(held, indent=2))
    else:
        who = {by: sum(1 for one in found if one.by == by) for by in ("differential", "conformance")}
        of = ", ".join(f"{count} by {by} tests" for by, count in who.items())
        minutes = sum(one.seconds for one in found) / 60
        print(f"score: {caught} of {len(found)} caught ({of}), {minutes:.1f} minutes")
    return int(caught < len(found))


def _line(found: Found) -> str:
    return f"{found.mutant:<76} {found.by or 'SURVIVED':<13} {found.seconds:5.1f} s  {found.what}"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copy2(source, target)


class _Trial:
    """A copy of the tree, in which one mutant after the other lives."""

    def __init__(self, copy: Path, topologies: int, seed: int, only: str | None) -> None:
        self._copy, self._topologies, self._seed, self._only = copy, topologies, seed, only

    def of(self, mutant: Mutant) -> Found:
        file = self._copy / "emulator" / mutant.file
        text = file.read_text(encoding="utf-8")
        file.write_text(mutant.apply(text), encoding="utf-8")
        began = time.monotonic()
        try:
            by, what = self._ask(mutant)
        finally:
            file.write_text(text, encoding="utf-8")
        return Found(mutant.name, by, what, round(time.monotonic() - began, 1))

    def _ask(self, mutant: Mutant) -> tuple[str, str]:
        if self._only != "conformance" and (what := self.differential()):
            return "differential", what
        if self._only != "differential" and (what := self._conformance(mutant.tests)):
            return "conformance", what
        return "", ""

    def differential(self) -> str | None:
        """The first disagreement; None if there is none."""
        argv = ("-m", "tests.differential", "--first", "--topologies", str(self._topologies), "--seed", str(self._seed))
        done = self._run(*argv, "--output", str(self._copy / "failures"))
        if not done.returncode:
            return None
        lines = [line for line in done.stdout.splitlines() if line.startswith(("seed ", "  "))]
        return "; ".join(line.strip() for line in lines[1:3]) if lines else _last(done)

    def _conformance(self, tests: tuple[str, ...]) -> str | None:
        """The first test that fails; None if none does."""
        files = [f"tests/conformance/{name}" for name in tests]
        done = self._run("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files)
        if not done.returncode:
            return None
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return failed[0].partition("::")[2].partition(" - ")[0] if failed else _last(done)

    def _run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        # Without bytecode: a file that is written twice within a second looks unchanged.
        environment = {**os.environ, "PYTHONPATH": str(self._copy), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            (sys.executable, *argv),
            cwd=self._copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )


def _last(done: "subprocess.CompletedProcess[str]") -> str:
    """What it came to: the exception, if it says one, else the last line."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return next((line for line in reversed(lines) if _EXCEPTION.match(line)), lines[-1] if lines else "")[:120]


if __name__ == "__main__":
    sys.exit(main())
