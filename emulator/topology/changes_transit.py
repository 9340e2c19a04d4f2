"""What a plan calls the parts of a transit gateway."""

from emulator.topology.transit import TransitGatewayRouteTable, TransitGatewayVpcAttachment


def text(held: TransitGatewayVpcAttachment) -> str:
    """`spoke of VPC a in tgw-a, tgw-c`."""
    return f"{held.name} of VPC {held.vpc} in {', '.join(held.subnets)}"


def routes(table: TransitGatewayRouteTable | None) -> dict[str, str]:
    """The static routes, by what they say."""
    held = table.routes if table else ()
    return {line: line for route in held for line in (f"{route.destination} to {route.attachment or 'blackhole'}",)}
