"""The record of VPC Block Public Access -> PublicAccess."""

from emulator.topology.public_access import Exclusion, Options, PublicAccess
from emulator.topology.read import Record


def build_public_access(record: Record | None, region: str) -> PublicAccess:
    """region: the lab's. What is wrong is left out; whether the named things exist is for the rules to say."""
    if record is None:
        return PublicAccess()
    options = tuple(
        Options(held.get("region") or region, held.get("owner_id") or "", mode, held.where)
        for held in record.get("options") or ()
        if held and (mode := held.get("internet_gateway_block_mode"))
    )
    exclusions = tuple(
        Exclusion(vpc, held.get("subnet") or "", mode, held.where)
        for held in record.get("exclusions") or ()
        if held
        and (vpc := held.get("vpc"))
        and (mode := held.get("internet_gateway_exclusion_mode"))
        # With a subnet that could not be read it is no exclusion of the whole VPC.
        and ("subnet" not in held or held.get("subnet"))
    )
    return PublicAccess(record.get("internet_gateway_block_mode") or "off", options, exclusions, record.where)
