"""status, ls, gc and doctor as text. From the same values as their JSON."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from emulator.report import endpoints
from emulator.report.balancers import balancers, nodes
from emulator.report.shapes import (
    Check,
    Garbage,
    InstanceStatus,
    LabState,
    Listed,
    NetworkInterfaceStatus,
    ServiceStatus,
    Status,
    VpcStatus,
)
from emulator.report.text import PLAIN, Paint, count, counts, one_line, table
from emulator.topology.model import DEFAULT_ACL

MANY = 40  # instances of a VPC above which they are counted by subnet, not listed
MANY_WRONG = 20
Row = tuple[str, str, str, str, str, str, str]  # of the table of nodes
_GOOD = ("running", "starting", "done")


def status(facts: Status, paint: Paint = PLAIN) -> list[str]:
    """The whole page: head, VPCs, internet, and what is wrong."""
    lines = [_head(facts, paint), *_broken(facts, paint), *_dark(facts, paint)]
    for vpc in facts["vpcs"]:
        lines += ["", *_vpc(vpc, facts["dark_zones"], paint)]
    lines += _peerings(facts, paint)
    lines += _transits(facts, paint)
    lines += ["", *_internet(facts, paint)]
    lines += ["", *_wrong(facts, paint)]
    return lines


def _head(facts: Status, paint: Paint) -> str:
    agent = "" if facts["agent"] == "not needed" else f", agent {facts['agent']}"
    origin = f"since {facts['since']}, from {one_line(facts['file'])}"
    return f"{paint.bold(facts['lab'])}: {state(facts['state'], paint)}{agent}, {origin}"


def _broken(facts: Status, paint: Paint) -> list[str]:
    """A lab that was broken on purpose is what it should be, and yet not what its file says."""
    if not facts["broken"]:
        return []
    faults = ", ".join(f"{each['fault']} on {one_line(each['on'])}" for each in facts["broken"])
    return [paint.warn(f"broken on purpose: {faults} (`vpcemu break {facts['lab']} --undo`)")]


def _dark(facts: Status, paint: Paint) -> list[str]:
    """AZ-01: such a lab is healthy: it is what it was made to be."""
    return [
        paint.warn(f"zone {zone} is down: {_lost(facts, zone)} (`vpcemu az up {zone} {facts['lab']}`)")
        for zone in facts["dark_zones"]
    ]


def _lost(facts: Status, zone: str) -> str:
    instances, gateways = 0, 0
    for vpc in facts["vpcs"]:
        lost = {subnet["name"] for subnet in vpc["subnets"] if subnet["availability_zone"] == zone}
        instances += sum(1 for held in vpc["instances"] if held["subnet"] in lost)
        gateways += sum(1 for held in vpc["nat_gateways"] if held["subnet"] in lost)
        gateways += sum(
            1
            for held in vpc["nat_gateways"]
            for node in held["availability_zones"]
            if node["availability_zone"] == zone
        )
    return counts((instances, "instance"), (gateways, "NAT gateway")) or "nothing is in it"


def _peerings(facts: Status, paint: Paint) -> list[str]:
    return [
        line
        for held in facts["vpc_peering_connections"]
        for line in (
            "",
            f"{paint.bold('VPC peering connection ' + held['name'])} between {held['vpc']} and {held['peer_vpc']}: "
            + (paint.good if held["state"] == "active" else paint.bad)(held["state"]),
        )
    ]


def _transits(facts: Status, paint: Paint) -> list[str]:
    lines = []
    for gateway in facts["transit_gateways"]:
        elsewhere = f" in {gateway['region']}" if gateway["region"] != facts["region"] else ""
        lines += ["", paint.bold("transit gateway " + gateway["name"]) + elsewhere]
        for held in gateway["vpc_attachments"]:
            table = f"route table {held['route_table']}" if held["route_table"] else paint.bad("no route table")
            mode = ", appliance mode" if held["appliance_mode"] else ""
            mode += "" if held["state"] == "available" else f", {paint.bad(held['state'])}"
            lines.append(f"  {held['name']}: VPC {held['vpc']} in {', '.join(held['subnets'])}, {table}{mode}")
    for joined in facts["transit_gateway_peering_attachments"]:
        ends = (joined["transit_gateway"], joined["peer_transit_gateway"])
        title = paint.bold("transit gateway peering attachment " + joined["name"])
        state = (paint.good if joined["state"] == "available" else paint.bad)(joined["state"])
        lines += ["", f"{title} between {' and '.join(ends)}: {state}"]
        for name, table in zip(ends, joined["route_tables"], strict=True):
            lines.append(f"  {name}: " + (f"route table {table}" if table else paint.bad("no route table")))
    return lines


def state(name: LabState, paint: Paint = PLAIN) -> str:
    return paint.good(name) if name == "up" else paint.bad(name)


def _vpc(vpc: VpcStatus, dark: Sequence[str], paint: Paint) -> list[str]:
    gateway = f", internet gateway {vpc['internet_gateway']}" if vpc["internet_gateway"] else ", no internet gateway"
    if vpc["internet_gateway"] and vpc["internet_gateway_block_mode"] != "off":
        gateway += f" ({vpc['internet_gateway_block_mode']})"  # BPA-01
    lines = [f"{paint.bold('VPC ' + vpc['name'])} {vpc['cidr_block']}{gateway}"]
    many = len(vpc["instances"]) > MANY
    held: dict[str, list[InstanceStatus]] = {}
    for instance in vpc["instances"]:
        held.setdefault(instance["subnet"], []).append(instance)
    lines += table(
        ("subnet", "cidr", "zone", "route table", "network ACL", "kind", "free", "instances"),
        [
            (
                subnet["name"],
                subnet["cidr_block"],
                subnet["availability_zone"] + (" (down)" if subnet["availability_zone"] in dark else ""),
                subnet["route_table"],
                subnet["network_acl"] if subnet["network_acl"] != DEFAULT_ACL else "",
                subnet["kind"],
                f"{subnet['available_ip_address_count']:,}",
                _summary(held.get(subnet["name"], [])) if many else "",
            )
            for subnet in vpc["subnets"]
        ],
        paint,
        "  ",
    )
    rows = [
        (
            gateway["name"] if not number else "",
            "NAT gateway" if not number else "",
            gateway["subnet"],
            address["private_ip"],
            address["public_ip"] or gateway["connectivity_type"],
            "",
            "",
        )
        for gateway in vpc["nat_gateways"]
        for number, address in enumerate((gateway, *gateway["secondary"]))
        if gateway["availability_mode"] == "zonal"
    ]
    rows += [
        (
            node["name"] if not number else "",
            "regional NAT gateway" if not number else "",
            f"zone {node['availability_zone']}" if not number else "",
            "",
            address,
            "",
            "",
        )
        for gateway in vpc["nat_gateways"]
        for node in gateway["availability_zones"]
        for number, address in enumerate(node["public_ips"])
    ]
    rows += nodes(vpc)
    rows += endpoints.nodes(vpc)
    if not many:
        rows += [
            row
            for instance in vpc["instances"]
            for interface in instance["network_interfaces"]
            for row in _rows(instance, interface)
        ]
    found = table(("node", "", "subnet", "private", "public", "groups", "services"), rows, paint, "  ")
    return [*lines, *(["", *found] if found else []), *balancers(vpc, paint), *endpoints.services(vpc, paint)]


def _rows(instance: InstanceStatus, interface: NetworkInterfaceStatus) -> list[Row]:
    """A row for each address of the interface; what belongs to the instance stands in its first one."""
    primary = not interface["device_index"]
    name, kind = interface["name"], "instance" if primary else "interface"
    if primary and instance["state"] != "running":
        kind = f"instance, {instance['state']}"
    groups, services = ", ".join(interface["security_groups"]), _services(instance["services"]) if primary else ""
    found: list[Row] = []
    for address in interface["addresses"]:
        found.append((name, kind, interface["subnet"], address["private_ip"], address["public_ip"], groups, services))
        name = kind = groups = services = ""
    return found


def _summary(instances: Sequence[InstanceStatus]) -> str:
    """`250, 3 with a public address, services 240 running, 10 failed`."""
    if not instances:
        return "0"
    parts = [f"{len(instances):,}"]
    stopped = sum(1 for instance in instances if instance["state"] == "stopped")
    if stopped:
        parts.append(f"{stopped:,} stopped")
    public = sum(1 for instance in instances if any(_public_addresses(instance)))
    if public:
        parts.append(f"{public:,} with a public address")
    states = sorted(service["state"] for instance in instances for service in instance["services"])
    if states:
        parts.append("services: " + ", ".join(f"{len(list(group)):,} {name}" for name, group in groupby(states)))
    return "; ".join(parts)


def _public_addresses(instance: InstanceStatus) -> Iterator[str]:
    return (address["public_ip"] for held in instance["network_interfaces"] for address in held["addresses"])


def _services(services: Sequence[ServiceStatus]) -> str:
    """`http 80, tcp 5432 (failed)`: a service that runs needs no comment."""
    return ", ".join(
        one_line(f"{service['kind']} {service['port']}" if service["port"] else service["name"])
        + ("" if service["state"] in _GOOD else f" ({service['state']})")
        for service in services
    )


def _internet(facts: Status, paint: Paint) -> list[str]:
    internet = facts["internet"]
    uplink = ", with an uplink to the machine's own network" if internet["uplink"] else ""
    rows = [(host["name"], host["ip"], _services(host["services"])) for host in internet["hosts"]]
    return [f"{paint.bold('Internet')}{uplink}", *table(("host", "address", "services"), rows, paint, "  ")]


def _wrong(facts: Status, paint: Paint) -> list[str]:
    if facts["healthy"]:
        return [paint.good("all is as it should be")]
    wrong = facts["wrong"]
    lines = [
        paint.bad(f"{count(len(wrong), 'thing')} not as it should be:" if len(wrong) > 1 else "Not as it should be:")
    ]
    for item in wrong[:MANY_WRONG]:
        lines.append(one_line(f"  {item['node']}: {item['what']}" if item["node"] else f"  {item['what']}"))
    if len(wrong) > MANY_WRONG:
        lines.append(f"  and {len(wrong) - MANY_WRONG:,} more (--json lists all)")
    remedies = list(dict.fromkeys(item["remedy"] for item in wrong if item["remedy"]))
    return lines + [f"To repair or learn more: {remedy}" for remedy in remedies[:5]]


def listing(labs: Sequence[Listed], paint: Paint = PLAIN) -> list[str]:
    """`ls`."""
    return table(
        ("lab", "state", "vpcs", "instances", "since", "file"),
        [
            (lab["lab"], lab["state"], str(lab["vpcs"]), str(lab["instances"]), lab["since"], lab["file"])
            for lab in labs
        ],
        paint,
    )


def garbage(found: Sequence[Garbage]) -> list[str]:
    """`gc`."""
    lines = []
    for item in found:
        verb = "removed" if item["removed"] else "would remove"
        names = ", ".join(item["what"][:10]) + (f" and {len(item['what']) - 10} more" if len(item["what"]) > 10 else "")
        lines.append(f"{verb} {item['lab']}: {item['why']}" + (f" ({names})" if names else ""))
    return lines or ["nothing to sweep"]


def checks(found: Sequence[Check], paint: Paint = PLAIN) -> list[str]:
    """`doctor`."""
    colour = {"ok": paint.good, "warning": paint.warn, "missing": paint.bad}
    width = max(len(check["check"]) for check in found)
    lines = []
    for check in found:
        result = colour[check["result"]](check["result"].ljust(7))
        lines.append(f"{result}  {check['check'].ljust(width)}  {check['found']}".rstrip())
        if check["remedy"]:
            lines.append(f"{' ' * 9}{check['remedy']}")
    return lines
