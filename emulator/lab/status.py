"""status: what is there, in AWS's words, and what is not as it should be. Changes nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from emulator.compile.diff import diff
from emulator.compile.state import Netns, Step
from emulator.compile.state import Service as StateService
from emulator.lab import doors, endpoints, health, listing, record, services
from emulator.lab.plan import Wanted, settle
from emulator.lab.running import recall
from emulator.report import shapes
from emulator.report.words import essential, wrong
from emulator.topology import gateways
from emulator.topology.addresses import slots, usable
from emulator.topology.given import Addresses, slot
from emulator.topology.instances import Instance, NetworkInterface, Service
from emulator.topology.model import Route, Topology, Vpc
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.transit import TransitGateway, TransitGatewayPeeringAttachment
from emulator.topology.words import appliance_text

_HEALTHY = ("running", "starting", "done")  # states of a service that need nobody's attention


def status(lab: str | None = None) -> shapes.Status:
    """Observe a lab and hold it against its record."""
    there = recall(lab)
    lab, before, topology = there.lab, there.record, there.topology
    wanted = settle(before.file, before.text, topology, [], before.addresses)
    with doors.asking(lab) as agent:
        running = agent.services() if agent else {}
        steps = diff(services.merge(doors.kernel().observe(lab, wanted.state), agent), wanted.state)
    now = listing.state(lab, before, list(wanted.state.namespaces))
    if now == "up" and any(not isinstance(step.item, StateService) for step in steps):
        now = "broken"
    needs_agent = services.wanted(wanted.state) > 0
    found = _wrong(before, now, steps, running, agent_dead=needs_agent and agent is None)
    return shapes.Status(
        lab=lab,
        state=now,
        healthy=not found,
        region=topology.region,
        file=before.file,
        since=listing.since(before),
        agent="running" if agent else "dead" if needs_agent else "not needed",
        vpcs=[_vpc(topology, vpc, wanted, running) for vpc in topology.vpcs],
        vpc_peering_connections=[
            shapes.VpcPeeringConnectionStatus(name=held.name, vpc=held.vpc, peer_vpc=held.peer_vpc, state=held.state)
            for held in topology.vpc_peering_connections
        ],
        transit_gateways=[_transit(topology, gateway) for gateway in topology.transit_gateways],
        transit_gateway_peering_attachments=[
            _joined(topology, held) for held in topology.transit_gateway_peering_attachments
        ],
        internet=shapes.InternetStatus(
            uplink=topology.internet.uplink,
            hosts=[
                shapes.HostStatus(
                    name=host.name, ip=str(host.ip), services=_services(host.name, host.services, running)
                )
                for host in topology.internet.hosts
            ],
        ),
        wrong=found,
        broken=[
            shapes.BrokenStatus(fault=each.fault, on=each.on)
            for each in (before.exercise.faults if before.exercise and not before.exercise.secret else ())
        ],
        dark_zones=list(topology.dark_zones),
    )


def _wrong(
    before: record.Record,
    now: shapes.LabState,
    steps: Sequence[Step],
    running: dict[str, list[dict[str, Any]]],
    *,
    agent_dead: bool,
) -> list[shapes.Wrong]:
    again = f"vpcemu up {before.file}"
    found: list[shapes.Wrong] = []
    if now == "changing":
        found.append(shapes.Wrong(node="", what="another vpcemu is changing the lab right now", remedy=""))
    elif now == "incomplete":
        found.append(shapes.Wrong(node="", what="the last `up` or `down` was cut short", remedy=again))
    if agent_dead:
        what = "the agent is dead: no built-in service answers, and no command of the file runs"
        found.append(shapes.Wrong(node="", what=what, remedy=again))
    gone = {step.node for step in steps if isinstance(step.item, Netns) and step.verb == "add"}
    for step in essential(steps):
        if isinstance(step.item, StateService) and agent_dead:
            continue  # said already
        found.append(shapes.Wrong(node=step.node, what=wrong(step), remedy=again))
    for node, entries in running.items():
        for entry in entries:
            if node not in gone and entry["state"] not in _HEALTHY:
                detail = f": {entry['detail']}" if entry.get("detail") else ""
                what = f"service {entry['name']} is {entry['state']}{detail}"
                found.append(shapes.Wrong(node=node, what=what, remedy=f"vpcemu logs {node} {entry['name']}"))
    return found


def _address(addresses: Addresses, name: str) -> shapes.PrivateAddress:
    """`name`: of the slot (see given.slot)."""
    private, public = addresses.private.get(name, ""), addresses.public.get(name, "")
    return shapes.PrivateAddress(private_ip=str(private), public_ip=str(public))


def _interface(held: NetworkInterface, addresses: Addresses) -> shapes.NetworkInterfaceStatus:
    return shapes.NetworkInterfaceStatus(
        name=held.name,
        device_index=held.device_index,
        subnet=held.subnet,
        security_groups=list(held.security_groups),
        source_dest_check=held.source_dest_check,
        addresses=[_address(addresses, slot(held.name, number)) for number in range(len(held.addresses))],
    )


def _vpc(topology: Topology, vpc: Vpc, wanted: Wanted, running: dict[str, list[dict[str, Any]]]) -> shapes.VpcStatus:
    tables = {table.name: table.routes for table in vpc.route_tables}
    taken = Counter(held.subnet for held in slots(vpc))
    return shapes.VpcStatus(
        name=vpc.name,
        cidr_block=", ".join(map(str, vpc.cidr_blocks)),
        internet_gateway=vpc.internet_gateway or "",
        internet_gateway_block_mode=topology.block_mode(vpc),
        main_route_table=vpc.main_route_table,
        subnets=[
            shapes.SubnetStatus(
                name=subnet.name,
                cidr_block=str(subnet.cidr_block),
                availability_zone=subnet.availability_zone,
                route_table=subnet.route_table,
                network_acl=subnet.network_acl,
                kind=subnet_kind(tables.get(subnet.route_table, ())),
                # SUB-15: those of a stopped instance are taken, too.
                available_ip_address_count=usable(subnet) - taken[subnet.name],
            )
            for subnet in vpc.subnets
        ],
        nat_gateways=[
            shapes.NatGatewayStatus(
                name=gateway.name,
                subnet=gateway.subnet,
                connectivity_type=gateway.connectivity_type,
                availability_mode=gateway.availability_mode,
                availability_zones=[
                    shapes.NatGatewayZone(
                        name=node.name,
                        availability_zone=node.zone,
                        public_ips=[
                            _address(wanted.addresses, slot(node.name, number))["public_ip"]
                            for number in range(len(node.addresses))
                        ],
                    )
                    for node in nat_nodes(vpc)
                    if node.zone and node.gateway is gateway
                ],
                **_address(wanted.addresses, gateway.name),
                secondary=[
                    _address(wanted.addresses, slot(gateway.name, number))
                    for number in range(1, len(gateway.secondary) + 1)
                ],
            )
            for gateway in vpc.nat_gateways
        ],
        load_balancers=health.load_balancers(vpc, wanted.addresses),
        target_groups=health.target_groups(topology, vpc, running),
        vpc_endpoint_services=endpoints.services(topology, vpc),
        vpc_endpoints=endpoints.endpoints(topology, vpc, wanted.addresses),
        instances=[
            shapes.InstanceStatus(
                name=instance.name,
                state=instance.state,
                subnet=instance.subnet,
                **_address(wanted.addresses, instance.name),
                security_groups=list(instance.security_groups),
                services=_at_rest(instance)
                if instance.state == "stopped"
                else [*_appliance(instance), *_services(instance.name, instance.services, running)],
                network_interfaces=[_interface(held, wanted.addresses) for held in instance.interfaces],
            )
            for instance in vpc.instances
        ],
    )


def _appliance(instance: Instance) -> list[shapes.ServiceStatus]:
    """What an instance forwards is a setting of its kernel's, so it runs as long as the lab is healthy."""
    if instance.appliance is None:
        return []
    text = appliance_text(instance.appliance)
    return [shapes.ServiceStatus(name=text, kind="appliance", port=0, state="running", detail="")]


