"""Which security groups an interface carries: known in its VPC, once each, and not too many (SG-01, SG-11, SG-12)."""

from emulator.errors import Where
from emulator.topology.associations import associated
from emulator.topology.model import Topology, Vpc
from emulator.topology.place import NOWHERE
from emulator.topology.report import Report
from emulator.topology.security import DEFAULT_GROUP
from emulator.topology.suggest import did_you_mean, listed

GROUPS_PER_INTERFACE, GROUPS_AT_MOST = 5, 16
GROUP_KEYS = ("security_groups", "vpc_security_group_ids")
EVERYBODY = ("any", "anywhere", "all", "everywhere", "world", "public", "internet")


def check_groups(topology: Topology, vpc: Vpc, groups: tuple[str, ...], where: Where, report: Report) -> None:
    """Those of one interface; `where` is the place of who names them."""
    names = {group.name for group in vpc.security_groups}
    if any("/" in name for name in groups):
        names |= {group.name for group in associated(topology, vpc)}
    for index, name in enumerate(groups):
        if name not in names:
            unknown_group(topology, vpc, name, where, report.item(where, GROUP_KEYS, name), report)
        elif name in groups[:index]:
            what = f"security group {name} is there twice"
            key = report.item(where, GROUP_KEYS, name, last=True)
            report.error(where, what, "remove one", "InvalidParameterValue", key)
    count = len(groups)
    if count <= GROUPS_PER_INTERFACE:
        return
    code = "SecurityGroupsPerInterfaceLimitExceeded"  # SG-14
    key = next((key for key in GROUP_KEYS if report.given(where, key)), "")
    if count > GROUPS_AT_MOST:
        report.error(
            where, f"{count} security groups: AWS allows {GROUPS_AT_MOST} per interface at most", "", code, key
        )
    else:
        what = (
            f"{count} security groups: an account's quota is {GROUPS_PER_INTERFACE} per interface until AWS raises it"
        )
        report.warn(where, what, "", code, key)


def unknown_group(topology: Topology, vpc: Vpc, name: str, where: Where, key: str, report: Report) -> None:
    """Says that the VPC has no such group, or whose it is."""
    if report.is_broken(vpc.where, "security_groups", name) or report.is_broken(NOWHERE, "prefix_lists", name):
        return
    if "/" in name:
        _of_another(topology, vpc, name, where, key, report)
        return
    homes = [o.name for o in topology.vpcs if any(g.name == name for g in o.security_groups)]
    here = [group.name for group in associated(topology, vpc)]
    other = next((o for o in homes if f"{o}/{name}" in here), homes[0] if homes else None)
    if other:
        # SG-11
        what = f"security group {name} (of VPC {other}) and VPC {vpc.name} belong to different networks"
        hint = f"declare the group in VPC {vpc.name} as well, or give it vpc_associations: [{vpc.name}]"
        if f"{other}/{name}" in here:
            hint = f"it is associated with VPC {vpc.name}, and is called {other}/{name} here"  # SG-12
        elif topology.peered(vpc.name, other) and not key.startswith(GROUP_KEYS):
            hint = f"{other}/{name} is the group of the peer"  # SG-32
        report.error(where, what, hint, "InvalidParameter", key)
        return
    names = [group.name for group in vpc.security_groups]
    if name in EVERYBODY:
        report.error(
            where, f"no security group is called `{name}`", "0.0.0.0/0 is everybody", "InvalidGroup.NotFound", key
        )
        return
    lists = [held.name for held in topology.prefix_lists]
    known = names if key.startswith(GROUP_KEYS) else names + lists  # a rule may name a prefix list in the same place
    hint = _other_noun(vpc, name, names) or did_you_mean(name, known, f"VPC {vpc.name} has {listed(names)}")
    if name in lists:
        hint = f"{name} is a prefix list: from, to and prefix_list_ids of a rule take one"
    report.error(where, f"no security group is called `{name}`", hint, "InvalidGroup.NotFound", key)  # SG-15


def _of_another(topology: Topology, vpc: Vpc, name: str, where: Where, key: str, report: Report) -> None:
    """`main/web`, which is no group that an interface of this VPC may carry."""
    home, _, group = name.rpartition("/")
    owner = next((held for held in topology.vpcs if held.name == home), None)
    if owner is None:
        if not report.is_broken(NOWHERE, "vpcs", home):
            known = [held.name for held in topology.vpcs]
            what = f"`{name}` is a group of VPC {home}, and there is no such VPC"
            hint = did_you_mean(home, known, f"the file has {listed(known)}")
            report.error(where, what, hint, "InvalidGroup.NotFound", key)
        return
    names = [held.name for held in owner.security_groups]
    if group not in names:
        if not report.is_broken(owner.where, "security_groups", group):
            hint = did_you_mean(group, names, f"VPC {home} has {listed(names)}")
            report.error(
                where, f"VPC {home} has no security group called `{group}`", hint, "InvalidGroup.NotFound", key
            )
        return
    # SG-11
    what = f"security group {name} and VPC {vpc.name} belong to different networks: they are not associated"
    hint = f"vpc_associations: [{vpc.name}] of group {group} in VPC {home}"
    if group == DEFAULT_GROUP:
        hint = "a default group stays in its VPC: make a group of your own"  # SG-12
    report.error(where, what, hint, "InvalidParameter", key)


def _other_noun(vpc: Vpc, name: str, groups: list[str]) -> str:
    """What to write instead, where the name is that of something else."""
    subnet = next((subnet for subnet in vpc.subnets if subnet.name == name), None)
    if subnet:
        return f"`{name}` is a subnet: its block is {subnet.cidr_block}"
    if name == vpc.name:
        return f"`{name}` is the VPC: its block is {vpc.cidr_block}"
    instance = next((instance for instance in vpc.instances if instance.name == name), None)
    interfaces = instance.interfaces if instance else ()
    carried = [group for held in interfaces for group in dict.fromkeys(held.security_groups) if group in groups]
    if carried:
        return f"`{name}` is an instance: name a group that it carries ({listed(carried)}), or its address"
    return ""
