"""break: a running lab gets a misconfiguration on purpose, and `undo` takes it back. The same pipe as `up`.

The record keeps the file's own text; the faults stand beside it and are made again whenever somebody asks what the lab
should be. So a killed `break` is repaired by the next one, by `undo`, or by `up`, which clears them.
"""

import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from emulator.errors import UsageError
from emulator.lab import doors, lock, places, record, running
from emulator.lab.noticed import called, sentences, unmet
from emulator.lab.plan import Plan, compare, settle
from emulator.lab.record import Applied, Exercise
from emulator.lab.up import Progress, converge, no_progress, unfinished
from emulator.topology.addresses import assign
from emulator.topology.expand import Expected
from emulator.topology.faults import FAULTS, Broken, Fault, broken_by, fault_called
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.zones import without_zones

_VICTIMS = 8  # of each fault that are looked at in a lab


class Active(NamedTuple):
    """A fault that a lab has."""

    fault: Fault
    on: str  # VPC.victim
    broken: Broken  # with all faults before it


class Done(NamedTuple):
    """What `break` or `undo` did; or, from `reveal`, how a lab is."""

    lab: str
    came: tuple[Active, ...]
    gone: tuple[Active, ...]
    left: tuple[Active, ...]  # all that the lab has now, the oldest first
    secret: bool
    unmet: tuple[str, ...]  # what the file expects and the model no longer sees
    plan: Plan | None = None
    complaints: tuple[str, ...] = ()
    seconds: float = 0.0


class Listed(NamedTuple):
    """A fault, and what it could break in a lab (nothing is known without one)."""

    fault: Fault
    victims: tuple[str, ...]  # the first ones; VPC.victim where the lab has several VPCs


