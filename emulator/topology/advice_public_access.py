"""Warnings about VPC Block Public Access: who has a public address in vain, and which exclusion excludes nothing."""

from collections import Counter
from collections.abc import Iterator

from emulator.topology.model import Topology, Vpc
from emulator.topology.public_access import Passage, PublicAccess
from emulator.topology.report import Report
from emulator.topology.suggest import listed

EXCLUSIONS = 50  # BPA-04
_WORDS = {
    "off": "off",
    "block-ingress": "block-ingress lets NAT gateways through and nobody else",
    "block-bidirectional": "block-bidirectional lets nothing through",
}


def check(topology: Topology, report: Report) -> None:
    """All of them; nothing while something is wrong, since it may be the reason."""
    held = topology.block_public_access
    if report.errors or held == PublicAccess():
        return
    _check_options(topology, report)
    for vpc in topology.vpcs:
        if vpc.internet_gateway:
            _check_vpc(topology, vpc, report)
    _check_exclusions(topology, report)
    _check_quota(topology, report)


def _passage(topology: Topology, vpc: Vpc, subnet: str) -> Passage:
    mode, excluded = topology.block_mode(vpc), topology.block_public_access.excluded(vpc.name, subnet)
    if mode == "off" or "allow-bidirectional" in excluded:
        return "open"
    return "nat-gateways" if mode == "block-ingress" or "allow-egress" in excluded else "closed"


def _public(vpc: Vpc) -> Iterator[tuple[str, str, bool]]:
    """What has a public address: its name, its subnet, and whether it is a NAT gateway."""
    for instance in vpc.instances:
        for interface in instance.interfaces:
            if any(address.public_ip is not None for address in interface.addresses):
                yield interface.name, interface.subnet, False
    for gateway in vpc.nat_gateways:
        if gateway.connectivity_type == "public":
            yield gateway.name, gateway.subnet, True
    for balancer in vpc.load_balancers:
        if not balancer.internal:
            for subnet in balancer.subnets:
                yield balancer.name, subnet, False


def _check_vpc(topology: Topology, vpc: Vpc, report: Report) -> None:
    """BPA-02, BPA-03, BPA-05."""
    mode = topology.block_mode(vpc)
    cut = dict.fromkeys(
        name
        for name, subnet, is_nat in _public(vpc)
        if (passage := _passage(topology, vpc, subnet)) == "closed" or (passage == "nat-gateways" and not is_nat)
    )
    through = {name for name, _, _ in _public(vpc)} - cut.keys()
    for balancer in vpc.load_balancers:
        if balancer.name in cut and balancer.name not in through and not balancer.internal:
            what = f"{balancer.name} is internet-facing, and nobody outside reaches it: {_WORDS[mode]}"
            hint = f"block_public_access: {{exclusions: [{_exclusion(vpc, balancer.subnets[0])}]}}"
            report.warn(balancer.where, what, hint)
    if cut and not through:
        options = topology.block_public_access.options_of(topology.region_of(vpc), vpc.owner_id)
        where = options.where if options else topology.block_public_access.where
        have = "have public addresses" if len(cut) > 1 else "has a public address"
        what = f"VPC {vpc.name}: {listed(cut)} {have} in vain: {_WORDS[mode]}"
        report.warn(where, what, key="internet_gateway_block_mode")


def _exclusion(vpc: Vpc, subnet: str) -> str:
    return f"{{vpc: {vpc.name}, subnet: {subnet}, internet_gateway_exclusion_mode: allow-bidirectional}}"


def _check_exclusions(topology: Topology, report: Report) -> None:
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    whole = {held.vpc: held for held in topology.block_public_access.exclusions if not held.subnet}
    for held in topology.block_public_access.exclusions:
        vpc = vpcs[held.vpc]
        above = whole.get(held.vpc) if held.subnet else None
        if above and above.mode in (held.mode, "allow-bidirectional"):
            what = f"VPC {held.vpc} is excluded with {above.mode}, subnet {held.subnet} with it: this adds nothing"
            report.warn(held.where, what, f"the exclusion of the VPC is in line {above.where.line}")
        elif held.mode == "allow-egress" and topology.block_mode(vpc) == "block-ingress":
            what = f"with block-ingress an allow-egress exclusion is ignored: nothing changes for {held}"
            report.warn(held.where, what, "allow-bidirectional, or the mode block-bidirectional")
        elif held.mode == "allow-egress" and not any(
            gateway.connectivity_type == "public" and held.subnet in ("", gateway.subnet)
            for gateway in vpc.nat_gateways
        ):
            what = f"allow-egress lets out what a NAT gateway sends, and {held} has none"
            report.warn(held.where, what, "allow-bidirectional, or a NAT gateway there")


def _check_options(topology: Topology, report: Report) -> None:
    places = {(topology.region_of(vpc), vpc.owner_id) for vpc in topology.vpcs}
    for held in topology.block_public_access.options:
        if (held.region, held.owner_id) not in places:
            whose = f"account {held.owner_id} has no VPC" if held.owner_id else "no VPC without an owner_id is"
            report.warn(held.where, f"{whose} in {held.region}: this mode holds for nothing")


def _check_quota(topology: Topology, report: Report) -> None:
    """BPA-04: an account's, in a region."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    count: Counter[tuple[str, str]] = Counter()
    for held in topology.block_public_access.exclusions:
        vpc = vpcs[held.vpc]
        place = topology.region_of(vpc), vpc.owner_id
        count[place] += 1
        if count[place] == EXCLUSIONS + 1:
            what = f"more than {EXCLUSIONS} exclusions in {place[0]}, which is an account's quota until AWS raises it"
            report.warn(held.where, what)
