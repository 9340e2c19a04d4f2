"""What the words after `vpcemu break` mean: a lab, a fault, or both. And what a shell may complete them to."""

from collections.abc import Sequence
from typing import NamedTuple

import click

from emulator.errors import UsageError, VpcemuError
from emulator.lab import places

WORDS = "[LAB] [FAULT]"


class Asked(NamedTuple):
    """lab None: the only one that is up."""

    lab: str | None
    fault: str


def choose(
    words: Sequence[str],
    *,
    at_random: bool = False,
    seed: int | None = None,
    reveal: bool = False,
    undo: bool = False,
    last: bool = False,
    listing: bool = False,
    on: str = "",
    secret: bool = False,
) -> Asked:
    """The lab and the fault that are meant; UsageError for what does not go together."""
    ways = [word for word, given in _ways(at_random, reveal, undo, listing) if given]
    if len(ways) > 1:
        raise UsageError(f"either {' or '.join(ways)}")
    if len(words) > 2:
        raise UsageError("one fault at a time", "`vpcemu break LAB FAULT`, and again for the next one")
    if seed is not None and not at_random:
        raise UsageError("--seed goes with --random")
    if last and (not undo or len(words) > 1):
        raise UsageError("--last goes with --undo and a lab")
    if on and ways:
        raise UsageError("--on goes with a fault")
    if secret and ways not in ([], ["--random"]):
        raise UsageError("--secret goes with a fault or --random")
    if len(words) == 2:
        if ways and not undo:
            raise UsageError(f"{ways[0]} takes a lab and no fault")
        return Asked(words[0], words[1])
    word = words[0] if words else None
    if ways:
        # `break FAULT --undo` while one lab is up
        return Asked(None, word) if undo and word and _is_fault(word) else Asked(word, "")
    if word is None or word in places.recorded():
        raise UsageError("which fault?", f"`vpcemu break --list {word or 'LAB'}` shows what can be broken")
    return Asked(None, word)


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Labs first, then faults: the whole catalogue, or with --undo what root may know that the lab has."""
    from emulator.topology.faults import FAULTS

    given = ctx.params.get("words") or ()
    labs = [] if given else places.recorded()
    faults = (_open_faults(given[0] if given else None) if ctx.params.get("undo") else None) or FAULTS
    return [word for word in (*labs, *faults) if word.startswith(incomplete)]


def complete_on(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For root: what the fault could break in the lab."""
    from emulator.lab import faults

    given = ctx.params.get("words") or ctx.args  # an option without its value yet: click leaves the words unread
    try:
        asked = choose(given)
        return [name for name in faults.victims(asked.lab, asked.fault) if name.startswith(incomplete)]
    except (VpcemuError, OSError):
        return []


def _open_faults(lab: str | None) -> list[str]:
    """Those that the lab has, unless they are a secret."""
    from emulator.lab import running

    try:
        exercise = running.recall(lab).record.exercise
    except (VpcemuError, OSError):
        return []
    return [] if exercise is None or exercise.secret else list(dict.fromkeys(fault for fault, *_ in exercise.faults))


def _ways(at_random: bool, reveal: bool, undo: bool, listing: bool) -> tuple[tuple[str, bool], ...]:
    return ("--random", at_random), ("--reveal", reveal), ("--undo", undo), ("--list", listing)


def _is_fault(word: str) -> bool:
    from emulator.topology.faults import FAULTS

    return word in FAULTS and word not in places.recorded()
