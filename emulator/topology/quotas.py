"""Quotas of an account that a whole lab counts for: warnings, since AWS raises them (section 1.9 of the reference).

Those of one resource stand with its rules.
"""

from collections import Counter
from ipaddress import IPv4Address

from emulator.topology import quotas_addresses, quotas_transit
from emulator.topology.addresses import Slot, slots
from emulator.topology.associations import with_associated
from emulator.topology.model import Topology, Vpc
from emulator.topology.prefix_lists import counted
from emulator.topology.report import Report

VPCS_PER_REGION = 5
GATEWAYS_PER_REGION = 5
ELASTIC_IPS_PER_REGION = 5
GROUPS_PER_REGION = 2500
GROUPS_TIMES_RULES = 1000
CONNECTIONS_PER_VPC, REQUESTS_PER_ACCOUNT = 50, 25


def check(topology: Topology, report: Report) -> None:
    """All that goes beyond an account's defaults."""
    places: dict[tuple[str, str], list[Vpc]] = {}
    for vpc in topology.vpcs:
        places.setdefault((topology.region_of(vpc), vpc.owner_id), []).append(vpc)
    for vpcs in places.values():
        _check_region(vpcs, report)
        _check_elastic_ips(vpcs, report)
        quotas_addresses.check_account(vpcs, report)
    _check_connections(topology, report)
    quotas_transit.check(topology, report)
    quotas_addresses.check_units(topology, report)
    for vpc in topology.vpcs:
        _check_rules_of_interfaces(topology, vpc, report)


def _check_region(vpcs: list[Vpc], report: Report) -> None:
    """VPCs of one account in one region."""
    if len(vpcs) > VPCS_PER_REGION:
        what = f"{len(vpcs)} VPCs: an account's quota is {VPCS_PER_REGION} per region until AWS raises it"
        report.warn(vpcs[VPCS_PER_REGION].where, what, code="VpcLimitExceeded")  # SUB-24
    owners = [vpc for vpc in vpcs if vpc.internet_gateway or vpc.detached_gateway]
    if len(owners) > GATEWAYS_PER_REGION:
        what = f"{len(owners)} internet gateways: an account's quota is {GATEWAYS_PER_REGION} per region"
        what += " until AWS raises it"
        at = owners[GATEWAYS_PER_REGION].where
        report.warn(at, what, code="InternetGatewayLimitExceeded", key="internet_gateway")  # IGW-14
    _check_groups(vpcs, report)


def _check_elastic_ips(vpcs: list[Vpc], report: Report) -> None:
    """EIP-05. A NAT gateway that names none has one all the same; what an instance gets by itself is none."""
    held: list[Slot] = []
    for vpc in vpcs:
        gateways = {gateway.name for gateway in vpc.nat_gateways}
        held += [one for one in slots(vpc) if isinstance(one.public_ip, IPv4Address)]
        held += [one for one in slots(vpc) if one.public_ip == "auto" and one.name in gateways]
    if len(held) > ELASTIC_IPS_PER_REGION:
        what = f"{len(held)} Elastic IPs: an account's quota is {ELASTIC_IPS_PER_REGION} per region until AWS raises it"
        report.warn(held[ELASTIC_IPS_PER_REGION].where, what, code="AddressLimitExceeded", key="elastic_ip")


def _check_connections(topology: Topology, report: Report) -> None:
    active: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    owners = {vpc.name: vpc.owner_id for vpc in topology.vpcs}
    for held in topology.vpc_peering_connections:
        if held.state == "pending-acceptance" and held.vpc in owners:
            waiting[owners[held.vpc]] += 1
            if waiting[owners[held.vpc]] == REQUESTS_PER_ACCOUNT + 1:
                what = f"more than {REQUESTS_PER_ACCOUNT} VPC peering connections of an account wait for acceptance,"
                what += " which is the quota until AWS raises it"
                report.warn(held.where, what, code="OutstandingVpcPeeringConnectionLimitExceeded")  # PCX-06
        for name in sorted(held.pair) if held.active else ():
            active[name] += 1
            if active[name] == CONNECTIONS_PER_VPC + 1:
                what = (
                    f"more than {CONNECTIONS_PER_VPC} active VPC peering connections of VPC {name}, which is the quota"
                )
                what += " until AWS raises it"
                report.warn(held.where, what, code="ActiveVpcPeeringConnectionPerVpcLimitExceeded")  # PCX-06


def _check_groups(vpcs: list[Vpc], report: Report) -> None:
    count = sum(len(vpc.security_groups) for vpc in vpcs)
    if count > GROUPS_PER_REGION:
        largest = max(vpcs, key=lambda vpc: len(vpc.security_groups))
        what = f"{count:,} security groups: an account's quota is {GROUPS_PER_REGION:,} per region until AWS raises it"
        report.warn(largest.where, what, code="SecurityGroupLimitExceeded", key="security_groups")  # SG-14


def _check_rules_of_interfaces(topology: Topology, vpc: Vpc, report: Report) -> None:
    """Q-06: groups of an interface times rules of a group. Told once for each set of groups."""
    most = {
        group.name: max(counted(rules, topology.prefix_lists) for rules in (group.ingress, group.egress))
        for group in with_associated(topology, vpc).security_groups
    }
    told: set[tuple[str, ...]] = set()
    for interface in (held for instance in vpc.instances for held in instance.interfaces):
        groups = interface.security_groups
        if groups in told:
            continue
        told.add(groups)
        product = len(groups) * max((most.get(name, 0) for name in groups), default=0)
        if product > GROUPS_TIMES_RULES:
            what = f"{len(groups)} security groups of up to {product // len(groups)} rules make {product:,}: "
            what += f"AWS allows {GROUPS_TIMES_RULES:,} per interface"
            report.warn(
                interface.where, what, "fewer groups, or fewer rules in each", "RulesPerSecurityGroupLimitExceeded"
            )
