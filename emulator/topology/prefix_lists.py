"""Records of prefix lists -> PrefixList."""

from emulator.topology.model import PrefixList, PrefixListEntry
from emulator.topology.read import Record
from emulator.topology.report import Report


def build_prefix_list(record: Record, report: Report) -> PrefixList:
    """A list of the file. An entry that is wrong is left out, and the list then counts as broken."""
    written = record.get("entries") or ()
    entries = tuple(filter(None, map(_entry, written)))
    if len(entries) < len(written) or ("entries" in record and record.get("entries") is None):
        report.broken.add(f"{record.where.path}.entries")
    return PrefixList(record.name, record.get("max_entries") or max(1, len(entries)), entries, record.where)


def _entry(item: object) -> PrefixListEntry | None:
    if isinstance(item, Record):
        cidr = item.get("cidr")
        return None if cidr is None else PrefixListEntry(cidr, item.get("description") or "")
    return None if item is None else PrefixListEntry(item)  # type: ignore[arg-type]  # the table says a block
