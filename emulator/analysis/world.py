"""A topology with its addresses, indexed for questions: who has this address, which table and ACL has this subnet."""

from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.analysis.filters import Acl, Group
from emulator.analysis.routing import Table
from emulator.errors import Where
from emulator.names import LINK_LOCAL_SERVICES
from emulator.topology.associations import renamed_for, with_associated
from emulator.topology.balancers import LoadBalancer
from emulator.topology.endpoints import InterfaceEndpoint
from emulator.topology.flows import ComponentKind
from emulator.topology.given import Addresses, slot
from emulator.topology.instances import Instance
from emulator.topology.model import OutsideHost, Subnet, Topology, Vpc
from emulator.topology.nat import NatGateway
from emulator.topology.nat_nodes import NatNode, nat_nodes, regional_places
from emulator.topology.place import NOWHERE
from emulator.topology.privatelink import Carrier, carriers
from emulator.topology.targets import Serving
from emulator.topology.transit import TransitGateway, TransitGatewayRouteTable

# IGW-08: what the internet does not carry: RFC 1918, RFC 6598, and link-local, which is nobody's.
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_SHARED = IPv4Network("100.64.0.0/10")
_LINK_LOCAL = IPv4Network("169.254.0.0/16")

Span = tuple[int, int]


def span_of(block: IPv4Network) -> Span:
    """First and last address of a block."""
    return int(block.network_address), int(block.broadcast_address)


class Eni:
    """A network interface. kind: whose it is.

    groups: none where none are asked, as at a NAT gateway (NAT-34) and at many a load balancer (NLB-02).
    """

    __slots__ = (
        "addresses",
        "balancer",
        "check",
        "dark_zone",
        "endpoint",
        "gateway",
        "groups",
        "kind",
        "name",
        "node",
        "public",
        "running",
        "subnet",
        "vpc",
        "where",
    )

    def __init__(
        self, name: str, node: str, vpc: "Ground", subnet: "Land", groups: tuple[str, ...], check: bool, where: Where
    ) -> None:
        self.name, self.node, self.vpc, self.subnet = name, node, vpc, subnet
        self.groups, self.check, self.where = groups, check, where
        self.addresses: tuple[int, ...] = ()
        self.public: tuple[int | None, ...] = ()  # one for each address
        self.kind: ComponentKind = "instance"
        self.gateway: NatGateway | None = None
        self.balancer: LoadBalancer | None = None
        self.endpoint: InterfaceEndpoint | None = None
        self.running = True
        self.dark_zone = ""  # AZ-01: of what is in a zone that is down


class Land:
    """A subnet, with what decides at its border."""

    __slots__ = ("acl", "name", "router", "span", "subnet", "table")

    def __init__(self, subnet: Subnet, table: Table, acl: Acl) -> None:
        self.subnet, self.table, self.acl, self.name = subnet, table, acl, subnet.name
        self.span = span_of(subnet.cidr_block)
        self.router = self.span[0] + 1  # RT-01: base+1


