"""Records of transit gateways -> TransitGateway, with associations and propagations as they come out."""

from collections.abc import Iterable, Mapping

from emulator.topology.model import Vpc
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.transit import (
    DEFAULT_TABLE,
    AttachedSubnet,
    AttachmentState,
    TransitGateway,
    TransitGatewayPeeringAttachment,
    TransitGatewayRoute,
    TransitGatewayRouteTable,
    TransitGatewayVpcAttachment,
)


def attached_vpcs(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """By gateway, the VPCs that have an attachment: those whose routes may lead there (RT-38)."""
    return {
        record.name: tuple(held.get("vpc") or "" for held in record.get("vpc_attachments") or ()) for record in records
    }


def attached_subnets(records: Iterable[Record], vpc: str, subnets: Iterable[str]) -> tuple[AttachedSubnet, ...]:
    """TGW-04: what the attachments of a VPC take in its subnets."""
    known = set(subnets)
    return tuple(
        AttachedSubnet(f"{record.name}.{held.name}.{subnet}", subnet, held.where)
        for record in records
        for held in record.get("vpc_attachments") or ()
        if held.get("vpc") == vpc
        for subnet in dict.fromkeys(filter(None, held.get("subnets") or ()))
        if subnet in known
    )


def build_peerings(records: Iterable[Record], report: Report) -> tuple[TransitGatewayPeeringAttachment, ...]:
    """Those whose two gateways the file names. Whether these exist is for the rules to say."""
    found = []
    for record in records:
        gateway, peer = record.get("transit_gateway"), record.get("peer_transit_gateway")
        if gateway is None or peer is None:
            report.broken.add(record.where.path)
            continue
        accepted: AttachmentState = "available" if record.get("accepted") else "pendingAcceptance"  # TGW-50
        state: AttachmentState = record.get("state") or accepted
        found.append(TransitGatewayPeeringAttachment(record.name, gateway, peer, state, record.where))
    return tuple(found)


def build_gateways(
    records: Iterable[Record],
    peerings: Iterable[TransitGatewayPeeringAttachment],
    vpcs: Iterable[Vpc],
    report: Report,
) -> tuple[TransitGateway, ...]:
    """All of the file's."""
    owners = {vpc.name: vpc.owner_id for vpc in vpcs}
    joined = {record.name: [held.name for held in peerings if record.name in held.pair] for record in records}
    return tuple(_gateway(record, joined[record.name], owners, report) for record in records)


def _gateway(record: Record, peerings: Iterable[str], owners: Mapping[str, str], report: Report) -> TransitGateway:
    attachments = []
    usual: dict[str, list[str]] = {"association": [], "propagation": []}
    on = {key: record.get(f"default_route_table_{key}") != "disable" for key in usual}
    tables = [table for table in record.get("route_tables") or () if table is not None]
    taken = {name for table in tables for name in table.get("associations") or ()}
    for held in record.get("vpc_attachments") or ():
        if held.get("vpc") is None or held.get("subnets") is None:
            report.broken.add(held.where.path)
            continue
        attachments.append(
            TransitGatewayVpcAttachment(
                held.name,
                held.get("vpc"),
                tuple(filter(None, held.get("subnets"))),
                held.get("appliance_mode_support") == "enable",
                held.where,
                _state(held, record, owners),
                held.get("dns_support") != "disable",
                held.get("security_group_referencing_support") != "disable",  # SG-34
            )
        )
        for key, names in usual.items():
            written = held.get(f"transit_gateway_default_route_table_{key}")
            if on[key] and written is not False and not (key == "association" and held.name in taken):
                names.append(held.name)
    if on["association"]:  # a peering attachment propagates nothing (TGW-50)
        usual["association"] += [name for name in peerings if name not in taken]
    built = [_table(table, usual if table.name == DEFAULT_TABLE else {}) for table in tables]
    if any(on.values()) and not any(table.name == DEFAULT_TABLE for table in built):  # TGW-03
        built.insert(
            0,
            TransitGatewayRouteTable(
                DEFAULT_TABLE, tuple(usual["association"]), tuple(usual["propagation"]), (), record.where
            ),
        )
    return TransitGateway(
        record.name,
        tuple(attachments),
        tuple(built),
        record.where,
        record.get("region") or "",
        record.get("owner_id") or "",
        record.get("dns_support") != "disable",
        record.get("security_group_referencing_support") == "enable",  # TGW-01, SG-34
    )


def _state(held: Record, gateway: Record, owners: Mapping[str, str]) -> AttachmentState:
    """TGW-01: a VPC of another account waits until the gateway's owner accepts it, unless he accepts all."""
    own = owners.get(held.get("vpc"), "") == (gateway.get("owner_id") or "")
    if own or held.get("accepted") or gateway.get("auto_accept_shared_attachments") == "enable":
        return "available"
    return "pendingAcceptance"


def _table(record: Record, usual: dict[str, list[str]]) -> TransitGatewayRouteTable:
    def listed(key: str, more: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*filter(None, record.get(key) or ()), *usual.get(more, ()))))

    routes = tuple(
        TransitGatewayRoute(destination, "" if name == "blackhole" else name, where)
        for destination, name, where in record.get("routes") or ()
        if destination is not None and name is not None
    )
    return TransitGatewayRouteTable(
        record.name, listed("associations", "association"), listed("propagations", "propagation"), routes, record.where
    )
