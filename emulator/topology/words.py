"""Nouns in words, as AWS's console shows them: for messages and for what an edit changes."""

from emulator.names import guest_link
from emulator.topology.instances import Appliance, NetworkInterface, PrivateAddress, Service
from emulator.topology.model import (
    Destination,
    NetworkAclEntry,
    Peer,
    PrefixListReference,
    Route,
    SecurityGroupRule,
    Target,
)
from emulator.topology.values import ALL_PROTOCOLS, ICMP_PROTOCOL, PROTOCOL_WORDS, TCP, UDP


def rule_text(rule: SecurityGroupRule, direction: str) -> str:
    """`tcp 443 from 0.0.0.0/0`."""
    return f"{traffic_text(rule)} {'from' if direction == 'ingress' else 'to'} {peer_text(rule.peer)}"


def peer_text(peer: Peer) -> str:
    """`0.0.0.0/0`, or the name of a group (`b/web` for one of a peer) or of a prefix list."""
    match peer:
        case PrefixListReference(name):
            return name
    return str(peer)


def entry_text(entry: NetworkAclEntry, direction: str) -> str:
    """`allow tcp 443 from 0.0.0.0/0`."""
    return f"{entry.action} {traffic_text(entry)} {'from' if direction == 'ingress' else 'to'} {entry.peer}"


def traffic_text(rule: SecurityGroupRule | NetworkAclEntry) -> str:
    """`tcp 443`, `udp all ports`, `icmp type 8`, `all traffic`."""
    if rule.protocol == ALL_PROTOCOLS:
        return "all traffic"
    protocol = PROTOCOL_WORDS.get(rule.protocol, f"protocol {rule.protocol}")
    if rule.protocol == ICMP_PROTOCOL:
        if rule.from_port < 0:
            return protocol
        return f"{protocol} type {rule.from_port}" + (f" code {rule.to_port}" if rule.to_port >= 0 else "")
    if rule.protocol not in (TCP, UDP):
        return protocol
    if (rule.from_port, rule.to_port) == (0, 65535):
        return f"{protocol} all ports"
    return f"{protocol} {rule.from_port}" + (f"-{rule.to_port}" if rule.to_port != rule.from_port else "")


def route_text(route: Route) -> str:
    """`0.0.0.0/0 to igw`, `prefix list office to igw`."""
    return f"{destination_text(route.destination)} to {target_text(route.target)}"


def destination_text(destination: Destination) -> str:
    """`0.0.0.0/0`, `prefix list office`."""
    if isinstance(destination, PrefixListReference):
        return f"prefix list {destination.prefix_list}"
    return str(destination)


def target_text(target: Target) -> str:
    """`igw`, `blackhole`, `blackhole (nat is gone)`."""
    if target.kind == "blackhole":
        return f"blackhole ({target.name} is gone)" if target.name else "blackhole"  # RT-40
    return target.name


def address_text(address: PrivateAddress) -> str:
    """`10.0.1.11`, `a free one with 203.0.113.10`."""
    own = str(address.private_ip or "a free one")
    return f"{own} with {address.public_ip}" if address.public_ip else own


def interface_text(interface: NetworkInterface) -> str:
    """`eth1 in inside`, `eth1 in inside at 10.0.1.11 with 203.0.113.10, and 10.0.1.12`."""
    first, *further = interface.addresses
    at = f" at {first.private_ip}" if first.private_ip else ""
    public = f" with {first.public_ip}" if first.public_ip else ""
    more = f", and {', '.join(map(address_text, further))}" if further else ""
    return f"{guest_link(interface.device_index)} in {interface.subnet}{at}{public}{more}"


def appliance_text(appliance: Appliance | None) -> str:
    """`nat, firewall 23, 8080`; `none` for a guest that forwards nothing."""
    if appliance is None:
        return "none"
    words = ["nat"] if appliance.translates else []
    if appliance.blocked_ports:
        words.append(f"firewall {', '.join(map(str, appliance.blocked_ports))}")
    return ", ".join(words) or "router"


def service_text(service: Service) -> str:
    """`http on port 80`, `command sleep 60`."""
    if service.kind != "command":
        return f"{service.kind} on port {service.port}" + (" with proxy protocol" if service.argv else "")
    words = service.argv[2:] if service.argv[:2] == ("/bin/sh", "-c") else service.argv
    user = f" as {service.user}" if service.user else ""
    return f"command {' '.join(words)}{user}"


def shown(value: object) -> str:
    """A value of the model as the file would say it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)
