"""Quotas of transit gateways (TGW-55, TGW-08): warnings, since AWS raises most of them."""

from collections import Counter

from emulator.topology import gateways
from emulator.topology.model import Topology
from emulator.topology.report import Report
from emulator.topology.transit import TransitGateway

GATEWAYS_PER_ACCOUNT = 5
GATEWAYS_PER_VPC = 5  # TGW-08
ATTACHMENTS = 5000
ROUTE_TABLES = 20
ROUTES = 10_000  # of all tables together
PEERINGS = 50
PENDING_PEERINGS = 10

_UNTIL = "until AWS raises it"


def check(topology: Topology, report: Report) -> None:
    """All that goes beyond a default."""
    accounts: Counter[tuple[str, str]] = Counter()
    of_vpcs: Counter[str] = Counter()
    blocks = {vpc.name: len(vpc.cidr_blocks) for vpc in topology.vpcs}
    for gateway in topology.transit_gateways:
        account = (gateway.owner_id, gateways.region_of(topology, gateway))
        accounts[account] += 1
        if accounts[account] == GATEWAYS_PER_ACCOUNT + 1:
            what = f"more than {GATEWAYS_PER_ACCOUNT} transit gateways: an account's quota {_UNTIL}"
            report.warn(gateway.where, what, code="TransitGatewayLimitExceeded")
        for held in gateway.vpc_attachments:
            of_vpcs[held.vpc] += 1
            if of_vpcs[held.vpc] == GATEWAYS_PER_VPC + 1:
                what = (
                    f"VPC {held.vpc} is attached to more than {GATEWAYS_PER_VPC} transit gateways, which is the quota"
                )
                report.warn(held.where, what, code="TransitGatewayAttachmentLimitExceeded")
        _check_gateway(topology, gateway, blocks, report)


def _check_gateway(topology: Topology, gateway: TransitGateway, blocks: dict[str, int], report: Report) -> None:
    peerings = gateways.peerings_of(topology, gateway.name)
    routes = 0
    vpcs = {held.name: held.vpc for held in gateway.vpc_attachments}
    for table in gateway.route_tables:
        routes += len(table.routes) + sum(blocks.get(vpcs.get(name, ""), 0) for name in table.propagations)
    counts = (
        (len(gateway.vpc_attachments) + len(peerings), ATTACHMENTS, "attachments", "TransitGatewayAttachment"),
        (len(gateway.route_tables), ROUTE_TABLES, "route tables", "TransitGatewayRouteTable"),
        (routes, ROUTES, "routes in all its tables", "TransitGatewayRoute"),
        (len(peerings), PEERINGS, "peering attachments", "TransitGatewayPeeringAttachment"),
        (
            sum(held.state == "pendingAcceptance" for held in peerings),
            PENDING_PEERINGS,
            "peering attachments that wait for acceptance",
            "TransitGatewayPeeringAttachment",
        ),
    )
    for count, quota, noun, code in counts:
        if count > quota:
            what = f"transit gateway {gateway.name} has {count:,} {noun}: the quota is {quota:,} {_UNTIL}"
            report.warn(gateway.where, what, code=f"{code}LimitExceeded")
