"""What a VPC of a document has: its blocks, and its route tables by subnet."""

from ipaddress import IPv4Network
from typing import Any

Document = dict[str, Any]


def blocks_of(vpc: Document) -> list[str]:
    return [vpc["cidr_block"], *vpc.get("secondary_cidr_blocks", ())]


def table_of(vpc: Document, subnet: str) -> Document:
    """The routes that a subnet goes by."""
    name = vpc["subnets"][subnet].get("route_table") or vpc.get("main_route_table", "main")
    held: Document = vpc["route_tables"][name]["routes"]
    return held


def zones_of(vpc: Document, *, roomy: bool = False) -> dict[str, list[str]]:
    """The subnets of each zone; those that have room for a few more."""
    found: dict[str, list[str]] = {}
    for name, subnet in vpc["subnets"].items():
        if roomy and subnet["cidr_block"].endswith("/28"):
            continue
        found.setdefault(subnet.get("availability_zone", "a"), []).append(name)
    return found


def leads(vpc: Document, block: str) -> bool:
    """Whether a route of the VPC may lead such a block elsewhere (RT-06)."""
    return not any(IPv4Network(block).subnet_of(IPv4Network(own)) for own in blocks_of(vpc))


def apart(one: Document, other: Document) -> bool:
    """Whether no block of one VPC overlaps one of the other."""
    pairs = ((IPv4Network(mine), IPv4Network(theirs)) for mine in blocks_of(one) for theirs in blocks_of(other))
    return not any(mine.overlaps(theirs) for mine, theirs in pairs)
