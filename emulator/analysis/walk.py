"""A packet's way through a lab, component by component, in AWS's order (GEN-03, GEN-04).

Each method is one place where a packet can be, and calls the next one. A drop does not end the way while reasons are
wanted: the walk goes on as if the packet had passed, so that every reason is found (RA-63), not only the first.
"""

from typing import NamedTuple

from emulator.analysis import (
    balancers,
    gateways,
    peering,
    privatelink,
    reasons,
    reasons_balancers,
    reasons_transit,
    sentences,
    transit,
)
from emulator.analysis.account import Account, Question, Translation
from emulator.analysis.answer import Rule
from emulator.analysis.filters import ask_groups
from emulator.analysis.packets import ICMP, TCP, UDP, Packet
from emulator.analysis.routing import Choice, Table
from emulator.analysis.world import Eni, Ground, Land, is_group_address, known_as
from emulator.topology.flows import ECHO_REQUEST, Component
from emulator.topology.model import INTERNET, router_of
from emulator.topology.place import NOWHERE

_OTHER = {"egress": "ingress", "ingress": "egress"}
_NEVER_FORWARDED = (0xA9FEA800, 0xA9FEABFF)  # RT-11: 169.254.168.0/22


class Way(NamedTuple):
    """Where a route leads. `eni`: to this interface, which is or is not the destination's."""

    kind: str  # "eni", "gateway", "peering", "transit", "nobody", "blackhole", "none"
    eni: Eni | None = None
    choices: tuple[Choice, ...] = ()  # routes that fit, the one that is taken first; none within a subnet
    connection: str = ""  # the VPC peering connection or transit gateway, where it leads there


