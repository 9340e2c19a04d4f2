"""Availability zones by name: a letter stands for the zone of the VPC's own region."""

from emulator.errors import Where
from emulator.topology.report import Report


def zone_in(region: str, word: str, where: Where, report: Report, hint: str = "") -> str:
    """`a` or `us-east-1a` in full. Another region's zone is told, at the key availability_zone of `where`."""
    if len(word) == 1:
        return region + word
    if word[:-1] != region:
        whose = hint or f"the VPC is in {region}"
        what = f"zone {word} is in another region"
        told = f"{whose}; write {word[-1]} or {region}{word[-1]}"
        report.error(where, what, told, "InvalidParameterValue", "availability_zone")
    return word
