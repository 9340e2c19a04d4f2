"""VPC blocks and subnets (sections 1.1, 1.2 and 1.4 of the AWS reference)."""

from bisect import bisect
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from emulator.errors import Where
from emulator.topology.model import Subnet, Vpc
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed

LONGEST, SHORTEST = 28, 16

REFUSED_BLOCKS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")))  # VPC-04

# VPC-13: what a block of a VPC is in, and what cannot be added beside it. All others are as public ones.
PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
BENCHMARK = IPv4Network("198.19.0.0/16")
RESTRICTED = {
    PRIVATE[0]: (*PRIVATE[1:], BENCHMARK),
    PRIVATE[1]: (PRIVATE[0], PRIVATE[2], IPv4Network("172.31.0.0/16"), BENCHMARK),
    PRIVATE[2]: (*PRIVATE[:2], BENCHMARK),
    BENCHMARK: PRIVATE,
}

FIRST_OF_TEN, BESIDE_IT = IPv4Network("10.0.0.0/16"), IPv4Network("10.0.0.0/15")
RESTRICTION_HINT = "blocks of 100.64.0.0/10 and public ones can be added to any VPC"

BLOCKS_PER_VPC, BLOCKS_AT_MOST = 5, 50  # VPC-08
SUBNETS_PER_VPC = 200
TABLES_PER_VPC = 200


def check_block(vpc: Vpc, report: Report) -> None:
    """The VPC's own block."""
    if report.is_broken(vpc.where, "cidr_block"):
        return
    accepted: list[IPv4Network] = []
    if _check_range(vpc, vpc.cidr_block, "cidr_block", report):
        accepted.append(vpc.cidr_block)
    for index, block in enumerate(vpc.secondary_cidr_blocks):
        _check_secondary(vpc, block, accepted, f"secondary_cidr_blocks[{index}]", report)
    if len(vpc.cidr_blocks) > BLOCKS_AT_MOST:
        # VPC-08
        what = f"{len(vpc.cidr_blocks)} blocks: AWS allows {BLOCKS_AT_MOST} per VPC at most"
        report.error(vpc.where, what, code="CidrLimitExceeded", key="secondary_cidr_blocks")
    elif len(vpc.cidr_blocks) > BLOCKS_PER_VPC:
        what = f"{len(vpc.cidr_blocks)} blocks: an account's quota is {BLOCKS_PER_VPC} per VPC until AWS raises it"
        report.warn(vpc.where, what, code="CidrLimitExceeded", key="secondary_cidr_blocks")


def _check_range(vpc: Vpc, block: IPv4Network, key: str, report: Report) -> bool:
    refused = next((bad for bad in REFUSED_BLOCKS if block.overlaps(bad)), None)
    if not SHORTEST <= block.prefixlen <= LONGEST:
        # VPC-01, VPC-02
        what = f"the CIDR {block} is invalid: a VPC is /16 to /28"
        report.error(vpc.where, what, _size_hint(block), "InvalidVpc.Range", key)
    elif refused:
        what = f"the CIDR {block} is invalid: AWS refuses blocks in {refused}"
        hint = "a private block such as 10.0.0.0/16, 172.16.0.0/16 or 192.168.0.0/16"
        report.error(vpc.where, what, hint, "InvalidVpc.Range", key)
    else:
        return True
    return False


def _check_secondary(vpc: Vpc, block: IPv4Network, accepted: list[IPv4Network], key: str, report: Report) -> None:
    if not _check_range(vpc, block, key, report):
        return
    if other := next((held for held in accepted if held.overlaps(block)), None):
        # VPC-10
        what = f"the CIDR {block} overlaps {other}, another block of VPC {vpc.name}"
        report.error(vpc.where, what, "the blocks of a VPC do not overlap", "InvalidVpc.Range", key)
    elif why := restriction((vpc.cidr_block, *accepted), block):
        report.error(vpc.where, why, RESTRICTION_HINT, "InvalidVpc.Range", key)
    else:
        if other := _unstated(accepted, block):
            what = f"whether AWS adds {block} after {other} is not known: its guide says nothing of a private block"
            report.warn(vpc.where, f"{what} that comes after a shared or public one", key=key)
        accepted.append(block)


def restriction(held: Iterable[IPv4Network], block: IPv4Network) -> str:
    """VPC-13: why the block cannot be added to a VPC that has these, the primary one first; "" if it can."""
    primary, *others = held
    if block.subnet_of(FIRST_OF_TEN) and (
        near := next((own for own in (primary, *others) if own.subnet_of(BESIDE_IT)), None)
    ):
        return (
            f"the CIDR {block} is restricted: a VPC with a block in {BESIDE_IT} ({near}) takes none of {FIRST_OF_TEN}"
        )
    for own in (primary, *others):
        home = next((home for home in RESTRICTED if own.subnet_of(home)), None)
        if home is None and own != primary:
            continue  # added to a private one, a public or shared block restricts no further: see _unstated
        refused = RESTRICTED[home] if home else (*PRIVATE, BENCHMARK)
        if bad := next((bad for bad in refused if block.overlaps(bad)), None):
            return f"the CIDR {block} is restricted: a VPC on {home or own} takes none of {bad}"
    return ""


