"""VPC Block Public Access: what AWS refuses about it (section 2.4 of the AWS reference)."""

from emulator.topology.model import Topology
from emulator.topology.place import NOWHERE
from emulator.topology.public_access import Exclusion, Options
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed


def check(topology: Topology, report: Report) -> None:
    """Every mode, every exclusion."""
    first: dict[tuple[str, str], Options] = {}
    for held in topology.block_public_access.options:
        other = first.setdefault((held.region, held.owner_id), held)
        if other is not held:
            whose = f"account {held.owner_id}" if held.owner_id else "the account"
            what = f"{whose} has a mode for {held.region} already (line {other.where.line})"
            report.error(held.where, what, "an account has one mode in a region")
    excluded: dict[tuple[str, str], Exclusion] = {}
    for one in topology.block_public_access.exclusions:
        if not _exists(topology, one, report):
            continue
        before = excluded.setdefault((one.vpc, one.subnet), one)
        if before is not one:
            # BPA-04
            what = f"{one} is excluded already (line {before.where.line})"
            hint = "a VPC or subnet has one exclusion; another mode takes the place of the first"
            report.error(one.where, what, hint, "InvalidParameterValue")


def _exists(topology: Topology, held: Exclusion, report: Report) -> bool:
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    vpc = vpcs.get(held.vpc)
    if vpc is None:
        if not report.is_broken(NOWHERE, "vpcs", held.vpc):
            hint = did_you_mean(held.vpc, list(vpcs), f"the file has {listed(vpcs)}")
            report.error(held.where, f"no VPC is called `{held.vpc}`", hint, "InvalidVpcID.NotFound", "vpc")
        return False
    names = [subnet.name for subnet in vpc.subnets]
    if held.subnet and held.subnet not in names:
        if not report.is_broken(vpc.where, "subnets", held.subnet):
            hint = did_you_mean(held.subnet, names, f"VPC {vpc.name} has {listed(names, 'no subnets')}")
            what = f"VPC {vpc.name} has no subnet called `{held.subnet}`"
            report.error(held.where, what, hint, "InvalidSubnetID.NotFound", "subnet")
        return False
    return True