def break_(
    lab: str | None,
    fault: str,
    *,
    on: str = "",
    secret: bool = False,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Done:
    """Give a running lab one fault more. on: its victim (default: the first that carries traffic).

    secret: from now on nothing tells which faults the lab has, until they are gone.
    UsageError: no such lab or fault, nothing to break.
    """
    fault_called(fault)

    def choose(topology: Topology, has: Sequence[Active]) -> tuple[Applied, ...]:
        broken = broken_by(topology, fault, on)
        return (*map(_applied, has), Applied(fault, f"{broken.vpc}.{broken.victim}"))

    return _change(places.choose(lab), choose, secret, checkpoint, progress, say)


def break_at_random(
    lab: str | None,
    seed: int | None = None,
    *,
    secret: bool = False,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Done:
    """One of the faults that make a line of the lab's `expect:` list fail. seed: the same of a file, the same fault."""

    def choose(topology: Topology, has: Sequence[Active]) -> tuple[Applied, ...]:
        # Of another file the same number is another exercise, whatever the lab is called.
        chance = random.Random(None if seed is None else f"{seed} {' '.join(node.name for node in topology.nodes())}")
        before = len(_felt(topology, topology))
        faults = list(FAULTS.values())
        chance.shuffle(faults)  # every fault is as likely as any other, however many victims it has
        for fault in faults:
            victims = list(islice(fault.victims(topology), _VICTIMS))
            chance.shuffle(victims)
            for broken in victims:
                if not topology.expect or len(_felt(topology, broken.topology)) > before:
                    return (*map(_applied, has), Applied(fault.name, f"{broken.vpc}.{broken.victim}"))
        raise UsageError(f"lab {topology.name} has nothing that any fault could break")

    return _change(places.choose(lab), choose, secret, checkpoint, progress, say)


def _felt(topology: Topology, broken: Topology) -> list[Expected]:
    before, now = assign(topology)[0], assign(broken)[0]
    return unmet(topology, called(before, now), broken, now)


def undo(
    lab: str | None,
    fault: str = "",
    *,
    last: bool = False,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Done:
    """Take back all faults, the last one, or the last one of that name. UsageError: it has none (so called)."""
    lab = places.choose(lab)
    if fault:
        fault_called(fault)

    def choose(topology: Topology, has: Sequence[Active]) -> tuple[Applied, ...]:
        if not has and running.recall(lab).record.complete:  # one that was cut short is repaired, to begin with
            raise UsageError(f"lab {lab} is not broken on purpose", f"`vpcemu status {lab}` says what else is wrong")
        kept = [_applied(each) for each in has]
        if not fault:
            return tuple(kept[:-1]) if last else ()
        if fault not in [each.fault for each in kept]:
            raise UsageError(
                f"lab {lab} does not have the fault {fault}", f"`vpcemu break {lab} --reveal` lists its own"
            )
        del kept[max(number for number, each in enumerate(kept) if each.fault == fault)]
        return tuple(kept)

    return _change(lab, choose, False, checkpoint, progress, say)


def active(lab: str | None = None) -> tuple[Active, ...]:
    """The faults that a lab has on purpose, the oldest first; of a secret exercise, too."""
    there = running.recall(lab)
    exercise = there.record.exercise
    return _replay(running.of_file(there.record), exercise.faults if exercise else ())


def reveal(lab: str | None = None) -> Done:
    """Every fault that a lab has on purpose, and what its file expects in vain."""
    there = running.recall(lab)
    secret = there.record.exercise is not None and there.record.exercise.secret
    meant = running.of_file(there.record)
    fails = _unmet(meant, there.record.kept, there.topology, there.addresses)
    return Done(there.lab, (), (), active(there.lab), secret, fails)


def catalogue(lab: str | None = None, progress: Progress = no_progress) -> list[Listed]:
    """All faults; with a lab, what each could break in it as it is now."""
    if not lab:
        return [Listed(fault, ()) for fault in FAULTS.values()]
    topology = running.recall(lab).topology
    found = []
    for number, fault in enumerate(FAULTS.values()):
        progress("looking what could be broken", number, len(FAULTS))
        found.append(Listed(fault, _victims(fault, topology)))
    return found


def victims(lab: str | None, fault: str) -> tuple[str, ...]:
    """What a fault of that name could break in a running lab; nothing for a name that the catalogue does not have."""
    return _victims(FAULTS[fault], running.recall(lab).topology) if fault in FAULTS else ()


def _victims(fault: Fault, topology: Topology) -> tuple[str, ...]:
    several = len(topology.vpcs) > 1
    found = islice(fault.victims(topology), _VICTIMS)
    return tuple(f"{each.vpc}.{each.victim}" if several else each.victim for each in found)


Choose = Callable[[Topology, Sequence[Active]], tuple[Applied, ...]]


def _change(
    lab: str,
    choose: Choose,
    secret: bool,
    checkpoint: doors.Checkpoint,
    progress: Progress,
    say: Callable[[str], None],
) -> Done:
    with lock.hold(lab, lambda holder: say(f"lab {lab} is being changed by process {holder}: waiting for it")) as held:
        started = time.monotonic()
        before = running.recall(lab).record
        original = running.of_file(before)
        has = _replay(original, before.exercise.faults if before.exercise else ())
        wanted_faults = choose(has[-1].broken.topology if has else original, has)
        becomes = _replay(original, wanted_faults)
        hidden = bool(becomes) and (secret or (before.exercise is not None and before.exercise.secret))
        exercise = Exercise(wanted_faults, before.kept, hidden) if becomes else None
        topology = without_zones(becomes[-1].broken.topology if becomes else original, before.dark_zones)
        wanted = settle(before.file, before.text, topology, [], before.kept)._replace(exercise=exercise)
        kernel = doors.kernel(checkpoint)
        plan = compare(wanted, before, kernel)
        with unfinished(lab, _remedy(before)):
            complaints = converge(plan, before, held, kernel, checkpoint, progress)
        return Done(
            lab,
            came=becomes[len(has) :],
            gone=_gone(has, becomes),
            left=becomes,
            secret=hidden,
            unmet=_unmet(original, before.kept, topology, wanted.addresses),
            plan=plan,
            complaints=tuple(complaints),
            seconds=time.monotonic() - started,
        )


def _unmet(meant: Topology, before: Addresses, topology: Topology, addresses: Addresses) -> tuple[str, ...]:
    return tuple(sentences(unmet(meant, called(before, addresses), topology, addresses)))


def _gone(has: Sequence[Active], becomes: Sequence[Active]) -> tuple[Active, ...]:
    left = [_applied(each) for each in becomes]
    return tuple(each for each in has if _applied(each) not in left)


def _remedy(before: record.Record) -> str:
    return f"`vpcemu up {before.file}` or `vpcemu break {before.lab} --undo` repairs it"


def _applied(active: Active) -> Applied:
    return Applied(active.fault.name, active.on)


def _replay(topology: Topology, faults: Sequence[Applied]) -> tuple[Active, ...]:
    """Each fault on top of those before it."""
    made: list[Active] = []
    for name, on in faults:
        broken = broken_by(made[-1].broken.topology if made else topology, name, on)
        made.append(Active(fault_called(name), on, broken))
    return tuple(made)
