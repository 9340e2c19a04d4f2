"""Security groups: their names, references and duplicates (section 4 of the AWS reference)."""

from emulator.errors import Where
from emulator.topology.model import (
    GroupReference,
    Peer,
    PrefixListReference,
    SecurityGroup,
    SecurityGroupRule,
    Topology,
    Vpc,
)
from emulator.topology.prefix_lists import counted
from emulator.topology.report import Report
from emulator.topology.rules_carried import unknown_group
from emulator.topology.rules_peering import check_reference
from emulator.topology.rules_prefix_lists import unknown_list
from emulator.topology.security import SELF
from emulator.topology.words import rule_text

RULES_PER_DIRECTION, RULES_AT_MOST = 60, 1000  # quota of a direction; rules times groups on an interface


def check_groups(topology: Topology, vpc: Vpc, report: Report) -> None:
    """Every group of the VPC."""
    seen: dict[str, SecurityGroup] = {}
    for group in vpc.security_groups:
        if group.name.lower().startswith("sg-"):
            what = f"the name `{group.name}` begins with sg-, which is how AWS's ids begin"
            report.error(group.where, what, "choose another name", "InvalidParameterValue")  # SG-10
        if group.name == SELF:
            what = f"`{SELF}` in a rule means the rule's own group, so no group can be called that"
            report.error(group.where, what, "choose another name")
        other = seen.setdefault(group.name.lower(), group)
        if other is not group:
            # SG-10: unique in the VPC, ignoring case.
            at, first = (group, other) if group.where.line else (other, group)
            what = f"the name `{at.name}` is taken by `{first.name}`: AWS ignores case"
            report.error(at.where, what, "choose another name", "InvalidGroup.Duplicate")
        for direction, rules in (("ingress", group.ingress), ("egress", group.egress)):
            _check_rules(topology, vpc, group, direction, rules, report)


def _check_rules(
    topology: Topology,
    vpc: Vpc,
    group: SecurityGroup,
    direction: str,
    rules: tuple[SecurityGroupRule, ...],
    report: Report,
) -> None:
    names = {known.name for known in vpc.security_groups}
    seen: dict[tuple[int, int, int, Peer], Where] = {}
    for rule in rules:
        if isinstance(rule.peer, GroupReference) and rule.peer.vpc:
            key = report.item(rule.where, ("from", "to", "security_groups"), str(rule.peer))
            check_reference(topology, vpc, rule.peer, direction, rule.where, key, report)
        elif isinstance(rule.peer, GroupReference) and rule.peer.group not in names:
            key = report.item(rule.where, ("from", "to", "security_groups"), rule.peer.group)
            unknown_group(topology, vpc, rule.peer.group, rule.where, key, report)
        if isinstance(rule.peer, PrefixListReference):
            unknown_list(topology, rule.peer.prefix_list, rule.where, report)
        identity = (rule.protocol, rule.from_port, rule.to_port, rule.peer)
        if identity in seen:
            # SG-24, SG-25
            first = seen[identity]
            twice = "twice in this rule" if first == rule.where else f"already there (line {first.line})"
            what = f"{rule_text(rule, direction)} is {twice}"
            report.error(rule.where, what, "a description does not make it another rule", "InvalidPermission.Duplicate")
        seen.setdefault(identity, rule.where)
    _check_count(topology, group, direction, rules, report)


def _check_count(
    topology: Topology, group: SecurityGroup, direction: str, rules: tuple[SecurityGroupRule, ...], report: Report
) -> None:
    code = "RulesPerSecurityGroupLimitExceeded"  # SG-14; a rule with lists in it counts as several (SG-22)
    count = counted(rules, topology.prefix_lists)
    named = any(isinstance(rule.peer, PrefixListReference) for rule in rules)
    hint = "a prefix list counts for its max_entries" if named else "lists in a rule are multiplied out"
    if count > RULES_AT_MOST:
        what = f"{count} {direction} rules: AWS allows {RULES_AT_MOST:,} at most"
        report.error(group.where, what, hint, code, direction)
    elif count > RULES_PER_DIRECTION:
        what = f"{count} {direction} rules: an account's quota is {RULES_PER_DIRECTION} until AWS raises it"
        report.warn(group.where, what, hint, code, direction)
