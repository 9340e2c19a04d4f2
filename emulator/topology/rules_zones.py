"""What endpoints and attachments have in common: a network interface in one subnet of each zone they serve."""

from collections.abc import Sequence

from emulator.errors import Where
from emulator.topology.model import Vpc
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed


def one_per_zone(
    vpc: Vpc, subnets: Sequence[str], where: Where, kind: str, name: str, report: Report
) -> dict[int, str]:
    """Checks `subnets:` of what is at `where` (PL-20, TGW-04).

    kind: "endpoint" or "attachment", for the words. The zones of those that are right, by place in the list.
    """
    known = {subnet.name: subnet for subnet in vpc.subnets}
    first: dict[str, str] = {}
    found: dict[int, str] = {}
    if not subnets and not report.is_broken(where, "subnets"):
        what = f"{kind} {name} has no subnet"
        report.error(where, what, "one in each zone that shall use it", "MissingParameter", "subnets")
    for number, subnet in enumerate(subnets):
        key = f"subnets[{number}]"
        if subnet not in known:
            if not report.is_broken(vpc.where, "subnets", subnet):
                hint = did_you_mean(subnet, list(known), f"VPC {vpc.name} has {listed(known, 'no subnets')}")
                what = f"VPC {vpc.name} has no subnet called `{subnet}`"
                report.error(where, what, hint, "InvalidSubnetID.NotFound", key)
            continue
        zone = known[subnet].availability_zone
        other = first.setdefault(zone, subnet)
        if other == subnet and subnet not in subnets[:number]:
            found[number] = zone
            continue
        what = f"subnets {other} and {subnet} are both in zone {zone}"
        if other == subnet:
            what = f"subnet {subnet} is named twice"
        report.error(where, what, f"an {kind} has one subnet in a zone", "DuplicateSubnetsInSameZone", key)
    return found
