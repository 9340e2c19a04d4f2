"""YAML text -> Topology: reads by the table of keys, resolves names, then asks the rules.

Every mistake is reported at once. So a thing that is wrong is left out (or stands in with a neutral value), its path
goes to `report.broken`, and nobody who refers to it is blamed; if there was any mistake the Topology is thrown away.
"""

from dataclasses import replace
from ipaddress import IPv4Network

from emulator.errors import Problem, Where
from emulator.topology import default_vpc, rules
from emulator.topology.acls import build_acl, implied_acl
from emulator.topology.dhcp import build_dhcp_options
from emulator.topology.fields import TOPOLOGY
from emulator.topology.load_balancers import build_load_balancers, build_target_groups
from emulator.topology.load_endpoints import with_endpoints
from emulator.topology.load_expectations import build_expectation
from emulator.topology.load_instances import build_instance, terminated
from emulator.topology.load_nat import buildable, deleted, nat_gateway
from emulator.topology.load_nat_routes import own_table
from emulator.topology.load_peering import build_connections
from emulator.topology.load_public_access import build_public_access
from emulator.topology.load_transit import attached_subnets, attached_vpcs, build_gateways, build_peerings
from emulator.topology.model import (
    DEFAULT_ACL,
    Internet,
    OutsideHost,
    RouteTable,
    Subnet,
    Topology,
    Vpc,
)
from emulator.topology.nodes import compose
from emulator.topology.prefix_lists import build_prefix_list
from emulator.topology.read import VISIT_LIMIT, Reader, Record, TooLarge
from emulator.topology.report import LIMIT, Report, TooManyProblems
from emulator.topology.reservations import CidrReservation
from emulator.topology.routes import Owners, build_route_table, gateway_of
from emulator.topology.security import DEFAULT_GROUP, build_group, implied_group
from emulator.topology.services import build_services
from emulator.topology.settings import Settings
from emulator.topology.zone_names import zone_in

DEFAULT_REGION = "us-east-1"
DEFAULT_MAIN = "main"
UNKNOWN_BLOCK = IPv4Network("0.0.0.0/0")  # stands in for a block that is wrong: everything lies within it


def load(text: str, file: str = "topology.yaml") -> tuple[Topology | None, list[Problem]]:
    """The file's topology, or None and what is wrong, in the order of the file. Never raises, for any text.

    Warnings are among the problems and do not prevent a Topology. `file` is the name that `Problem.render` will be
    given; the topology does not depend on it.
    """
    composed = compose(text)
    if composed.root is None:
        return None, [composed.problem or Problem(Where(), "the file is empty")]
    report = Report()
    topology = None
    try:
        root = Reader(report).noun(composed.root, TOPOLOGY, "")
        if root is not None:
            topology = _topology(root, report)
            rules.check(topology, report)
    except TooManyProblems:
        report.found.append(Problem(Where(), f"{LIMIT} mistakes; the rest of the file was not read"))
    except TooLarge:
        report.found.append(Problem(Where(), f"the file's aliases stand for more than {VISIT_LIMIT:,} values"))
        report.errors += 1
    return (None if report.errors else topology), report.sorted()


def _topology(root: Record, report: Report) -> Topology:
    region = root.get("region") or DEFAULT_REGION
    records = root.get("vpcs") or ()
    default_vpc.complete(records, report)
    gateways = {name: record.name for record in records if (name := gateway_of(record).name)}
    elsewhere = {gateway.name: record.name for record in records for gateway in record.get("nat_gateways") or ()}
    instances = {instance.name: record.name for record in records for instance in record.get("instances") or ()}
    peerings = root.get("vpc_peering_connections") or ()
    connections = {held.name: (held.get("vpc") or "", held.get("peer_vpc") or "") for held in peerings}
    transits = root.get("transit_gateways") or ()
    joined = build_peerings(root.get("transit_gateway_peering_attachments") or (), report)
    owners = Owners({**elsewhere, **gateways}, instances, connections, attached_vpcs(transits))
    lists = tuple(build_prefix_list(record, report) for record in root.get("prefix_lists") or ())
    names = frozenset(held.name for held in lists)
    vpcs = with_endpoints(tuple(_vpc(record, region, owners, names, report) for record in records), records, report)
    vpcs = tuple(
        replace(vpc, attached_subnets=attached_subnets(transits, vpc.name, (held.name for held in vpc.subnets)))
        for vpc in vpcs
    )
    return Topology(
        root.get("name") or "lab",
        region,
        vpcs,
        _internet(root, report),
        tuple(filter(None, (build_expectation(record, report) for record in root.get("expect") or () if record))),
        _settings(root.get("settings")),
        lists,
        build_connections(peerings, vpcs, report),
        build_gateways(transits, joined, vpcs, report),
        transit_gateway_peering_attachments=joined,
        block_public_access=build_public_access(root.get("block_public_access"), region),
    )


