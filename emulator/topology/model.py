"""The nouns of a topology: frozen, in AWS's words, every name resolved, nothing defaulted in secret.

The loader (`load.py`) builds these from YAML. Names are unique where the docstring says so. `where` is the
place in the user's file and never takes part in equality, so two files that say the same are equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.endpoints import EndpointService, InterfaceEndpoint
from emulator.topology.expectations import Expectation
from emulator.topology.instances import Instance, Service
from emulator.topology.nat import NatGateway
from emulator.topology.peering import VpcPeeringConnection
from emulator.topology.place import written
from emulator.topology.public_access import BlockMode, PublicAccess
from emulator.topology.reservations import CidrReservation
from emulator.topology.settings import Settings
from emulator.topology.transit import AttachedSubnet, TransitGateway, TransitGatewayPeeringAttachment

DEFAULT_ACL = "default"


class GroupReference(NamedTuple):
    """A security group named as the source or destination of a rule (SG-30); `self` is resolved to the name.

    vpc: "" for the rule's own VPC, else that of a peer (SG-32).
    """

    group: str
    vpc: str = ""

    def __str__(self) -> str:
        return f"{self.vpc}/{self.group}" if self.vpc else self.group


@dataclass(frozen=True, slots=True)  # unlike a tuple, it is never equal to a group's reference of the same name
class PrefixListReference:
    """A prefix list named in a rule (SG-22), or as the destination of a route: each of its entries is meant."""

    prefix_list: str


Peer = IPv4Network | GroupReference | PrefixListReference
Destination = IPv4Network | PrefixListReference


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """One allowed combination: a YAML rule with lists in it has become several of these (SG-22).

    protocol: IP protocol number, -1 for all (AWS's IpProtocol).
    from_port, to_port: ports for tcp (6) and udp (17), inclusive; for icmp (1) the type and the code with -1 for
    all (SG-21); 0 and 65535 for everything else, where ports do not count (SG-20).
    number: position of the YAML rule within its direction, from 1, for messages and rule comments.
    """

    protocol: int
    from_port: int
    to_port: int
    peer: Peer
    number: int
    description: str = ""
    where: Where = written()


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A stateful, allow-only filter on ENIs (SG-01, SG-02). Names are unique in the VPC; `default` always exists.

    vpc_associations: further VPCs whose ENIs may carry it (SG-12).
    """

    name: str
    ingress: tuple[SecurityGroupRule, ...]
    egress: tuple[SecurityGroupRule, ...]
    description: str = ""
    where: Where = written()
    vpc_associations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkAclEntry:
    """One numbered entry; the lowest number that matches decides (ACL-03).

    protocol, from_port, to_port: as in SecurityGroupRule.
    peer: the source of an ingress entry, the destination of an egress entry (ACL-10).
    """

    number: int
    action: Literal["allow", "deny"]
    protocol: int
    from_port: int
    to_port: int
    peer: IPv4Network
    where: Where = written()


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A stateless filter at the border of subnets (ACL-01, ACL-02). Entries by number; the last, `*`, is never listed.

    Names are unique in the VPC; `default` always exists (ACL-06).
    """

    name: str
    ingress: tuple[NetworkAclEntry, ...]
    egress: tuple[NetworkAclEntry, ...]
    where: Where = written()


class Target(NamedTuple):
    """What a route points at: the kind, and the resource's name within the VPC.

    `instance` stands for an ENI of an instance (RT-33), by the ENI's name: "fw", "fw.eth1". `blackhole` stands for a
    target that is gone (RT-40); its name, if any, says what is gone. A VPC peering connection keeps its kind in every
    state, and is a blackhole in all but one (Topology.is_blackhole).
    """

    kind: Literal[
        "internet_gateway", "nat_gateway", "instance", "vpc_peering_connection", "transit_gateway", "blackhole"
    ]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A static route. The `local` route is never listed: every table has it for every VPC block (RT-02).

    destination: of a prefix list those entries count that `prefix_lists.destinations` gives.
    """

    destination: Destination
    target: Target
    where: Where = written()


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Routes that subnets share. Names are unique in the VPC."""

    name: str
    routes: tuple[Route, ...]
    where: Where = written()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A block of the VPC in one availability zone.

    `route_table` is the explicit one or the VPC's main (RT-20); `network_acl` the explicit one or the default (SUB-22).
    """

    name: str
    cidr_block: IPv4Network
    availability_zone: str  # "ap-northeast-1a"
    route_table: str
    map_public_ip_on_launch: bool = False
    network_acl: str = DEFAULT_ACL
    where: Where = written()
    cidr_reservations: tuple[CidrReservation, ...] = ()


@dataclass(frozen=True, slots=True)
class DhcpOptions:
    """What a VPC tells its instances about names (DHCP-02). No `servers`: AmazonProvidedDNS."""

    domain_name: str
    servers: tuple[IPv4Address, ...] = ()

    def __str__(self) -> str:
        return ", ".join((self.domain_name, *map(str, self.servers or ("AmazonProvidedDNS",))))


@dataclass(frozen=True, slots=True)
class Vpc:
    """One VPC. Everything in it is in the order of the file.

    gateway_route_table: the edge route table of the internet gateway (GRT-01).
    detached_gateway: an internet gateway that is not attached now (IGW-15); `internet_gateway` is then None.
    attached_subnets: what transit gateways have in it (TGW-04).
    region: "" for the lab's; ask Topology.region_of. owner_id: the account, "" for the lab's own.
    default: AWS made it (VPC-20); otherwise it is like any other VPC.
    """

    name: str
    cidr_block: IPv4Network
    internet_gateway: str | None
    main_route_table: str
    subnets: tuple[Subnet, ...]
    route_tables: tuple[RouteTable, ...]  # the main one included
    nat_gateways: tuple[NatGateway, ...]
    security_groups: tuple[SecurityGroup, ...]  # `default` included (SG-05)
    instances: tuple[Instance, ...]
    dhcp_options: DhcpOptions | None = None  # None: the file says nothing
    network_acls: tuple[NetworkAcl, ...] = ()  # the loader puts `default` there (ACL-06); without it, all may pass
    where: Where = written()
    secondary_cidr_blocks: tuple[IPv4Network, ...] = ()
    gateway_route_table: str | None = None
    detached_gateway: str | None = None
    region: str = ""
    owner_id: str = ""
    attached_subnets: tuple[AttachedSubnet, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()
    load_balancers: tuple[LoadBalancer, ...] = ()
    vpc_endpoint_services: tuple[EndpointService, ...] = ()
    vpc_endpoints: tuple[InterfaceEndpoint, ...] = ()
    default: bool = field(default=False, compare=False)

    @property
    def cidr_blocks(self) -> tuple[IPv4Network, ...]:
        """All blocks, the primary one first."""
        return (self.cidr_block, *self.secondary_cidr_blocks)

    @property
    def zonal(self) -> tuple[LoadBalancer | InterfaceEndpoint, ...]:
        """What has a node in each of its subnets (LB-02, PL-20)."""
        return (*self.load_balancers, *self.vpc_endpoints)

    @property
    def zones_in_use(self) -> tuple[str, ...]:
        """RNAT-03: the zones in which it has network interfaces, those of NAT gateways apart."""
        held = {interface.subnet for instance in self.instances for interface in instance.interfaces}
        held |= {name for one in self.zonal for name in one.subnets} | {one.subnet for one in self.attached_subnets}
        return tuple(sorted({subnet.availability_zone for subnet in self.subnets if subnet.name in held}))

    def nodes_of(self, gateway: NatGateway) -> tuple[str, ...]:
        """The nodes of one of its NAT gateways: the gateway itself, or what a regional one has in each of its zones."""
        if not gateway.regional:
            return (gateway.name,)
        zones = tuple(held.availability_zone for held in gateway.zone_addresses) or self.zones_in_use
        return tuple(map(gateway.node, zones))

    @property
    def awake(self) -> "Vpc":
        """The VPC without the instances that are stopped (RT-42)."""
        if all(instance.state == "running" for instance in self.instances):
            return self
        return replace(self, instances=tuple(held for held in self.instances if held.state == "running"))

    def subnet(self, name: str) -> Subnet:
        return next(subnet for subnet in self.subnets if subnet.name == name)


@dataclass(frozen=True, slots=True)
class OutsideHost:
    """A host of the emulated internet."""

    name: str
    ip: IPv4Address
    services: tuple[Service, ...] = ()
    where: Where = written()


@dataclass(frozen=True, slots=True)
class Internet:
    """Outside hosts, and whether the lab also reaches the real network of the machine."""

    hosts: tuple[OutsideHost, ...] = ()
    uplink: bool = False
    where: Where = written()


class PrefixListEntry(NamedTuple):
    """One block of a prefix list."""

    cidr: IPv4Network
    description: str = ""


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A customer-managed prefix list. Names are unique in the lab.

    max_entries: what a rule or route that names the list counts for in a quota (SG-26), however many entries there are.
    """

    name: str
    max_entries: int
    entries: tuple[PrefixListEntry, ...]
    where: Where = written()

    def cidrs(self) -> tuple[IPv4Network, ...]:
        """What the list stands for."""
        return tuple(entry.cidr for entry in self.entries)


NodeKind = Literal[
    "router",
    "instance",
    "nat_gateway",
    "network_load_balancer",
    "internet_gateway",
    "transit_gateway",
    "vpc_endpoint",
    "internet",
    "outside_host",
]


class Node(NamedTuple):
    """A thing with a namespace of its own. `vpc` is "" for the internet and its hosts."""

    name: str
    kind: NodeKind
    vpc: str = ""


INTERNET = "internet"  # the node name of the internet's router


def router_of(vpc: str) -> str:
    """The node name of a VPC's implicit router (RT-01). The dot keeps it apart from every instance's name."""
    return f"{vpc}.router"


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole file."""

    name: str
    region: str
    vpcs: tuple[Vpc, ...]
    internet: Internet = Internet()
    expect: tuple[Expectation, ...] = ()
    settings: Settings = Settings()
    prefix_lists: tuple[PrefixList, ...] = ()
    vpc_peering_connections: tuple[VpcPeeringConnection, ...] = ()
    transit_gateways: tuple[TransitGateway, ...] = ()
    dark_zones: tuple[str, ...] = ()  # availability zones that are down; never the file's (see `zones`)
    transit_gateway_peering_attachments: tuple[TransitGatewayPeeringAttachment, ...] = ()
    block_public_access: PublicAccess = PublicAccess()

    def region_of(self, vpc: Vpc) -> str:
        return vpc.region or self.region

    def block_mode(self, vpc: Vpc) -> BlockMode:
        """VPC Block Public Access of the account that owns the VPC, in its region (BPA-01)."""
        return self.block_public_access.mode_of(self.region_of(vpc), vpc.owner_id)

    def peerings_of(self, vpc: str) -> tuple[VpcPeeringConnection, ...]:
        """The active VPC peering connections of a VPC."""
        return tuple(held for held in self.vpc_peering_connections if held.active and vpc in held.pair)

    def peered(self, one: str, other: str) -> bool:
        """Whether packets may go straight from one VPC to the other."""
        return any(held.other(one) == other for held in self.peerings_of(one))

    def near_of(self, vpc: str) -> tuple[str, ...]:
        """The VPCs whose instances go by their private addresses there: peers, and those on a gateway (TGW-51)."""
        found = [held.other(vpc) for held in self.peerings_of(vpc)]
        for gateway in self.transit_gateways:
            found += gateway.near_of(vpc)
        return tuple(dict.fromkeys(found))

    def is_blackhole(self, target: Target) -> str:
        """RT-40: why what is routed there is dropped, "" if it is not."""
        if target.kind != "vpc_peering_connection":
            return "it is gone" if target.kind == "blackhole" else ""
        found = next((held for held in self.vpc_peering_connections if held.name == target.name), None)
        state = found.state if found else "deleted"
        return "" if state == "active" else f"VPC peering connection {target.name} is {state}"

    def nodes(self) -> Iterator[Node]:
        """Every node of the lab; the loader guarantees that the names differ."""
        yield Node(INTERNET, "internet")
        for host in self.internet.hosts:
            yield Node(host.name, "outside_host")
        for gateway in self.transit_gateways:
            yield Node(gateway.name, "transit_gateway")
        for vpc in self.vpcs:
            yield Node(router_of(vpc.name), "router", vpc.name)
            if vpc.internet_gateway:
                yield Node(vpc.internet_gateway, "internet_gateway", vpc.name)
            for nat in vpc.nat_gateways:
                for name in vpc.nodes_of(nat):
                    yield Node(name, "nat_gateway", vpc.name)
            for balancer in vpc.load_balancers:
                for name in balancer.nodes:
                    yield Node(name, "network_load_balancer", vpc.name)
            for endpoint in vpc.vpc_endpoints:
                for name in endpoint.nodes:
                    yield Node(name, "vpc_endpoint", vpc.name)
            for instance in vpc.instances:
                yield Node(instance.name, "instance", vpc.name)
