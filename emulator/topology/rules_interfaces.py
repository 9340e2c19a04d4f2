"""Network interfaces: of instances and NAT gateways. Subnet, private address, public address, security groups."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.errors import Where
from emulator.names import guest_link
from emulator.topology import advice_nat
from emulator.topology.addresses import (
    INTERNET_ADDRESS,
    RESERVED_FRONT,
    in_subnet,
    is_public,
    reserved,
    usable,
)
from emulator.topology.instances import Instance
from emulator.topology.model import Subnet, Topology, Vpc
from emulator.topology.report import Report
from emulator.topology.reservations import set_aside
from emulator.topology.rules_carried import check_groups
from emulator.topology.suggest import did_you_mean, listed

INTERFACES_AT_MOST, ADDRESSES_AT_MOST = 15, 50  # ENI-02, ENI-04: of the largest instance types
ELASTIC_IPS_PER_GATEWAY = 2

NO_SUBNET = ""  # RNAT-01

RESERVED_FOR = ("the network", "the VPC's router", "DNS", "future use")  # SUB-05, from base+0


class Interface(NamedTuple):
    """One private address of an ENI: what an instance and a NAT gateway have in common.

    free_hint: how to get a free one.
    """

    name: str
    where: Where
    subnet: str
    private_ip: IPv4Address | None
    elastic_ip: IPv4Address | None
    private_key: str = "private_ip"
    elastic_key: str = "elastic_ip"
    free_hint: str = "leave private_ip out to get a free one"
    subnet_key: str = "subnet"


def check(topology: Topology, report: Report) -> None:
    """All interfaces of the lab."""
    elastic: dict[IPv4Address, Interface] = {}
    for vpc in topology.vpcs:
        found = list(_interfaces(vpc))
        _check_private(topology, vpc, found, report)
        _check_gateways(vpc, report)
        advice_nat.check_number(vpc, report)
        for interface in found:
            if interface.elastic_ip is not None:
                _check_elastic(vpc, interface, elastic, report)
        for instance in vpc.instances:
            for held in instance.interfaces:
                check_groups(topology, vpc, held.security_groups, held.where, report)
            _check_count(vpc, instance, report)


def _interfaces(vpc: Vpc) -> Iterator[Interface]:
    """In the order in which `addresses.assign` serves them."""
    for gateway in vpc.nat_gateways:
        if gateway.regional:
            for zone in gateway.zone_addresses:
                for index, address in enumerate(zone.elastic_ips):
                    name, key = gateway.node(zone.availability_zone), f"elastic_ips[{index}]"
                    yield Interface(name, zone.where, NO_SUBNET, None, address, elastic_key=key)
            continue
        yield Interface(gateway.name, gateway.where, gateway.subnet, gateway.private_ip, gateway.elastic_ip)
        for index, further in enumerate(gateway.secondary):
            keys = f"secondary_private_ips[{index}]", f"secondary_elastic_ips[{index}]"
            free = "leave secondary_private_ips out to get a free one"
            yield Interface(gateway.name, gateway.where, gateway.subnet, *further, *keys, free)
    for instance in vpc.instances:
        for held in instance.interfaces:
            for number, (private_ip, public_ip) in enumerate(held.addresses):
                fixed = public_ip if isinstance(public_ip, IPv4Address) else None
                found = Interface(held.name, held.where, held.subnet, private_ip, fixed)
                if number:
                    key = f"secondary_private_ips[{number - 1}]"
                    found = found._replace(private_key=key, elastic_key=key, free_hint="write auto to get a free one")
                yield found
    known = {subnet.name for subnet in vpc.subnets}
    for endpoint in vpc.vpc_endpoints:  # unknown subnets are for `rules_endpoints` to tell
        for index, place in enumerate(endpoint.subnet_configurations):
            if place.subnet in known:
                found = Interface(endpoint.node(place.subnet), endpoint.where, *place, None, "subnet_configuration")
                free = "leave it out to get a free one"
                yield found._replace(free_hint=free, subnet_key=f"subnets[{index}]")
    for balancer in vpc.load_balancers:
        for index, mapping in enumerate(balancer.subnet_mappings):
            if mapping.subnet in known:
                free = "leave private_ipv4_address out to get a free one"
                keys = f"subnet_mapping[{index}]", f"subnet_mapping[{index}]"
                elastic = None if balancer.internal else mapping.elastic_ip  # told with the load balancer, too
                own = mapping.subnet, mapping.private_ip, elastic
                yield Interface(balancer.node(mapping.subnet), balancer.where, *own, *keys, free)


def _check_private(topology: Topology, vpc: Vpc, found: list[Interface], report: Report) -> None:
    subnets = {subnet.name: subnet for subnet in vpc.subnets}
    used: dict[tuple[str, int], Interface] = {}
    count = dict.fromkeys(subnets, 0)
    for interface in found:
        if interface.subnet == NO_SUBNET:
            continue
        subnet = subnets.get(interface.subnet)
        if subnet is None:
            _unknown_subnet(topology, vpc, interface, subnets, report)
            continue
        count[subnet.name] += 1
        if count[subnet.name] == usable(subnet) + 1:
            # SUB-10; reported once, at the first that finds no place.
            what = f"subnet {subnet.name} ({subnet.cidr_block}) has no free address left: {usable(subnet)} are usable"
            hint = "AWS keeps five addresses of every subnet; a shorter prefix makes it larger"
            report.error(interface.where, what, hint, "InsufficientFreeAddressesInSubnet", interface.subnet_key)
        if interface.private_ip is not None:
            _check_fixed(subnet, interface, interface.private_ip, used, report)


def _unknown_subnet(
    topology: Topology, vpc: Vpc, interface: Interface, subnets: dict[str, Subnet], report: Report
) -> None:
    name = interface.subnet
    if report.is_broken(vpc.where, "subnets", name):
        return
    other = next((o.name for o in topology.vpcs if any(s.name == name for s in o.subnets)), None)
    what = f"no subnet is called `{name}`"
    if other:
        hint = f"VPC {other} has one; an interface stands in a subnet of its own VPC, {vpc.name}"
    else:
        hint = did_you_mean(name, subnets, f"VPC {vpc.name} has {listed(subnets)}")
    report.error(interface.where, what, hint, "InvalidSubnetID.NotFound", "subnet")
    report.broken.add(
        f"{interface.where.path}.subnet"
    )  # an expectation of its subnet finds nobody, and is not to blame


def _check_fixed(
    subnet: Subnet, interface: Interface, address: IPv4Address, used: dict[tuple[str, int], Interface], report: Report
) -> None:
    block = subnet.cidr_block
    first = block.network_address + RESERVED_FRONT
    hint = f"{first} to {block.broadcast_address - 1} can be used"
    if not in_subnet(subnet, address):
        # SUB-09
        what = f"address {address} is not in the range of subnet {subnet.name} ({block})"
        report.error(interface.where, what, hint, "InvalidParameterValue", interface.private_key)
        return
    if reserved(subnet, address):
        # SUB-05, SUB-09
        offset = int(address) - int(block.network_address)
        purpose = RESERVED_FOR[offset] if offset < RESERVED_FRONT else "broadcast, which a VPC does not have"
        what = f"address {address} is in the reserved range of subnet {subnet.name}: kept for {purpose}"
        report.error(interface.where, what, hint, "InvalidParameterValue", interface.private_key)
        return
    kept = set_aside(subnet.cidr_reservations, int(address))
    if kept and kept.reservation_type == "prefix":
        # SUB-19
        what = f"whether AWS gives {address} is not known: {kept.cidr_block} is reserved for prefixes"
        report.warn(interface.where, what, "explicit is the reservation to ask from", key=interface.private_key)
    other = used.setdefault((subnet.name, int(address)), interface)
    if other is not interface:
        # SUB-10
        what = f"address {address} is in use by {other.name} (line {other.where.line})"
        report.error(interface.where, what, interface.free_hint, "InvalidIPAddress.InUse", interface.private_key)


def _check_elastic(vpc: Vpc, interface: Interface, elastic: dict[IPv4Address, Interface], report: Report) -> None:
    address = interface.elastic_ip
    assert address is not None
    if not is_public(address):
        what = f"{address} is not a public address"
        report.error(
            interface.where,
            what,
            "an Elastic IP is public, such as 203.0.113.10",
            "InvalidParameterValue",
            interface.elastic_key,
        )
        return
    if address == INTERNET_ADDRESS:
        what = f"{address} is the address of the internet's own router"
        hint = "it stands in every traceroute: choose another"
        report.error(interface.where, what, hint, "InvalidParameterValue", interface.elastic_key)
        return
    if lacks_gateway(vpc, report):
        # EIP-04
        what = f"network {vpc.name} is not attached to any internet gateway"
        report.error(
            interface.where,
            what,
            f"give VPC {vpc.name} an internet_gateway",
            "Gateway.NotAttached",
            interface.elastic_key,
        )
    other = elastic.setdefault(address, interface)
    if other is not interface:
        # EIP-03
        what = f"Elastic IP {address} is already associated with {other.name} (line {other.where.line})"
        report.error(
            interface.where,
            what,
            "one Elastic IP belongs to one interface",
            "Resource.AlreadyAssociated",
            interface.elastic_key,
        )


def _check_gateways(vpc: Vpc, report: Report) -> None:
    for gateway in vpc.nat_gateways:
        pooled = gateway.elastic_ip is None and not gateway.zone_addresses and gateway.connectivity_type == "public"
        if pooled and lacks_gateway(vpc, report):
            # NAT-02, NAT-06
            what = f"network {vpc.name} has no internet gateway attached"
            report.error(gateway.where, what, f"give VPC {vpc.name} an internet_gateway", "Gateway.NotAttached")
        if sum(further.elastic_ip is not None for further in gateway.secondary) >= ELASTIC_IPS_PER_GATEWAY:
            what = (
                f"{len(gateway.secondary) + 1} Elastic IPs: an account's quota is {ELASTIC_IPS_PER_GATEWAY} "
                "per NAT gateway until AWS raises it, to 8 at most"
            )
            report.warn(gateway.where, what, code="AddressLimitExceeded", key="secondary_elastic_ips")


def lacks_gateway(vpc: Vpc, report: Report) -> bool:
    """No internet gateway, and not only because its name is wrong."""
    if vpc.internet_gateway is not None or vpc.detached_gateway is not None:  # what is detached is told elsewhere
        return False
    path = f"{vpc.where.path}.internet_gateway"
    return not any(broken == path or broken.startswith(f"{path}.") for broken in report.broken)


def _check_count(vpc: Vpc, instance: Instance, report: Report) -> None:
    """How many ENIs and addresses, and where (ENI-02, ENI-04, ENI-05)."""
    count = len(instance.interfaces)
    if count > INTERFACES_AT_MOST:
        what = f"{count} network interfaces: the largest instance types have {INTERFACES_AT_MOST}"
        report.error(instance.where, what, "", "AttachmentLimitExceeded", "network_interfaces")
    for held in instance.interfaces:
        count = len(held.addresses)
        if count > ADDRESSES_AT_MOST:
            what = f"{count} private addresses: an interface of the largest instance types has {ADDRESSES_AT_MOST}"
            report.error(held.where, what, "", "PrivateIpAddressLimitExceeded", "secondary_private_ips")
    subnets = {subnet.name: subnet for subnet in vpc.subnets}
    home = subnets.get(instance.subnet)
    seen = {instance.subnet: instance.primary}
    for held in instance.interfaces[1:]:
        subnet = subnets.get(held.subnet)
        if subnet and home and subnet.availability_zone != home.availability_zone:
            what = f"subnet {subnet.name} is in {subnet.availability_zone}, {instance.name} in {home.availability_zone}"
            hint = "all network interfaces of an instance are in its zone"
            report.error(held.where, what, hint, "InvalidParameterCombination", "subnet")
        other = seen.setdefault(held.subnet, held)
        if subnet and other is not held:
            link, first = guest_link(held.device_index), guest_link(other.device_index)
            what = f"{link} and {first} of {instance.name} are both in subnet {subnet.name}"
            hint = f"answers of {link} may leave by {first}; secondary_private_ips give one interface more addresses"
            report.warn(held.where, what, hint, key="subnet")
