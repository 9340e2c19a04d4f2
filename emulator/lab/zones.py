"""az: an availability zone of a running lab fails, and comes back. The same pipe as `up`.

The record keeps which zones are down, beside the file's own text. A failure is nothing that a file could say, so `up`
of an edited file leaves it as it is; `az up` ends it. What is dark keeps its namespace, with all that runs
in it.
"""

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from emulator.errors import UsageError
from emulator.lab import doors, lock, places, running
from emulator.lab.noticed import called, sentences, unmet
from emulator.lab.plan import Plan, compare, settle
from emulator.lab.up import Progress, converge, no_progress, unfinished
from emulator.topology.model import Topology
from emulator.topology.zones import dark, places_in, without_zones, zone_called


class Done(NamedTuple):
    """What became of a zone.

    affected: instances, NAT gateways, and places of transit gateways that went dark, or are back. zones: all that are
    down now. unmet: what the file expects and the model no longer sees. changed: False, it was like that before.
    """

    lab: str
    zone: str
    affected: tuple[str, ...]
    zones: tuple[str, ...]
    unmet: tuple[str, ...]
    changed: bool
    plan: Plan
    complaints: tuple[str, ...]
    seconds: float


def down(
    zone: str,
    lab: str | None = None,
    *,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Done:
    """AZ-01: everything zonal in the zone goes dark. zone: `a`, or in full. UsageError: no such lab or zone."""
    return _change(places.choose(lab), zone, lambda name, held: {*held, name}, checkpoint, progress, say)


def up(
    zone: str,
    lab: str | None = None,
    *,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Done:
    """The zone is back, with everything in it. UsageError: no such lab or zone, or it is not down."""
    lab = places.choose(lab)

    def choose(name: str, held: Collection[str]) -> set[str]:
        if name not in held and running.recall(lab).record.complete:  # one that was cut short is repaired
            raise UsageError(f"zone {name} of lab {lab} is not down", f"`vpcemu status {lab}` says what is wrong")
        return {*held} - {name}

    return _change(lab, zone, choose, checkpoint, progress, say)


def _change(
    lab: str,
    word: str,
    choose: Callable[[str, Collection[str]], set[str]],
    checkpoint: doors.Checkpoint,
    progress: Progress,
    say: Callable[[str], None],
) -> Done:
    with lock.hold(lab, lambda holder: say(f"lab {lab} is being changed by process {holder}: waiting for it")) as held:
        started = time.monotonic()
        there = running.recall(lab)
        before = there.record
        zone = zone_called(there.topology, word)
        topology = without_zones(there.topology, choose(zone, before.dark_zones))
        wanted = settle(before.file, before.text, topology, [], before.addresses)._replace(exercise=before.exercise)
        kernel = doors.kernel(checkpoint)
        plan = compare(wanted, before, kernel)
        with unfinished(lab, f"`vpcemu up {before.file}` repairs it"):
            complaints = converge(plan, before, held, kernel, checkpoint, progress)
        secret = before.exercise is not None and before.exercise.secret
        return Done(
            lab,
            zone,
            affected=(*sorted({*_in(zone, there.topology), *_in(zone, topology)}), *places_in(topology, zone)),
            zones=topology.dark_zones,
            unmet=() if secret else _unmet(there, wanted.topology),
            changed=topology.dark_zones != before.dark_zones,
            plan=plan,
            complaints=tuple(complaints),
            seconds=time.monotonic() - started,
        )


def _in(zone: str, topology: Topology) -> list[str]:
    return [name for name, lost in dark(topology).items() if lost == zone]


def _unmet(there: running.Running, topology: Topology) -> tuple[str, ...]:
    meant = running.of_file(there.record)
    names = called(there.record.kept, there.addresses)
    return tuple(sentences(unmet(meant, names, topology, there.addresses)))
