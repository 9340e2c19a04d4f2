"""What an edit of the file changes, in AWS's words. Compares by name, so an order that does not count does not show.

A thing that comes or goes takes what it holds with it: adding a VPC lists its subnets, groups and rules as well.
"""

from collections.abc import Iterator

from emulator.topology import changes_balancers, changes_endpoints, changes_public_access, changes_transit
from emulator.topology.changes_interfaces import interface_changes
from emulator.topology.compared import Change, Verb, both, by_name, differing, each
from emulator.topology.expectations import Expectation
from emulator.topology.instances import Instance, Service
from emulator.topology.model import (
    Destination,
    NetworkAcl,
    NetworkAclEntry,
    OutsideHost,
    Peer,
    PrefixList,
    PrefixListReference,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Topology,
    Vpc,
)
from emulator.topology.nat import NatGateway
from emulator.topology.peering import VpcPeeringConnection
from emulator.topology.words import (
    appliance_text,
    destination_text,
    entry_text,
    route_text,
    rule_text,
    service_text,
    shown,
    target_text,
)

__all__ = ["Change", "changes"]


def changes(old: Topology | None, new: Topology | None) -> list[Change]:
    """Every difference. Of each kind, first what goes, then what comes or differs, in the order of the file."""
    found: list[Change] = []
    if old and new:
        found += differing("", "", "topology", old, new, ("name", "region"))
        keys = ("time_scale", "nat_gateway_connections", "load_balancer_connections")
        found += differing("settings", "", "settings", old.settings, new.settings, keys)
    found += each("vpcs", None, "VPC", *both(old, new, lambda lab: lab.vpcs), _vpc_text, _vpc)
    lists = both(old, new, lambda lab: lab.prefix_lists)
    found += each("prefix_lists", "", "prefix list", *lists, lambda held: held.name, _list_entries)
    peerings = both(old, new, lambda lab: lab.vpc_peering_connections)
    found += each("vpc_peering_connections", "", "VPC peering connection", *peerings, _peering_text, _peering)
    gateways = both(old, new, lambda lab: lab.transit_gateways)
    found += each("transit_gateways", "", "transit gateway", *gateways, lambda held: held.name, changes_transit.inside)
    joined = both(old, new, lambda lab: lab.transit_gateway_peering_attachments)
    path, noun = "transit_gateway_peering_attachments", "transit gateway peering attachment"
    found += each(path, "", noun, *joined, changes_transit.peering_text, changes_transit.peering)
    found += changes_public_access.changes(old, new)
    hosts = both(old, new, lambda lab: lab.internet.hosts)
    found += each("internet.hosts", "", "outside host", *hosts, lambda host: f"{host.name} {host.ip}", _host)
    links = bool(old and old.internet.uplink), bool(new and new.internet.uplink)
    if links[0] != links[1]:
        verb: Verb = "add" if links[1] else "remove"
        found.append(Change(verb, "internet.uplink", "", "uplink", "to the real network of this machine"))
    found += _expectations(old.expect if old else (), new.expect if new else ())
    return found


# ---- in a VPC ------------------------------------------------------------------------------------------------------


def _vpc_text(vpc: Vpc) -> str:
    return f"{vpc.name} {vpc.cidr_block}"


def _vpc(path: str, vpc: str, old: Vpc | None, new: Vpc | None) -> Iterator[Change]:
    if old and new:
        keys = (
            "cidr_block",
            "secondary_cidr_blocks",
            "main_route_table",
            "dhcp_options",
            "region",
            "owner_id",
            "internet_gateway.route_table=gateway_route_table",
        )
        yield from differing(path, vpc, "VPC", old, new, keys)
    gateways = _internet_gateway(old), _internet_gateway(new)
    if gateways[0] != gateways[1]:
        for verb, name in zip(("remove", "add"), gateways, strict=True):
            if name:
                yield Change(verb, f"{path}.internet_gateway", vpc, "internet gateway", name)  # type: ignore[arg-type]

    subnets = both(old, new, lambda vpc: vpc.subnets)
    yield from each(f"{path}.subnets", vpc, "subnet", *subnets, _subnet_text, _subnet)
    tables = both(old, new, lambda vpc: vpc.route_tables)
    yield from each(f"{path}.route_tables", vpc, "route table", *tables, lambda table: table.name, _routes)
    nats = both(old, new, lambda vpc: vpc.nat_gateways)
    yield from each(f"{path}.nat_gateways", vpc, "NAT gateway", *nats, _gateway_text, _gateway)
    groups = both(old, new, lambda vpc: vpc.security_groups)
    yield from each(f"{path}.security_groups", vpc, "security group", *groups, lambda group: group.name, _rules)
    acls = both(old, new, lambda vpc: vpc.network_acls)
    yield from each(f"{path}.network_acls", vpc, "network ACL", *acls, lambda acl: acl.name, _entries)
    instances = both(old, new, lambda vpc: vpc.instances)
    yield from each(f"{path}.instances", vpc, "instance", *instances, _instance_text, _instance)
    yield from changes_balancers.changes(path, vpc, old, new)
    yield from changes_endpoints.changes(path, vpc, old, new)


