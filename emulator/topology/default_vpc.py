"""What AWS puts into a default VPC, written into its record before anybody reads it (VPC-20).

So the rest of the loader, the rules and the compiler know VPCs only: a default one is a file that was written shorter.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network

from emulator.errors import Where
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.routes import gateway_of

BLOCK = IPv4Network("172.31.0.0/16")
ZONES = "abc"
SUBNET_LENGTH = 20
EVERYWHERE = IPv4Network("0.0.0.0/0")
FIRST = f"default-{ZONES[0]}"


def complete(vpcs: Sequence[Record], report: Report) -> None:
    """Fill in the default VPC of the region, and say what the file says otherwise."""
    defaults = [vpc for vpc in vpcs if vpc.get("default")]
    for vpc in defaults[1:]:
        what = f"VPC {defaults[0].name} (line {defaults[0].where.line}) is the default VPC already"
        report.error(
            vpc.where, what, "a region has one: write a cidr_block instead", "DefaultVpcAlreadyExists", "default"
        )
    for vpc in vpcs:
        if vpc in defaults:
            _fill(vpc, report)
        else:
            _ask(vpc, report)


def _ask(vpc: Record, report: Report) -> None:
    """What only a default VPC may leave out."""
    if report.is_broken(vpc.where, "default"):
        return
    if "default" in vpc and "cidr_block" not in vpc:
        hint = "the VPC's block, /16 to /28; or default: true"
        report.error(vpc.where, "`cidr_block` is missing", hint, "MissingParameter")
    for instance in vpc.get("instances") or ():
        if "subnet" not in instance and not report.is_broken(instance.where, "subnet"):
            hint = "the subnet it stands in; only the instances of a default VPC may leave it out"
            report.error(instance.where, "`subnet` is missing", hint, "MissingParameter")


def _fill(vpc: Record, report: Report) -> None:
    if "cidr_block" in vpc:
        what = f"a default VPC has the block {BLOCK} and no other"
        report.error(vpc.where, what, "remove cidr_block, or default", "InvalidParameterCombination", "cidr_block")
    vpc.values["cidr_block"] = BLOCK
    if "internet_gateway" not in vpc and not report.is_broken(vpc.where, "internet_gateway"):
        vpc.values["internet_gateway"] = f"{vpc.name}-igw"
    _fill_subnets(vpc, report)
    if gateway := gateway_of(vpc).name:
        _fill_main_table(vpc, gateway, report)
    for instance in vpc.get("instances") or ():
        if "subnet" not in instance and not report.is_broken(instance.where, "subnet"):
            instance.values["subnet"] = FIRST


def _fill_subnets(vpc: Record, report: Report) -> None:
    """A /20 in each zone. Its instances get public addresses (SUB-16)."""
    written = vpc.get("subnets") or ()
    made = []
    for zone, block in zip(ZONES, BLOCK.subnets(new_prefix=SUBNET_LENGTH), strict=False):
        name = f"default-{zone}"
        for subnet in written:
            if subnet.name == name:
                what = f"subnet {name} ({block}) is in a default VPC by itself"
                hint = "remove it, or choose another name and block"
                report.error(subnet.where, what, hint, "DefaultSubnetAlreadyExistsInAvailabilityZone")
        values = {"cidr_block": block, "availability_zone": zone, "map_public_ip_on_launch": True}
        made.append(Record(name, _below(vpc, f"subnets.{name}"), values))
    names = {record.name for record in made}
    vpc.values["subnets"] = (*made, *(subnet for subnet in written if subnet.name not in names))


def _fill_main_table(vpc: Record, gateway: str, report: Report) -> None:
    """0.0.0.0/0 to the internet gateway, and what the file adds to it."""
    name = vpc.get("main_route_table") or "main"
    tables = vpc.get("route_tables") or ()
    main = next((table for table in tables if table.name == name), None)
    if main is None:
        if report.is_broken(vpc.where, "route_tables", name) or "main_route_table" in vpc:
            return
        main = Record(name, _below(vpc, f"route_tables.{name}"), {})
        vpc.values["route_tables"] = (main, *tables)
    routes = main.get("routes") or ()
    for destination, target, where in routes:
        if destination == EVERYWHERE and target != gateway:
            what = f"the main route table of a default VPC leads {EVERYWHERE} to its internet gateway {gateway}"
            hint = f"put the route to {target} into another table, and name that in the subnet"
            report.error(report.value_of(where), what, hint, "RouteAlreadyExists")
            return
    if not any(destination == EVERYWHERE for destination, _, _ in routes):
        main.values["routes"] = ((EVERYWHERE, gateway, _below(vpc, f"route_tables.{name}.routes")), *routes)


def _below(vpc: Record, path: str) -> Where:
    """What AWS makes stands where the VPC stands."""
    return Where(vpc.where.line, vpc.where.column, f"{vpc.where.path}.{path}")
