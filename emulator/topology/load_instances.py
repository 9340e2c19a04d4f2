"""Instances of the file, each with its network interfaces and their addresses."""

from ipaddress import IPv4Address
from typing import Literal

from emulator import names
from emulator.topology.associations import carried
from emulator.topology.instances import ConnectionTracking, Instance, NetworkInterface, PrivateAddress
from emulator.topology.model import Subnet
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.security import DEFAULT_GROUP
from emulator.topology.services import build_appliance, build_services

_USUAL_TRACKING = ConnectionTracking()


def build_instance(record: Record, vpc: str, subnets: dict[str, Subnet], report: Report) -> Instance:
    """The instance as the file says, its keys checked against each other. `subnets`: those of its VPC, by name."""
    if "security_groups" in record and "vpc_security_group_ids" in record:
        what = "security_groups and vpc_security_group_ids are two names of one key"
        report.error(record.where, what, "keep one", "InvalidParameterCombination", "vpc_security_group_ids")
    groups = carried(vpc, record.get("security_groups") or record.get("vpc_security_group_ids"))
    primary = _interface(record, record.name, 0, groups, _public(record, subnets, report))
    further = []
    for index, entry in enumerate(record.get("network_interfaces") or (), 1):
        if entry is not None and entry.get("subnet") is not None:
            name = names.interface(record.name, index)
            own = carried(vpc, entry.get("security_groups"))
            further.append(_interface(entry, name, index, own, entry.get("elastic_ip")))
        elif entry is not None:
            report.broken.add(entry.where.path)
    services = build_services(record, report)
    state: Literal["running", "stopped"] = "stopped" if stopped(record) else "running"
    return Instance(record.name, (primary, *further), services, record.where, build_appliance(record), state)


def terminated(instance: Record) -> bool:
    """RT-40: the instance is gone, and only routes remember it."""
    return bool(instance.get("state") == "terminated")


def stopped(instance: Record) -> bool:
    """RT-42: the instance is there, and does nothing."""
    return bool(instance.get("state") == "stopped")


def interface_names(record: Record) -> list[str]:
    """Those by which a route may name the instance's ENIs: fw.eth0, fw.eth1, ..."""
    return [f"{record.name}.{names.guest_link(n)}" for n in range(1 + len(record.get("network_interfaces") or ()))]


def _public(record: Record, subnets: dict[str, Subnet], report: Report) -> IPv4Address | Literal["auto"] | None:
    """What the internet gateway maps the primary private address to."""
    fixed: IPv4Address | None = record.get("elastic_ip")
    if fixed is not None:
        return fixed  # EIP-02: it takes the place of an assigned one
    # SUB-16: what the instance says, else what its subnet says.
    key = "associate_public_ip_address"
    wanted, subnet = record.get(key), subnets.get(record.get("subnet"))
    if key not in record:
        wanted = subnet is not None and subnet.map_public_ip_on_launch
        if wanted and record.get("network_interfaces"):
            # SUB-17: only for an instance with one ENI.
            what = f"{record.name} has several network interfaces: its subnet gives it no public IP"
            hint = "elastic_ip is a public IP that stays; associate_public_ip_address: false says that it needs none"
            report.warn(record.where, what, hint, key="network_interfaces")
            return None
    elif wanted and record.get("network_interfaces"):
        what = "associate_public_ip_address cannot be true for an instance with several network interfaces"
        report.error(record.where, what, "elastic_ip is a public IP that stays", "InvalidParameterCombination", key)
        return None
    return "auto" if wanted and not stopped(record) else None  # SUB-17: it is given back on stop; an Elastic IP stays


def _interface(
    record: Record,
    name: str,
    index: int,
    groups: tuple[str, ...],
    public: IPv4Address | Literal["auto"] | None,
) -> NetworkInterface:
    further = (_secondary(entry) for entry in record.get("secondary_private_ips") or ())
    return NetworkInterface(
        name,
        index,
        record.get("subnet"),
        groups or (DEFAULT_GROUP,),  # SG-08
        (PrivateAddress(record.get("private_ip"), public), *further),
        record.get("source_dest_check") is not False,
        record.where,
        _tracking(record.get("connection_tracking_specification")),
    )


def _tracking(record: Record | None) -> ConnectionTracking:
    """CT-05: what is left out, or wrong, is as AWS has it."""
    if record is None:
        return _USUAL_TRACKING
    given = {key: record.get(key) for key in ConnectionTracking._fields}
    return _USUAL_TRACKING._replace(**{key: seconds for key, seconds in given.items() if seconds is not None})


def _secondary(entry: IPv4Address | str | Record | None) -> PrivateAddress:
    """An address, a map with its Elastic IP, or `auto`: a free one. None stands for what is wrong."""
    if isinstance(entry, Record):
        return PrivateAddress(entry.get("private_ip"), entry.get("elastic_ip"))
    return PrivateAddress(entry if isinstance(entry, IPv4Address) else None)
