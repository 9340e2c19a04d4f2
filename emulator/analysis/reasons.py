"""Why a packet is dropped: AWS's code, a sentence, the line to change and the YAML to write there."""

from collections.abc import Iterable, Sequence

from emulator.analysis import reasons_peering, reasons_transit
from emulator.analysis.answer import Explanation
from emulator.analysis.filters import Group, Piece, ask_groups
from emulator.analysis.packets import ICMP, TCP, Packet, address, span, traffic
from emulator.analysis.routing import Choice
from emulator.analysis.world import Eni, Land, known_as
from emulator.errors import Where
from emulator.topology.associations import owner_and_group
from emulator.topology.flows import Component
from emulator.topology.model import GroupReference, NetworkAclEntry, PrefixListReference, Route
from emulator.topology.place import NOWHERE
from emulator.topology.words import entry_text, route_text, target_text
from emulator.topology.zones import dark_text

_WIDE = "1024-65535"  # ACL-13: fits every kind of client


def place(*candidates: Where) -> Where:
    """The first that the file says: what AWS implies has no line."""
    return next((where for where in candidates if where.line), NOWHERE)


def _some(pieces: Sequence[Piece], packet: Packet) -> str:
    """Only some of the ports pass: which."""
    passing = sorted(piece.ports for piece in pieces if piece.passes)
    if not passing:
        return ""
    return f"; of {span(packet.ports)} only {', '.join(map(span, passing))} pass, so some connections fail"


# --- security groups and ACLs ---------------------------------------------------------------------------------------


def groups(
    component: Component, eni: Eni, packet: Packet, pieces: Sequence[Piece], other: Eni | None, meant: Eni | None,
    *, back: bool = False,
) -> Explanation:  # fmt: skip
    """RA-50. meant: the ENI that a rule with a group may have meant, if the packet does not come straight from it.

    back: it is an answer, to a question that this ENI has not seen.
    """
    direction = component.direction
    held = [eni.vpc.groups[name] for name in eni.groups]
    where = place(*(group.group.where for group in held), eni.where)
    peer = packet.source if direction == "ingress" else packet.destination
    key = "from" if direction == "ingress" else "to"
    whose = f"security group{'s' if len(held) > 1 else ''} {', '.join(eni.groups)}"
    if other is None and meant is not None:
        found = _reference_meant(held, direction, packet, meant)
        if found is not None:
            rule, name = found.rule, found.group
            assert rule is not None
            sentence = (
                f"{direction} rule {rule.number} of security group {name} names group {_member(rule)}, which means the "
                f"private addresses of its members, straight from their interfaces; here the packet is "
                f"{'from' if direction == 'ingress' else 'to'} {address(peer)}, by way of something in between"
            )
            return Explanation(
                "SG_REFERENCES_NOT_PRESERVED",
                component,
                sentence,
                place(rule.where, where),
                f"name the address instead: {_rule(packet, key, f'{address(peer)}/32')}",
                packet=packet,
                rule=rule,
            )
    named = next(iter(known_as(eni.vpc, other)), f"{address(peer)}/32")
    group = next((name for name in eni.groups if "/" not in name), eni.groups[0])
    owner, group = owner_and_group(eni.vpc.name, group)
    wanted = _rule(packet, key, named if owner == eni.vpc.name else f"{address(peer)}/32")
    hint = f"security_groups: {{{group}: {{{direction}: [{wanted}]}}}}"
    if owner != eni.vpc.name:  # SG-12: its rules are written there
        hint = f"vpcs: {{{owner}: {{{hint}}}}}"
    if not any(group.rules(direction) for group in held):
        sentence = f"{whose} of {eni.name} {'have' if len(held) > 1 else 'has'} no {direction} rules at all"
        return Explanation("SG_HAS_NO_RULES", component, sentence, where, hint, packet=packet)
    sentence = f"no {direction} rule of {whose} allows {traffic(packet)} {key} {address(peer)}{_some(pieces, packet)}"
    if back:
        hint = f"the question did not pass {eni.name}, so it does not know the answer: compare the routes of both ways"
    return Explanation("ENI_SG_RULES_MISMATCH", component, sentence, where, hint, packet=packet)


