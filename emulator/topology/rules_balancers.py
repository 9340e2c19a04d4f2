"""Load balancers and target groups: what AWS refuses (sections 10.1, 10.3 and 10.5 of the AWS reference)."""

import re
from ipaddress import IPv4Address

from emulator.errors import Where
from emulator.topology.addresses import is_public
from emulator.topology.associations import with_associated
from emulator.topology.balancers import EVERY_ZONE, Listener, LoadBalancer, TargetDescription, TargetGroup
from emulator.topology.model import Topology, Vpc
from emulator.topology.report import Report
from emulator.topology.rules_interfaces import lacks_gateway
from emulator.topology.suggest import did_you_mean, listed

LONGEST_NAME = 32
_NAME = re.compile("[A-Za-z0-9-]+")
NODES_AT_MOST = 63  # what `compile/returning` can tell apart
_FITS = {"TCP": ("TCP", "TCP_UDP"), "UDP": ("UDP", "TCP_UDP"), "TCP_UDP": ("TCP_UDP",)}  # LB-04


def check(topology: Topology, report: Report) -> None:
    """Every target group and load balancer."""
    first: dict[tuple[str, str, str], TargetGroup] = {}
    holders = {held.name: vpc for vpc in topology.vpcs for instance in vpc.instances for held in instance.interfaces}
    for vpc in topology.vpcs:
        for group in vpc.target_groups:
            other = first.setdefault((topology.region_of(vpc), vpc.owner_id, group.name), group)
            if other is not group:
                what = f"target group {group.name} exists already (line {other.where.line})"
                hint = "an account's target groups share one set of names in a region"
                report.error(group.where, what, hint, "DuplicateTargetGroupName")
            _check_name(group.name, "target group", group.where, report)
            _check_attributes(group, report)
            _check_targets(vpc, group, holders, report)
        users: dict[str, LoadBalancer] = {}
        for balancer in vpc.load_balancers:
            _check_name(balancer.name, "load balancer", balancer.where, report)
            _check_subnets(vpc, balancer, report)
            _check_groups(topology, vpc, balancer, report)
            _check_listeners(vpc, balancer, users, report)
        nodes = 0
        for balancer in vpc.load_balancers:
            nodes += len(balancer.subnets)
            if nodes > NODES_AT_MOST:
                what = f"VPC {vpc.name} has {nodes} nodes of load balancers"
                report.error(balancer.where, what, f"this emulator has room for {NODES_AT_MOST} in a VPC")
                break


def _check_name(name: str, noun: str, where: Where, report: Report) -> None:
    if len(name) > LONGEST_NAME:
        what = f"the name of a {noun} has at most {LONGEST_NAME} characters, and `{name}` has {len(name)}"
        report.error(where, what, "", "ValidationError")
    elif not _NAME.fullmatch(name):
        report.error(where, f"`{name}` is no name of a {noun}", "letters, digits and -", "ValidationError")
    elif noun == "load balancer" and name.startswith("internal-"):
        what = "the name of a load balancer does not begin with internal-"
        report.error(where, what, "AWS puts that before the names of internal ones itself", "ValidationError")


def _check_attributes(group: TargetGroup, report: Report) -> None:
    where, code = group.where, "InvalidConfigurationRequest"
    if not group.preserve_client_ip and group.protocol != "TCP":
        what = f"a {group.protocol} target group always preserves the client's address"  # NLB-07
        report.error(where, what, "remove preserve_client_ip", code, "preserve_client_ip")
    if group.proxy_protocol_v2 and group.protocol != "TCP":
        what = "proxy protocol v2 is for TCP"  # NLB-14
        report.error(where, what, "remove proxy_protocol_v2", code, "proxy_protocol_v2")
    held = Where(where.line, where.column, f"{where.path}.health_check")
    if group.health_check.protocol == "TCP":
        for key in ("path", "matcher"):
            if report.given(held, key):
                what = f"a TCP health check has no {key}"
                report.error(held, what, "protocol: HTTP, or remove it", code, key)
    if report.given(held, "timeout") and group.health_check.timeout > group.health_check.interval:
        what = f"a check may take {group.health_check.timeout} s, and the next one begins after "
        what += f"{group.health_check.interval} s"
        report.error(held, what, "a timeout is no longer than the interval", "ValidationError", "timeout")


