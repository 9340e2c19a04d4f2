"""What a lab that is up was made to be, from its record. Whatever asks about a running lab begins here."""

from typing import NamedTuple

from emulator.errors import VpcemuError
from emulator.lab import memory, places, record
from emulator.topology.model import Addresses, Topology


class Unknown(VpcemuError):
    """The lab is there, but its record is not, so nobody knows what it should be."""


class Running(NamedTuple):
    """A lab that is up, or was meant to be."""

    record: record.Record
    topology: Topology  # what the lab was made to be: its file's
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
    found, _ = memory.load(before.text, before.file, before.lab)
    if found is None:  # written by another version of vpcemu
        raise Unknown(
            f"the record of lab {before.lab} cannot be read by this version of vpcemu",
            f"`vpcemu up {before.file}` or `vpcemu down {before.lab}`",
        )
    return found
