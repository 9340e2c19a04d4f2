"""Records of network ACLs -> NetworkAcl: entries in the order of their numbers, Terraform's spelling understood."""

from typing import Any

from emulator.topology.model import DEFAULT_ACL, NetworkAcl, NetworkAclEntry
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.security import EVERY_PORT, EVERYWHERE, PORT_KEYS, ranges
from emulator.topology.values import ALL_PROTOCOLS, ICMP_PROTOCOL


def build_acl(record: Record, report: Report) -> NetworkAcl:
    """An ACL of the file. What is left out is what AWS sets up."""
    implied = implied_acl(record.name)
    ingress = _direction(record, "ingress", report) if "ingress" in record else implied.ingress
    egress = _direction(record, "egress", report) if "egress" in record else implied.egress
    return NetworkAcl(record.name, ingress, egress, record.where)


def implied_acl(name: str) -> NetworkAcl:
    """An ACL as AWS makes it: the default one allows all (ACL-06), any other allows nothing (ACL-07)."""
    entry = NetworkAclEntry(100, "allow", ALL_PROTOCOLS, *EVERY_PORT, EVERYWHERE)
    entries = (entry,) if name == DEFAULT_ACL else ()
    return NetworkAcl(name, entries, entries)


def _direction(acl: Record, direction: str, report: Report) -> tuple[NetworkAclEntry, ...]:
    entries: list[NetworkAclEntry] = []
    for record in filter(None, acl.get(direction) or ()):
        number = _one(record, ("rule_number", "rule_no"), report)
        peer = _one(record, ("from" if direction == "ingress" else "to", "cidr_block"), report)
        if not any(key in record or report.is_broken(record.where, key) for key in ("rule_number", "rule_no")):
            hint = "1 to 32766; the lowest that matches decides"
            report.error(record.where, "`rule_number` is missing", hint, "MissingParameter")
        found = ranges(record, report)
        if record.get("protocol") == ICMP_PROTOCOL and not any(key in record for key in PORT_KEYS):
            # ACL-12
            hint = "icmp_type: all is every message, icmp_type: 8 an echo request"
            report.error(record.where, "icmp needs a type", hint, "MissingParameter")
        if found and None not in (number, peer, record.get("action")):
            entries.append(
                NetworkAclEntry(number, record.get("action"), record.get("protocol"), *found[0], peer, record.where)
            )
    return tuple(sorted(entries, key=lambda entry: entry.number))


def _one(record: Record, keys: tuple[str, str], report: Report) -> Any:
    """The value of whichever key is there: two names of one thing."""
    if all(key in record for key in keys):
        what = f"{keys[0]} and {keys[1]} exclude each other"
        report.error(record.where, what, "keep one", "InvalidParameterCombination", keys[1])
    return record.get(keys[0] if keys[0] in record else keys[1])