def _internet_gateway(vpc: Vpc | None) -> str:
    if vpc is None:
        return ""
    return vpc.internet_gateway or (f"{vpc.detached_gateway} (detached)" if vpc.detached_gateway else "")


def _peering_text(held: VpcPeeringConnection) -> str:
    return f"{held.name} between {held.vpc} and {held.peer_vpc}, {held.state}"


def _peering(
    path: str, vpc: str, old: VpcPeeringConnection | None, new: VpcPeeringConnection | None
) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "VPC peering connection", old, new, ("vpc", "peer_vpc", "state"))


def _subnet_text(subnet: Subnet) -> str:
    return f"{subnet.name} {subnet.cidr_block} in {subnet.availability_zone}"


def _subnet(path: str, vpc: str, old: Subnet | None, new: Subnet | None) -> Iterator[Change]:
    if old and new:
        keys = (
            "cidr_block",
            "availability_zone",
            "route_table",
            "network_acl",
            "map_public_ip_on_launch",
            "cidr_reservations",
        )
        yield from differing(path, vpc, "subnet", old, new, keys)


def _routes(path: str, vpc: str, old: RouteTable | None, new: RouteTable | None) -> Iterator[Change]:
    before = {route.destination: route for route in old.routes} if old else {}
    after = {route.destination: route for route in new.routes} if new else {}
    for destination, route in before.items():
        if destination not in after:
            yield Change("remove", f"{path}.routes.{_key(destination)}", vpc, "route", route_text(route))
    for destination, route in after.items():
        here = f"{path}.routes.{_key(destination)}"
        if destination not in before:
            yield Change("add", here, vpc, "route", route_text(route))
        elif before[destination].target != route.target:
            targets = f"{target_text(before[destination].target)} -> {target_text(route.target)}"
            text = f"{destination_text(destination)}: {targets}"
            yield Change("replace", here, vpc, "route", text)


def _key(destination: Destination) -> str:
    """As the file has it."""
    return destination.prefix_list if isinstance(destination, PrefixListReference) else str(destination)


def _gateway_text(gateway: NatGateway) -> str:
    if gateway.regional:
        return f"{gateway.name} regional, {_zones(gateway)}"
    address = f" with {gateway.elastic_ip}" if gateway.elastic_ip else ""
    private = "private, " if gateway.connectivity_type == "private" else ""
    return f"{gateway.name} {private}in {gateway.subnet}{address}"


def _gateway(path: str, vpc: str, old: NatGateway | None, new: NatGateway | None) -> Iterator[Change]:
    if old and new:
        keys = ("availability_mode", "subnet", "connectivity_type", "private_ip", "elastic_ip")
        yield from differing(path, vpc, "NAT gateway", old, new, keys)
        if old.zone_addresses != new.zone_addresses:
            text = f"zones: {_zones(old)} -> {_zones(new)}"
            yield Change("replace", f"{path}.availability_zone_address", vpc, "NAT gateway", text)
        if old.secondary != new.secondary:
            text = f"secondary addresses: {_secondary(old)} -> {_secondary(new)}"
            yield Change("replace", f"{path}.secondary", vpc, "NAT gateway", text)


def _zones(gateway: NatGateway) -> str:
    """RNAT-03."""
    held = (f"{zone.availability_zone} {' '.join(map(str, zone.elastic_ips))}" for zone in gateway.zone_addresses)
    return ", ".join(held) or "automatic"


def _secondary(gateway: NatGateway) -> str:
    addresses = (str(one.elastic_ip or one.private_ip or "a free one") for one in gateway.secondary)
    return ", ".join(addresses) or "none"


Identity = tuple[int, int, int, Peer]


def _rules(path: str, vpc: str, old: SecurityGroup | None, new: SecurityGroup | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "security group", old, new, ("description", "vpc_associations"))
    for direction in ("ingress", "egress"):
        before, after = _identified(old, direction), _identified(new, direction)
        for identity, rule in before.items():
            if identity not in after:
                text = rule_text(rule, direction)
                yield Change("remove", _rule_path(path, direction, rule), vpc, "security group rule", text)
        for identity, rule in after.items():
            here, text = _rule_path(path, direction, rule), rule_text(rule, direction)
            if identity not in before:
                yield Change("add", here, vpc, "security group rule", text)
            elif before[identity].description != rule.description:
                text = f"description of {text}: {shown(before[identity].description)} -> {shown(rule.description)}"
                yield Change("replace", here, vpc, "security group rule", text)


