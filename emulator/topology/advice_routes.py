"""Warnings about blocks and routes: what AWS accepts and what then leads nowhere."""

from ipaddress import IPv4Network

from emulator.errors import Where
from emulator.topology.addresses import is_public
from emulator.topology.model import Vpc
from emulator.topology.report import Report

DISCOURAGED = IPv4Network("172.17.0.0/16")  # VPC-05
PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598
# Nobody's on the internet, though no private range either: benchmarks and documentation.
NOBODYS = tuple(map(IPv4Network, ("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")))


def check(vpc: Vpc, report: Report) -> None:
    """The VPC's block and its tables."""
    if not report.is_broken(vpc.where, "cidr_block"):
        _check_block(vpc, report)
    if not report.errors:  # else what uses a table may be missing because it is wrong
        _check_unused(vpc, report)
    _check_private(vpc, report)


def _check_block(vpc: Vpc, report: Report) -> None:
    block = vpc.cidr_block
    if block.overlaps(DISCOURAGED):
        what = f"some AWS services use {DISCOURAGED} inside"
        report.warn(vpc.where, what, "AWS accepts it and advises another block", key="cidr_block")
    elif is_public(block.network_address) and not any(block.overlaps(known) for known in NOBODYS):
        # VPC-06
        what = f"{block} are public addresses of others: this VPC can never reach them"
        hint = "traffic to the VPC's own block stays inside; a private one such as 10.0.0.0/16 hides nobody"
        report.warn(vpc.where, what, hint, key="cidr_block")


def _check_unused(vpc: Vpc, report: Report) -> None:
    """RT-20: a subnet uses the table that it names, else the main one."""
    used = {subnet.route_table for subnet in vpc.subnets} | {vpc.main_route_table}
    gateway = Where(path=f"{vpc.where.path}.internet_gateway")
    for table in vpc.route_tables:
        edge = report.item(gateway, ("route_table",), table.name)
        if table.name not in used and not edge and vpc.subnets:
            what = f"no subnet uses route table {table.name}"
            hint = f"route_table: {table.name} in a subnet, or main_route_table: {table.name} for all that name none"
            report.warn(table.where, what, hint)


def _check_private(vpc: Vpc, report: Report) -> None:
    """IGW-08: an internet gateway drops what is meant for a private address."""
    for table in vpc.route_tables:
        for route in table.routes:
            inside = next((block for block in (*PRIVATE, SHARED) if route.destination.subnet_of(block)), None)
            if inside and route.target.kind == "internet_gateway" and not route.destination.subnet_of(vpc.cidr_block):
                what = f"{route.destination} is not public: an internet gateway drops what goes there"
                report.warn(route.where, what, f"{inside} is used inside networks, not on the internet")
