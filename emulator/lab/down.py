"""down: remove everything a lab made. Works from the marks in the kernel: without the YAML, without the record, on a
half-made lab, and twice.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from emulator.errors import VpcemuError
from emulator.lab import doors, lock, orphans, places, record

_LAST = (record.NAME, places.TEST, lock.NAME)  # as long as these are there, `ls` shows the lab


class Removed(NamedTuple):
    """What `down` took away."""

    lab: str
    what: list[str]  # namespaces, host links, tables; empty if there was no lab

    @property
    def nothing(self) -> bool:
        return not self.what


def down(
    lab: str,
    *,
    checkpoint: doors.Checkpoint = doors.quiet,
    say: Callable[[str], None] = doors.quiet,
) -> Removed:
    """Remove a lab; if there is none of that name, say so by `nothing`."""
    kernel = doors.kernel(checkpoint)
    # Not os.path.isdir: the name comes from the command line and might be `..`.
    if lab not in places.recorded() and lab not in kernel.labs() and lab not in orphans.find():
        return Removed(lab, [])
    with lock.hold(lab, lambda holder: say(f"lab {lab} is being changed by process {holder}: waiting for it")) as held:
        try:
            what = _remove(lab, kernel, checkpoint)
        except KeyboardInterrupt:
            raise VpcemuError(f"interrupted: lab {lab} is half gone", f"`vpcemu down {lab}` removes the rest") from None
        checkpoint("unlink the lock")
        held.remove()
        return Removed(lab, what)


def _remove(lab: str, kernel: doors.Kernel, checkpoint: doors.Checkpoint) -> list[str]:
    before = record.read(lab)
    if before and before.complete:
        checkpoint("write the record")  # killed from here on, `ls` shows it as incomplete
        record.write(before._replace(complete=False))
    what = ["an agent without a directory"] * orphans.end(lab, checkpoint)
    doors.end_agent(lab, checkpoint)
    what += kernel.destroy(lab, before.namespaces if before else ())
    return what + _files(lab, checkpoint)


def _files(lab: str, checkpoint: doors.Checkpoint) -> list[str]:
    """Empty the lab's directory but for the lock; the record goes last."""
    directory = places.directory(lab)
    names = os.listdir(directory)
    for name in sorted(names, key=lambda name: (name in _LAST, name)):
        if name == lock.NAME:
            continue
        path = f"{directory}/{name}"
        checkpoint(f"unlink {path}")
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            with suppress(FileNotFoundError):  # an agent that was ending has removed its own meanwhile
                os.unlink(path)
    return [directory] if set(names) - {lock.NAME} else []


def known() -> list[str]:
    """Every lab that `down` could remove: those with a directory, and those that only their marks speak for."""
    return sorted({*places.recorded(), *doors.kernel().labs(), *orphans.find()})
