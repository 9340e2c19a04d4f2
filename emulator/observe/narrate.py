"""From a pass to a hop: what a node did with a packet, in AWS's words, and who dropped it.

The words are the comments of the rules that the kernel says it has applied; the route is looked up in the tables that
the kernel has, by the mark that the packet bore.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol

from emulator import names
from emulator.compile import remarks
from emulator.compile.routing import stopped
from emulator.compile.state import MAIN_TABLE, Route, State
from emulator.compile.tables import kernel_tables
from emulator.kernel.trace_decode import CONTINUE, DROP, JUMP, Event, Rule
from emulator.kernel.watch import Packet
from emulator.observe.passes import Pass
from emulator.topology.flows import Component, ComponentKind
from emulator.topology.model import INTERNET, NodeKind, Topology, router_of
from emulator.topology.nat_nodes import nat_nodes, places
from emulator.topology.privatelink import carriers
from emulator.topology.traces import Decision, Met, TraceHop
from emulator.topology.zones import dark, dark_text

_KINDS: dict[NodeKind, ComponentKind] = {
    "instance": "instance",
    "outside_host": "outside_host",
    "internet": "internet",
    "internet_gateway": "internet_gateway",
    "nat_gateway": "nat_gateway",
    "network_load_balancer": "network_load_balancer",
    "router": "vpc",
    "transit_gateway": "transit_gateway",
    "vpc_endpoint": "vpc_endpoint",
}
_FAMILIES = {1: "inet", 2: "ip", 5: "netdev"}


class Source(Protocol):
    """What is known of a namespace (`kernel.watch.Watch`)."""

    links: dict[int, str]

    def rule(self, event: Event) -> Rule | None: ...

    def element(self, rule: Rule, packet: Packet) -> str: ...

    def routes(self) -> list[Route]: ...


class Ended(NamedTuple):
    """Where a packet's way ended without its having arrived, and why, in a sentence."""

    component: Component
    words: str


