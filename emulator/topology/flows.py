"""A flow, and what becomes of it: the words in which the file, the model, the wire and a trace are compared.

A flow is one question, "does this packet arrive, and does its answer come back?". Who asks names nodes; `flow` turns
names into the addresses that would be on the wire, as the sender's /etc/hosts has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import UsageError
from emulator.topology.given import Addresses, slot
from emulator.topology.model import INTERNET, Topology
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.suggest import nearest
from emulator.topology.zonal import aliases, answering

Protocol = Literal["tcp", "udp", "icmp"]
Result = Literal["pass", "drop", "refused", "error"]  # error: an answer that is neither (an ICMP error, a closed door)
NUMBERS: dict[Protocol, int] = {"icmp": 1, "tcp": 6, "udp": 17}
ECHO_REQUEST = 8


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow, seen from its sender.

    source: the sender's node. source_ip: the address of its own that it sends from (a private one in a VPC).
    to: the destination as the sender writes it: a public IP where it uses one.
    port: the destination port of tcp and udp. source_port: 0 for an ephemeral one (32768-60999, as in Linux).
    icmp_type, icmp_code: for icmp only.
    """

    source: str
    source_ip: IPv4Address
    to: IPv4Address
    protocol: Protocol
    port: int = 0
    source_port: int = 0
    icmp_type: int = ECHO_REQUEST
    icmp_code: int = 0


ComponentKind = Literal[
    "instance",
    "internet",
    "internet_gateway",
    "nat_gateway",
    "network_acl",
    "network_interface",
    "network_load_balancer",
    "outside_host",
    "route_table",
    "security_group",
    "transit_gateway",
    "vpc",
    "vpc_endpoint",
    "vpc_peering_connection",
]


class Component(NamedTuple):
    """Something of AWS's that decides about packets, and where it was asked.

    name: as in the file. What drops a packet is called by these:
    security_group: the ENI's name, since all groups of an ENI decide together; direction egress or ingress.
    network_acl: the ACL's name; direction egress or ingress, as seen from its subnet.
    network_interface: the ENI's name; egress for a source that is not its own (SDC-01, L2 spoofing), ingress for a
    destination that is not its own.
    route_table: the table's name: no route, or a blackhole. vpc: the VPC's name: nobody in it has the address.
    internet_gateway: egress without a public IP for the source, ingress to a public IP that nobody has.
    nat_gateway: what it does not translate, unsolicited packets included. internet: an address of no host.
    vpc_endpoint: its node's name, `ep.a`: not available, no listener of the service has the port, or not its way round.
    network_load_balancer: its node's name, `nlb.a`: no listener, no target that it may use.
    vpc_endpoint: its node's name, `ep.a`: it is not available, or nothing of its service listens there.
    vpc_peering_connection: by its name, of no VPC: an address that is not of the two VPCs (PCX-12).
    transit_gateway: by its name, of no VPC: no association, no route, or a blackhole.
    instance, outside_host: arrived there, and not answered by it (a firewall service, an appliance that is none).
    """

    kind: ComponentKind
    name: str
    vpc: str = ""
    direction: Literal["egress", "ingress", ""] = ""


class Verdict(NamedTuple):
    """What became of a flow.

    dropped_at: who dropped it, None if nobody did. on_the_way_back: it was the answer that was dropped.
    receiver: the node at which the packet arrived, "" if at none. seen_as: the source address that the receiver saw.
    """

    result: Result
    dropped_at: Component | None = None
    on_the_way_back: bool = False
    receiver: str = ""
    seen_as: IPv4Address | None = None


def owners(topology: Topology, addresses: Addresses) -> Iterator[tuple[str, str, IPv4Address, IPv4Address | None]]:
    """(node, the name by which one may call the address, private or outside address, public address) of every slot."""
    for host in topology.internet.hosts:
        yield host.name, host.name, host.ip, host.ip
    for vpc in topology.vpcs:
        for instance in vpc.instances:
            for interface in instance.interfaces:
                for number in range(len(interface.addresses)):
                    name = slot(interface.name, number)
                    yield instance.name, name, addresses.private[name], addresses.public.get(name)
        for held_by in nat_nodes(vpc):
            for number in range(len(held_by.addresses)):
                name = slot(held_by.name, number)
                yield held_by.name, name, addresses.private[name], addresses.public.get(name)
        for held in vpc.zonal:
            for name in held.nodes:
                yield name, name, addresses.private[name], addresses.public.get(name)


