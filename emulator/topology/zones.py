"""Availability zones that have failed. Nothing of the file says so: it is a state that a running lab is put into.

What is zonal in such a zone is dark: it sends and receives nothing, and its addresses are moved nowhere (AZ-01).
Routes to it stay, and drop. What is regional stays: internet gateways, peering connections, route tables.
"""

from collections.abc import Iterable
from dataclasses import replace

from emulator.errors import UsageError
from emulator.topology.model import Topology
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.suggest import nearest


def zones(topology: Topology) -> tuple[str, ...]:
    """The zones that the lab has subnets in, by name: "ap-northeast-1a"."""
    return tuple(sorted({subnet.availability_zone for vpc in topology.vpcs for subnet in vpc.subnets}))


def zone_called(topology: Topology, word: str) -> str:
    """The zone that a person means by `a` or `ap-northeast-1a`. UsageError: the lab has none, or several of them."""
    known = zones(topology)
    if word in known:
        return word
    regions = {topology.region_of(vpc) for vpc in topology.vpcs}
    found = [zone for zone in known if zone in {f"{region}{word}" for region in regions}]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"zone {word} is in several regions", f"name it in full: {' or '.join(found)}")
    near = nearest(word, known)
    hint = f"did you mean {near}?" if near else f"it has {', '.join(known)}"
    raise UsageError(f"lab {topology.name} has no subnet in zone {word}", hint if known else "")


def without_zones(topology: Topology, lost: Iterable[str]) -> Topology:
    """The topology while these zones are down. Those that it has no subnet in are left out."""
    known = zones(topology)
    wanted = tuple(sorted(zone for zone in set(lost) if zone in known))
    return topology if wanted == topology.dark_zones else replace(topology, dark_zones=wanted)


def dark(topology: Topology) -> dict[str, str]:
    """What is dark, by name, and its zone: instances (those that are stopped anyway are left out), NAT gateways, nodes
    of load balancers and of endpoints. All ENIs of an instance are in one zone.
    """
    if not topology.dark_zones:
        return {}
    found: dict[str, str] = {}
    for vpc in topology.vpcs:
        lost = {
            held.name: held.availability_zone for held in vpc.subnets if held.availability_zone in topology.dark_zones
        }
        running = ((held.name, held.subnet) for held in vpc.awake.instances)
        found |= {name: lost[subnet] for name, subnet in running if subnet in lost}
        lost |= {node.subnet: node.zone for node in nat_nodes(vpc) if node.zone in topology.dark_zones}
        found |= {node.name: lost[node.subnet] for node in nat_nodes(vpc) if node.subnet in lost}
        found |= {held.node(name): lost[name] for held in vpc.load_balancers for name in held.subnets if name in lost}
        found |= {held.node(name): lost[name] for held in vpc.vpc_endpoints for name in held.subnets if name in lost}
    return found


def places_in(topology: Topology, zone: str) -> list[str]:
    """`attachment tgw/a`: what transit gateways have there. Such a place is not used while the zone is down."""
    return [
        f"attachment {gateway.name}/{held.name}"
        for gateway in topology.transit_gateways
        for held in gateway.vpc_attachments
        for vpc in topology.vpcs
        if vpc.name == held.vpc and any(vpc.subnet(name).availability_zone == zone for name in held.subnets)
    ]


def dark_text(name: str, zone: str) -> str:
    """Why a packet for, or of, such a thing is lost."""
    return f"{name} is in availability zone {zone}, which is down"