class Walk(Account):
    """The way itself: nodes, ENIs and the router. `gateways.py` has the rest of it."""

    def send(self, node: str, packet: Packet) -> None:
        """The node sends a packet of its own."""
        self.origin = packet.source
        if node in self.world.hosts:
            self.passed(Component("outside_host", node), sentences.sends(packet), packet, where=self.host_place(node))
            gateways.internet(self, packet)
            return
        if node == INTERNET:  # beyond an uplink, and the internet's own router
            gateways.internet(self, packet)
            return
        eni = self.world.eni_of(node, packet.source)
        self.passed(Component("instance", node, eni.vpc.name), sentences.sends(packet), packet, where=eni.where)
        if packet.destination in self.world.own_addresses(node):  # SG-44: it never leaves the instance
            self.arrive(node, packet, eni.vpc.name)
            return
        self.leave(eni, packet)

    def arrive(self, node: str, packet: Packet, vpc: str = "") -> None:
        kind = "instance" if vpc else "outside_host"
        component = gateways.INTERNET_COMPONENT if node == INTERNET else Component(kind, node, vpc)  # type: ignore[arg-type]
        where = self.host_place(node) if not vpc else self.world.enis_of[node][0].where
        self.passed(component, sentences.arrives(packet), packet, where=where)
        self.receiver, self.arrival = node, packet

    def _instance(self, eni: Eni, packet: Packet) -> None:
        """What came in by the ENI is the instance's own, or its to forward."""
        node, ground = eni.node, eni.vpc
        component = Component("instance", node, ground.name)
        restored = self.memory.original(node, packet) if self.back else None
        if restored is None and packet.destination in self.world.own_addresses(node):
            if packet.source in self.world.own_addresses(node):
                self.answered = False
                if self.drop(component, lambda: reasons_balancers.own_client(component, eni, packet)):
                    return
            self.arrive(node, packet, ground.name)
            return
        appliance = self.world.instances[node].appliance
        if appliance is None:
            self.drop(component, lambda: reasons.does_not_forward(component, eni, packet))
            return
        onward = restored or packet
        if onward.source in self.world.own_addresses(node):
            self.answered = False
            if self.drop(component, lambda: reasons.own_packet(component, eni, onward)):
                return
        refused = [port for port in appliance.blocked_ports if onward.ports[0] <= port <= onward.ports[1]]
        if refused and packet.protocol != ICMP:
            partial = onward.ports[0] != onward.ports[1]
            asked = onward
            if self.drop(component, lambda: reasons.firewall(component, eni, asked, refused), partial=partial):
                return
        out = self._interface_towards(node, onward.destination)
        # NATI-01: for what leaves the VPC.
        foreign = restored is None and appliance.translates and not ground.holds(onward.destination)
        if foreign and self.back and packet.protocol == TCP and not self._knows(node, onward):
            self.notes.append(sentences.opens_and_carries_nothing(node))
        if foreign and self._is_new(node, onward):
            own = out.addresses[0]
            translation = Translation(node, onward.source, onward.source_ports, own, onward.destination)
            self.memory.translated.append(translation)
            onward = onward._replace(source=own)
        self.passed(component, sentences.forwards(packet, onward), packet, onward, where=eni.where)
        self.leave(out, onward)

    def _is_new(self, node: str, packet: Packet) -> bool:
        """Whether the guest takes the packet for the first of a flow, and translates it."""
        if not self.back:
            return True
        return not self._knows(node, packet) and packet.protocol == UDP  # a SYN-ACK out of the blue opens no connection

    def _knows(self, node: str, packet: Packet) -> bool:
        """Whether the question to this answer has passed one of the node's interfaces."""
        names = {eni.name for eni in self.world.enis_of[node]}
        return any(held[0] in names and held[2:] == (packet.destination, packet.source) for held in self.memory.seen)

    def _interface_towards(self, node: str, address: int) -> Eni:
        """The guest's own routes for what it forwards: a subnet that it is in; the VPC lies behind its first further
        interface without a check, everything else behind its primary one.
        """
        enis = self.world.enis_of[node]
        if len(enis) == 1:
            return enis[0]
        for eni in enis:
            if eni.subnet.span[0] <= address <= eni.subnet.span[1]:
                return eni
        inward = enis[0].vpc.holds(address)
        return next((eni for eni in enis[1:] if inward and not eni.check), enis[0])

    # --- an ENI, both ways ------------------------------------------------------------------------------------

    def leave(self, eni: Eni, packet: Packet) -> None:
        """An ENI hands a packet to the VPC's router. GEN-04."""
        ground, land = eni.vpc, eni.subnet
        interface = Component("network_interface", eni.name, ground.name, "egress")
        if self.dark(eni, interface, packet):
            return
        if eni.check and packet.source not in eni.addresses:  # SDC-01
            if self.drop(interface, lambda: reasons.source_check(interface, eni, packet)):
                return
        elif self.explain:
            self.passed(
                interface,
                sentences.interface_out(packet.source in eni.addresses),
                packet,
                where=eni.where,
                node=eni.node,
            )
        if packet.destination in ground.services:
            self._service(ground, packet)
            return
        if packet.destination in ground.routers or is_group_address(packet.destination):
            self._router(ground, land, packet)
            return
        way = self.way(ground, land, land.table, packet.destination)
        if self.back and (back := peering.returns(self, ground, packet)) is not None:
            way = back
        if self.back and (node := balancers.returns(self, ground, packet)) is not None:
            way = Way("eni", node)
        there = peering.member(self, ground, way, packet.destination) if way.kind == "peering" else way.eni
        straight = there is not None and packet.destination in there.addresses
        self.stranger = transit.beyond(self, ground, way.connection, packet) if way.kind == "transit" else None
        if eni.groups and self.judge(eni, "egress", packet, there if straight else None):
            return
        beyond = (
            there.subnet
            if there and there.vpc is ground
            else ground.land_of(packet.destination)
            if way.kind == "nobody"
            else None
        )
        if beyond is not land and self.ask_acl(land, eni, "egress", packet):
            return
        self.take(eni, land.table, way, packet)

    def dark(self, eni: Eni, component: Component, packet: Packet) -> bool:
        """AZ-01: what is in a zone that is down neither sends nor receives; True: the walk ends here. Said once."""
        if not eni.dark_zone or eni.node in self.memory.told_dark:
            return False
        self.memory.told_dark.add(eni.node)
        return self.drop(component, lambda: reasons.dark(component, eni, packet))

    def enter(self, eni: Eni, packet: Packet, sender: Eni | None) -> None:
        """The router hands a packet to an ENI. GEN-03. sender: whose ENI it came from; None: the internet gateway."""
        if (eni.name, packet) in self.visited:
            component = Component("route_table", eni.subnet.table.name, eni.vpc.name)
            self.drop(component, lambda: reasons.loop(component, eni, packet))
            self.answered = False
            return
        self.visited.add((eni.name, packet))
        if (sender is None or sender.subnet is not eni.subnet) and self.ask_acl(eni.subnet, eni, "ingress", packet):
            return
        straight = sender is not None and (packet.source in sender.addresses or sender.balancer is not None)  # NLB-04
        across, self.across = self.across, None
        own = sender if straight else across.eni if across and across.named else None
        self.stranger = across if across and not across.named else None
        if eni.groups and self.judge(eni, "ingress", packet, own):
            return
        if not eni.running:  # RT-42
            stopped = Component("instance", eni.node, eni.vpc.name)
            self.answered = False
            if self.drop(stopped, lambda: reasons.stopped(stopped, eni, packet)):
                return
        if self.dark(eni, Component(eni.kind, eni.node, eni.vpc.name), packet):
            return
        interface = Component("network_interface", eni.name, eni.vpc.name, "ingress")
        if eni.check and packet.destination not in eni.addresses:  # SDC-01
            idle = eni.kind == "instance" and self.world.instances[eni.node].appliance is None
            if self.drop(interface, lambda: reasons.destination_check(interface, eni, packet, idle=idle)):
                return
            if self.world.instances[eni.node].appliance is None:
                self.answered = False
                return
        elif self.explain:
            self.passed(
                interface,
                sentences.interface_in(packet.destination in eni.addresses),
                packet,
                where=eni.where,
                node=eni.node,
            )
        if eni.gateway is not None:
            gateways.nat_gateway(self, eni, packet)
        elif eni.balancer is not None:
            balancers.node(self, eni, packet)
        elif eni.endpoint is not None:
            privatelink.node(self, eni, packet)
        else:
            self._instance(eni, packet)

    def judge(self, eni: Eni, direction: str, packet: Packet, other: Eni | None) -> bool:
        """Ask the ENI's groups; True: the walk ends here. other: the ENI on the other side, if they meet directly."""
        component = Component("security_group", eni.name, eni.vpc.name, direction)  # type: ignore[arg-type]
        source, destination = packet.source, packet.destination
        if self.back and (eni.name, _OTHER[direction], destination, source) in self.memory.seen:
            self.passed(component, sentences.KNOWN_FLOW, packet, group=eni.groups[0], node=eni.node)  # SG-03
            return False
        self.memory.seen.add((eni.name, direction, source, destination))
        if self.put_off is not None:
            self.put_off.append(Question(eni, direction, packet, self.back, other))
            return False
        held = [eni.vpc.groups[name] for name in eni.groups]
        pieces = ask_groups(held, direction, packet, known_as(eni.vpc, other))
        if all(piece.passes for piece in pieces):
            if self.explain:
                self.passed_by(component, pieces[0], direction, packet, eni.node)
            return False
        meant = self._meant(eni.vpc, direction, packet)
        partial = any(piece.passes for piece in pieces)
        stranger, back = self.stranger, self.back
        return self.drop(
            component,
            lambda: (
                reasons_transit.reference(component, eni, held, packet, stranger)
                or reasons.groups(component, eni, packet, pieces, other, meant, back=back)
            ),
            partial=partial,
        )

    def _meant(self, ground: Ground, direction: str, packet: Packet) -> Eni | None:
        """Whose ENI a rule may have meant that names a group, though the packet looks otherwise (SG-31)."""
        if direction == "ingress":
            return ground.by_address.get(self.origin)
        public = self.world.mapped.get(packet.destination)
        return ground.by_address.get(public[1] if public and public[0] is ground else packet.destination)

    def ask_acl(self, land: Land, eni: Eni, direction: str, packet: Packet) -> bool:
        """Ask the subnet's ACL, which knows no flows (ACL-01); True: the walk ends here."""
        if self.put_off is not None:
            if not land.acl.is_open(direction):
                self.put_off.append(Question(land.acl, direction, packet, self.back))
            return False
        pieces = land.acl.ask(direction, packet) if land.acl.acl else ()
        component = Component("network_acl", land.acl.name, eni.vpc.name, direction)  # type: ignore[arg-type]
        if all(piece.passes for piece in pieces):
            if self.explain and pieces:
                self.passed_by(component, pieces[0], direction, packet, "")
            return False
        partial = any(piece.passes for piece in pieces)
        return self.drop(component, lambda: reasons.acl(component, land, packet, pieces), partial=partial)

    # --- the router -------------------------------------------------------------------------------------------

    def way(self, ground: Ground, land: Land | None, table: Table, destination: int) -> Way:
        """Where a packet for this address goes. land: the subnet it comes from, None for the internet gateway."""
        if land is not None and land.span[0] <= destination <= land.span[1]:  # RT-08: without the router
            held = ground.by_address.get(destination)
            return Way("eni", held) if held else Way("nobody")
        choices = tuple(table.lookup(destination))
        if not choices:
            return Way("none")
        route = choices[0].route
        if route is None:
            held = ground.by_address.get(destination)
            return Way("eni", held, choices) if held else Way("nobody", None, choices)
        if _NEVER_FORWARDED[0] <= destination <= _NEVER_FORWARDED[1]:
            return Way("none", None, choices)
        if route.target.kind == "blackhole":
            return Way("blackhole", None, choices)
        if route.target.kind == "vpc_peering_connection":
            leads = self.world.beyond(route.target.name, ground) is not None
            return Way("peering" if leads else "blackhole", None, choices, route.target.name)
        if route.target.kind == "transit_gateway":
            leads = land is not None and transit.place(self, ground, land, route.target.name) is not None
            return Way("transit" if leads else "blackhole", None, choices, route.target.name)
        if route.target.kind == "internet_gateway":
            return Way("gateway", None, choices)
        if route.target.kind == "nat_gateway":
            node = ground.nat_node(route.target.name, land.subnet.availability_zone if land else "")
            return Way("eni" if node else "blackhole", node, choices)  # RNAT-07
        return Way("eni", ground.enis[route.target.name], choices)

    def take(self, eni: Eni, table: Table, way: Way, packet: Packet) -> None:
        """Follow the route of a packet from an ENI."""
        ground, land = eni.vpc, eni.subnet
        component = Component("route_table", table.name, ground.name)
        if way.kind in ("none", "blackhole"):
            if not self.drop(component, lambda: reasons.route(component, eni, way.choices, way.kind, packet)):
                for more in reasons.more_specific(component, way.choices, packet, back=self.back):
                    self.explanations.append(more)
                self._guess(eni, way, packet)
            return
        if way.choices and self.explain:
            chosen = way.choices[0]
            rule: Rule = chosen.route or sentences.local(chosen)
            where = chosen.route.where if chosen.route else NOWHERE
            self.passed(component, sentences.route(chosen), packet, rule=rule, where=where)
        if way.kind == "nobody":
            self.nobody(ground, land, packet)
        elif way.kind == "gateway":
            gateways.leave_vpc(self, eni, packet)
        elif way.kind == "peering":
            peering.cross(self, ground, way.connection, packet)
        elif way.kind == "transit":
            transit.cross(self, eni, way.connection, packet)
        else:
            assert way.eni is not None
            self.enter(way.eni, packet, eni)

    def _guess(self, eni: Eni, way: Way, packet: Packet) -> None:
        """Go on after a missing route, the way that the route would most likely lead."""
        ground = eni.vpc
        if way.connection in self.world.transits:
            self.answered = False
            return
        if connection := way.connection or peering.towards(self, ground, packet.destination):
            peering.cross(self, ground, connection, packet)
            return
        held = ground.by_address.get(packet.destination)
        if held is not None:
            self.enter(held, packet, eni)
            return
        gateway = next((one for one in ground.enis.values() if one.gateway and any(one.public)), None)
        if ground.vpc.internet_gateway and packet.source in ground.public_of:
            gateways.leave_vpc(self, eni, packet)
        elif gateway is not None and eni.gateway is None and not self.back:
            self.enter(gateway, packet, eni)
        else:
            self.answered = False

    def _router(self, ground: Ground, land: Land, packet: Packet) -> None:
        """L2-05: base+1 answers ping from its own subnet, and nothing else. SG-40: whatever groups and routes say.

        L2-01: nobody gets what is for everybody.
        """
        if packet.destination == land.router and packet.protocol == ICMP and packet.icmp[0] == ECHO_REQUEST:
            self.passed(Component("vpc", ground.name, ground.name), sentences.ROUTER_PING, packet)
            self.receiver, self.arrival, self.answered = router_of(ground.name), packet, False
            return
        self.nobody(ground, land, packet)

    def nobody(self, ground: Ground, land: Land, packet: Packet) -> None:
        component = Component("vpc", ground.name, ground.name)
        self.drop(component, lambda: reasons.nobody(component, land, packet))
        self.answered = False

    def _service(self, ground: Ground, packet: Packet) -> None:
        """SG-40: nothing filters what is for AWS's own services. Nothing of this lab answers there."""
        component = Component("vpc", ground.name, ground.name)
        self.answered = False
        if packet.protocol == ICMP:
            self.drop(component, lambda: reasons.service_is_silent(component, packet))
            return
        self.passed(component, sentences.service(packet), packet)
        self.receiver, self.arrival, self.refused = router_of(ground.name), packet, True
