"""ls: which labs there are, and in what state. Needs no YAML: counts come from nodes.json."""

from datetime import UTC, datetime

from emulator.errors import VpcemuError
from emulator.lab import doors, lock, places, record, view
from emulator.report.shapes import LabState, Listed


def listing() -> list[Listed]:
    """Every lab of this machine, those without a record too, by name."""
    marked = doors.kernel().labs()
    return [_listed(lab, marked.get(lab, [])) for lab in sorted({*places.recorded(), *marked})]


def state(lab: str, before: record.Record | None, marked: list[str]) -> LabState:
    """up; changing (right now); incomplete (an `up` or `down` was killed); broken; lost (no record)."""
    if lock.busy(lab):
        return "changing"
    if before is None:
        return "lost"
    if not before.complete:
        return "incomplete"
    return "broken" if set(before.namespaces) - set(marked) else "up"


def since(before: record.Record) -> str:
    """When the lab was first brought up, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(int(before.started), UTC).isoformat()


def _listed(lab: str, marked: list[str]) -> Listed:
    before = record.read(lab)
    try:
        kinds = [seen["kind"] for seen in view.read(lab).nodes.values()]
    except VpcemuError:
        kinds = []
    return Listed(
        lab=lab,
        state=state(lab, before, marked),
        vpcs=kinds.count("router"),
        instances=kinds.count("instance"),
        namespaces=len(marked),
        since=since(before) if before else "",
        file=before.file if before else "",
    )