def _unstated(accepted: Iterable[IPv4Network], block: IPv4Network) -> IPv4Network | None:
    """VPC-13: the public or shared block before a further private one; what AWS does then is not written."""
    if not any(block.subnet_of(home) for home in RESTRICTED):
        return None
    return next((own for own in accepted if not any(own.subnet_of(home) for home in RESTRICTED)), None)


def check_subnets(vpc: Vpc, report: Report) -> None:
    """Ranges, overlaps, and the route table that each names."""
    accepted: list[Subnet] = []
    known_block = blocks_are_known(vpc, report)
    for subnet in vpc.subnets:
        block = subnet.cidr_block
        if not SHORTEST <= block.prefixlen <= LONGEST:
            # SUB-01
            what = f"the CIDR {block} is invalid: a subnet is /16 to /28"
            report.error(subnet.where, what, _size_hint(block), "InvalidSubnet.Range", "cidr_block")
        elif known_block and not any(block.subnet_of(held) for held in vpc.cidr_blocks):
            # SUB-02
            what = f"the CIDR {block} is invalid: it is not inside {_or(vpc.cidr_blocks)} of VPC {vpc.name}"
            report.error(subnet.where, what, _inside_hint(vpc.cidr_block), "InvalidSubnet.Range", "cidr_block")
        else:
            _check_overlap(subnet, accepted, report)
            _check_reservations(subnet, report)
    _check_tables(vpc, report)
    if len(vpc.subnets) > SUBNETS_PER_VPC:
        what = f"{len(vpc.subnets)} subnets: an account's quota is {SUBNETS_PER_VPC} per VPC until AWS raises it"
        report.warn(vpc.where, what, code="SubnetLimitExceeded", key="subnets")  # SUB-24


def blocks_are_known(vpc: Vpc, report: Report) -> bool:
    """Whether all of the VPC's blocks could be read: else nobody can be blamed for being outside of them."""
    path = f"{vpc.where.path}."
    return not any(
        broken == f"{path}cidr_block" or broken.startswith(f"{path}secondary_cidr_blocks") for broken in report.broken
    )


def _or(blocks: tuple[IPv4Network, ...]) -> str:
    return " or ".join(map(str, blocks))


def _check_overlap(subnet: Subnet, accepted: list[Subnet], report: Report) -> None:
    # SUB-03, in the order of the file as AWS would see it: a subnet that is refused is in nobody's way. The accepted
    # ones are disjoint, so only the neighbours on either side can overlap the next.
    block = subnet.cidr_block
    at = bisect(accepted, block.network_address, key=_first)
    near = (other for other in accepted[max(0, at - 1) : at + 1] if other.cidr_block.overlaps(block))
    if other := next(near, None):
        what = f"the CIDR {block} conflicts with subnet {other.name} ({other.cidr_block})"
        report.error(subnet.where, what, "subnets of a VPC do not overlap", "InvalidSubnet.Conflict", "cidr_block")
    else:
        accepted.insert(at, subnet)


def _check_reservations(subnet: Subnet, report: Report) -> None:
    """SUB-19."""
    at = report.at(subnet.where, "cidr_reservations")
    seen: list[IPv4Network] = []
    for block, _ in subnet.cidr_reservations:
        where = report.value_of(Where(at.line, at.column, f"{at.path}.{block}"))
        if not block.subnet_of(subnet.cidr_block):
            what = f"the reservation {block} is not inside subnet {subnet.name} ({subnet.cidr_block})"
            report.error(where, what, "a part of the subnet's own block", "InvalidParameterValue")
        elif other := next((held for held in seen if held.overlaps(block)), None):
            what = f"the reservation {block} has overlap with {other}, which is reserved already"
            report.error(where, what, "reservations do not overlap", "InvalidParameterValue")
        else:
            seen.append(block)


def _first(subnet: Subnet) -> IPv4Address:
    return subnet.cidr_block.network_address


def _check_tables(vpc: Vpc, report: Report) -> None:
    names = [table.name for table in vpc.route_tables]
    wanted = [(vpc.where, "main_route_table", vpc.main_route_table)]
    wanted += [
        (subnet.where, "route_table", subnet.route_table)
        for subnet in vpc.subnets
        if subnet.route_table != vpc.main_route_table
    ]
    if vpc.gateway_route_table is not None:
        at = report.at(vpc.where, "internet_gateway")
        wanted.append((at, "route_table", vpc.gateway_route_table))
    for where, key, name in wanted:
        if name not in names and not report.is_broken(vpc.where, "route_tables", name):
            # RT-28
            hint = did_you_mean(name, names, f"VPC {vpc.name} has {listed(names)}")
            report.error(where, f"no route table is called `{name}`", hint, "InvalidRouteTableID.NotFound", key)
    if len(vpc.route_tables) > TABLES_PER_VPC:
        what = (
            f"{len(vpc.route_tables)} route tables: an account's quota is {TABLES_PER_VPC} per VPC until AWS raises it"
        )
        report.warn(vpc.where, what, code="RouteTableLimitExceeded", key="route_tables")  # RT-37


def _size_hint(block: IPv4Network) -> str:
    if block.prefixlen < SHORTEST:
        return f"{block.network_address}/{SHORTEST} is the largest block there"
    return f"{block.supernet(new_prefix=LONGEST)} is the smallest block there"


def _inside_hint(block: IPv4Network) -> str:
    inside = IPv4Network((block.network_address, min(LONGEST, max(24, block.prefixlen))))
    return f"such as {inside}"
