"""The JSON shapes that scripts may rely on (docs/json.md), as types. Keys are added, never renamed or removed.

`status` and `ls` print their text from the same values, so the two cannot drift apart.
"""

from typing import Literal, TypedDict

from emulator.compile.state import Step
from emulator.compile.words import describe
from emulator.errors import Problem

LabState = Literal["up", "changing", "incomplete", "broken", "lost"]


class Listed(TypedDict):
    """One lab in `ls --json`."""

    lab: str
    state: LabState
    vpcs: int
    instances: int
    namespaces: int
    since: str
    file: str


class Garbage(TypedDict):
    """One finding of `gc --json`."""

    lab: str
    why: str
    removed: bool
    what: list[str]


class Check(TypedDict):
    """One finding of `doctor --json`."""

    check: str
    result: Literal["ok", "warning", "missing"]
    found: str
    remedy: str


class ServiceStatus(TypedDict):
    """A service, as its agent sees it."""

    name: str
    kind: str
    port: int
    state: str
    detail: str


class SubnetStatus(TypedDict):
    name: str
    cidr_block: str
    availability_zone: str
    route_table: str
    network_acl: str
    kind: Literal["public", "private", "isolated"]
    available_ip_address_count: int


class PrivateAddress(TypedDict):
    """A private address of a network interface, and the public one that the internet gateway maps to it."""

    private_ip: str
    public_ip: str


class NetworkInterfaceStatus(TypedDict):
    """An ENI of an instance, by device index; the primary one is called like the instance."""

    name: str
    device_index: int
    subnet: str
    security_groups: list[str]
    source_dest_check: bool
    addresses: list[PrivateAddress]


class InstanceStatus(TypedDict):
    """`subnet`, `private_ip`, `public_ip` and `security_groups` are those of the primary network interface."""

    name: str
    state: Literal["running", "stopped"]
    subnet: str
    private_ip: str
    public_ip: str
    security_groups: list[str]
    services: list[ServiceStatus]
    network_interfaces: list[NetworkInterfaceStatus]


class NatGatewayZone(TypedDict):
    """What a regional NAT gateway has in a zone."""

    name: str
    availability_zone: str
    public_ips: list[str]


class NatGatewayStatus(TypedDict):
    """A regional one has neither `subnet` nor `private_ip`; its addresses are in `availability_zones`."""

    name: str
    subnet: str
    connectivity_type: Literal["public", "private"]
    availability_mode: Literal["zonal", "regional"]
    availability_zones: list[NatGatewayZone]
    private_ip: str
    public_ip: str
    secondary: list[PrivateAddress]


class EndpointConnection(TypedDict):
    """An endpoint as the service's owner sees it."""

    vpc: str
    vpc_endpoint: str
    state: str


class EndpointServiceStatus(TypedDict):
    """service_name: AWS's (PL-05)."""

    name: str
    service_name: str
    network_load_balancers: list[str]
    acceptance_required: bool
    connections: list[EndpointConnection]


class EndpointAddress(TypedDict):
    """load_balancer: the node that it leads to, "" for none."""

    name: str
    subnet: str
    private_ip: str
    load_balancer: str


class EndpointStatus(TypedDict):
    """service: VPC/NAME. state: in AWS's words. vpc_endpoint_id: as proxy protocol tells it (PL-25)."""

    name: str
    vpc_endpoint_id: str
    service: str
    state: str
    security_groups: list[str]
    network_interfaces: list[EndpointAddress]


class LoadBalancerNodeStatus(TypedDict):
    name: str
    subnet: str
    availability_zone: str
    private_ip: str
    public_ip: str


class ListenerStatus(TypedDict):
    port: int
    protocol: str
    target_group: str


class LoadBalancerStatus(TypedDict):
    name: str
    scheme: Literal["internal", "internet-facing"]
    cross_zone: bool
    security_groups: list[str]
    nodes: list[LoadBalancerNodeStatus]
    listeners: list[ListenerStatus]


class TargetStatus(TypedDict):
    """state, reason, description: as AWS's DescribeTargetHealth has them. The zone of one outside the VPC is "all"."""

    id: str
    port: int
    availability_zone: str
    state: str
    reason: str
    description: str


class TargetGroupStatus(TypedDict):
    """load_balancer: "" for none."""

    name: str
    protocol: str
    port: int
    target_type: str
    load_balancer: str
    targets: list[TargetStatus]


class VpcStatus(TypedDict):
    name: str
    cidr_block: str
    internet_gateway: str
    internet_gateway_block_mode: str
    main_route_table: str
    subnets: list[SubnetStatus]
    nat_gateways: list[NatGatewayStatus]
    load_balancers: list[LoadBalancerStatus]
    target_groups: list[TargetGroupStatus]
    vpc_endpoint_services: list[EndpointServiceStatus]
    vpc_endpoints: list[EndpointStatus]
    instances: list[InstanceStatus]


class VpcPeeringConnectionStatus(TypedDict):
    """state: AWS's, such as active, pending-acceptance, failed."""

    name: str
    vpc: str
    peer_vpc: str
    state: str


class TransitGatewayAttachmentStatus(TypedDict):
    """route_table: with which it is associated, "" for none."""

    name: str
    vpc: str
    subnets: list[str]
    route_table: str
    appliance_mode: bool
    state: str


class TransitGatewayPeeringStatus(TypedDict):
    """route_tables: with which it is associated, at each of the two; "" for none."""

    name: str
    transit_gateway: str
    peer_transit_gateway: str
    state: str
    route_tables: list[str]


class TransitGatewayStatus(TypedDict):
    name: str
    region: str
    vpc_attachments: list[TransitGatewayAttachmentStatus]


class HostStatus(TypedDict):
    name: str
    ip: str
    services: list[ServiceStatus]


class InternetStatus(TypedDict):
    uplink: bool
    hosts: list[HostStatus]


class Wrong(TypedDict):
    """Something that is not as it should be. `node` is "" when it is the lab as a whole."""

    node: str
    what: str
    remedy: str


class BrokenStatus(TypedDict):
    """A fault that the lab has on purpose, unless that is a secret."""

    fault: str
    on: str


class Status(TypedDict):
    """`status --json`."""

    lab: str
    state: LabState
    healthy: bool
    region: str
    file: str
    since: str
    agent: Literal["running", "dead", "not needed"]
    vpcs: list[VpcStatus]
    vpc_peering_connections: list[VpcPeeringConnectionStatus]
    transit_gateways: list[TransitGatewayStatus]
    transit_gateway_peering_attachments: list[TransitGatewayPeeringStatus]
    internet: InternetStatus
    wrong: list[Wrong]
    broken: list[BrokenStatus]
    dark_zones: list[str]


class ProblemShape(TypedDict):
    """A mistake or warning in a file."""

    file: str
    line: int
    column: int
    path: str
    what: str
    hint: str
    code: str
    warning: bool


class StepShape(TypedDict):
    """One kernel step of a plan."""

    verb: str
    node: str
    kind: str
    what: str
    reason: str


def problem(found: Problem, file: str) -> ProblemShape:
    return ProblemShape(
        file=file,
        line=found.where.line,
        column=found.where.column,
        path=found.where.path,
        what=found.what,
        hint=found.hint,
        code=found.code,
        warning=found.warning,
    )


def step(taken: Step) -> StepShape:
    return StepShape(
        verb=taken.verb,
        node=taken.node,
        kind=type(taken.item).__name__,
        what=describe(taken.item),
        reason=taken.reason,
    )