class Narrator:
    """Knows the lab's nouns, and turns passes into hops."""

    def __init__(self, topology: Topology, state: State, sources: dict[str, Source]) -> None:
        self._state = state
        self._sources = sources
        self._routes: dict[str, dict[int, _Table]] = {}
        self._vpc = {node.name: node.vpc for node in topology.nodes()}
        self._gateways = {vpc.name: vpc.internet_gateway or "" for vpc in topology.vpcs}
        self._tables = {
            (router_of(vpc.name), held.number): held.table.name for vpc in topology.vpcs for held in kernel_tables(vpc)
        }
        self._enis = {
            (router_of(vpc.name), names.eni(name)): name
            for vpc in topology.vpcs
            for name in (
                *(interface.name for instance in vpc.instances for interface in instance.interfaces),
                *(node.name for node in nat_nodes(vpc)),
                *(node for held in vpc.zonal for node in held.nodes),
            )
        }
        self._judges = {carrier.node: carrier.balancer_node for carrier in carriers(topology)}  # PL-37
        self._led_by = {
            node.name: place.route_table
            for vpc in topology.vpcs
            for place in places(vpc)
            for node in nat_nodes(vpc)
            if node.subnet == place.name
        }
        self._stopped = {
            stopped(instance.name): Component("instance", instance.name, vpc.name)
            for vpc in topology.vpcs
            for instance in vpc.instances
            if instance.state == "stopped"
        }
        kinds = {node.name: _KINDS[node.kind] for node in topology.nodes()}
        for name, zone in dark(topology).items():
            self._stopped[dark_text(name, zone)] = Component(kinds[name], name, self._vpc[name])
        self._peers = {(veth.node, veth.link): (veth.peer_node, veth.peer_link) for veth in state.veths}
        self._peers |= {(veth.peer_node, veth.peer_link): (veth.node, veth.link) for veth in state.veths}

    def kind(self, node: str) -> NodeKind:
        return self._state.namespaces[node].kind

    def came(self, held: Pass) -> str:
        return self._sources[held.node].links.get(held.came, "")

    def leaves(self, held: Pass) -> str:
        return self._sources[held.node].links.get(held.leaves, "")

    def peer(self, held: Pass) -> tuple[str, str] | None:
        """(node, link) at the other end of where the packet went out. None: out of the lab."""
        link = self.leaves(held)
        return (held.node, "lo") if link == "lo" else self._peers.get((held.node, link))

    def component(self, node: str, direction: str = "") -> Component:
        """The node as something of AWS's."""
        kind, vpc = _KINDS[self.kind(node)], self._vpc[node]
        name = vpc if kind == "vpc" else INTERNET if kind == "internet" else node
        return Component(kind, name, vpc, direction if kind == "internet_gateway" else "")  # type: ignore[arg-type]

    # --- hops -------------------------------------------------------------------------------------------------

    def hop(self, held: Pass) -> TraceHop:
        route = self._route(held)
        at = held.routed_at if held.routed else len(held.events)  # a route that drops has the last word
        before = self._rules(held, held.events[:at])
        return TraceHop(
            node=held.node,
            kind=self.kind(held.node),
            came="" if held.made else self.came(held),
            left=self.leaves(held) if held.left else "",
            entered=held.header.ends,
            departed=held.ends,
            route=route[0] if route else "",
            rules=(*before, *self._rules(held, held.events[at:])),
            before_route=len(before) if route else 0,
            arrived=held.arrived,
        )

    def _rules(self, held: Pass, events: list[Event]) -> list[Met]:
        source = self._sources[held.node]
        packet = Packet(held.network, held.transport, held.came, held.leaves, held.mark)
        met: list[Met] = []
        for event in events:
            rule = source.rule(event) if event.kind == "rule" else None
            comment = rule.comment if rule else ""
            if event.table != names.NFT_TABLE:
                if event.verdict == DROP or comment:
                    met.append(Met(self.component(held.node), _foreign(event, comment), _decision(event, None)))
                continue
            if not comment or comment in remarks.INTERNAL:
                if event.verdict == DROP:
                    words = f"chain {event.chain}: what no rule allows"
                    met.append(Met(self.component(held.node, self._side(held)), words, "deny"))
                continue
            assert rule is not None
            remark = remarks.read(comment)
            words = remarks.complete(comment, source.element(rule, packet) if rule.lookups else "")
            decision = _decision(event, remark)
            if remark and remark.kind == "network_load_balancer" and remarks.LISTENER in words:
                if decision == "note":  # it is said when the target is known
                    continue
                words += ": no target to use" if decision == "deny" else f": target {self._target(held)}"
            met.append(Met(self._speaker(held, remark), words, decision))
        return met

    def _target(self, held: Pass) -> str:
        """Who has the address that a load balancer has chosen."""
        ip, vpc = held.ends.destination, self._vpc[held.node]
        having = [
            node
            for node, namespace in self._state.namespaces.items()
            if namespace.guest and any(address.ip == ip for address in namespace.addresses)
        ]
        return next((node for node in having if self._vpc[node] == vpc), next(iter(having), ip))

    def _speaker(self, held: Pass, remark: remarks.Remark | None) -> Component | None:
        if remark is None:
            return None if self.kind(held.node) == "router" else self.component(held.node, self._side(held))
        if remark.kind == "vpc_peering_connection":
            return Component(remark.kind, remark.name) if remark.name else None
        if remark.kind == "transit_gateway":
            return Component(remark.kind, remark.name)
        if remark.kind == "internet_gateway" and remark.direction:  # VPC Block Public Access: the router asks
            vpc = self._vpc[held.node]
            return Component(remark.kind, self._gateways[vpc], vpc, remark.direction)
        if remark.kind in ("internet_gateway", "nat_gateway", "network_load_balancer", "vpc", "vpc_endpoint"):
            return self.component(held.node, self._side(held))
        if not remark.direction:
            return None
        name = remark.name
        if remark.kind == "security_group" and (judge := self._judges.get(held.node)):
            return Component(remark.kind, judge, self._vpc[judge], remark.direction)
        if remark.kind in ("security_group", "network_interface"):
            link = self.leaves(held) if remark.direction == "ingress" else self.came(held)
            name = self._enis.get((held.node, link), link)
        return Component(remark.kind, name, self._vpc[held.node], remark.direction)

    def _side(self, held: Pass) -> str:
        """An internet gateway's: which way a packet goes that is there."""
        return "egress" if self.came(held) == names.VPC_LINK else "ingress"

    # --- ends -------------------------------------------------------------------------------------------------

    def ended(self, way: Sequence[Pass], hop: TraceHop) -> Ended | None:
        """Why the packet went no further than the last of these passes. None: it arrived there. hop: that pass told."""
        held = way[-1]
        if held.dropped:
            last = next((met for met in reversed(hop.rules) if met.decision == "deny"), None)
            if last is not None:
                return Ended(last.component or self.component(held.node), last.words)
        if held.arrived:
            return None
        if held.left:
            return self._lost(held)
        node, kind = held.node, self.kind(held.node)
        if not held.routed and not held.made:
            if kind in ("router", "transit_gateway") and (route := self._route(held)) and route[1] is not None:
                return Ended(route[1], route[0])
            if kind == "internet":
                return Ended(self.component(node), f"the internet knows no {held.ends.destination}")
            if kind == "nat_gateway" and held.ends.source in self._own(node):
                # Its kernel refuses what carries its own address, and no rule of ours is asked.
                if all(other.node != node for other in way[:-1]):
                    words = f"{node} takes nobody else for {held.ends.source}, which is its own address"
                    return Ended(self.component(node), words)
                table = self._led_by[node]
                words = f"route table {table} leads what {node} has translated back to {node}"
                return Ended(Component("route_table", table, self._vpc[node]), words)
            if kind == "instance" and {held.ends.source, held.ends.destination} <= self._own(node):
                words = f"{node} is the target of its own connection, and takes nobody else for {held.ends.source}"
                return Ended(self.component(node), words)  # NLB-09
            if kind == "instance":
                words = f"{node} forwards nothing: {held.ends.destination} is none of its addresses"
                return Ended(self.component(node), words)
        words = f"the kernel of {node} dropped it, and no nft rule says why"
        return Ended(self.component(node, self._side(held)), words)

    def _own(self, node: str) -> set[str]:
        return {address.ip for address in self._state.namespaces[node].addresses}

    def _lost(self, held: Pass) -> Ended:
        peer = self.peer(held)
        link = self.leaves(held)
        if peer is None:
            return Ended(self.component(held.node), f"it left the lab by {link}, and nothing is known of it since")
        if self.kind(held.node) == "instance" and (nobody := self._nobody(peer[0], held.ends.destination)):
            return nobody
        words = f"it left {held.node} by {link} and never came to {peer[0]}"
        guest = held.node if self._state.namespaces[held.node].guest else peer[0]
        return Ended(self.component(guest), words)

    def _nobody(self, router: str, destination: str) -> Ended | None:
        """L2-02: who asks for an address of its own subnet that nobody has is told no MAC, and sends nothing."""
        words, component = self._local(router, destination)
        return Ended(component, f"ARP has no answer: {words}") if component else None

    # --- routes -----------------------------------------------------------------------------------------------

    def _route(self, held: Pass) -> tuple[str, Component | None] | None:
        """The route of a router for the packet, in words, and who drops it by that. None: no router, or not routed."""
        node = held.node
        if self.kind(node) == "transit_gateway" and not held.made and not (held.dropped and not held.routed):
            return self._transit(held)
        if self.kind(node) != "router" or held.made or held.arrived or (held.dropped and not held.routed):
            return None
        vpc, destination, tables = self._vpc[node], IPv4Address(held.ends.destination), self._tables_of(node)
        name = self._tables.get((node, held.mark))
        if name is not None:
            route = _longest(tables, held.mark, destination)
            component = Component("route_table", name, vpc)
            label = self._state.labels.get((node, route), "") if route else ""
            if route is None or (route.kind == "blackhole" and not label):
                return f"route table {name}: no route to {destination}", component
            if route.kind != "throw":
                return label, self._at_rest(label) or component if route.kind == "blackhole" else None
            words = f"route table {name}: {route.destination} local"
        elif names.NODE_TABLE < held.mark < names.ROUTE_TABLES and (route := _longest(tables, held.mark, destination)):
            return self._state.labels.get((node, route), ""), None  # NAT-42, NLB-08
        else:
            words = "local"
        why, component_at = self._local(node, held.ends.destination)
        return (f"{words}, and {why}", component_at) if component_at else (words, None)

    def _transit(self, held: Pass) -> tuple[str, Component | None] | None:
        """TGW-20: what the attachment's route table says."""
        tables, destination = self._tables_of(held.node), IPv4Address(held.ends.destination)
        route = _longest(tables, held.mark, destination) if held.mark else None
        if route is None:
            return None
        label = self._state.labels.get((held.node, route), "")
        return label, self.component(held.node) if route.kind == "blackhole" else None

    def _local(self, router: str, destination: str) -> tuple[str, Component | None]:
        """What the local route comes to: who drops it, and why; None: an interface has the address."""
        vpc, own = self._vpc[router], _longest(self._tables_of(router), MAIN_TABLE, IPv4Address(destination))
        label = self._state.labels.get((router, own), "") if own else ""
        if at_rest := self._at_rest(label):
            return label, at_rest
        if own is None or own.kind != "unicast":
            return f"no interface of VPC {vpc} has {destination}", Component("vpc", vpc, vpc)
        return "", None

    def _tables_of(self, router: str) -> dict[int, "_Table"]:
        if router not in self._routes:
            self._routes[router] = _tables(self._sources[router].routes())
        return self._routes[router]

    def _at_rest(self, label: str) -> Component | None:
        """RT-42, AZ-01: the stopped instance, or what is in a zone that is down, that a route's label ends with."""
        return self._stopped.get(label) or next(
            (component for text, component in self._stopped.items() if label.endswith(f": {text}")), None
        )


