"""The record of a lab: what `up` was asked for, and which names it may have made. A journal first, a memory later.

It is written before the first change, so a killed `up` leaves behind what a later `up` or `down` must know; `complete`
becomes true after the last check. Nothing depends on it for removal: marks in the namespaces are enough for that.
"""

import base64
import json
import os
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from emulator.lab import places
from emulator.topology.given import Addresses

NAME = "record.json"


class Applied(NamedTuple):
    """A fault that the lab has on purpose, and what it was done to ("VPC.victim")."""

    fault: str
    on: str


class Exercise(NamedTuple):
    """A lab broken on purpose. Its faults are edits of the file's topology, made in this order.

    before: the addresses that everybody had, and gets back. secret: a learner is to find out, so nothing tells.
    """

    faults: tuple[Applied, ...]
    before: Addresses
    secret: bool = False


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
    exercise: Exercise | None = None
    dark_zones: tuple[str, ...] = ()  # availability zones that are down, by name

    @property
    def kept(self) -> Addresses:
        """The addresses that an `up` of the file leaves to everybody."""
        return self.exercise.before if self.exercise else self.addresses


def read(lab: str) -> Record | None:
    """The lab's record; None if it is missing or unreadable (then marks are all there is)."""
    try:
        with open(places.path(lab, NAME), encoding="utf-8") as file:
            data = json.load(file)
        return Record(
            lab=lab,
            file=str(data["file"]),
            text=str(data["text"]),
            addresses=_addresses(data["addresses"]),
            namespaces=tuple(str(node) for node in data["namespaces"]),
            started=float(data["started"]),
            changed=float(data["changed"]),
            complete=bool(data["complete"]),
            exercise=_exercise(data.get("exercise")),
            dark_zones=tuple(str(zone) for zone in data.get("dark_zones", ())),
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
        "addresses": _plain(record.addresses),
        "exercise": _sealed(record.exercise),
        "dark_zones": record.dark_zones,
        "text": record.text,
    }
    # A line for each key. json's own `indent` is written in Python: ten times slower for a large lab.
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    replace(record.lab, NAME, f"{{\n{lines}\n}}\n".encode())


def _addresses(data: Any) -> Addresses:
    return Addresses(
        {node: IPv4Address(ip) for node, ip in data["private"].items()},
        {node: IPv4Address(ip) for node, ip in data["public"].items()},
        {node: IPv4Address(ip) for node, ip in data.get("released", {}).items()},
    )


def _plain(addresses: Addresses) -> dict[str, dict[str, str]]:
    return {
        "private": {node: str(ip) for node, ip in addresses.private.items()},
        "public": {node: str(ip) for node, ip in addresses.public.items()},
        "released": {node: str(ip) for node, ip in addresses.released.items()},
    }


def _sealed(exercise: Exercise | None) -> dict[str, Any] | None:
    """A learner who looks into the record must not read the answer by accident. It is no lock: root is root."""
    if exercise is None:
        return None
    faults = base64.b64encode(json.dumps(exercise.faults).encode()).decode() if exercise.secret else exercise.faults
    return {"faults": faults, "secret": exercise.secret, "before": _plain(exercise.before)}


def _exercise(data: Any) -> Exercise | None:
    if data is None:
        return None
    faults = json.loads(base64.b64decode(data["faults"])) if data["secret"] else data["faults"]
    applied = tuple(Applied(str(fault), str(on)) for fault, on in faults)
    return Exercise(applied, _addresses(data["before"]), bool(data["secret"]))


def replace(lab: str, name: str, content: bytes) -> None:
    """Write a file of the lab by way of `<name>.new` and a rename. Safe because the caller holds the lab's lock."""
    target = places.path(lab, name)
    with open(f"{target}.new", "wb") as file:
        file.write(content)
    os.rename(f"{target}.new", target)