def _check_targets(vpc: Vpc, group: TargetGroup, holders: dict[str, Vpc], report: Report) -> None:
    seen: set[tuple[object, int]] = set()
    for number, target in enumerate(group.targets):
        key = f"targets[{number}]"
        if (target.id, target.port) in seen:
            report.error(group.where, f"{target} is registered twice", "remove one", "", key)
        seen.add((target.id, target.port))
        if isinstance(target.id, IPv4Address):
            _check_address(vpc, group, target, target.id, key, report)
        else:
            _check_instance(vpc, group, target.id, holders, key, report)


def _check_instance(vpc: Vpc, group: TargetGroup, name: str, holders: dict[str, Vpc], key: str, report: Report) -> None:
    own = [instance.name for instance in vpc.instances]
    owner = holders.get(name)
    if owner is None:
        if not any(report.is_broken(vpc.where, "instances", part) for part in (name, name.partition(".")[0])):
            known = [*holders] if group.target_type == "ip" else own
            hint = did_you_mean(name, known, f"VPC {vpc.name} has {listed(own, 'no instances')}")
            report.error(group.where, f"no instance is called `{name}`", hint, "InvalidTarget", key)
    elif group.target_type == "instance" and owner is not vpc:
        what = f"instance {name} is in VPC {owner.name}, and the target group is in {vpc.name}"
        hint = "target_type: ip reaches beyond the VPC, with preserve_client_ip off"
        report.error(group.where, what, hint, "InvalidTarget", key)
    elif group.target_type == "instance" and name not in own:
        what = f"{name} is a network interface, and the group's targets are instances"
        report.error(group.where, what, f"{name.partition('.')[0]}, or target_type: ip", "InvalidTarget", key)


def _check_address(
    vpc: Vpc, group: TargetGroup, target: TargetDescription, address: IPv4Address, key: str, report: Report
) -> None:
    where = group.where
    if group.target_type == "instance":
        hint = "name an instance, or write target_type: ip"
        report.error(
            where, f"{address} is an address, and the group's targets are instances", hint, "InvalidTarget", key
        )
        return
    if is_public(address):
        # LB-05
        what = f"{address} is a public address: it cannot be a target"
        report.error(where, what, "an address of the VPC, of RFC 1918, or of 100.64.0.0/10", "InvalidTarget", key)
        return
    if any(address in block for block in vpc.cidr_blocks):
        subnet = next((held for held in vpc.subnets if address in held.cidr_block), None)
        if subnet is None:
            if not report.is_broken(vpc.where, "subnets"):
                what = f"{address} is in no subnet of VPC {vpc.name}"  # LB-05
                report.error(where, what, "a target inside the VPC is in one of its subnets", "InvalidTarget", key)
        elif target.availability_zone not in ("", subnet.availability_zone):
            what = f"{address} is in {subnet.availability_zone}"
            report.error(where, what, "leave availability_zone out", "ValidationError", key)
    elif target.availability_zone != EVERY_ZONE:
        what = f"{address} is outside VPC {vpc.name}: such a target is for all zones"
        hint = f"{{id: {address}, availability_zone: {EVERY_ZONE}}}"
        report.error(where, what, hint, "ValidationError", key)


