"""Route tables as the kernel needs them: which tables there are, who uses which, and the one route per destination.

The only place that chooses between a route table and a variant of it. A subnet needs a variant where a route would
capture traffic within the subnet itself, which on AWS never meets the router (RT-08), or leads to what has
a link in each zone, a transit gateway or a regional NAT gateway; the internet gateway always has
one, since there a target needs a public address (GRT-05).
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, NamedTuple

from emulator import names
from emulator.topology.model import PrefixList, PrefixListReference, RouteTable, Subnet, Target, Vpc
from emulator.topology.nat_nodes import places
from emulator.topology.prefix_lists import destinations

Origin = Literal["local", "static", "prefix_list", "propagated"]
_RANK: dict[Origin, int] = {"local": 0, "static": 1, "prefix_list": 2, "propagated": 3}
LOCAL: Literal["local"] = "local"


class Candidate(NamedTuple):
    """A route that a table has for a destination, and where it comes from. `target` "local" is the VPC itself.

    prefix_list: whose entry it is, where that is its origin.
    """

    destination: IPv4Network
    target: Target | Literal["local"]
    origin: Origin
    prefix_list: str = ""


class KernelTable(NamedTuple):
    """A routing table of the router's namespace. `subnet` or `edge` say whose variant it is; else it is anybody's."""

    number: int
    table: RouteTable
    subnet: Subnet | None = None
    edge: bool = False


# --- the choice among candidates ---------------------------------------------------------------------------------


def effective(candidates: Iterable[Candidate]) -> dict[IPv4Network, Candidate]:
    """One route per destination (RT-57), by RT-51: static beats prefix list beats propagated, and local all (RT-54).

    RT-04: a static route for a VPC's own block is the local route with another target, and takes its place.
    RT-55: where two prefix lists hold the same block, AWS chooses at random and stays with it; here it is the list that
    the table names first.
    """
    held = list(candidates)
    blocks = [candidate.destination for candidate in held if candidate.origin == "local"]
    best: dict[IPv4Network, Candidate] = {}
    for candidate in held:
        destination = candidate.destination
        if candidate.origin == "propagated" and any(destination.subnet_of(block) for block in blocks):
            continue  # RT-12: local wins over what is propagated, however specific
        other = best.get(destination)
        if other is None or _precedence(candidate, other) < _precedence(other, candidate):
            best[destination] = candidate
    return best


def _precedence(candidate: Candidate, other: Candidate) -> int:
    if candidate.origin == "static" and other.origin == "local":
        return -1
    return _RANK[candidate.origin]


def lookup(routes: dict[IPv4Network, Candidate], address: IPv4Address) -> Candidate | None:
    """RT-50: the longest prefix, whatever its origin. None: no route, a silent drop."""
    holding = [candidate for destination, candidate in routes.items() if address in destination]
    return max(holding, key=lambda candidate: candidate.destination.prefixlen, default=None)


def candidates(vpc: Vpc, table: RouteTable, lists: Mapping[str, PrefixList]) -> Iterator[Candidate]:
    """RT-02, VPC-12: a local route for every block; then what the file says."""
    for block in vpc.cidr_blocks:
        yield Candidate(block, LOCAL, "local")
    for route in table.routes:
        if isinstance(route.destination, PrefixListReference):
            held = lists[route.destination.prefix_list]
            for destination in destinations(held, vpc):
                yield Candidate(destination, route.target, "prefix_list", held.name)
        else:
            yield Candidate(route.destination, route.target, "static")


# --- tables and their variants -----------------------------------------------------------------------------------


def number_for(vpc: Vpc, subnet: Subnet) -> int:
    """The kernel table, and mark, of what comes from an ENI of the subnet."""
    table = next((table for table in vpc.route_tables if table.name == subnet.route_table), None)
    if table is not None and (_captures(vpc, table, subnet) or _depends_on_zone(vpc, table)):
        return names.route_table(f"{table.name}/{subnet.name}")
    return names.route_table(subnet.route_table)


def number_for_edge(vpc: Vpc) -> int | None:
    """GRT-01: the same for what comes from the internet gateway. None: it has no route table."""
    if vpc.internet_gateway is None or vpc.gateway_route_table is None:
        return None
    return names.route_table(f"{vpc.gateway_route_table}/")


def _captures(vpc: Vpc, table: RouteTable, subnet: Subnet) -> bool:
    """RT-04, RT-05: a route for the subnet's own block, or in the place of the local route that holds it."""
    own = subnet.cidr_block
    written = [route.destination for route in table.routes]
    return any(
        own.subnet_of(destination) and any(destination.subnet_of(block) for block in vpc.cidr_blocks)
        for destination in written
        if not isinstance(destination, PrefixListReference)  # of a list, no entry inside the VPC counts
    )


def _depends_on_zone(vpc: Vpc, table: RouteTable) -> bool:
    """TGW-05, TGW-40, RNAT-05: from each zone another link leads to a transit gateway or a regional NAT gateway."""
    regional = {gateway.name for gateway in vpc.nat_gateways if gateway.regional}
    return any(route.target.kind == "transit_gateway" or route.target.name in regional for route in table.routes)


def kernel_tables(vpc: Vpc) -> list[KernelTable]:
    """Every routing table of the router's namespace, main apart."""
    tables = {table.name: table for table in vpc.route_tables}
    found = [KernelTable(names.route_table(table.name), table) for table in vpc.route_tables]
    for subnet in places(vpc):
        number = number_for(vpc, subnet)
        if number != names.route_table(subnet.route_table):
            found.append(KernelTable(number, tables[subnet.route_table], subnet))
    edge = number_for_edge(vpc)
    if edge is not None and vpc.gateway_route_table is not None:
        found.append(KernelTable(edge, tables[vpc.gateway_route_table], edge=True))
    return found
