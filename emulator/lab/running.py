"""What a lab that is up was made to be, from its record. Whatever asks about a running lab begins here."""

from typing import NamedTuple

from emulator.errors import UsageError, VpcemuError
from emulator.lab import memory, places, record
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.zones import without_zones


class Unknown(VpcemuError):
    """The lab is there, but its record is not, so nobody knows what it should be."""


class Running(NamedTuple):
    """A lab that is up, or was meant to be."""

    record: record.Record
    topology: Topology  # what the lab was made to be: its file's, with what `break` and `az down` have made of it
    addresses: Addresses

    @property
    def lab(self) -> str:
        return self.record.lab


def recall(lab: str | None = None) -> Running:
    """The lab of that name, or the only one there is. UsageError: there is none; Unknown: nobody knows what it is."""
    lab = places.choose(lab)
    before = record.read(lab)
    if before is None:
        raise Unknown(f"lab {lab} has lost its record", f"`vpcemu down {lab}` removes it, or `vpcemu gc`")
    return Running(before, topology(before), before.addresses)


def topology(before: record.Record) -> Topology:
    """What the record says the lab was made to be."""
    found = of_file(before)
    if before.exercise is not None:
        from emulator.topology.faults import broken_by  # only an exercise pays for the catalogue

        try:
            for fault, on in before.exercise.faults:
                found = broken_by(found, fault, on).topology
        except UsageError:
            raise _unreadable(before) from None
    return without_zones(found, before.dark_zones)


def of_file(before: record.Record) -> Topology:
    """What the lab's file says."""
    found, _ = memory.load(before.text, before.file, before.lab)
    if found is None:
        raise _unreadable(before)
    return found


def _unreadable(before: record.Record) -> Unknown:
    """It was written by another version of vpcemu."""
    return Unknown(
        f"the record of lab {before.lab} cannot be read by this version of vpcemu",
        f"`vpcemu up {before.file}` or `vpcemu down {before.lab}`",
    )
