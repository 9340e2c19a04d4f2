"""Random flows of a topology: from everybody, to everybody's addresses, to nobody's, beside the borders of its rules.

A flow is made of one number, so a list of numbers is a list of flows. In one list no two flows could be taken for each
other, whatever translates them: every one has a source port (for icmp: a query) of its own.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.compile.eni import gateway_address, service_addresses
from emulator.topology.addresses import INTERNET_ADDRESS, reserved
from emulator.topology.flows import Flow, owners
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc

BITS = 56  # of a number; a flow has about 2**30 possibilities
_NOBODY = tuple(map(IPv4Address, ("203.0.113.250", "45.83.64.200", "10.99.0.1", "192.168.99.9", "100.64.99.9")))
_KEPT = IPv4Address("169.254.170.2")  # RT-11: no route forwards it
_ICMP = ((8, 0), (8, 0), (8, 1), (13, 0))
_PLAIN, _BORDERS = 33_000, (1024, 1025, 32767, 32768, 60999, 61000, 61001, 65535, 8100, 8101)
_LOW = (1023, 600, 22)  # a gateway that translates ports would choose another one


class Ask(NamedTuple):
    """Who can be asked for whom. outside: what somebody on the internet asks for.

    near: by sender, the load balancers and endpoints of its own VPC. listening: on what these listen, by address.
    """

    sources: tuple[tuple[str, IPv4Address], ...]
    targets: tuple[IPv4Address, ...]
    outside: tuple[IPv4Address, ...]
    hosts: frozenset[str]
    ports: tuple[int, ...]
    source_ports: tuple[int, ...]
    near: dict[str, tuple[IPv4Address, ...]]
    listening: dict[IPv4Address, tuple[tuple[Literal["tcp", "udp"], int], ...]]


def ask(topology: Topology, addresses: Addresses) -> Ask:
    """What the flows of this topology are made of."""
    held = list(owners(topology, addresses))
    gateways = {node.name for node in topology.nodes() if node.kind == "nat_gateway"}
    serving = {node.name for node in topology.nodes() if node.kind in ("network_load_balancer", "vpc_endpoint")}
    silent = gateways | serving | stopped(topology)
    sources = tuple((node, private) for node, _, private, _ in held if node not in silent)
    hosts = frozenset(host.name for host in topology.internet.hosts)
    targets: list[IPv4Address] = []
    outside = [*_NOBODY[:2], INTERNET_ADDRESS]
    for node, _, private, public in held:
        weight = 1 if node in gateways else 18 if node in serving else 9 if node in hosts else 6
        targets += [private] * weight
        outside.append(private)
        if public is not None:
            targets += [public] * (weight // 2 if public != private else 0)
            outside += [public] * weight
    targets += [*_NOBODY, INTERNET_ADDRESS, _KEPT]
    for vpc in topology.vpcs:
        targets += _nobody_in(vpc, set(addresses.private.values()))
    translating = any(vpc.nat_gateways for vpc in topology.vpcs) or any(
        instance.appliance for vpc in topology.vpcs for instance in vpc.instances
    )
    there = {name: addresses.private[name] for name in serving}
    near = {
        instance.name: tuple(there[name] for other in vpc.zonal for name in other.nodes)
        for vpc in topology.vpcs
        for instance in vpc.instances
    }
    source_ports = _BORDERS if translating else _BORDERS + _LOW
    return Ask(
        sources, tuple(targets), tuple(outside), hosts, _ports(topology), source_ports, near, _heard(topology, there)
    )


def _heard(
    topology: Topology, there: dict[str, IPv4Address]
) -> dict[IPv4Address, tuple[tuple[Literal["tcp", "udp"], int], ...]]:
    """On what load balancers listen; of endpoints, on what any load balancer of the lab does."""
    words: dict[str, tuple[Literal["tcp", "udp"], ...]] = {"TCP": ("tcp",), "UDP": ("udp",), "TCP_UDP": ("tcp", "udp")}
    own = {
        node: tuple((word, held.port) for held in balancer.listeners for word in words[held.protocol])
        for vpc in topology.vpcs
        for balancer in vpc.load_balancers
        for node in balancer.nodes
    }
    every = tuple(dict.fromkeys(each for heard in own.values() for each in heard))
    return {address: own.get(node, every) for node, address in there.items()}


def stopped(topology: Topology) -> set[str]:
    """Instances that have addresses, and no network of their own (RT-42)."""
    return {held.name for vpc in topology.vpcs for held in vpc.instances if held.state == "stopped"}


def _nobody_in(vpc: Vpc, taken: set[IPv4Address]) -> list[IPv4Address]:
    """Addresses of a VPC that no instance has: of its router, of AWS's services, of nobody."""
    found = [IPv4Address(address) for address in service_addresses(vpc)[:2]]
    found += [block.broadcast_address - 9 for block in vpc.cidr_blocks]
    for subnet in vpc.subnets:
        found.append(IPv4Address(gateway_address(subnet)))
        last = subnet.cidr_block.broadcast_address - 1
        if last not in taken and not reserved(subnet, last):
            found.append(last)
    return [address for address in found if address not in taken]


