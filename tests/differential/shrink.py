"""A failing document made small: whatever can go, goes, as long as it still fails.

Hypothesis shrinks the choices that made a document; this shrinks the document, which knows that a group may be taken
out of an instance and an instance out of a VPC. It needs some hundred tries at a fraction of a second.
"""

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

from emulator.topology.given import Addresses, slot

Document = dict[str, Any]
Path = tuple[Any, ...]


def shrink(document: Document, fails: Callable[[Document], bool], seconds: float = 90.0) -> Document:
    """The smallest document found that still `fails` (which says no to one that is no topology)."""
    deadline = time.monotonic() + seconds
    smaller = True
    while smaller:
        smaller = False
        for path in sorted(_paths(document), key=len):
            if time.monotonic() > deadline:
                return document
            candidate = without(document, path)
            if candidate is not None and fails(candidate):
                document, smaller = candidate, True
    return document


def _paths(held: Any, path: Path = ()) -> Iterator[Path]:
    """Where something could be taken out, the last items of a list first."""
    if isinstance(held, dict):
        items = list(held.items())
    elif isinstance(held, list):
        items = list(enumerate(held))[::-1]
    else:
        return
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def without(document: Document, path: Path) -> Document | None:
    """The document less what is at that path; None if it is not there (any more)."""
    made = copy.deepcopy(document)
    held: Any = made
    try:
        for key in path[:-1]:
            held = held[key]
        del held[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return made


def pinned(document: Document, addresses: Addresses) -> Document:
    """The document with everybody's address written into it, so that taking one out renumbers nobody."""
    made = copy.deepcopy(document)
    for vpc in made["vpcs"].values():
        for kind in ("instances", "nat_gateways"):
            for name, record in vpc.get(kind, {}).items():
                if slot(name, 0) in addresses.private:
                    record["private_ip"] = str(addresses.private[name])
                if name in addresses.public:
                    record["elastic_ip"] = str(addresses.public[name])
                    record.pop("associate_public_ip_address", None)
        for name, record in vpc.get("vpc_endpoints", {}).items():
            nodes = [(subnet, addresses.private[f"{name}.{subnet}"]) for subnet in record["subnets"]]
            record["subnet_configuration"] = [{"subnet": subnet, "ipv4": str(address)} for subnet, address in nodes]
        for name, record in vpc.get("load_balancers", {}).items():
            key = "private_ipv4_address" if record.get("internal") else "elastic_ip"
            held = addresses.private if record.get("internal") else addresses.public
            nodes = [(subnet, held[f"{name}.{subnet}"]) for subnet in record.pop("subnets", ())]
            record["subnet_mapping"] = [{"subnet": subnet, key: str(address)} for subnet, address in nodes]
    return made
