"""NAT gateways of the file: which addresses one asks for, and whether it is still there."""

from dataclasses import replace

from emulator.topology.nat import NatGateway, SecondaryAddress, ZoneAddresses
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.zone_names import zone_in

ADDRESSES_AT_MOST = 8  # NAT-25
ADDRESSES_PER_ZONE = 32  # RNAT-04
# RNAT-01, RNAT-08: a regional one has no subnet, no private address, and no connectivity but the public one.
_ZONAL_KEYS = (
    "subnet",
    "elastic_ip",
    "private_ip",
    "secondary_elastic_ips",
    "secondary_private_ips",
    "secondary_private_ip_address_count",
)
_REGIONAL_KEYS = ("availability_zone_address", "routes")


def deleted(record: Record) -> bool:
    """NAT-08: it is gone, but the routes to it are still in their tables."""
    return bool(record.get("state") == "deleted")


def buildable(record: Record, report: Report) -> bool:
    """Whether it says where it is: in a subnet, or regional."""
    if record.get("availability_mode") == "regional" or record.get("subnet") is not None:
        return True
    if "availability_mode" in record and "subnet" not in record and not report.is_broken(record.where, "subnet"):
        report.error(record.where, "`subnet` is missing", "or availability_mode: regional", "MissingParameter")
    report.broken.add(record.where.path)
    return False


def nat_gateway(record: Record, region: str, report: Report) -> NatGateway:
    """The gateway as the file says, its keys checked against each other. region: of its VPC."""
    if record.get("availability_mode") == "regional":
        return _regional(record, region, report)
    for key in _REGIONAL_KEYS:
        if key in record:
            what = f"{key} is for regional NAT gateways"
            hint = f"remove {key}, or write availability_mode: regional and no subnet"
            report.error(record.where, what, hint, "InvalidParameterCombination", key)
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


# ---- regional ones -------------------------------------------------------------------------------------------------


def _regional(record: Record, region: str, report: Report) -> NatGateway:
    for key in _ZONAL_KEYS:
        if key in record:
            what = f"a regional NAT gateway has no {key}: it is in every zone of the VPC, and in no subnet"
            hint = f"remove {key}"
            if "elastic" in key:
                hint = "availability_zone_address: [{availability_zone: a, elastic_ips: [203.0.113.10]}]"
            report.error(record.where, what, hint, "InvalidParameterCombination", key)  # RNAT-01
    if record.get("connectivity_type") == "private":
        what = "a regional NAT gateway is public: there is no private one"
        hint = "remove connectivity_type, or availability_mode"
        report.error(record.where, what, hint, "InvalidParameterCombination", "connectivity_type")  # RNAT-08
    if record.get("availability_zone_address") == ():
        what = "manual mode needs a zone with an Elastic IP"
        hint = "leave availability_zone_address out for automatic mode"
        report.error(record.where, what, hint, "MissingParameter", "availability_zone_address")
    found = NatGateway(record.name, "", None, None, record.where, availability_mode="regional")
    return replace(found, zone_addresses=_zone_addresses(record, region, report))


def _zone_addresses(record: Record, region: str, report: Report) -> tuple[ZoneAddresses, ...]:
    found: dict[str, ZoneAddresses] = {}
    for held in record.get("availability_zone_address") or ():
        word, own = held and held.get("availability_zone"), held and held.get("elastic_ips")
        if not word or own is None:
            continue  # told by the reader
        zone = zone_in(region, word, held.where, report)
        addresses = tuple(filter(None, own))
        if not own:
            what, hint = f"zone {zone} has no Elastic IP", "at least one, or leave the zone out"
            report.error(held.where, what, hint, "MissingParameter", "elastic_ips")
        elif len(addresses) > ADDRESSES_PER_ZONE:
            what = f"{len(addresses)} Elastic IPs in {zone}: a regional NAT gateway has at most {ADDRESSES_PER_ZONE}"
            report.error(held.where, what, "in each zone", "AddressLimitExceeded", "elastic_ips")  # RNAT-04
            addresses = addresses[:ADDRESSES_PER_ZONE]
        if other := found.get(zone):
            what = f"zone {zone} is there already (line {other.where.line})"
            report.error(held.where, what, "put its Elastic IPs together", "InvalidParameterValue", "availability_zone")
        else:
            found[zone] = ZoneAddresses(zone, addresses, held.where)
    return tuple(found[zone] for zone in sorted(found))
