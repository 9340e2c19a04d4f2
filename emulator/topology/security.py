"""Records of security groups -> SecurityGroup: lists multiplied out, Terraform's spelling understood."""

from ipaddress import IPv4Network
from itertools import product
from typing import Any

from emulator.topology.model import GroupReference, Peer, PrefixListReference, SecurityGroup, SecurityGroupRule
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.values import ALL_PROTOCOLS, ICMP_PROTOCOL, TCP, UDP, Word

EVERYWHERE = IPv4Network("0.0.0.0/0")
EVERY_PORT = (0, 65535)
DEFAULT_GROUP = "default"
SELF = "self"

PORT_KEYS = ("port", "icmp_type", "icmp_code", "from_port", "to_port")

Range = tuple[int, int]


def build_group(record: Record, vpc: str, lists: frozenset[str], report: Report) -> SecurityGroup:
    """A group of the file. What is left out is what AWS sets up.

    vpc: whose it is. lists: the names of the lab's prefix lists.
    """
    name = record.name
    implied = implied_group(name)
    ingress = _direction(record, "ingress", vpc, lists, report) if "ingress" in record else implied.ingress
    egress = _direction(record, "egress", vpc, lists, report) if "egress" in record else implied.egress
    further = tuple(filter(None, record.get("vpc_associations") or ()))
    return SecurityGroup(name, ingress, egress, record.get("description") or "", record.where, further)


def implied_group(name: str) -> SecurityGroup:
    """A group as AWS makes it: SG-07, and SG-05 for the default group, which lets its own members in."""
    within = (SecurityGroupRule(ALL_PROTOCOLS, *EVERY_PORT, GroupReference(name), 1),) if name == DEFAULT_GROUP else ()
    return SecurityGroup(name, within, (SecurityGroupRule(ALL_PROTOCOLS, *EVERY_PORT, EVERYWHERE, 1),))


def _direction(
    group: Record, direction: str, vpc: str, lists: frozenset[str], report: Report
) -> tuple[SecurityGroupRule, ...]:
    rules: list[SecurityGroupRule] = []
    for record in filter(None, group.get(direction) or ()):
        number = int(record.where.path.rpartition("[")[2][:-1]) + 1
        peers = _peers(record, group.name, direction, vpc, lists, report)
        found = ranges(record, report)
        description = record.get("description") or ""
        # SG-22: a rule has exactly one peer; a list is a shorter way to write several rules.
        for ports, peer in product(found, peers):
            rules.append(SecurityGroupRule(record.get("protocol"), *ports, peer, number, description, record.where))
    return tuple(rules)


def _reference(text: str, vpc: str) -> GroupReference:
    """`web`, or `b/web` for a group of VPC b (SG-32). vpc: the rule's own."""
    owner, _, group = text.rpartition("/")
    return GroupReference(group, "" if owner == vpc else owner)


def _peers(record: Record, group: str, direction: str, vpc: str, lists: frozenset[str], report: Report) -> list[Peer]:
    key = "from" if direction == "ingress" else "to"
    written = record.get(key)
    found: list[Peer] = []
    for peer in _many(written):
        if isinstance(peer, Word) and peer.name in lists and peer.name != SELF:
            found.append(PrefixListReference(peer.name))
        elif isinstance(peer, Word):
            found.append(_reference(group if peer.name == SELF else peer.name, vpc))
        elif peer is not None:
            found.append(peer)
    blocks, names = record.get("cidr_blocks") or (), record.get("security_groups") or ()
    found += [block for block in blocks if block is not None]
    found += [_reference(name, vpc) for name in names if name is not None]
    found += [PrefixListReference(name) for name in record.get("prefix_list_ids") or () if name is not None]
    if record.get("self"):
        found.append(GroupReference(group))
    given = [name for name in (key, "cidr_blocks", "security_groups", "prefix_list_ids", "self") if name in record]
    wrong = any(record.get(name) is None or None in _many(record.get(name)) for name in given)
    if given and not found and not wrong:
        report.error(
            record.where,
            "the rule names nobody on the other side",
            f"{key}: 0.0.0.0/0 is everybody",
            "MissingParameter",
        )
    return found


def _many(written: Any) -> tuple[Any, ...]:
    return written if isinstance(written, tuple) else (written,)


