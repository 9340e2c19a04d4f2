"""Network ACLs: numbers, quotas, and which one a subnet names (section 5 of the AWS reference)."""

from emulator.topology.model import NetworkAcl, NetworkAclEntry, Vpc
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed

ACLS_PER_VPC = 200
ENTRIES_PER_DIRECTION, ENTRIES_AT_MOST = 20, 40


def check(vpc: Vpc, report: Report) -> None:
    """Every ACL of the VPC, and every subnet's choice."""
    names = [acl.name for acl in vpc.network_acls]
    for subnet in vpc.subnets:
        if subnet.network_acl not in names and not report.is_broken(vpc.where, "network_acls", subnet.network_acl):
            # ACL-21
            what = f"no network ACL is called `{subnet.network_acl}`"
            hint = did_you_mean(subnet.network_acl, names, f"VPC {vpc.name} has {listed(names)}")
            report.error(subnet.where, what, hint, "InvalidNetworkAclID.NotFound", "network_acl")
    for acl in vpc.network_acls:
        _check_entries(acl, "ingress", acl.ingress, report)
        _check_entries(acl, "egress", acl.egress, report)
    count = len(vpc.network_acls)
    if count > ACLS_PER_VPC:
        what = f"{count} network ACLs: an account's quota is {ACLS_PER_VPC} per VPC until AWS raises it"
        report.warn(vpc.where, what, code="NetworkAclLimitExceeded", key="network_acls")


def _check_entries(acl: NetworkAcl, direction: str, entries: tuple[NetworkAclEntry, ...], report: Report) -> None:
    seen: dict[int, NetworkAclEntry] = {}
    for entry in entries:
        other = seen.setdefault(entry.number, entry)
        if other is not entry:
            # ACL-05: each direction has its own numbers.
            what = f"the ACL already has an {direction} rule {entry.number} (line {other.where.line})"
            key = "rule_number" if report.given(entry.where, "rule_number") else "rule_no"
            report.error(entry.where, what, "choose another number", "NetworkAclEntryAlreadyExists", key)
    if len(entries) > ENTRIES_AT_MOST:
        what = f"{len(entries)} {direction} rules: AWS allows {ENTRIES_AT_MOST} at most"
        report.error(acl.where, what, "one block may stand for several", "NetworkAclEntryLimitExceeded", direction)
    elif len(entries) > ENTRIES_PER_DIRECTION:
        what = f"{len(entries)} {direction} rules: an account's quota is {ENTRIES_PER_DIRECTION} until AWS raises it"
        hint = f"AWS raises it to {ENTRIES_AT_MOST} at most"
        report.warn(acl.where, what, hint, "NetworkAclEntryLimitExceeded", direction)
