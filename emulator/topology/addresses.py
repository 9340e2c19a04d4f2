"""Who gets which address. Total and stable: nobody is renumbered by a neighbour's arrival.

Private: what the file fixes, then what an interface already holds (SUB-18), then the lowest free one from base+4.
Public: what the file fixes, then what is held, then the next of a pool of addresses that no real host has.
"""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from typing import Literal, NamedTuple

from emulator.errors import Problem, Where
from emulator.topology.given import Addresses, slot
from emulator.topology.model import Subnet, Topology, Vpc
from emulator.topology.nat_nodes import nat_nodes, places
from emulator.topology.reservations import set_aside

RESERVED_FRONT = 4  # SUB-05: network, router, DNS, future use ...
RESERVED_BACK = 1  # ... and the last one

# Documentation (RFC 5737) and benchmark (RFC 2544) ranges stand in for Amazon's pool of public addresses.
POOL = tuple(map(IPv4Network, ("203.0.113.0/24", "198.51.100.0/24", "198.18.0.0/15")))

INTERNET_ADDRESS = IPv4Address("192.0.2.1")  # what traceroute shows for the internet's one router

# What an address of the internet cannot be: RFC 6890's private, shared, loopback, link-local, multicast, reserved.
NOT_PUBLIC = tuple(
    (int(block.network_address), int(block.broadcast_address))
    for block in map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "224.0.0.0/3",
        ),
    )
)


def is_public(address: IPv4Address) -> bool:
    """Whether a host of the internet may have it. The documentation ranges count as public here."""
    number = int(address)
    return not any(first <= number <= last for first, last in NOT_PUBLIC)


def in_subnet(subnet: Subnet, address: IPv4Address) -> bool:
    """Whether the address lies in the subnet's block, reserved or not."""
    return address in subnet.cidr_block


def reserved(subnet: Subnet, address: IPv4Address) -> bool:
    """SUB-05: the first four and the last address of a subnet belong to AWS."""
    offset = int(address) - int(subnet.cidr_block.network_address)
    return offset < RESERVED_FRONT or offset >= subnet.cidr_block.num_addresses - RESERVED_BACK


def usable(subnet: Subnet) -> int:
    """SUB-06: how many interfaces a subnet can hold."""
    return subnet.cidr_block.num_addresses - RESERVED_FRONT - RESERVED_BACK


class Slot(NamedTuple):
    """One private address of an ENI, under the name by which Addresses holds it. None: any free one.

    public_ip: that of the internet gateway's map (IGW-01, EIP-01): an Elastic IP, "auto" for any of the pool, or None.
    """

    name: str
    subnet: str
    private_ip: IPv4Address | None
    where: Where
    public_ip: IPv4Address | Literal["auto"] | None


def slots(vpc: Vpc) -> Iterator[Slot]:
    """All private addresses that the VPC's ENIs want, in the order in which they are served."""
    for node in nat_nodes(vpc):
        public: Literal["auto"] | None = "auto" if node.gateway.connectivity_type == "public" else None  # NAT-03
        for number, (private_ip, elastic_ip) in enumerate(node.addresses):
            own = slot(node.name, number)
            yield Slot(own, node.subnet, private_ip, node.gateway.where, elastic_ip or public)
    for instance in vpc.instances:
        for interface in instance.interfaces:
            for number, address in enumerate(interface.addresses):
                name = slot(interface.name, number)
                yield Slot(name, interface.subnet, address.private_ip, interface.where, address.public_ip)
    for endpoint in vpc.vpc_endpoints:
        for place in endpoint.subnet_configurations:
            yield Slot(endpoint.node(place.subnet), place.subnet, place.private_ip, endpoint.where, None)
    for held in vpc.attached_subnets:
        yield Slot(held.name, held.subnet, None, held.where, None)
    for balancer in vpc.load_balancers:  # NLB-01
        pooled: Literal["auto"] | None = None if balancer.internal else "auto"
        for mapping in balancer.subnet_mappings:
            name = balancer.node(mapping.subnet)
            yield Slot(name, mapping.subnet, mapping.private_ip, balancer.where, mapping.elastic_ip or pooled)


