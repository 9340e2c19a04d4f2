"""The routes of a VPC's router: each route table in the kernel's words."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from emulator import names
from emulator.compile.border import Border
from emulator.compile.eni import Eni
from emulator.compile.state import MAIN_TABLE, Route
from emulator.compile.tables import LOCAL, Candidate, KernelTable, candidates, effective, kernel_tables
from emulator.topology import gateways
from emulator.topology.model import PrefixList, Target, Topology, Vpc, router_of
from emulator.topology.nat_nodes import regional_places, serving
from emulator.topology.prefix_lists import RESERVED_ROUTES
from emulator.topology.words import target_text
from emulator.topology.zones import dark_text


def routes(
    vpc: Vpc,
    enis: dict[str, Eni],
    every: dict[str, Eni],
    borders: Collection[Border],
    prefix_lists: Iterable[PrefixList] = (),
) -> set[Route]:
    """Everything but the links' own: the main table, and each route table with its variants.

    every: with those of stopped instances (RT-42) and of zones that are down (AZ-01), whose packets vanish.
    """
    found = {Route(MAIN_TABLE, f"{ip}/32", link=eni.link) for eni in enis.values() for ip in eni.ips}
    found.update(_at_rest(enis, every))
    # RT-41, GEN-01: what has no route is dropped in silence; the kernel's own answer would be "unreachable".
    found.add(Route(MAIN_TABLE, "0.0.0.0/0", "blackhole"))
    lists = {held.name: held for held in prefix_lists}
    for held in kernel_tables(vpc):
        chosen = [route for route, _ in _routes(vpc, held, enis, borders, lists, every)]
        found.update(chosen)
        if not any(route.destination == "0.0.0.0/0" for route in chosen):
            found.add(Route(held.number, "0.0.0.0/0", "blackhole"))  # GEN-01: no route is a silent drop
    return found


def route_labels(
    vpc: Vpc,
    enis: dict[str, Eni],
    every: dict[str, Eni],
    borders: Collection[Border],
    topology: Topology,
) -> dict[tuple[str, object], str]:
    """What each route of the router is in the user's file."""
    lists = {held.name: held for held in topology.prefix_lists}
    router = router_of(vpc.name)
    gone = {  # RT-40
        held.name: f": {reason}"
        for held in topology.vpc_peering_connections
        if (reason := topology.is_blackhole(Target("vpc_peering_connection", held.name)))
    }
    gone |= {
        held.name: f": {reason}"
        for held in topology.transit_gateways
        if (reason := gateways.unavailable(topology, held.name, vpc.name))
    }
    at_rest: dict[tuple[str, object], str] = {
        (router, route): dark_text(eni.node, eni.dark_zone) if eni.dark_zone else stopped(eni.node)
        for route, eni in _at_rest(enis, every).items()
    }
    return at_rest | {
        (router, route): f"route table {held.table.name}: {label}{gone.get(label.rpartition(' to ')[2], '')}"
        for held in kernel_tables(vpc)
        for route, label in _routes(vpc, held, enis, borders, lists, every)
        if label
    }


def stopped(instance: str) -> str:
    """RT-42, in words: the label of what stands for the instance, or the end of it."""
    return f"instance {instance} is stopped"


def _at_rest(enis: dict[str, Eni], every: dict[str, Eni]) -> dict[Route, Eni]:
    asleep = (eni for name, eni in every.items() if name not in enis)
    return {Route(MAIN_TABLE, f"{ip}/32", "blackhole"): eni for eni in asleep for ip in eni.ips}