def ranges(record: Record, report: Report) -> tuple[Range, ...]:
    """The ports or ICMP messages of a rule; none if anything about them is wrong."""
    errors = report.errors
    wrong = any(key in record and record.get(key) is None for key in PORT_KEYS) or None in _many(
        record.get("port") or 0
    )
    found = _checked_ranges(record, report)
    return () if wrong or report.errors > errors else found


def _checked_ranges(record: Record, report: Report) -> tuple[Range, ...]:
    protocol = record.get("protocol")
    raw = _raw(record, report)
    if protocol is None:
        return ()
    if protocol == ICMP_PROTOCOL:
        return _icmp(record, raw, report)
    for key in ("icmp_type", "icmp_code"):
        if key in record:
            report.error(record.where, f"{key} is for protocol icmp", "remove it", "InvalidParameterCombination", key)
    written = record.get("port")
    ranges: tuple[Range, ...] = ()
    if written is not None:
        ranges = tuple(filter(None, written)) if _is_list(written) else (written,)
    if raw is not None:
        ranges += (raw,)
    if protocol in (TCP, UDP):
        return _ports(record, ranges, report)
    # SG-20: ports do not count for any other protocol, whatever is given.
    if any(ports not in ((0, 0), (-1, -1), EVERY_PORT) for ports in ranges):
        what = "ports do not count here: for every protocol but tcp and udp, all of them are meant"
        report.warn(
            record.where,
            what,
            "write protocol: tcp or udp if only these are meant",
            key="port" if written else "from_port",
        )
    return (EVERY_PORT,)


def _ports(record: Record, ranges: tuple[Range, ...], report: Report) -> tuple[Range, ...]:
    if not ranges and not any(key in record for key in ("port", "from_port", "to_port")):
        # SG-21
        hint = "port: 443, port: 8000-8100, or port: all"
        report.error(record.where, "tcp and udp need a port", hint, "InvalidParameterValue")
    elif "port" in record and record.get("port") == ():
        report.error(
            record.where, "the list of ports is empty", "port: all is every port", "InvalidParameterValue", "port"
        )
    for first, last in ranges:
        if first < 0 or first > last:
            hint = "from_port is the first port and to_port the last; 0 and 65535 are all of them"
            report.error(
                record.where, f"{first} to {last} is not a range of ports", hint, "InvalidParameterValue", "from_port"
            )
            return ()
    return ranges


def _icmp(record: Record, raw: Range | None, report: Report) -> tuple[Range, ...]:
    if "port" in record:
        hint = "icmp_type and icmp_code narrow it; left out, all of ICMP is meant"
        report.error(record.where, "icmp has no ports", hint, "InvalidParameterCombination", "port")
        return ()
    if raw is not None:
        icmp_type, icmp_code = raw
    else:
        icmp_type, icmp_code = (
            -1 if record.get(key) is None else record.get(key) for key in ("icmp_type", "icmp_code")
        )
    key = "icmp_code" if "icmp_code" in record else ("to_port" if raw else "")
    if icmp_type == -1 and icmp_code != -1:
        # SG-21: type -1 requires code -1.
        report.error(
            record.where, "an ICMP code needs a type", "icmp_type: 3, or no icmp_code", "InvalidParameterValue", key
        )
        return ()
    if icmp_type > 255 or icmp_code > 255:
        report.error(
            record.where, "an ICMP type or code is at most 255", "-1 is all of them", "InvalidParameterValue", key
        )
        return ()
    return ((icmp_type, icmp_code),)


def _raw(record: Record, report: Report) -> Range | None:
    """Terraform's from_port and to_port, which come together and not with the other spelling."""
    given = [key for key in ("from_port", "to_port") if key in record]
    if not given:
        return None
    other = next((key for key in ("port", "icmp_type", "icmp_code") if key in record), None)
    if other:
        hint = f"{other} is vpcemu's way, {given[0]} is Terraform's: keep one"
        report.error(
            record.where, f"{other} and {given[0]} exclude each other", hint, "InvalidParameterCombination", other
        )
    elif len(given) == 1:
        missing = "to_port" if given == ["from_port"] else "from_port"
        report.error(
            record.where, f"{given[0]} without {missing}", "port: 443 says both at once", "MissingParameter", given[0]
        )
    first, last = record.get("from_port"), record.get("to_port")
    return None if first is None or last is None else (first, last)


def _is_list(written: object) -> bool:
    """Several ranges, and not one range, which is a pair of numbers."""
    return isinstance(written, tuple) and not (written and isinstance(written[0], int))