def _ports(topology: Topology) -> tuple[int, ...]:
    """Destination ports: where rules begin and end, and beside."""
    borders = {80}
    for vpc in topology.vpcs:
        rules = [rule for group in vpc.security_groups for rule in (*group.ingress, *group.egress)]
        entries = [entry for acl in vpc.network_acls for entry in (*acl.ingress, *acl.egress)]
        spans = [(rule.protocol, rule.from_port, rule.to_port) for rule in rules]
        spans += [(entry.protocol, entry.from_port, entry.to_port) for entry in entries]
        borders |= {port for protocol, *ports in spans if protocol in (6, 17) for port in ports}
        borders |= {target.port for group in vpc.target_groups for target in group.targets}
        for instance in vpc.instances:
            if instance.appliance:
                borders |= set(instance.appliance.blocked_ports)
    listening = [held.port for vpc in topology.vpcs for balancer in vpc.load_balancers for held in balancer.listeners]
    near = listening * max(1, 6 * len(borders) // max(1, len(listening)))
    near += [port for border in sorted(borders) for port in (border, border, border - 1, border + 1)]
    return tuple(port for port in near if 1 <= port <= 65535)


def flows(asked: Ask, numbers: Iterable[int]) -> list[Flow]:
    """The flow of each number."""
    made: list[Flow] = []
    destination_ports = set(asked.ports)
    used: set[int] = set()
    for number in numbers:
        number, at = divmod(number, len(asked.sources))
        source, own = asked.sources[at]
        targets = asked.outside if source in asked.hosts else asked.targets
        number, at = divmod(number, len(targets))
        to = targets[at]
        if to == own:  # SG-44: it never leaves the node, so once in a while is enough
            number, at = divmod(number, len(targets))
            to = targets[at]
        number, by = divmod(number, 3)
        if not by and (near := asked.near.get(source)):
            number, at = divmod(number, len(near))
            to = near[at]
        number, kind = divmod(number, 8)
        heard = asked.listening.get(to, ())
        number, astray = divmod(number, 4)
        if heard and astray:
            number, at = divmod(number, len(heard))
            kind, port = 4 * (heard[at][0] == "udp"), heard[at][1]
        if kind >= 6:
            number, at = divmod(number, len(_ICMP))
            made.append(Flow(source, own, to, "icmp", icmp_type=_ICMP[at][0], icmp_code=_ICMP[at][1]))
            continue
        number, at = divmod(number, len(asked.ports))
        port = port if heard and astray else asked.ports[at]
        number, special = divmod(number, 4)
        wanted = asked.source_ports[number % len(asked.source_ports)] if special == 3 else _PLAIN + len(made)
        while wanted in used or wanted in destination_ports:
            wanted = _PLAIN + len(made) if special == 3 else wanted + 1
            special = 0
        used.add(wanted)
        made.append(Flow(source, own, to, "udp" if kind >= 4 else "tcp", port, wanted))
    return made