class Ground:
    """One VPC."""

    def __init__(self, vpc: Vpc, topology: Topology, addresses: Addresses) -> None:
        self.vpc, self.name, self.topology = vpc, vpc.name, topology
        peers = {held.other(vpc.name): held.name for held in topology.peerings_of(vpc.name)}
        # Each block of a peer, by the name of the connection that leads there.
        self.peers = [
            (peers[one.name], block) for one in topology.vpcs if one.name in peers for block in one.cidr_blocks
        ]
        self.blocks = tuple(map(span_of, vpc.cidr_blocks))
        lists = {held.name: held for held in topology.prefix_lists}
        self.groups = {group.name: Group(group, lists) for group in with_associated(topology, vpc).security_groups}
        acls = {acl.name: Acl(acl) for acl in vpc.network_acls}
        everything = Acl(None)  # a VPC without any list of ACLs lets everything pass
        self.tables = {table.name: Table(table, vpc, topology) for table in vpc.route_tables}
        self.lands = {
            subnet.name: Land(subnet, self.tables[subnet.route_table], acls.get(subnet.network_acl, everything))
            for subnet in vpc.subnets
        }
        self.route_targets = {route.target.name for table in vpc.route_tables for route in table.routes}
        self.edge = self.tables[vpc.gateway_route_table] if vpc.gateway_route_table else None  # GRT-01
        # SUB-07, SG-40: the resolver is base+2 of the primary block.
        self.services = frozenset((self.blocks[0][0] + 2, *map(int, LINK_LOCAL_SERVICES)))
        self.routers = frozenset(land.router for land in self.lands.values())
        self.target_groups = {group.name: group for group in vpc.target_groups}
        self.enis: dict[str, Eni] = {}
        self.by_address: dict[int, Eni] = {}
        self.public_of: dict[int, int] = {}  # IGW-01: private to public, of the ENIs
        # RNAT-01: a regional NAT gateway is in no subnet, and no ACL judges it.
        stands = self.lands | {
            held.name: Land(held, self.tables[held.route_table], everything) for held in regional_places(vpc)
        }
        for node in nat_nodes(vpc):
            self._add_gateway(node, stands[node.subnet], addresses)
        for balancer in vpc.load_balancers:
            self._add_balancer(balancer, addresses)
        for endpoint in vpc.vpc_endpoints:
            self._add_endpoint(endpoint, addresses)
        for instance in vpc.instances:
            self._add_instance(instance, addresses)

    def _add_gateway(self, node: NatNode, land: Land, addresses: Addresses) -> None:
        eni = Eni(node.name, node.name, self, land, (), False, node.gateway.where)
        eni.gateway, eni.kind = node.gateway, "nat_gateway"
        self._place(eni, len(node.addresses), addresses)

    def _add_balancer(self, balancer: LoadBalancer, addresses: Addresses) -> None:
        groups = tuple(dict.fromkeys(balancer.security_groups))
        for name in balancer.subnets:
            node = balancer.node(name)
            eni = Eni(node, node, self, self.lands[name], groups, False, balancer.where)
            eni.balancer, eni.kind = balancer, "network_load_balancer"
            self._place(eni, 1, addresses)

    def _add_endpoint(self, endpoint: InterfaceEndpoint, addresses: Addresses) -> None:
        groups = tuple(dict.fromkeys(endpoint.security_groups))
        for name in endpoint.subnets:
            node = endpoint.node(name)
            eni = Eni(node, node, self, self.lands[name], groups, False, endpoint.where)
            eni.endpoint, eni.kind = endpoint, "vpc_endpoint"
            self._place(eni, 1, addresses)

    def _add_instance(self, instance: Instance, addresses: Addresses) -> None:
        for held in instance.interfaces:
            where = held.where if held.where != NOWHERE else instance.where
            groups = tuple(dict.fromkeys(held.security_groups))
            eni = Eni(held.name, instance.name, self, self.lands[held.subnet], groups, held.source_dest_check, where)
            eni.running = instance.state == "running"
            self._place(eni, len(held.addresses), addresses)

    def _place(self, eni: Eni, count: int, addresses: Addresses) -> None:
        zone = eni.subnet.subnet.availability_zone
        eni.dark_zone = zone if eni.running and zone in self.topology.dark_zones else ""
        names = [slot(eni.name, number) for number in range(count)]
        eni.addresses = tuple(int(addresses.private[name]) for name in names)
        public = [addresses.public.get(name) for name in names]
        eni.public = tuple(None if held is None else int(held) for held in public)
        self.enis[eni.name] = eni
        for own, other in zip(eni.addresses, eni.public, strict=True):
            self.by_address[own] = eni
            if other is not None:
                self.public_of[own] = other

    def holds(self, address: int) -> bool:
        """Whether the address lies in a block of the VPC, somebody's or not."""
        return any(low <= address <= high for low, high in self.blocks)

    def nat_node(self, gateway: str, zone: str) -> Eni | None:
        """RNAT-05: what a NAT gateway has for packets of a zone; None: RNAT-07."""
        held = self.enis.get(gateway) or self.enis.get(f"{gateway}.{zone[-1:]}")
        return held if held and held.gateway else None

    def land_of(self, address: int) -> Land | None:
        return next((land for land in self.lands.values() if land.span[0] <= address <= land.span[1]), None)


class TransitRoute(NamedTuple):
    """A route of a transit gateway's table. attachment: "" for a blackhole."""

    block: IPv4Network
    attachment: str
    where: Where


def transit_routes(
    topology: Topology, gateway: TransitGateway, table: TransitGatewayRouteTable
) -> tuple[TransitRoute, ...]:
    """The longest prefix first. TGW-22: static before propagated. TGW-28: the first VPC that has a block."""
    found = {
        route.destination: TransitRoute(route.destination, route.attachment, route.where) for route in table.routes
    }
    blocks = {vpc.name: vpc.cidr_blocks for vpc in topology.vpcs}
    for name in table.propagations:
        held = gateway.attachment(name)
        for block in blocks[held.vpc] if held.available else ():
            if block not in found:
                found[block] = TransitRoute(block, name, table.where)
    return tuple(sorted(found.values(), key=lambda route: -route.block.prefixlen))


