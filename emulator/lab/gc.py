"""gc: sweep what no record speaks for any more. A lab that is merely incomplete is somebody's, and stays."""

from emulator.lab import doors, lock, orphans, places, record
from emulator.lab.down import down
from emulator.report.shapes import Garbage


def gc(*, dry_run: bool = False, checkpoint: doors.Checkpoint = doors.quiet) -> list[Garbage]:
    """Remove (or with dry_run only name) labs without a record, and records without a lab."""
    marked, agents = doors.kernel().labs(), orphans.find()
    found = []
    for lab in sorted({*places.recorded(), *marked, *agents}):
        why = _why(lab, marked.get(lab, []), orphaned=lab in agents)
        if not why:
            continue
        what = [f"{lab}.{node}" for node in marked.get(lab, [])]
        if not dry_run:
            what = down(lab, checkpoint=checkpoint).what
        found.append(Garbage(lab=lab, why=why, removed=not dry_run, what=what))
    return found


def _why(lab: str, marked: list[str], *, orphaned: bool) -> str:
    """Why the lab is garbage; "" if it is not."""
    if lock.busy(lab):
        return ""
    if record.read(lab) is None:
        if marked:
            return "namespaces without a record"
        return "an agent without a lab" if orphaned else "a directory without a record or a namespace"
    return "" if marked else "a record without namespaces"
