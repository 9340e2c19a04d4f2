"""VPC peering connections: what AWS refuses, and what it lets fail (section 6 of the AWS reference)."""

from emulator.errors import Where
from emulator.topology import gateways, rules_transit
from emulator.topology.load_peering import overlap
from emulator.topology.model import GroupReference, Topology, Vpc
from emulator.topology.peering import VpcPeeringConnection
from emulator.topology.place import NOWHERE
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed

_ENDED = ("failed", "rejected", "expired", "deleted")


def check(topology: Topology, report: Report) -> None:
    """Every connection."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    first: dict[frozenset[str], VpcPeeringConnection] = {}
    for held in topology.vpc_peering_connections:
        missing = [(key, name) for key, name in (("vpc", held.vpc), ("peer_vpc", held.peer_vpc)) if name not in vpcs]
        for key, name in missing:
            if not report.is_broken(NOWHERE, "vpcs", name):
                hint = did_you_mean(name, list(vpcs), f"the file has {listed(vpcs)}")
                report.error(held.where, f"no VPC is called `{name}`", hint, "InvalidVpcID.NotFound", key)
        if missing:
            continue
        if held.vpc == held.peer_vpc:
            what = f"VPC {held.vpc} cannot be peered with itself"
            report.error(held.where, what, "peer_vpc is another VPC", "InvalidParameterValue", "peer_vpc")
            continue
        if held.state not in _ENDED:
            other = first.setdefault(held.pair, held)
            if other is not held:
                # PCX-04
                what = f"{held.vpc} and {held.peer_vpc} are peered already, by {other.name} (line {other.where.line})"
                report.error(held.where, what, "two VPCs have one connection", "VpcPeeringConnectionAlreadyExists")
        _check_acceptance(topology, held, vpcs[held.vpc], vpcs[held.peer_vpc], report)


def _check_acceptance(topology: Topology, held: VpcPeeringConnection, vpc: Vpc, peer: Vpc, report: Report) -> None:
    given = [key for key in ("auto_accept", "accepted") if report.given(held.where, key)]
    if held.state in ("rejected", "expired") and given:
        # PCX-03
        what = f"a connection that is {held.state} cannot be accepted"
        report.error(held.where, what, f"remove {given[0]}, or state", "InvalidStateTransition", given[0])
    elif held.state == "failed":
        blocks = overlap(vpc, peer)
        what = f"{blocks} overlap, so VPC peering connection {held.name} fails: the routes to it are blackholes"
        report.warn(held.where, what, "the blocks of peered VPCs do not overlap, used or not")  # PCX-05
    elif "auto_accept" in given:
        if vpc.owner_id != peer.owner_id or topology.region_of(vpc) != topology.region_of(peer):
            what = "only a connection within one account and region can accept itself"
            hint = "accepted: true is what the owner of the other VPC does"
            report.error(held.where, what, hint, "OperationNotPermitted", "auto_accept")
    elif held.state == "pending-acceptance":
        what = f"VPC peering connection {held.name} waits for acceptance: it carries nothing"
        report.warn(held.where, what, "accepted: true accepts it")  # PCX-03


def check_reference(
    topology: Topology, vpc: Vpc, peer: GroupReference, direction: str, where: Where, key: str, report: Report
) -> None:
    """SG-32, SG-33: a rule that names a group of another VPC, `b/web`."""
    other = next((held for held in topology.vpcs if held.name == peer.vpc), None)
    if other is None:
        known = [held.name for held in topology.vpcs]
        what = f"`{peer}` is a group of VPC {peer.vpc}, and there is no such VPC"
        report.error(
            where, what, did_you_mean(peer.vpc, known, f"the file has {listed(known)}"), "InvalidGroup.NotFound", key
        )
        return
    names = [group.name for group in other.security_groups]
    if any(group.name == peer.group and vpc.name in group.vpc_associations for group in other.security_groups):
        return  # SG-12: it is one of this VPC's, too
    if peer.group not in names:
        if not report.is_broken(other.where, "security_groups", peer.group):
            hint = did_you_mean(peer.group, names, f"VPC {other.name} has {listed(names)}")
            what = f"VPC {other.name} has no security group called `{peer.group}`"
            report.error(where, what, hint, "InvalidGroup.NotFound", key)
        return
    between = [held for held in topology.vpc_peering_connections if held.pair == {vpc.name, other.name}]
    shared = gateways.shared(topology, vpc.name, other.name)
    if shared and not any(held.active for held in between):
        rules_transit.check_reference(shared, vpc, peer, direction, where, key, report)
    elif not between:
        if not report.is_broken(NOWHERE, "vpc_peering_connections"):
            what = f"security group {peer} and VPC {vpc.name} belong to different networks that are not peered"
            wanted = f"{{vpc: {vpc.name}, peer_vpc: {other.name}, auto_accept: true}}"
            hint = f"vpc_peering_connections: {{{vpc.name}-{other.name}: {wanted}}}"
            report.error(where, what, hint, "InvalidParameter", key)
    elif topology.region_of(vpc) != topology.region_of(other):
        # SG-35
        what = f"security group {peer} is in another region: a rule cannot name it, peered or not"
        report.error(where, what, f"name addresses, such as {other.cidr_block}", "InvalidGroup.NotFound", key)
    elif not any(held.active for held in between):
        # SG-36
        what = f"the rule is stale: {between[0].name} is {between[0].state}, so {peer} matches nothing"
        report.warn(where, what, "it matches again when the VPCs have an active peering connection", key=key)