def assign(topology: Topology, held: Addresses | None = None) -> tuple[Addresses, list[Problem]]:
    """An address for everyone who needs one, and a Problem for each that finds none (the file was not checked)."""
    problems: list[Problem] = []
    before = held or Addresses({}, {})
    private, public = _private(topology, before.private, problems), _public(topology, before, problems)
    released = {**before.released, **{name: ip for name, ip in before.public.items() if _in(POOL, ip)}}
    kept = {name: released[name] for name in _at_rest(topology) if name in released and name not in public}
    return Addresses(private, public, kept), problems


def _at_rest(topology: Topology) -> Iterator[str]:
    """Whose address is given back: the primary one of every stopped instance (SUB-17)."""
    return (held.name for vpc in topology.vpcs for held in vpc.instances if held.state == "stopped")


def _private(topology: Topology, held: dict[str, IPv4Address], problems: list[Problem]) -> dict[str, IPv4Address]:
    given: dict[str, IPv4Address] = {}
    for vpc in topology.vpcs:
        subnets = {subnet.name: subnet for subnet in places(vpc)}
        interfaces = list(slots(vpc))
        taken: dict[str, set[int]] = {name: set() for name in subnets}
        chosen: dict[str, IPv4Address] = {}
        for interface in interfaces:
            if interface.private_ip is not None:
                chosen[interface.name] = interface.private_ip
                taken[interface.subnet].add(int(interface.private_ip))
        for interface in interfaces:
            earlier = held.get(interface.name)
            if interface.private_ip is None and earlier is not None:
                subnet, used = subnets[interface.subnet], taken[interface.subnet]
                if in_subnet(subnet, earlier) and not reserved(subnet, earlier) and int(earlier) not in used:
                    chosen[interface.name] = earlier
                    used.add(int(earlier))
        free = {name: _free(subnet, taken[name]) for name, subnet in subnets.items()}
        for interface in interfaces:
            address = chosen.get(interface.name) or next(free[interface.subnet], None)
            if address is None:
                what = f"subnet {interface.subnet} has no free address left"
                if subnets[interface.subnet].cidr_reservations:
                    what += " outside of its CIDR reservations"
                problems.append(Problem(interface.where, what, "", "InsufficientFreeAddressesInSubnet"))  # SUB-10
            else:
                given[interface.name] = address
    return given


def _free(subnet: Subnet, taken: Collection[int]) -> Iterator[IPv4Address]:
    """Lowest first. `taken` is complete before the first is drawn."""
    first, last = int(subnet.cidr_block.network_address), int(subnet.cidr_block.broadcast_address)
    for number in range(first + RESERVED_FRONT, last + 1 - RESERVED_BACK):
        if number not in taken and not set_aside(subnet.cidr_reservations, number):
            yield IPv4Address(number)


def _public(topology: Topology, before: Addresses, problems: list[Problem]) -> dict[str, IPv4Address]:
    given = {host.name: host.ip for host in topology.internet.hosts}
    wanting: list[Slot] = []
    for vpc in topology.vpcs:
        for wish in slots(vpc):
            if isinstance(wish.public_ip, IPv4Address):
                given[wish.name] = wish.public_ip
            elif wish.public_ip == "auto":
                wanting.append(wish)
    blocks = [
        block for vpc in topology.vpcs for block in vpc.cidr_blocks
    ]  # VPC-06: a VPC on a pool's range would never send there
    taken = set(given.values())
    for interface in wanting:
        earlier = before.public.get(interface.name)
        if earlier is not None and earlier not in taken and _in(POOL, earlier) and not _in(blocks, earlier):
            given[interface.name] = earlier
            taken.add(earlier)
    pool = (address for block in POOL for address in block.hosts() if address not in taken and not _in(blocks, address))
    free: Iterator[IPv4Address] = pool
    for interface in wanting:
        if interface.name not in given:
            address = next(free, None)
            if address is not None and address == before.released.get(interface.name):
                # SUB-17: on start it is another one.
                other = next(free, None)
                free, address = (chain([address], free), other) if other else (free, address)
            if address is None:
                problems.append(Problem(interface.where, "no public address is left", "give it an elastic_ip"))
            else:
                given[interface.name] = address
    return given


def _in(blocks: Iterable[IPv4Network], address: IPv4Address) -> bool:
    return any(address in block for block in blocks)
