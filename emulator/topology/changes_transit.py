"""What an edit changes in transit gateways and their peerings."""

from collections.abc import Iterator

from emulator.topology.compared import Change, both, differing, each
from emulator.topology.transit import TransitGateway
from emulator.topology.transit import TransitGatewayPeeringAttachment as Joined
from emulator.topology.transit import TransitGatewayRouteTable as TransitTable
from emulator.topology.transit import TransitGatewayVpcAttachment as Attachment


def inside(path: str, vpc: str, old: TransitGateway | None, new: TransitGateway | None) -> Iterator[Change]:
    """One gateway, its attachments and tables."""
    if old and new:
        keys = (
            "region",
            "owner_id",
            "dns_support",
            "security_group_referencing_support=security_group_referencing",
        )
        yield from differing(path, vpc, f"transit gateway {new.name}", old, new, keys)
    held = both(old, new, lambda gateway: gateway.vpc_attachments)
    yield from each(f"{path}.vpc_attachments", vpc, "transit gateway attachment", *held, text, _attached)
    tables = both(old, new, lambda gateway: gateway.route_tables)
    noun = "transit gateway route table"
    yield from each(f"{path}.route_tables", vpc, noun, *tables, lambda table: table.name, _transit_table)


def _attached(path: str, vpc: str, old: Attachment | None, new: Attachment | None) -> Iterator[Change]:
    keys = (
        "vpc",
        "subnets",
        "state",
        "appliance_mode_support=appliance_mode",
        "dns_support",
        "security_group_referencing_support=security_group_referencing",
    )
    if old and new:
        yield from differing(path, vpc, f"transit gateway attachment {new.name}", old, new, keys)


def peering(path: str, vpc: str, old: Joined | None, new: Joined | None) -> Iterator[Change]:
    """One peering attachment."""
    if old and new:
        keys = ("transit_gateway", "peer_transit_gateway", "state")
        yield from differing(path, vpc, f"transit gateway peering attachment {new.name}", old, new, keys)


def peering_text(held: Joined) -> str:
    """`east-west between east and west, available`."""
    return f"{held.name} between {held.transit_gateway} and {held.peer_transit_gateway}, {held.state}"


def _transit_table(path: str, vpc: str, old: TransitTable | None, new: TransitTable | None) -> Iterator[Change]:
    if old and new:
        keys = ("associations", "propagations")
        yield from differing(path, vpc, f"transit gateway route table {new.name}", old, new, keys)
    held = routes(old), routes(new)
    yield from each(f"{path}.routes", vpc, "transit gateway route", *held, str)


def text(held: Attachment) -> str:
    """`spoke of VPC a in tgw-a, tgw-c`."""
    return f"{held.name} of VPC {held.vpc} in {', '.join(held.subnets)}"


def routes(table: TransitTable | None) -> dict[str, str]:
    """The static routes, by what they say."""
    held = table.routes if table else ()
    return {line: line for route in held for line in (f"{route.destination} to {route.attachment or 'blackhole'}",)}