def _identified(group: SecurityGroup | None, direction: str) -> dict[Identity, SecurityGroupRule]:
    """Rules by what they allow (SG-24, SG-25): neither the order nor the description makes another rule."""
    rules = (group.ingress if direction == "ingress" else group.egress) if group else ()
    return {(rule.protocol, rule.from_port, rule.to_port, rule.peer): rule for rule in rules}


def _rule_path(path: str, direction: str, rule: SecurityGroupRule) -> str:
    return f"{path}.{direction}[{rule.number - 1}]"


def _entries(path: str, vpc: str, old: NetworkAcl | None, new: NetworkAcl | None) -> Iterator[Change]:
    """By number within a direction (ACL-05), as ReplaceNetworkAclEntry sees them."""
    for direction in ("ingress", "egress"):
        before, after = _numbered(old, direction), _numbered(new, direction)
        told: list[tuple[Verb, NetworkAclEntry, str]] = [
            ("remove", entry, entry_text(entry, direction)) for number, entry in before.items() if number not in after
        ]
        for number, entry in after.items():
            if number not in before:
                told.append(("add", entry, entry_text(entry, direction)))
            elif before[number] != entry:
                words = f"{entry_text(before[number], direction)} -> {entry_text(entry, direction)}"
                told.append(("replace", entry, words))
        for verb, entry, words in told:
            here = entry.where.path or f"{path}.{direction}"  # an entry that nobody wrote stands nowhere
            yield Change(verb, here, vpc, "network ACL rule", f"{direction} {entry.number}: {words}")


def _numbered(acl: NetworkAcl | None, direction: str) -> dict[int, NetworkAclEntry]:
    entries = (acl.ingress if direction == "ingress" else acl.egress) if acl else ()
    return {entry.number: entry for entry in entries}


def _instance_text(instance: Instance) -> str:
    return f"{instance.name} in {instance.subnet}"


def _instance(path: str, vpc: str, old: Instance | None, new: Instance | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "instance", old, new, ("state",))
        if old.appliance != new.appliance:
            text = f"forwards: {appliance_text(old.appliance)} -> {appliance_text(new.appliance)}"
            yield Change("replace", f"{path}.services", vpc, "instance", text)
    for verb, key, noun, text in interface_changes(old, new):
        yield Change(verb, f"{path}.{key}", vpc, noun, text)
    yield from _services(path, vpc, old.services if old else (), new.services if new else ())


# ---- outside, and everywhere ---------------------------------------------------------------------------------------


def _services(path: str, vpc: str, old: tuple[Service, ...], new: tuple[Service, ...]) -> Iterator[Change]:
    before, after = by_name(old), by_name(new)
    for name, service in before.items():
        if name not in after:
            yield Change("remove", f"{path}.services", vpc, "service", _service_text(service))
    for index, service in enumerate(new):
        here, earlier = f"{path}.services[{index}]", before.get(service.name)
        if earlier is None:
            yield Change("add", here, vpc, "service", _service_text(service))
        elif earlier != service:
            text = f"{service.name}: {service_text(earlier)} -> {service_text(service)}"
            yield Change("replace", here, vpc, "service", text)


def _service_text(service: Service) -> str:
    text = service_text(service)
    return text if text.startswith(service.name) else f"{service.name}: {text}"


def _host(path: str, vpc: str, old: OutsideHost | None, new: OutsideHost | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "outside host", old, new, ("ip",))
    yield from _services(path, vpc, old.services if old else (), new.services if new else ())


def _list_entries(path: str, vpc: str, old: PrefixList | None, new: PrefixList | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "prefix list", old, new, ("max_entries",))
    name = path.rpartition(".")[2]
    before = {entry.cidr: entry for entry in old.entries} if old else {}
    after = {entry.cidr: entry for entry in new.entries} if new else {}
    for index, (cidr, _) in enumerate(before.items()):
        if cidr not in after:
            yield Change("remove", f"{path}.entries[{index}]", vpc, "prefix list entry", f"{cidr} of {name}")
    for index, (cidr, entry) in enumerate(after.items()):
        here = f"{path}.entries[{index}]"
        if cidr not in before:
            yield Change("add", here, vpc, "prefix list entry", f"{cidr} of {name}")
        elif before[cidr] != entry:
            text = f"description of {cidr} of {name}: {shown(before[cidr].description)} -> {shown(entry.description)}"
            yield Change("replace", here, vpc, "prefix list entry", text)


def _expectations(old: tuple[Expectation, ...], new: tuple[Expectation, ...]) -> Iterator[Change]:
    before, after = set(old), set(new)
    for index, expected in enumerate(old):
        if expected not in after:
            yield Change("remove", f"expect[{index}]", "", "expectation", str(expected))
    for index, expected in enumerate(new):
        if expected not in before:
            yield Change("add", f"expect[{index}]", "", "expectation", str(expected))
