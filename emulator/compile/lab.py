"""A whole lab: calls the components, one after the other, and decides nothing itself."""

from collections.abc import Iterable

from emulator.compile import (
    balancer,
    eni,
    guest,
    internet,
    nat,
    peering,
    privatelink,
    returning,
    routing,
    tables,
    transit,
    vpc,
)
from emulator.compile.state import Namespace, Netns, State, Veth
from emulator.compile.words import KIND
from emulator.errors import Problem, TopologyError
from emulator.topology import zones
from emulator.topology.given import Addresses
from emulator.topology.model import INTERNET, Topology, router_of
from emulator.topology.nat_nodes import nat_nodes


def compile_lab(topology: Topology, addresses: Addresses) -> State:
    """What the kernel must hold for this topology and these addresses.

    Raises TopologyError for two names that come out as one name in the kernel (hashes of long names may clash).
    """
    namespaces: dict[str, Namespace] = {INTERNET: internet.internet(topology, addresses)}
    veths: list[Veth] = []
    labels: dict[tuple[str, object], str] = {}
    dark = zones.dark(topology)
    carried = privatelink.held(topology)
    for host in topology.internet.hosts:
        namespaces[host.name] = internet.outside_host(host)
        veths.append(internet.host_link(host))
    for held in topology.vpcs:
        every = {
            name: one._replace(dark_zone=dark.get(one.node, "")) for name, one in eni.enis(held, addresses).items()
        }
        asleep = {instance.name for instance in held.instances if instance.state == "stopped"}
        linked = {name: one for name, one in every.items() if one.node not in asleep}
        enis = {name: one for name, one in linked.items() if not one.dark_zone}
        borders = (
            *internet.borders(held),
            *peering.borders(held, topology, addresses),
            *transit.borders(held, topology, addresses),
        )
        namespaces[router_of(held.name)] = vpc.router(held, enis, every, borders, topology)
        labels |= routing.route_labels(held, enis, every, borders, topology)
        labels |= peering.return_labels(held, borders)
        if held.internet_gateway:
            namespaces[held.internet_gateway] = internet.internet_gateway(held, addresses, topology.settings)
            veths += internet.gateway_links(held)
        for gateway in nat_nodes(held):
            namespaces[gateway.name] = nat.nat_gateway(linked[gateway.name], topology.settings)
        for endpoint in held.vpc_endpoints:
            for name in endpoint.nodes:
                namespaces[name] = privatelink.endpoint(linked[name], endpoint.state, carried.get(name), topology)
        labels |= returning.labels(router_of(held.name), every)
        for front in held.load_balancers:
            for name in front.nodes:
                ends = [one for one in carried.values() if one.carrier.balancer_node == name]
                made = balancer.node(topology, held, front, linked[name], addresses, privatelink.landings(ends))
                namespaces[name] = privatelink.joined(made, ends)
        for instance in held.awake.instances:
            namespaces[instance.name] = guest.instance(held, instance, eni.of_instance(linked, instance))
            labels |= guest.labels(instance.name, namespaces[instance.name])
        labels |= {
            (instance.name, Netns("instance")): routing.stopped(instance.name)
            for instance in held.instances
            if instance.state == "stopped"
        }
        veths += [eni.veth(held, one) for one in linked.values()]
    veths += [*peering.links(topology), *transit.peering_links(topology)]
    veths += privatelink.links(carried.values())
    for through in topology.transit_gateways:
        namespaces[through.name], more = transit.gateway(topology, through)
        labels |= more
        veths += transit.links(topology, through)
    labels |= {(node, Netns(namespace.kind)): _title(node, namespace) for node, namespace in namespaces.items()}
    _refuse_clashes(topology, veths)
    return State(topology.name, namespaces, frozenset(veths), internet.uplink(topology), labels)


def _title(node: str, namespace: Namespace) -> str:
    if namespace.kind == "router":
        return f"router of VPC {node.removesuffix('.router')}"
    return node if namespace.kind == "internet" else f"{KIND[namespace.kind]} {node}"


def _refuse_clashes(topology: Topology, veths: Iterable[Veth]) -> None:
    problems: list[Problem] = []
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for veth in veths:
        near, far = (veth.node, veth.link), (veth.peer_node, veth.peer_link)
        for place, end in ((near, far), (far, near)):
            other_end = seen.setdefault(place, end)
            if other_end != end:
                problems.append(_clash(topology, other_end[0], end[0], f"interface name {place[1]}"))
    for held in topology.vpcs:
        numbers: dict[int, str] = {}
        for number, table, subnet, edge in tables.kernel_tables(held):
            title = (
                f"{table.name} of {subnet.name if subnet else 'the internet gateway'}" if subnet or edge else table.name
            )
            other = numbers.setdefault(number, title)
            if other != title:
                problems.append(_clash(topology, other, title, "routing table number"))
    if problems:
        raise TopologyError(topology.name, tuple(problems))


def _clash(topology: Topology, one: str, other: str, what: str) -> Problem:
    where = next((v.where for v in topology.vpcs), topology.internet.where)
    return Problem(where, f"{one} and {other} come out as the same {what} in the kernel", "rename one of them")
