"""What a component did, in one sentence each."""

from emulator.analysis.answer import LocalRoute
from emulator.analysis.packets import ICMP, Packet, address, traffic
from emulator.analysis.routing import Choice
from emulator.analysis.world import Eni
from emulator.topology.model import NetworkAclEntry, SecurityGroupRule
from emulator.topology.words import entry_text, route_text, rule_text

ROUTER_PING = "the VPC's router answers a ping from its own subnet"
_CHECK = "source/destination check"
KNOWN_FLOW = "a reply to a flow that it knows"  # SG-03


def sends(packet: Packet) -> str:
    return f"sends {traffic(packet)} from {address(packet.source)} to {address(packet.destination)}"


def arrives(packet: Packet) -> str:
    return f"arrives from {address(packet.source)}"


def interface_out(own: bool) -> str:
    return f"{_CHECK}: the source is its own" if own else f"{_CHECK}: off"


def interface_in(own: bool) -> str:
    return f"{_CHECK}: the destination is its own" if own else f"{_CHECK}: off"


def forwards(before: Packet, after: Packet) -> str:
    changed = [
        f"{what} {address(old)} becomes {address(new)}"
        for what, old, new in (
            ("source", before.source, after.source),
            ("destination", before.destination, after.destination),
        )
        if old != new
    ]
    return ", ".join(changed) or "forwards"


def rule(held: SecurityGroupRule | NetworkAclEntry, direction: str, owner: str) -> str:
    """`security group web, ingress rule 2 (tcp 443 from 0.0.0.0/0)`."""
    if isinstance(held, NetworkAclEntry):
        return f"{direction} rule {held.number} ({entry_text(held, direction)})"
    return f"security group {owner}, {direction} rule {held.number} ({rule_text(held, direction)})"


def route(choice: Choice) -> str:
    return f"route {route_text(choice.route)}" if choice.route else f"route {choice.block} local"


def local(choice: Choice) -> LocalRoute:
    return LocalRoute(str(choice.block))


def service(packet: Packet) -> str:
    what = "refused" if packet.protocol != ICMP else "dropped"
    return f"{address(packet.destination)} is AWS's own: no group and no ACL is asked, nothing answers there: {what}"


def hairpin(gateway: str) -> str:
    """IGW-10."""
    return (
        f"the packet turns back at {gateway}: AWS's analyzer calls that unsupported (IGW_NAT_REFLECTION), "
        "though real packets pass"
    )


def source_outside(gateway: str, packet: Packet) -> str:
    """NAT-22."""
    return (
        f"{address(packet.source)}, which NAT gateway {gateway} translates, is none of its VPC: AWS's analyzer calls "
        "that unsupported (NGW_REQUIRES_SOURCE_IN_VPC), though real packets pass"
    )


def opens_and_carries_nothing(node: str) -> str:
    """NATI-01. A kernel translates the first packet of a flow, and a SYN-ACK is not that."""
    return (
        f"{node} translates, and has not seen the question: the connection opens and carries no data, since it takes "
        "what follows for a flow of its own. Lead both ways through it, or neither"
    )


def one_of_its_addresses(gateway: str, eni: Eni, chosen: int) -> str:
    """NAT-26."""
    seen = [address(public or private) for private, public in zip(eni.addresses, eni.public, strict=True)]
    others = ", ".join(seen[:chosen] + seen[chosen + 1 :])
    return f"{gateway} chooses one of its {len(seen)} addresses for each connection: {seen[chosen]} here, or {others}"


def through(block: object, attachment: str, table: str, zone: str) -> str:
    return f"route {block} of its table {table} leads to attachment {attachment}, in zone {zone}"


def through_peering(block: object, attachment: str, table: str, gateway: str) -> str:
    return f"route {block} of its table {table} leads to peering attachment {attachment}, into {gateway}"


def crosses(vpc: str, peer: str) -> str:
    return f"from VPC {vpc} to VPC {peer}"


def distributes(port: int, group: str, target: str, before: Packet, after: Packet) -> str:
    """`listener 80 forwards to web1 of target group web: destination 10.0.0.4 becomes 10.0.1.4 port 8080`"""
    ports = f" port {after.ports[0]}" if before.ports != after.ports else ""
    return f"listener {port} forwards to {target} of target group {group}: {forwards(before, after)}{ports}"


def carries(service: str, node: str) -> str:
    return f"endpoint service {service}: to {node} in the provider's VPC"
