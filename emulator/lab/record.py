"""The record of a lab: what `up` was asked for, and which names it may have made. A journal first, a memory later.

It is written before the first change, so a killed `up` leaves behind what a later `up` or `down` must know; `complete`
becomes true after the last check. Nothing depends on it for removal: marks in the namespaces are enough for that.
"""

import json
import os
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.lab import places
from emulator.topology.model import Addresses

NAME = "record.json"


class Record(NamedTuple):
    """What is remembered of one lab."""

    lab: str
    file: str  # absolute path of the topology file as it was; it may be gone
    text: str  # its text
    addresses: Addresses
    namespaces: tuple[str, ...]  # node names, of the old topology too while an edit is under way
    started: float  # seconds since the epoch, of the first `up`
    changed: float  # of the last `up` that changed something
    complete: bool  # the last `up` ended well


def read(lab: str) -> Record | None:
    """The lab's record; None if it is missing or unreadable (then marks are all there is)."""
    try:
        with open(places.path(lab, NAME), encoding="utf-8") as file:
            data = json.load(file)
        return Record(
            lab=lab,
            file=str(data["file"]),
            text=str(data["text"]),
            addresses=Addresses(
                {node: IPv4Address(ip) for node, ip in data["addresses"]["private"].items()},
                {node: IPv4Address(ip) for node, ip in data["addresses"]["public"].items()},
                {node: IPv4Address(ip) for node, ip in data["addresses"].get("released", {}).items()},
            ),
            namespaces=tuple(str(node) for node in data["namespaces"]),
            started=float(data["started"]),
            changed=float(data["changed"]),
            complete=bool(data["complete"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(record: Record) -> None:
    """Replace the record in one step: a reader, or a kill, sees the old one or the new one."""
    content = {
        "lab": record.lab,
        "file": record.file,
        "complete": record.complete,
        "started": record.started,
        "changed": record.changed,
        "namespaces": record.namespaces,
        "addresses": {
            "private": {node: str(ip) for node, ip in record.addresses.private.items()},
            "public": {node: str(ip) for node, ip in record.addresses.public.items()},
            "released": {node: str(ip) for node, ip in record.addresses.released.items()},
        },
        "text": record.text,
    }
    # A line for each key. json's own `indent` is written in Python: ten times slower for a large lab.
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    replace(record.lab, NAME, f"{{\n{lines}\n}}\n".encode())


def replace(lab: str, name: str, content: bytes) -> None:
    """Write a file of the lab by way of `<name>.new` and a rename. Safe because the caller holds the lab's lock."""
    target = places.path(lab, name)
    with open(f"{target}.new", "wb") as file:
        file.write(content)
    os.rename(f"{target}.new", target)