def _reference_meant(held: Iterable[Group], direction: str, packet: Packet, meant: Eni) -> Piece | None:
    """The rule that would let the packet through if it came straight from the ENI that is meant."""
    pieces = ask_groups(held, direction, packet, meant.groups)
    if not all(piece.passes for piece in pieces):
        return None
    return next((piece for piece in pieces if _member(piece.rule)), None)


def _member(rule: object) -> str:
    peer = getattr(rule, "peer", None)
    return str(peer) if isinstance(peer, GroupReference) else ""


def _rule(packet: Packet, key: str, peer: str) -> str:
    """The YAML of a group's rule that lets the packet through."""
    return f"{{{_what(packet)}, {key}: {peer}}}"


def _what(packet: Packet) -> str:
    if packet.protocol == ICMP:
        return f"protocol: icmp, icmp_type: {packet.icmp[0]}"
    ports = _WIDE if packet.ports[0] != packet.ports[1] else span(packet.ports)
    return f"protocol: {'tcp' if packet.protocol == TCP else 'udp'}, port: {ports}"


def acl(component: Component, land: Land, packet: Packet, pieces: Sequence[Piece]) -> Explanation:
    """RA-50."""
    direction, name = component.direction, component.name
    held = land.acl.acl
    assert held is not None
    key, peer = ("from", packet.source) if direction == "ingress" else ("to", packet.destination)
    stopping = next(piece for piece in pieces if not piece.passes)
    entry = stopping.rule if isinstance(stopping.rule, NetworkAclEntry) else None
    entries = held.ingress if direction == "ingress" else held.egress
    if entry is None:
        asked = f"{traffic(packet._replace(ports=stopping.ports))} {key} {address(peer)}"
        sentence = f"no {direction} rule of network ACL {name} matches {asked}: rule * denies it"
    else:
        sentence = f"{direction} rule {entry.number} of network ACL {name} denies it: {entry_text(entry, direction)}"
    sentence += _some(pieces, packet)
    number = _free_number(entries, entry)
    wanted = f"{{rule_number: {number}, action: allow, {_what(packet)}, {key}: {address(peer)}/32}}"
    hint = (
        f"network_acls: {{{name}: {{{direction}: [{wanted}]}}}}" if number else f"remove rule {entry and entry.number}"
    )
    where = place(entry.where if entry else NOWHERE, held.where, land.subnet.where)
    return Explanation("SUBNET_ACL_RESTRICTION", component, sentence, where, hint, packet=packet, rule=entry)


def _free_number(entries: Sequence[NetworkAclEntry], before: NetworkAclEntry | None) -> int:
    """A rule number that decides earlier than the one that denies; 0 if there is none."""
    taken = {entry.number for entry in entries}
    if before is None:
        return next(number for number in range(100, 32767, 10) if number not in taken)
    below = sorted(range(1, before.number), key=lambda number: (number % 10 != 0, -number))
    return next((number for number in below if number not in taken), 0)


# --- interfaces and instances ---------------------------------------------------------------------------------------


