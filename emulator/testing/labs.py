"""The labs of one pytest session: each is brought up once, and all are taken down at the end."""

import os
import sys
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import pytest

from emulator.errors import UnsupportedError, UsageError, VpcemuError
from emulator.lab import places, source
from emulator.lab.held import Lab, Source, is_text, lab, unique_name
from emulator.lab.up import Interrupted
from emulator.testing.recorder import Recorder


class Options(NamedTuple):
    """What the command line and the ini file say."""

    keep: bool
    fail_without_root: bool
    record: bool
    rootdir: Path
    folder: Path  # where texts that are in no file are put


class Held(NamedTuple):
    """A lab of this session, what it was made from, and its record of packets."""

    lab: Lab
    source: Source
    keep: bool
    recorder: Recorder | None


class LabFactory:
    """The fixture `vpcemu_lab`: call it with a topology, and get the lab."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.held: dict[str, Held] = {}

    def __call__(self, topology: Source, *, name: str | None = None, keep: bool = False, trust: bool = False) -> Lab:
        """The lab of this topology, brought up at the first call and shared by all later ones in the session.

        topology: a path (looked for beside the file that calls, then from the root directory of the tests, then from
        the current one), or YAML text, or a mapping. A lab that was changed meanwhile is first put back to it.
        name: left out, one that nobody else has. Two names are two labs.
        keep: leave it up when the session ends.
        trust: commands in the topology may run as a user of this machine's.
        """
        found = self._found(topology, Path(sys._getframe(1).f_code.co_filename).parent)
        key = f"{_identity(found)}\n{name or ''}\n{trust}"
        held, trouble = self._try(key, found, name, keep or self.options.keep, trust)
        if held is None:
            pytest.fail(trouble, pytrace=False)
        return held.lab

    def _try(self, key: str, topology: Source, name: str | None, keep: bool, trust: bool) -> tuple[Held | None, str]:
        """The lab, or why there is none. Not as an exception: pytest would show where both were raised."""
        try:
            if key not in self.held:
                self.held[key] = self._make(topology, name, keep, trust)
            if self.held[key].lab.changed:
                self.held[key].lab.restore()
        except Interrupted:
            raise KeyboardInterrupt from None
        except UnsupportedError as reason:
            # Where a lab cannot be had, its tests are skipped, or fail if nobody would notice that (CI).
            if self.options.fail_without_root:
                return None, f"{_told(reason)}\n(not skipped: CI=true, or vpcemu_without_root = fail)"
            pytest.skip(_told(reason))
        except VpcemuError as reason:
            return None, _told(reason)
        return self.held[key], ""

    def _make(self, topology: Source, name: str | None, keep: bool, trust: bool) -> Held:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        chosen = f"{name}-{worker}" if name and worker else name or unique_name(topology)
        if chosen in places.recorded() and not keep:
            raise UsageError(
                f"lab {chosen} is up already, and not of this session",
                f"leave the name out, or `vpcemu down {chosen}`; with --vpcemu-keep it is used",
            )
        made = lab(topology, name=chosen, trust=trust, folder=str(self.options.folder))
        return Held(made, topology, keep, Recorder(made) if self.options.record else None)

    def _found(self, topology: Source, beside: Path) -> Source:
        if isinstance(topology, Mapping) or (isinstance(topology, str) and is_text(topology)):
            return topology
        places_to_look = dict.fromkeys((beside, self.options.rootdir, Path.cwd()))
        for folder in places_to_look:
            if (folder / topology).exists():
                return (folder / topology).resolve()
        looked = ", ".join(str(folder) for folder in places_to_look)
        hints = (source.meant(os.path.join(folder, topology)) for folder in places_to_look)
        hint = "".join(f"\n    hint: {hint}" for hint in list(filter(None, hints))[:1])
        pytest.fail(f"there is no topology {os.fspath(topology)}; looked in {looked}{hint}", pytrace=False)

    def begin_test(self) -> None:
        """Whatever is recorded from now on is of this test."""
        for held in self.held.values():
            held.lab.answers.clear()
            if held.recorder:
                held.recorder.begin()

    def finish(self) -> None:
        """Take all of them down; one that fails does not keep the others up."""
        trouble = []
        for held in self.held.values():
            try:
                if held.recorder:
                    held.recorder.close()
                if held.keep:
                    held.lab.close()
                else:
                    held.lab.down()
            except VpcemuError as reason:
                trouble.append(_told(reason))
        if trouble:
            pytest.fail("\n".join(trouble), pytrace=False)


def _identity(topology: Source) -> str:
    text = repr(topology) if isinstance(topology, Mapping) else os.fspath(topology)
    return blake2b(text.encode()).hexdigest()


def _told(reason: VpcemuError) -> str:
    return f"{reason}\n    hint: {reason.hint}" if reason.hint else str(reason)
