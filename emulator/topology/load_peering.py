"""Records of VPC peering connections -> VpcPeeringConnection, with the state that AWS would show."""

from collections.abc import Iterable, Mapping

from emulator.topology.model import Vpc
from emulator.topology.peering import PeeringState, VpcPeeringConnection
from emulator.topology.read import Record
from emulator.topology.report import Report


def build_connections(
    records: Iterable[Record], vpcs: Iterable[Vpc], report: Report
) -> tuple[VpcPeeringConnection, ...]:
    """Those whose two VPCs the file names. Whether these exist is for the rules to say."""
    known = {vpc.name: vpc for vpc in vpcs}
    found = []
    for record in records:
        vpc, peer = record.get("vpc"), record.get("peer_vpc")
        if vpc is None or peer is None:
            report.broken.add(record.where.path)
            continue
        found.append(VpcPeeringConnection(record.name, vpc, peer, _state(record, known), record.where))
    return tuple(found)


def _state(record: Record, vpcs: Mapping[str, Vpc]) -> PeeringState:
    written: PeeringState | None = record.get("state")
    if written is not None:
        return written
    ends = [vpcs.get(record.get(key)) for key in ("vpc", "peer_vpc")]
    if ends[0] is not ends[1] and overlap(ends[0], ends[1]):
        return "failed"  # PCX-05
    accepted = record.get("auto_accept") or record.get("accepted")
    return "active" if accepted else "pending-acceptance"  # PCX-03


def overlap(one: Vpc | None, other: Vpc | None) -> str:
    """PCX-05: two blocks that overlap, in words, those of unused secondary blocks too; "" if none do."""
    for mine in one.cidr_blocks if one else ():
        for theirs in other.cidr_blocks if other else ():
            if mine.overlaps(theirs):
                return f"{mine} and {theirs}"
    return ""