def _check_subnets(vpc: Vpc, balancer: LoadBalancer, report: Report) -> None:
    subnets = {subnet.name: subnet for subnet in vpc.subnets}
    where, zones = balancer.where, dict[str, str]()
    given = [key for key in ("subnets", "subnet_mapping") if report.given(where, key)]
    if len(given) > 1:
        what = "subnets and subnet_mapping exclude each other"
        report.error(where, what, "keep one", "ValidationError", given[1])
        return
    key = given[0] if given else ""
    if given and not balancer.subnets and not report.is_broken(where, key):
        what = f"load balancer {balancer.name} has no subnet"
        report.error(where, what, "one in each zone that shall have a node", "ValidationError", key)
    for number, mapping in enumerate(balancer.subnet_mappings):
        at = f"{key}[{number}]"
        subnet = subnets.get(mapping.subnet)
        if subnet is None:
            if not report.is_broken(vpc.where, "subnets", mapping.subnet):
                hint = did_you_mean(mapping.subnet, list(subnets), f"it has {listed(subnets, 'none')}")
                what = f"VPC {vpc.name} has no subnet called `{mapping.subnet}`"
                report.error(where, what, hint, "SubnetNotFound", at)
            continue
        other = zones.setdefault(subnet.availability_zone, subnet.name)
        if other != subnet.name or number != balancer.subnets.index(subnet.name):
            # LB-02
            what = f"subnets {other} and {subnet.name} are both in zone {subnet.availability_zone}"
            if other == subnet.name:
                what = f"subnet {other} is named twice"
            hint = "a load balancer has one node in a zone"
            report.error(where, what, hint, "InvalidConfigurationRequest", at)
        if balancer.internal and mapping.elastic_ip is not None:
            what = "an internal load balancer has no Elastic IP"
            report.error(where, what, "private_ipv4_address, or internal: false", "InvalidConfigurationRequest", at)
        if not balancer.internal and mapping.private_ip is not None:
            what = "the private address of an internet-facing node cannot be chosen"
            report.error(where, what, "elastic_ip, or internal: true", "InvalidConfigurationRequest", at)
    if not balancer.internal and lacks_gateway(vpc, report):
        what = f"VPC {vpc.name} has no internet gateway, and {balancer.name} is internet-facing"
        report.error(where, what, f"internal: true, or give VPC {vpc.name} an internet_gateway", "InvalidSubnet")


def _check_groups(topology: Topology, vpc: Vpc, balancer: LoadBalancer, report: Report) -> None:
    known = [group.name for group in with_associated(topology, vpc).security_groups]
    for number, name in enumerate(balancer.security_groups):
        if name not in known and not report.is_broken(vpc.where, "security_groups", name):
            hint = did_you_mean(name, known, f"VPC {vpc.name} has {listed(known)}")
            what = f"no security group is called `{name}`"
            report.error(balancer.where, what, hint, "InvalidSecurityGroup", f"security_groups[{number}]")


def _check_listeners(vpc: Vpc, balancer: LoadBalancer, users: dict[str, LoadBalancer], report: Report) -> None:
    groups = {group.name: group for group in vpc.target_groups}
    ports: dict[int, Listener] = {}
    for listener in balancer.listeners:
        twin = ports.setdefault(listener.port, listener)
        if twin is not listener:
            what = f"a listener on port {listener.port} exists already (line {twin.where.line})"
            hint = "TCP_UDP serves both" if listener.protocol != twin.protocol else "one listener for each port"
            report.error(listener.where, what, hint, "DuplicateListener", "port")
        if listener.protocol == "UDP" and report.given(listener.where, "tcp_idle_timeout_seconds"):
            what, key = "a UDP listener has no TCP idle timeout: it is 120 s", "tcp_idle_timeout_seconds"  # NLB-05
            report.error(listener.where, what, "remove it", "InvalidConfigurationRequest", key)
        group = groups.get(listener.target_group)
        if group is None:
            if not report.is_broken(vpc.where, "target_groups", listener.target_group):
                hint = did_you_mean(listener.target_group, list(groups), f"VPC {vpc.name} has {listed(groups, 'none')}")
                what = f"no target group is called `{listener.target_group}`"
                report.error(listener.where, what, hint, "TargetGroupNotFound", "target_group")
            continue
        if group.protocol not in _FITS[listener.protocol]:
            what = f"a {listener.protocol} listener cannot forward to {group.name}, a target group of {group.protocol}"
            hint = f"a target group of {' or '.join(_FITS[listener.protocol])}"
            report.error(listener.where, what, hint, "IncompatibleProtocols", "target_group")
        user = users.setdefault(group.name, balancer)
        if user is not balancer:
            what = f"target group {group.name} is used by load balancer {user.name} already"  # LBE-02
            report.error(listener.where, what, "a target group each", "TargetGroupAssociationLimit", "target_group")
