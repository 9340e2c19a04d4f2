"""Records of prefix lists -> PrefixList; and what a list means as the destination of a route."""

from collections.abc import Iterable
from ipaddress import IPv4Network

from emulator.topology.model import PrefixList, PrefixListEntry, PrefixListReference, SecurityGroupRule, Vpc
from emulator.topology.read import Record
from emulator.topology.report import Report


def build_prefix_list(record: Record, report: Report) -> PrefixList:
    """A list of the file. An entry that is wrong is left out, and the list then counts as broken."""
    written = record.get("entries") or ()
    entries = tuple(filter(None, map(_entry, written)))
    if len(entries) < len(written) or ("entries" in record and record.get("entries") is None):
        report.broken.add(f"{record.where.path}.entries")
    return PrefixList(record.name, record.get("max_entries") or max(1, len(entries)), entries, record.where)


RESERVED_ROUTES = IPv4Network("169.254.168.0/22")  # RT-11


def destinations(held: PrefixList, vpc: Vpc) -> tuple[IPv4Network, ...]:
    """The entries that count in the VPC's route tables.

    An entry for which a route could not be there is passed over: one inside the VPC's own blocks (RT-05), where a
    route must be for a whole subnet and cannot come from a list, and one inside the range that AWS keeps (RT-11).
    """
    closed = (*vpc.cidr_blocks, RESERVED_ROUTES)
    return tuple(cidr for cidr in held.cidrs() if not any(cidr.subnet_of(block) for block in closed))


def counted(rules: Iterable[SecurityGroupRule], prefix_lists: Iterable[PrefixList]) -> int:
    """SG-26: how many rules these are for a quota. A prefix list counts for as many as it may have entries."""
    sizes = {held.name: held.max_entries for held in prefix_lists}
    return sum(
        sizes.get(rule.peer.prefix_list, 1) if isinstance(rule.peer, PrefixListReference) else 1 for rule in rules
    )


def _entry(item: object) -> PrefixListEntry | None:
    if isinstance(item, Record):
        cidr = item.get("cidr")
        return None if cidr is None else PrefixListEntry(cidr, item.get("description") or "")
    return None if item is None else PrefixListEntry(item)  # type: ignore[arg-type]  # the table says a block
