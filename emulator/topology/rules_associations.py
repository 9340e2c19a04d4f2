"""Security group VPC associations: what AWS refuses (SG-12). Its codes for that are written nowhere: these are kin."""

from emulator.topology.model import SecurityGroup, Topology, Vpc
from emulator.topology.place import NOWHERE
from emulator.topology.report import Report
from emulator.topology.security import DEFAULT_GROUP
from emulator.topology.suggest import did_you_mean, listed

_KEY = "vpc_associations"


def check(topology: Topology, report: Report) -> None:
    """Every group's further VPCs."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for vpc in topology.vpcs:
        for group in vpc.security_groups:
            if group.vpc_associations and _may_have_any(vpc, group, report):
                for number, name in enumerate(group.vpc_associations):
                    _check(topology, vpc, vpcs, group, number, name, report)


def _may_have_any(vpc: Vpc, group: SecurityGroup, report: Report) -> bool:
    if group.name == DEFAULT_GROUP:
        what = "a default group cannot be associated with another VPC"
        report.error(group.where, what, "make a group of your own", "InvalidParameterValue", _KEY)
    elif vpc.default:
        what = f"VPC {vpc.name} is a default VPC: its groups cannot be associated with another one"
        report.error(group.where, what, "declare the group in another VPC", "InvalidParameterValue", _KEY)
    else:
        return True
    return False


def _check(
    topology: Topology, vpc: Vpc, vpcs: dict[str, Vpc], group: SecurityGroup, number: int, name: str, report: Report
) -> None:
    key = report.item(group.where, (_KEY,), name, last=True)
    other = vpcs.get(name)
    if other is None:
        if not report.is_broken(NOWHERE, "vpcs", name):
            hint = did_you_mean(name, list(vpcs), f"the file has {listed(vpcs)}")
            report.error(group.where, f"no VPC is called `{name}`", hint, "InvalidVpcID.NotFound", key)
    elif other is vpc:
        what = f"{vpc.name} is the group's own VPC"
        report.error(group.where, what, f"{_KEY} are further ones", "InvalidParameterValue", key)
    elif name in group.vpc_associations[:number]:
        report.error(group.where, f"VPC {name} is there twice", "remove one", "InvalidParameterValue", key)
    elif other.default:
        what = f"VPC {name} is a default VPC: no group of another VPC can be associated with it"
        report.error(group.where, what, f"declare the group in VPC {name} as well", "InvalidParameterValue", key)
    elif topology.region_of(other) != topology.region_of(vpc):
        what = f"VPC {name} is in {topology.region_of(other)}, and the group in {topology.region_of(vpc)}"
        report.error(group.where, what, "a group serves VPCs of its own region", "InvalidVpcID.NotFound", key)
    elif other.owner_id != vpc.owner_id:
        what = f"VPC {name} belongs to another account than VPC {vpc.name}"
        report.error(group.where, what, "a group serves VPCs of its own account", "InvalidVpcID.NotFound", key)
