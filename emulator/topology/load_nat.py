"""NAT gateways of the file: which addresses one asks for, and whether it is still there."""

from emulator.topology.model import NatGateway, SecondaryAddress
from emulator.topology.read import Record
from emulator.topology.report import Report

ADDRESSES_AT_MOST = 8  # NAT-25


def deleted(record: Record) -> bool:
    """NAT-08: it is gone, but the routes to it are still in their tables."""
    return bool(record.get("state") == "deleted")


def nat_gateway(record: Record, report: Report) -> NatGateway:
    """The gateway as the file says, its keys checked against each other."""
    private = record.get("connectivity_type") == "private"
    if private:
        for key in ("elastic_ip", "secondary_elastic_ips"):
            if key in record:
                what = "a private NAT gateway has no Elastic IP"
                report.error(record.where, what, f"remove {key}", "InvalidParameterCombination", key)  # NAT-03
    return NatGateway(
        record.name,
        record.get("subnet"),
        record.get("private_ip"),
        None if private else record.get("elastic_ip"),
        record.where,
        "private" if private else "public",
        _secondary(record, private, report),
    )


def _secondary(record: Record, private: bool, report: Report) -> tuple[SecondaryAddress, ...]:
    own = record.get("secondary_private_ips") or ()
    elastic = record.get("secondary_elastic_ips") or ()
    count = record.get("secondary_private_ip_address_count")
    if count and own:
        what = "secondary_private_ips and secondary_private_ip_address_count exclude each other"
        key = "secondary_private_ip_address_count"
        report.error(record.where, what, "keep one", "InvalidParameterCombination", key)
    if private:
        found = tuple(SecondaryAddress(ip) for ip in own) or (SecondaryAddress(),) * (count or 0)
    else:
        if count:
            what = "a public NAT gateway has a private IP for each Elastic IP, and no others"
            key = "secondary_private_ip_address_count"
            report.error(record.where, what, "write secondary_elastic_ips", "InvalidParameterCombination", key)
        if own and len(own) != len(elastic):
            what = f"{len(own)} secondary private IPs and {len(elastic)} secondary Elastic IPs: each needs the other"
            hint = "leave secondary_private_ips out to get free ones"
            report.error(record.where, what, hint, "InvalidParameterCombination", "secondary_private_ips")
        padded = (*own, *[None] * len(elastic))
        found = tuple(SecondaryAddress(ip, public) for ip, public in zip(padded, elastic, strict=False))
    if len(found) >= ADDRESSES_AT_MOST:
        key = "secondary_elastic_ips" if elastic else "secondary_private_ips"
        what = f"{len(found) + 1} addresses: a NAT gateway has at most {ADDRESSES_AT_MOST}"
        report.error(record.where, what, "another NAT gateway adds eight more", "PrivateIpAddressLimitExceeded", key)
    return found[: ADDRESSES_AT_MOST - 1]