def flow(
    topology: Topology,
    addresses: Addresses,
    source: str,
    target: str,
    protocol: Protocol = "tcp",
    port: int = 0,
    source_port: int = 0,
) -> Flow:
    """The flow between two things that a person names.

    source: an instance, an outside host, one of their addresses, or `internet` for the first outside host.
    target: any of these, a NAT gateway, or any other address.
    UsageError, with the nearest name, for what is not there.
    """
    directory = Directory(topology, addresses)
    node, own = directory.source(source)
    return Flow(node, own, directory.target(target, node), protocol, port, source_port)


_WHO_SENDS = "name an instance or an outside host"


class Directory:
    """What a person's names stand for: as in `flow`, for many of them."""

    def __init__(self, topology: Topology, addresses: Addresses) -> None:
        self._topology = topology
        self._gateways = {node.name for vpc in topology.vpcs for node in nat_nodes(vpc)}
        self._silent = {name for vpc in topology.vpcs for held in vpc.zonal for name in held.nodes}
        self._stopped = {held.name for vpc in topology.vpcs for held in vpc.instances if held.state == "stopped"}
        self._vpcs = {node.name: node.vpc for node in topology.nodes()}
        self._near = {(vpc.name, other) for vpc in topology.vpcs for other in topology.near_of(vpc.name)}
        self._near |= {(vpc.name, vpc.name) for vpc in topology.vpcs}
        self._aliases = {name: answering(topology, name) for name in aliases(topology)}
        self._by_name: dict[str, _Owned] = {}
        self._by_address: dict[str, _Owned] = {}
        for node, name, private, public in owners(topology, addresses):
            owned = self._by_name[name] = _Owned(node, private, public)
            for address in filter(None, (private, public)):
                self._by_address.setdefault(str(address), owned)

    def source(self, name: str) -> tuple[str, IPv4Address]:
        """The sender's node and its address. UsageError: nobody sends from there."""
        wanted = self._first_host() if name == INTERNET else name
        found = self._by_name.get(wanted) or self._by_address.get(wanted)
        if found is None:
            if name in self._vpcs:
                raise UsageError(f"{name} forwards what others send: it sends nothing of its own", _WHO_SENDS)
            raise self._unknown(name, "nobody in this lab sends from")
        if found.node in self._gateways:
            raise UsageError(f"{name} is a NAT gateway: it sends nothing of its own", _WHO_SENDS)
        if found.node in self._silent:
            raise UsageError(f"{name} sends nothing of its own", _WHO_SENDS)
        if found.node in self._stopped:
            raise UsageError(f"{name} is stopped: it sends nothing", f"`state: running` for {found.node} starts it")
        return found.node, found.private

    def target(self, name: str, source: str) -> IPv4Address:
        """The address by which the source calls it, of a load balancer that of the first node that answers.

        UsageError: it is neither a name nor an address.
        """
        try:
            return IPv4Address(name)
        except ValueError:
            pass
        wanted = self._first_host() if name == INTERNET else next(iter(self._aliases.get(name, ())), name)
        found = self._by_name.get(wanted)
        if found is None:
            raise self._unknown(name, "nothing in this lab has the name or address")
        near = (self._vpcs[source], self._vpcs[found.node]) in self._near
        return found.private if near or found.public is None else found.public

    def node(self, name: str) -> str:
        """Whose name or address it is; "" for nobody's."""
        found = self._by_name.get(name) or self._by_address.get(name)
        return found.node if found else ""

    def _first_host(self) -> str:
        hosts = self._topology.internet.hosts
        if not hosts:
            raise UsageError(
                "the lab's internet has no hosts", "`internet: {hosts: {web.example: {ip: 93.184.216.34}}}`"
            )
        return hosts[0].name

    def _unknown(self, wanted: str, what: str) -> UsageError:
        near = nearest(wanted, list(self._by_name))
        return UsageError(f"{what} {wanted}", f"did you mean {near}?" if near else "`vpcemu status` lists them")


class _Owned(NamedTuple):
    """Who has an address, in a VPC or outside, and the public one that belongs to it."""

    node: str
    private: IPv4Address
    public: IPv4Address | None