def _at_rest(instance: Instance) -> list[shapes.ServiceStatus]:
    """RT-42: nothing of a stopped instance runs, and that is as it should be."""
    return [
        service | {"state": "stopped"} for service in (*_appliance(instance), *_services("", instance.services, {}))
    ]


def subnet_kind(routes: Iterable[Route]) -> Literal["public", "private", "isolated"]:
    """SUB-23: a description by the route table, nothing that AWS stores."""
    kinds = {route.target.kind for route in routes}
    if "internet_gateway" in kinds:
        return "public"
    return "private" if kinds - {"blackhole"} else "isolated"


def _services(
    node: str, wanted: Iterable[Service], running: dict[str, list[dict[str, Any]]]
) -> list[shapes.ServiceStatus]:
    known = {entry["name"]: entry for entry in running.get(node, [])}
    return [
        shapes.ServiceStatus(
            name=service.name,
            kind=service.kind,
            port=service.port,
            state=str(known[service.name]["state"]) if service.name in known else "not running",
            detail=str(known[service.name].get("detail") or "") if service.name in known else "",
        )
        for service in wanted
    ]


def _transit(topology: Topology, gateway: TransitGateway) -> shapes.TransitGatewayStatus:
    return shapes.TransitGatewayStatus(
        name=gateway.name,
        region=gateways.region_of(topology, gateway),
        vpc_attachments=[
            shapes.TransitGatewayAttachmentStatus(
                name=held.name,
                vpc=held.vpc,
                subnets=list(held.subnets),
                route_table=_associated(gateway, held.name),
                appliance_mode=held.appliance_mode,
                state=held.state,
            )
            for held in gateway.vpc_attachments
        ],
    )


def _joined(topology: Topology, held: TransitGatewayPeeringAttachment) -> shapes.TransitGatewayPeeringStatus:
    by_name = {gateway.name: gateway for gateway in topology.transit_gateways}
    ends = (held.transit_gateway, held.peer_transit_gateway)
    return shapes.TransitGatewayPeeringStatus(
        name=held.name,
        transit_gateway=ends[0],
        peer_transit_gateway=ends[1],
        state=held.state,
        route_tables=[_associated(by_name[name], held.name) for name in ends],
    )


def _associated(gateway: TransitGateway, attachment: str) -> str:
    table = gateway.table_of(attachment)
    return table.name if table else ""
