"""Warnings about load balancers: what AWS accepts and what then serves nobody, and quotas (NLB-18)."""

from ipaddress import IPv4Address

from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.model import Topology, Vpc
from emulator.topology.report import Report
from emulator.topology.suggest import listed
from emulator.topology.targets import crosses, registered

LISTENERS, TARGETS, TARGETS_OF_ZONE = 50, 3000, 500


def check(topology: Topology, report: Report) -> None:
    """All of them; nothing while something is wrong, since it may be the reason."""
    if report.errors:
        return
    for vpc in topology.vpcs:
        forwarded = {held.target_group for balancer in vpc.load_balancers for held in balancer.listeners}
        for group in vpc.target_groups:
            if group.name not in forwarded:
                # LB-08
                what = f"no listener forwards to target group {group.name}: its targets are unused"
                report.warn(group.where, what, f"{{port: {group.port}, protocol: {group.protocol}, ...}} in a listener")
            _check_preserved(vpc, group, report)
        for balancer in vpc.load_balancers:
            _check_ways_in(vpc, balancer, report)
            _check_zones(topology, vpc, balancer, report)
            _check_quotas(vpc, balancer, report)


def _check_preserved(vpc: Vpc, group: TargetGroup, report: Report) -> None:
    """NLB-08."""
    here = {held.name for instance in vpc.instances for held in instance.interfaces}
    for number, target in enumerate(group.targets):
        inside = (
            any(target.id in block for block in vpc.cidr_blocks)
            if isinstance(target.id, IPv4Address)
            else target.id in here
        )
        if group.preserve_client_ip and not inside:
            what = f"{target.id} is outside VPC {vpc.name}, and its answers would go to the client by another way"
            hint = "preserve_client_ip: false" if group.protocol == "TCP" else "a target inside the VPC, or TCP"
            report.warn(group.where, what, hint, key=f"targets[{number}]")


def _check_ways_in(vpc: Vpc, balancer: LoadBalancer, report: Report) -> None:
    if balancer.internal:
        return
    public = {t.name for t in vpc.route_tables if any(r.target.kind == "internet_gateway" for r in t.routes)}
    for number, name in enumerate(balancer.subnets):
        table = vpc.subnet(name).route_table
        if table not in public:
            what = f"{balancer.name} is internet-facing, and route table {table} of subnet {name} has no route to an "
            what += "internet gateway"
            key = "subnet_mapping" if report.given(balancer.where, "subnet_mapping") else "subnets"
            report.warn(balancer.where, what, "internal: true, or a public subnet", "InvalidSubnet", f"{key}[{number}]")


def _check_zones(topology: Topology, vpc: Vpc, balancer: LoadBalancer, report: Report) -> None:
    enabled = {vpc.subnet(name).availability_zone: name for name in balancer.subnets}
    for group in dict.fromkeys(held.target_group for held in balancer.listeners):
        held = next(one for one in vpc.target_groups if one.name == group)
        targets = registered(topology, vpc, held)
        strays = [str(target.id) for target in targets if target.zone and target.zone not in enabled]
        if strays:
            # LB-08
            what = f"{balancer.name} has no node in the zone of {listed(strays)}: unused"
            report.warn(held.where, what, "a subnet of that zone for the load balancer", key="targets")
        if crosses(balancer, held) or not targets:
            continue
        for zone, subnet in enabled.items():
            if not any(target.zone in ("", zone) for target in targets):
                # LB-22
                what = f"{balancer.node(subnet)} has no target of {held.name} in its zone {zone}: it serves nobody"
                hint = "enable_cross_zone_load_balancing: true, or a target in that zone"
                report.warn(balancer.where, what, hint)


def _check_quotas(vpc: Vpc, balancer: LoadBalancer, report: Report) -> None:
    """NLB-18."""
    if len(balancer.listeners) > LISTENERS:
        what = f"{len(balancer.listeners)} listeners: an account's quota is {LISTENERS} per load balancer"
        report.warn(balancer.listeners[LISTENERS].where, what, code="TooManyListeners")
    used = {held.target_group for held in balancer.listeners}
    count = sum(len(group.targets) for group in vpc.target_groups if group.name in used)
    most = TARGETS_OF_ZONE if balancer.cross_zone else min(TARGETS, TARGETS_OF_ZONE * len(balancer.subnets))
    if count > most:
        what = f"{count:,} targets: an account's quota is {most:,} for this load balancer"
        report.warn(balancer.where, what, code="TooManyTargets")