def source_check(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """SDC-01."""
    sentence = f"{address(packet.source)} is not an address of {eni.name}, and its source/destination check is on"
    hint = f"instances: {{{eni.node}: {{source_dest_check: false}}}}"
    return Explanation("ENI_SOURCE_DEST_CHECK_RESTRICTION", component, sentence, eni.where, hint, packet=packet)


def destination_check(component: Component, eni: Eni, packet: Packet, *, idle: bool = False) -> Explanation:
    """SDC-01, NATI-03. idle: an instance that would forward nothing, were the check off."""
    sentence = f"{address(packet.destination)} is not an address of {eni.name}, and its source/destination check is on"
    hint = f"instances: {{{eni.node}: {{source_dest_check: false}}}}"
    if idle:
        hint = f"{eni.node} forwards nothing: lead the route elsewhere, or make it forward, with the check off"
    return Explanation("ENI_SOURCE_DEST_CHECK_RESTRICTION", component, sentence, eni.where, hint, packet=packet)


def does_not_forward(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """RA-51: the packet is not for this instance, and it is no router."""
    sentence = f"{address(packet.destination)} is not an address of {eni.node}, which forwards nothing"
    hint = f"instances: {{{eni.node}: {{services: [router]}}}}, or nat, or {{firewall: []}}"
    return Explanation("ENI_ADDRESS_RESTRICTION", component, sentence, eni.where, hint, packet=packet)


def own_packet(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """No guest takes a packet from outside that carries one of its own addresses as the source."""
    sentence = f"what {eni.node} has sent itself comes back to it: it takes nobody else for {address(packet.source)}"
    where = place(eni.subnet.table.table.where, eni.subnet.subnet.where)
    hint = f"a route of subnet {eni.subnet.name} must not lead back to {eni.node}"
    return Explanation("ENI_ADDRESS_RESTRICTION", component, sentence, where, hint, packet=packet)


def stopped(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """RA-53, RT-42."""
    sentence = f"{eni.node} is stopped: it receives nothing"
    hint = f"instances: {{{eni.node}: {{state: running}}}}"
    return Explanation("BAD_STATE", component, sentence, eni.where, hint, packet=packet)


def dark(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """AZ-01: addresses are not moved to another zone, and routes do not change by themselves."""
    sentence = dark_text(eni.node, eni.dark_zone)
    hint = f"`vpcemu az up {eni.dark_zone}` ends it; what must survive stands in another zone, with routes of its own"
    return Explanation("BAD_STATE", component, sentence, eni.where, hint, packet=packet)


def firewall(component: Component, eni: Eni, packet: Packet, ports: Sequence[int]) -> Explanation:
    """RA-59."""
    sentence = f"the firewall of {eni.node} drops port {', '.join(map(str, ports))}"
    hint = f"take {', '.join(map(str, ports))} out of the firewall service of {eni.node}"
    return Explanation("FIREWALL_RULES_RESTRICTION", component, sentence, eni.where, hint, packet=packet)


def wrong_answer(component: Component, source: str, packet: Packet, expected: int) -> Explanation:
    """The answer comes from another address than the one that was asked, or to another one than who asked."""
    sentence = f"the answer comes from {address(packet.source)}, but {component.name} asked {address(expected)}"
    if component.name != source:
        sentence = f"the answer goes to {component.name}, which has the address of {source} and has asked nothing"
    hint = "the answer has to take the way of the question: compare the route tables of both subnets"
    return Explanation("TARGET_ADDRESS_RESTRICTION", component, sentence, NOWHERE, hint, packet=packet)


# --- routes ---------------------------------------------------------------------------------------------------------


def route(component: Component, eni: Eni, choices: Sequence[Choice], kind: str, packet: Packet) -> Explanation:
    """RA-52: no route, or one that leads nowhere."""
    land, table = eni.subnet, eni.subnet.table
    there = address(packet.destination)
    if kind == "blackhole":
        held = choices[0].route
        assert held is not None
        if held.target.kind == "transit_gateway":
            return reasons_transit.no_zone(component, eni, held, packet)
        if held.target.kind == "nat_gateway":
            return unregistered(component, eni, held, packet)
        state = eni.vpc.topology.is_blackhole(held.target) if held.target.kind == "vpc_peering_connection" else ""
        why = f": {state}" if state else ""
        sentence = f"route {route_text(held)} of route table {component.name} is a blackhole{why}"
        block = held.destination
        key = block.prefix_list if isinstance(block, PrefixListReference) else block
        hint = f"route_tables: {{{component.name}: {{routes: {{{key}: {_way_out(eni, packet)}}}}}}}"
        if state:
            hint = reasons_peering.remedy(held.target.name, state)
        return Explanation("BAD_STATE_ROUTE", component, sentence, held.where, hint, packet=packet, rule=held)
    if choices:
        sentence = f"AWS keeps 169.254.168.0/22 to itself: no route forwards {there}"  # RT-11
        return Explanation("CANNOT_ROUTE", component, sentence, land.subnet.where, "", packet=packet)
    sentence = f"route table {component.name} of subnet {land.name} has no route to {there}"
    hint = f"route_tables: {{{component.name}: {{routes: {{0.0.0.0/0: {_way_out(eni, packet)}}}}}}}"
    for connection, block in eni.vpc.peers:
        if packet.destination_ip in block:
            hint = f"route_tables: {{{component.name}: {{routes: {{{block}: {connection}}}}}}}"
    where = place(table.table.where, land.subnet.where)
    return Explanation("NO_ROUTE_TO_DESTINATION", component, sentence, where, hint, packet=packet)


def unregistered(component: Component, eni: Eni, route: Route, packet: Packet) -> Explanation:
    """RNAT-07."""
    zone, name = eni.subnet.subnet.availability_zone, route.target.name
    sentence = (
        f"route {route_text(route)} of route table {component.name}: regional NAT gateway {name} is not registered "
        f"in availability zone {zone}, where {eni.name} is"
    )
    own = f"{{availability_zone: {zone[-1]}, elastic_ips: [...]}}"
    hint = f"nat_gateways: {{{name}: {{availability_zone_address: [..., {own}]}}}}"
    code = "REGIONAL_NGW_ROUTE_AZ_RESTRICTION"
    return Explanation(code, component, sentence, route.where, hint, packet=packet, rule=route)


def _way_out(eni: Eni, packet: Packet) -> str:
    """What a route that leads on could point at."""
    from emulator.analysis.world import unroutable

    ground = eni.vpc
    if ground.holds(packet.destination):
        return "local"
    gateway = next((one.name for one in ground.enis.values() if one.gateway and any(one.public)), "")
    if unroutable(packet.destination):
        return "a transit gateway, or a VPC peering connection"
    if packet.source in ground.public_of:
        return ground.vpc.internet_gateway or "an internet gateway (internet_gateway: igw)"
    return gateway or "a NAT gateway (nat_gateways: {nat: {subnet: a public one}})"


def more_specific(
    component: Component, choices: Sequence[Choice], packet: Packet, *, back: bool
) -> Iterable[Explanation]:
    """RT-41: a blackhole wins by its prefix, though a less specific route would lead on."""
    if not choices or choices[0].route is None:
        return
    for choice in choices[1:]:
        better = choice.route
        if better is None or better.target.kind != "blackhole":
            target = target_text(better.target) if better else "local"
            sentence = (
                f"route {choice.block} to {target} would lead on, but {choices[0].block} is more specific and is taken"
            )
            where = choices[0].route.where
            hint = f"remove the route {choices[0].block}"
            yield Explanation("MORE_SPECIFIC_ROUTE", component, sentence, where, hint, back, packet, choices[0].route)
            return


def nobody(component: Component, land: Land, packet: Packet) -> Explanation:
    sentence = f"nobody in VPC {component.name} has the address {address(packet.destination)}"
    hint = "`vpcemu status` lists the addresses"
    return Explanation("UNKNOWN_DESTINATION", component, sentence, land.subnet.where, hint, packet=packet)


def service_is_silent(component: Component, packet: Packet) -> Explanation:
    sentence = f"{address(packet.destination)} is an address of AWS's own, which does not answer ping"
    return Explanation("PROTOCOL_RESTRICTION", component, sentence, NOWHERE, "try tcp or udp", packet=packet)


def loop(component: Component, eni: Eni, packet: Packet) -> Explanation:
    sentence = f"the packet comes back to {eni.name} for ever: the routes lead in a circle"
    where = place(eni.subnet.table.table.where, eni.subnet.subnet.where)
    hint = f"the subnet of {eni.node} needs a route table that leads on, not back to it"
    return Explanation("NO_PATH", component, sentence, where, hint, packet=packet)