def known_as(ground: Ground, eni: Eni | None) -> tuple[str, ...]:
    """What rules in that VPC call the ENI's groups: `web`, or of another VPC `b/web` (SG-12, SG-32)."""
    if eni is None or eni.vpc is ground:
        return eni.groups if eni else ()
    return tuple(renamed_for(ground.name, eni.vpc.name, group) for group in eni.groups)


class World:
    """All of a lab. Build it once for many questions."""

    def __init__(self, topology: Topology, addresses: Addresses) -> None:
        self.topology, self.addresses = topology, addresses
        self.grounds = {vpc.name: Ground(vpc, topology, addresses) for vpc in topology.vpcs}
        self.transits = {held.name: held for held in topology.transit_gateways}
        self.tables = {
            (gateway.name, table.name): transit_routes(topology, gateway, table)
            for gateway in topology.transit_gateways
            for table in gateway.route_tables
        }
        # PL-06: AWS chooses at random, so this is read where the wire reads it.
        self.carriers: dict[str, Carrier] = {held.node: held for held in carriers(topology)}
        self.joined = {held.name: held for held in topology.transit_gateway_peering_attachments}
        self.peerings = {held.name: held for held in topology.vpc_peering_connections}
        self.hosts: dict[str, OutsideHost] = {host.name: host for host in topology.internet.hosts}
        self.host_at = {int(host.ip): host for host in topology.internet.hosts}
        self.instances = {instance.name: instance for vpc in topology.vpcs for instance in vpc.instances}
        self.enis_of: dict[str, list[Eni]] = {}  # by node, the primary one first
        self.serving: Serving = {}
        # The targets of load balancers, by interface or by address.
        self.registered: set[str | int] = {
            held.id if isinstance(held.id, str) else int(held.id)
            for vpc in topology.vpcs
            for group in vpc.target_groups
            for held in group.targets
        }
        self.strangers: set[int] = set()  # addresses out there at which somebody is supposed to be
        self.mapped: dict[int, tuple[Ground, int]] = {}  # public address: behind which gateway, and whose it is
        for ground in self.grounds.values():
            for eni in ground.enis.values():
                self.enis_of.setdefault(eni.node, []).append(eni)
            if ground.vpc.internet_gateway:
                self.mapped.update({public: (ground, own) for own, public in ground.public_of.items()})

    def holds(self, address: int) -> bool:
        """Whether a block of any VPC holds the address."""
        return any(ground.holds(address) for ground in self.grounds.values())

    def beyond(self, connection: str, ground: Ground) -> Ground | None:
        """The VPC on the other side of a VPC peering connection; None: it is not active (RT-40)."""
        held = self.peerings[connection]
        return self.grounds[held.other(ground.name)] if held.active else None

    def near(self, one: str, other: str) -> bool:
        """Whether names of the other VPC stand for private addresses, as in `flows.Directory`."""
        return one == other != "" or other in self.topology.near_of(one)

    def same_region(self, one: Ground, other: Ground) -> bool:
        return self.topology.region_of(one.vpc) == self.topology.region_of(other.vpc)

    def own_addresses(self, node: str) -> tuple[int, ...]:
        """Of an instance or NAT gateway: all private addresses of all its interfaces."""
        return tuple(address for eni in self.enis_of.get(node, ()) for address in eni.addresses)

    def eni_of(self, node: str, address: int) -> Eni:
        """By which interface the node sends what carries this address: the one that has it, else the primary one."""
        held = self.enis_of[node]
        return next((eni for eni in held if address in eni.addresses), held[0])


def unroutable(address: int) -> str:
    """Which range the internet does not carry holds the address: "RFC1918", "RFC6598", "link-local", or ""."""
    ip = IPv4Address(address)
    if any(ip in block for block in _PRIVATE):
        return "RFC1918"
    if ip in _SHARED:
        return "RFC6598"
    return "link-local" if ip in _LINK_LOCAL else ""


def is_group_address(address: int) -> bool:
    """Multicast, or everybody: L2-01."""
    return address >> 28 == 0xE or address == 0xFFFFFFFF
