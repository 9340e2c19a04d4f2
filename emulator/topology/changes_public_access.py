"""What an edit changes in VPC Block Public Access, in AWS's words."""

from collections.abc import Iterator

from emulator.topology.compared import Change, Verb
from emulator.topology.model import Topology
from emulator.topology.public_access import Exclusion, PublicAccess

_PATH, _NOUN = "block_public_access", "VPC Block Public Access"


def changes(old: Topology | None, new: Topology | None) -> Iterator[Change]:
    """The modes, then the exclusions, by what they exclude."""
    before, after = (held.block_public_access if held else PublicAccess() for held in (old, new))
    if before.mode != after.mode:
        key = "internet_gateway_block_mode"
        yield Change("replace", f"{_PATH}.{key}", "", _NOUN, f"{key}: {before.mode} -> {after.mode}")
    places = {(held.region, held.owner_id) for held in (*before.options, *after.options)}
    for region, owner in sorted(places):
        modes = before.mode_of(region, owner), after.mode_of(region, owner)
        if modes[0] != modes[1]:
            whose = f"{region}, account {owner}" if owner else region
            yield Change("replace", f"{_PATH}.options", "", _NOUN, f"{whose}: {modes[0]} -> {modes[1]}")
    then, now = _by_place(before), _by_place(after)
    for place, held in then.items():
        if place not in now:
            yield _change("remove", before, held)
    for place, held in now.items():
        earlier = then.get(place)
        if earlier is None:
            yield _change("add", after, held)
        elif earlier.mode != held.mode:
            here = f"{_PATH}.exclusions[{after.exclusions.index(held)}]"
            yield Change("replace", here, held.vpc, _NOUN, f"exclusion of {held}: {earlier.mode} -> {held.mode}")


def _by_place(access: PublicAccess) -> dict[tuple[str, str], Exclusion]:
    return {(held.vpc, held.subnet): held for held in access.exclusions}


def _change(verb: Verb, access: PublicAccess, held: Exclusion) -> Change:
    here = f"{_PATH}.exclusions[{access.exclusions.index(held)}]"
    return Change(verb, here, held.vpc, _NOUN, f"exclusion of {held}: {held.mode}")