_Table = dict[int, dict[int, Route]]  # by length of the prefix, then by prefix


def _tables(routes: Iterable[Route]) -> dict[int, _Table]:
    """Routing tables by number. Those with a metric are none of ours."""
    found: dict[int, _Table] = {}
    for route in routes:
        if " " not in route.destination:
            address, _, length = route.destination.partition("/")
            table = found.setdefault(route.table, {})
            table.setdefault(int(length), {})[int(IPv4Address(address))] = route
    return found


def _longest(tables: dict[int, _Table], number: int, destination: IPv4Address) -> Route | None:
    """RT-50: the longest prefix."""
    table = tables.get(number, {})
    for length in sorted(table, reverse=True):
        route = table[length].get(int(destination) >> (32 - length) << (32 - length))
        if route is not None:
            return route
    return None


def _foreign(event: Event, comment: str) -> str:
    """A rule that somebody else has loaded."""
    place = f"nft table {_FAMILIES.get(event.family, '?')} {event.table}, chain {event.chain}"
    if event.kind == "rule":
        return f"{place}, {comment or f'rule with handle {event.handle}'}"
    return f"{place}: its policy"


def _decision(event: Event, remark: remarks.Remark | None) -> Decision:
    if event.verdict == DROP:
        return "deny"
    if remark is None or event.verdict == JUMP:
        return "note"
    return "note" if event.verdict == CONTINUE and remark.kind != "network_interface" else "allow"