def _routes(
    vpc: Vpc,
    held: KernelTable,
    enis: dict[str, Eni],
    borders: Collection[Border],
    lists: Mapping[str, PrefixList],
    every: Mapping[str, Eni],
) -> Iterator[tuple[Route, str]]:
    """One kernel table, with the words for what the user wrote."""
    own = held.subnet.cidr_block if held.subnet else None
    asleep = {
        interface.name: f": {stopped(instance.name)}"
        for instance in vpc.instances
        if instance.state == "stopped"
        for interface in instance.interfaces
    }
    asleep |= {name: f": {dark_text(eni.node, eni.dark_zone)}" for name, eni in every.items() if eni.dark_zone}
    if own is not None:
        # RT-08: two hosts of one subnet meet without the router, so no route steers their traffic.
        yield Route(held.number, str(own), "throw"), ""
    # RT-11: a route that holds AWS's own range among others forwards nothing of it.
    yield Route(held.number, str(RESERVED_ROUTES), "blackhole"), f"{RESERVED_ROUTES} is kept by AWS"
    if held.edge:
        for place in regional_places(vpc):  # what is not of the VPC's blocks is nothing for an edge route table
            yield Route(held.number, str(place.cidr_block), "throw"), ""
    for destination, candidate in effective(candidates(vpc, held.table, lists)).items():
        if destination == own:
            continue
        route = _route(vpc, held, candidate, enis, borders)
        of_list = f" (prefix list {candidate.prefix_list})" if candidate.prefix_list else ""
        label = ""
        if candidate.target != LOCAL:
            label = f"{destination}{of_list} to {target_text(candidate.target)}"
            name = _interface(vpc, held, candidate.target) if candidate.target.kind == "nat_gateway" else ""
            at_rest = asleep.get(name or candidate.target.name, "")
            label += at_rest or _why_not(vpc, held, candidate, route, borders)
        yield route, label


def _route(
    vpc: Vpc, held: KernelTable, candidate: Candidate, enis: dict[str, Eni], borders: Collection[Border]
) -> Route:
    table, destination, target = held.number, str(candidate.destination), candidate.target
    if target == LOCAL:
        # RT-02: on to the main table, which knows every ENI.
        return Route(table, destination, "throw")
    for border in borders:
        if border.target == target and _in_zone(vpc, held, border):
            return Route(table, destination, "unicast", border.link, str(names.NEXT_HOP), onlink=True)
    match target.kind:
        case "instance" if held.edge and not _has_public_ip(vpc, target.name):
            return Route(table, destination, "blackhole")  # GRT-05
        case "nat_gateway" | "instance" if _interface(vpc, held, target) not in enis:
            return Route(table, destination, "blackhole")  # RT-42: stopped; AZ-01: its zone is down; RNAT-07
        case "nat_gateway" | "instance":
            eni = enis[_interface(vpc, held, target)]
            return Route(table, destination, "unicast", eni.link, eni.ip, onlink=True)
        case _:
            return Route(table, destination, "blackhole")  # RT-40, RT-41: it stays, wins by prefix, and drops


def _why_not(vpc: Vpc, held: KernelTable, candidate: Candidate, route: Route, borders: Collection[Border]) -> str:
    """Why a route drops whose target is there: the end of its label."""
    target = candidate.target
    if route.kind != "blackhole" or isinstance(target, str):
        return ""
    if held.subnet and any(border.target == target for border in borders):
        return f": VPC {vpc.name} has no attachment in zone {held.subnet.availability_zone}"  # TGW-05
    if held.subnet and target.kind == "nat_gateway":
        return f": it is not registered in zone {held.subnet.availability_zone}"  # RNAT-07
    if held.edge and target.kind == "instance":
        return f": {target.name} has no public IP"  # GRT-05
    return ""


def _interface(vpc: Vpc, held: KernelTable, target: Target) -> str:
    """The name of the ENI that a route leads to. RNAT-05: of a regional NAT gateway, its zone's; "": none."""
    if target.kind == "instance":
        return target.name
    return serving(vpc, target.name, held.subnet.availability_zone if held.subnet else "")


def _in_zone(vpc: Vpc, held: KernelTable, border: Border) -> bool:
    """TGW-05: a subnet uses the link of its own zone."""
    if not border.subnet:
        return True
    zone = vpc.subnet(border.subnet).availability_zone
    return held.subnet is not None and held.subnet.availability_zone == zone


def _has_public_ip(vpc: Vpc, interface: str) -> bool:
    interfaces = (held for instance in vpc.instances for held in instance.interfaces)
    return any(held.name == interface and any(ip.public_ip for ip in held.addresses) for held in interfaces)