def _settings(record: Record | None) -> Settings:
    usual = Settings()
    if record is None:
        return usual
    return Settings(
        record.get("time_scale") or usual.time_scale,
        record.get("nat_gateway_connections") or usual.nat_gateway_connections,
        record.get("load_balancer_connections") or usual.load_balancer_connections,
    )


def _vpc(record: Record, region: str, owners: Owners, lists: frozenset[str], report: Report) -> Vpc:
    region = record.get("region") or region
    block: IPv4Network | None = record.get("cidr_block")
    if block is None:
        report.broken.add(f"{record.where.path}.cidr_block")
    main = record.get("main_route_table") or DEFAULT_MAIN
    secondary = tuple(filter(None, record.get("secondary_cidr_blocks") or ()))
    blocks = (block, *secondary) if block is not None else ()
    tables = tuple(
        build_route_table(table, record, blocks, owners, report) for table in record.get("route_tables") or ()
    )
    gateway = gateway_of(record)
    if main == DEFAULT_MAIN and not any(table.name == main for table in tables):
        tables = (RouteTable(main, ()), *tables)  # VPC-19: a new VPC has a main route table with local routes only
    subnets = [subnet for subnet in record.get("subnets") or () if _buildable(subnet, report, "cidr_block")]
    nats = {
        nat.name: nat_gateway(nat, region, report)
        for nat in record.get("nat_gateways") or ()
        if buildable(nat, report) and not deleted(nat)
    }
    tables += tuple(
        own_table(held, nats[held.name], record, gateway.name, blocks, owners, report)
        for held in record.get("nat_gateways") or ()
        if held.name in nats and nats[held.name].regional
    )
    groups = tuple(build_group(group, record.name, lists, report) for group in record.get("security_groups") or ())
    if not any(group.name == DEFAULT_GROUP for group in groups):
        groups = (implied_group(DEFAULT_GROUP), *groups)
    acls = tuple(build_acl(acl, report) for acl in record.get("network_acls") or ())
    if not any(acl.name == DEFAULT_ACL for acl in acls):
        acls = (implied_acl(DEFAULT_ACL), *acls)
    built = {subnet.name: _subnet(subnet, record, region, main, report) for subnet in subnets}
    return Vpc(
        record.name,
        block or UNKNOWN_BLOCK,
        gateway.name if gateway.attached else None,
        main,
        tuple(built.values()),
        tables,
        tuple(nats.values()),
        groups,
        tuple(
            build_instance(instance, record.name, built, report)
            for instance in record.get("instances") or ()
            if _buildable(instance, report, "subnet") and not terminated(instance)
        ),
        build_dhcp_options(record.get("dhcp_options"), region, report),
        acls,
        record.where,
        secondary,
        gateway.route_table if gateway.attached else None,
        None if gateway.attached else gateway.name,
        record.get("region") or "",
        record.get("owner_id") or "",
        (),
        build_target_groups(record.get("target_groups") or (), region, report),
        build_load_balancers(record.get("load_balancers") or (), record.name, report),
        default=bool(record.get("default")),
    )


def _subnet(record: Record, vpc: Record, region: str, main: str, report: Report) -> Subnet:
    whose = f"VPC {vpc.name} is in {region}" if vpc.get("region") else f"the lab's region is {region}"
    zone = zone_in(region, record.get("availability_zone") or "a", record.where, report, whose)
    return Subnet(
        record.name,
        record.get("cidr_block"),
        zone,
        record.get("route_table") or main,
        bool(record.get("map_public_ip_on_launch")),
        record.get("network_acl") or DEFAULT_ACL,
        record.where,
        tuple(CidrReservation(block, kind) for block, kind, _ in record.get("cidr_reservations") or ()),
    )


def _internet(root: Record, report: Report) -> Internet:
    record = root.get("internet")
    if record is None:
        return Internet()
    hosts = tuple(
        OutsideHost(host.name, host.get("ip"), build_services(host, report, outside=True), host.where)
        for host in record.get("hosts") or ()
        if _buildable(host, report, "ip")
    )
    return Internet(hosts, bool(record.get("uplink")), record.where)


def _whole(record: Record, *needed: str) -> bool:
    return all(record.get(key) is not None for key in needed)


def _buildable(record: Record, report: Report, *needed: str) -> bool:
    """Whether the keys without which there is no such thing are there and right."""
    if _whole(record, *needed):
        return True
    report.broken.add(record.where.path)
    return False
