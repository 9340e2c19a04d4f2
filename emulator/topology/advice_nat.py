"""Warnings and limits of regional NAT gateways (section 3.5 of the AWS reference)."""

from emulator.topology.model import Vpc
from emulator.topology.nat_nodes import REGIONAL_AT_MOST
from emulator.topology.report import Report
from emulator.topology.suggest import listed


def check_number(vpc: Vpc, report: Report) -> None:
    """How many of them a VPC of this emulator can hold; AWS's own quota is less, and can be raised."""
    for gateway in [held for held in vpc.nat_gateways if held.regional][REGIONAL_AT_MOST:]:
        what = f"more than {REGIONAL_AT_MOST} regional NAT gateways in VPC {vpc.name}"
        report.error(gateway.where, what, "one serves every zone of a VPC", "NatGatewayLimitExceeded")


def check(vpc: Vpc, report: Report) -> None:
    """What manual mode leaves out, and what it lists in vain."""
    known = {subnet.availability_zone for subnet in vpc.subnets}
    tables = {table.name: table for table in vpc.route_tables}
    for gateway in vpc.nat_gateways:
        registered = {held.availability_zone for held in gateway.zone_addresses}
        for held in gateway.zone_addresses:
            if held.availability_zone not in known:
                what = f"VPC {vpc.name} has no subnet in {held.availability_zone}: these Elastic IPs serve nobody"
                report.warn(held.where, what, key="availability_zone")
        lost = [
            subnet
            for subnet in vpc.subnets
            if registered and subnet.availability_zone not in registered
            for route in tables[subnet.route_table].routes
            if route.target.kind == "nat_gateway" and route.target.name == gateway.name
        ]
        if lost:  # RNAT-07
            names = list(dict.fromkeys(subnet.name for subnet in lost))
            zone = lost[0].availability_zone
            what = f"{gateway.name} is not registered in the zone of {listed(names)}: its route drops there"
            hint = f"add {{availability_zone: {zone[-1]}, elastic_ips: [...]}}, or leave the list out: automatic mode"
            report.warn(gateway.where, what, hint, key="availability_zone_address")
