"""doctor's findings that need no machine of a special kind."""

from pathlib import Path

from emulator.lab.doctor import _neighbours

TITLES = "entries  allocs   destroys table_fulls\n"


def test_a_full_table_of_neighbours_is_told_with_its_remedy(tmp_path: Path) -> None:
    """One row for each processor, in hexadecimal. A machine without these statistics is not blamed."""
    counts = tmp_path / "arp_cache"
    counts.write_text(TITLES + "000002bb 0008c3c5 0008352f 00000000\n" * 2)
    assert [(check["check"], check["result"]) for check in _neighbours(str(counts))] == [("ARP table", "ok")]
    counts.write_text(TITLES + "000002bb 0008c3c5 0008352f 000003e8\n" + "000002bb 0008e875 00097450 0000000a\n")
    (found,) = _neighbours(str(counts))
    assert found["result"] == "warning"
    assert "1,010 times" in found["found"]
    assert "gc_thresh3" in found["remedy"]
    assert _neighbours(str(tmp_path / "nothing")) == []
