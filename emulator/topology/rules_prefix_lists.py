"""Prefix lists: their names, their entries, and who names one that is not there."""

from ipaddress import IPv4Network

from emulator.errors import Where
from emulator.topology.model import PrefixList, Topology
from emulator.topology.place import NOWHERE
from emulator.topology.report import Report
from emulator.topology.security import SELF
from emulator.topology.suggest import did_you_mean, listed

ENTRIES_AT_MOST, LISTS_PER_REGION = 1000, 100


def check(topology: Topology, report: Report) -> None:
    """Every prefix list of the lab."""
    groups = {group.name: vpc.name for vpc in topology.vpcs for group in vpc.security_groups}
    for held in topology.prefix_lists:
        if held.name == SELF:
            what = f"`{SELF}` in a rule means the rule's own group, so no prefix list can be called that"
            report.error(held.where, what, "choose another name")
        elif held.name in groups:
            what = f"`{held.name}` is a security group of VPC {groups[held.name]} too: a rule could mean either"
            report.error(held.where, what, "choose another name for one of them")
        _check_entries(held, report)
    if len(topology.prefix_lists) > LISTS_PER_REGION:
        what = (
            f"{len(topology.prefix_lists)} prefix lists: an account's quota is {LISTS_PER_REGION} per region "
            "until AWS raises it"
        )
        report.warn(topology.prefix_lists[LISTS_PER_REGION].where, what, code="PrefixListLimitExceeded")


def _check_entries(held: PrefixList, report: Report) -> None:
    count = len(held.entries)
    if count > ENTRIES_AT_MOST:
        what = f"{count} entries: AWS allows {ENTRIES_AT_MOST:,} in a prefix list"
        report.error(held.where, what, "make two lists of it", "PrefixListMaxEntriesExceeded", "entries")
    elif count > held.max_entries:
        what = f"{count} entries, and max_entries is {held.max_entries}"
        hint = f"max_entries: {count}, or leave it out"
        report.error(held.where, what, hint, "PrefixListMaxEntriesExceeded", "max_entries")
    if report.is_broken(held.where, "entries"):
        return  # the entries that are right no longer stand where the file has them
    seen: dict[IPv4Network, int] = {}
    for index, entry in enumerate(held.entries):
        first = seen.setdefault(entry.cidr, index)
        if first != index:
            # VPC-03: 10.1.0.0/16 and 10.1.2.3/16 are one block; as in SG-25, the description does not count.
            what = f"{entry.cidr} is there already (entries[{first}])"
            report.error(
                held.where, what, "a block stands once in a prefix list", "InvalidParameterValue", f"entries[{index}]"
            )


def unknown_list(topology: Topology, name: str, where: Where, report: Report, hint: str = "") -> None:
    """Says so if the lab has no such prefix list. `hint`: what else the name is, if the caller knows."""
    names = [held.name for held in topology.prefix_lists]
    if name in names or report.is_broken(NOWHERE, "prefix_lists", name) or report.is_broken(NOWHERE, "prefix_lists"):
        return
    groups = {group.name for vpc in topology.vpcs for group in vpc.security_groups}
    key = report.item(where, ("prefix_list_ids",), name)
    nothing = "no prefix list: prefix_lists stands beside vpcs"
    hint = hint or did_you_mean(name, names, f"the lab has {listed(names, nothing)}")
    if name in groups and key:
        hint = f"{name} is a security group: from, to and security_groups take one"
    report.error(where, f"no prefix list is called `{name}`", hint, "InvalidPrefixListID.NotFound", key)
