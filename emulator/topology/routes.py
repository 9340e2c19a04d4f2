"""Records of route tables and of the internet gateway -> RouteTable, with every target resolved to what it is now."""

from ipaddress import IPv4Network
from typing import NamedTuple

from emulator import names
from emulator.errors import Where
from emulator.topology.load_instances import interface_names, terminated
from emulator.topology.load_nat import deleted
from emulator.topology.model import Destination, PrefixListReference, Route, RouteTable, Target
from emulator.topology.place import NOWHERE
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed
from emulator.topology.values import Word


class Gateway(NamedTuple):
    """What the key internet_gateway says. `name` None: the VPC has none."""

    name: str | None = None
    attached: bool = True
    route_table: str | None = None


class Owners(NamedTuple):
    """The VPC of every gateway and instance of the file, and the VPCs of every VPC peering connection."""

    gateways: dict[str, str]
    instances: dict[str, str]
    connections: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - never changed; the two VPCs of each
    transits: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed; the VPCs attached to each


def gateway_of(vpc: Record) -> Gateway:
    """The VPC's internet gateway: a name, or a map."""
    written = vpc.get("internet_gateway")
    if not isinstance(written, Record):
        return Gateway(written)
    return Gateway(written.get("name"), written.get("attached") is not False, written.get("route_table"))


def build_route_table(
    record: Record, vpc: Record, blocks: tuple[IPv4Network, ...], owners: Owners, report: Report
) -> RouteTable:
    """`blocks`: the VPC's own; none if they are wrong."""
    routes = []
    for written, target_name, where in record.get("routes") or ():
        destination: Destination = PrefixListReference(written.name) if isinstance(written, Word) else written
        if target_name == "local":
            if blocks and destination not in blocks:
                what = f"local is the target of the VPC's own block{listed_blocks(blocks)} only"
                report.error(
                    report.value_of(where), what, "every table has that route by itself", "InvalidParameterValue"
                )
            continue  # RT-02: it is there anyway
        target = _target(target_name, vpc, owners, where, report)
        if target is not None:
            routes.append(Route(destination, target, where))
    return RouteTable(record.name, tuple(routes), record.where)


def listed_blocks(blocks: tuple[IPv4Network, ...]) -> str:
    """` 10.0.0.0/16`, `s 10.0.0.0/16 and 100.64.0.0/16`: goes after the word "block"."""
    words = [str(block) for block in blocks]
    if len(words) == 1:
        return f" {words[0]}"
    return f"s {', '.join(words[:-1])} and {words[-1]}"


def _target(name: str, vpc: Record, owners: Owners, where: Where, report: Report) -> Target | None:
    gateways = [gateway.name for gateway in vpc.get("nat_gateways") or ()]
    instances = {instance.name: instance for instance in vpc.get("instances") or ()}
    internet = gateway_of(vpc)
    if name == "blackhole":
        return Target("blackhole")
    if name == internet.name:
        # IGW-15: detached, it leaves its routes behind.
        return Target("internet_gateway" if internet.attached else "blackhole", name)
    if name in gateways:
        gone = any(deleted(gateway) for gateway in vpc.get("nat_gateways") if gateway.name == name)
        return Target("blackhole" if gone else "nat_gateway", name)  # NAT-08, RT-40
    if vpc.name in owners.connections.get(name, ()):
        return Target("vpc_peering_connection", name)
    if vpc.name in owners.transits.get(name, ()):
        return Target("transit_gateway", name)
    owner = name.rpartition(".")[0]
    if owner in instances:
        return _interface(instances[owner], name, report.value_of(where), report)
    if name in instances:
        if instances[name].get("network_interfaces"):
            # RT-34
            what = f"instance {name} has several network interfaces: a route names one of them"
            report.error(
                report.value_of(where), what, f"one of {listed(interface_names(instances[name]))}", "InvalidInstanceID"
            )
            return None
        # RT-33, RT-40
        return Target("blackhole" if terminated(instances[name]) else "instance", name)
    if any(report.is_broken(vpc.where, *path) for path in (("nat_gateways", name), ("instances", owner or name))):
        return None
    if report.is_broken(vpc.where, "internet_gateway") or (internet.name is None and vpc.get("internet_gateway")):
        return None
    at = report.value_of(where)
    if name in owners.transits:
        if not report.is_broken(NOWHERE, "transit_gateways", name):
            # RT-38, TGW-10
            what = f"VPC {vpc.name} has no attachment to transit gateway {name}"
            attachment = f"{vpc.name}: {{vpc: {vpc.name}, subnets: [...]}}"
            hint = f"transit_gateways: {{{name}: {{vpc_attachments: {{{attachment}}}}}}}"
            report.error(at, what, hint, "InvalidTransitGatewayID.NotFound")
        return None
    if name in owners.connections:
        pair = owners.connections[name]
        if report.is_broken(NOWHERE, "vpc_peering_connections", name) or not all(pair):
            return None
        what = f"VPC peering connection {name} joins {pair[0]} and {pair[1]}, and is none of VPC {vpc.name}'s"
        report.error(at, what, "peering is not transitive", "InvalidVpcPeeringConnectionID.NotFound")
        return None
    if other := owners.gateways.get(name):
        # RT-35
        what = f"route table and gateway {name} (of VPC {other}) belong to different networks"
        report.error(at, what, "a route points at a gateway of its own VPC", "InvalidParameterValue")
        return None
    if other := owners.instances.get(owner or name):
        what = f"route table and instance {name} (of VPC {other}) belong to different networks"
        code = "InvalidNetworkInterfaceID.NotFound" if owner else "InvalidInstanceID.NotFound"
        report.error(at, what, "a route points at an instance of its own VPC", code)
        return None
    if owner:
        hint = did_you_mean(name, [known for held in instances.values() for known in interface_names(held)])
        hint = hint or f"VPC {vpc.name} has {listed(instances, 'no instances')}"
        report.error(at, f"no instance is called `{owner}`", hint, "InvalidNetworkInterfaceID.NotFound")
        return None
    gates = [*filter(None, [internet.name]), *gateways]
    gates += [held for held, pair in owners.connections.items() if vpc.name in pair]
    gates += [held for held, attached in owners.transits.items() if vpc.name in attached]
    known = listed(gates, "no gateway: give it an internet_gateway or nat_gateways")
    report.error(
        at,
        f"no gateway and no instance is called `{name}`",
        did_you_mean(name, [*gates, *instances, "blackhole"], f"VPC {vpc.name} has {known}"),
        "InvalidGatewayID.NotFound",
    )
    return None


def _interface(instance: Record, name: str, at: Where, report: Report) -> Target | None:
    """`fw.eth1`. eth0 goes by the instance's own name from here on."""
    known = interface_names(instance)
    if name not in known:
        what = f"instance {instance.name} has no network interface {name.rpartition('.')[2]}"
        hint = f"network_interfaces of {instance.name} lists the further ones; it has {listed(known)}"
        report.error(at, what, hint, "InvalidNetworkInterfaceID.NotFound")
        return None
    index = known.index(name)
    if report.is_broken(instance.where, f"network_interfaces[{index - 1}]"):
        return None
    return Target("blackhole" if terminated(instance) else "instance", names.interface(instance.name, index))  # RT-40
