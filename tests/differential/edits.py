"""Edits of a document, one after the other, while connections run: the model and the wire must agree on who is cut."""

import copy
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emulator.analysis import Analyzer
from emulator.topology.flows import ECHO_REQUEST, Flow
from emulator.topology.load import load
from tests.differential import filters, neighbours
from tests.differential.compare import flows_of
from tests.differential.conversations import PATIENT, QUIET, Conversations
from tests.differential.dice import Dice
from tests.differential.documents import Document, document, text
from tests.differential.questions import BITS
from tests.differential.running import Fate, Tracked, begin, fate
from tests.support import lab as labs
from tests.support.lab import Lab

EDITS = 6  # of one topology, one after the other
_FLOWS = 150  # of one topology; a fifth of them pass, and run
_TRIES = 20
_DIRECTIONS = ("ingress", "egress")


class Difference(NamedTuple):
    """A running connection about which the model and the wire do not agree, after the last of these documents."""

    flow: Flow
    model: Fate
    arrived: bool
    answered: bool
    documents: tuple[Document, ...]

    def __str__(self) -> str:
        at = f" at {' '.join(filter(None, self.model.at))}" if self.model.at else ""
        words = {True: "yes", False: "no"}
        return (
            f"{self.flow}, after edit {len(self.documents) - 1}:\n"
            f"  model    arrives: {words[self.model.arrives]}, answered: {words[self.model.answered]}{at}\n"
            f"  wire     arrives: {words[self.arrived]}, answered: {words[self.answered]}"
        )

    @property
    def kind(self) -> tuple[str, ...]:
        """Differences that probably have one cause."""
        at = self.model.at
        wire = "answered" if self.answered else "arrived" if self.arrived else "silent"
        model = "answered" if self.model.answered else f"drop {at.kind} {at.direction}".strip() if at else ""
        return self.flow.protocol, f"model {model}", f"wire {wire}"


class Tally:
    """What was tried."""

    def __init__(self) -> None:
        self.topologies = self.edits = self.connections = self.asked = self.cut = 0

    def __str__(self) -> str:
        return (
            f"{self.topologies:,} topologies, {self.edits:,} edits, {self.connections:,} connections, "
            f"asked {self.asked:,} times after an edit, {self.cut:,} cut"
        )


def examine(chances: random.Random, tally: Tally, within: bool = False) -> list[Difference]:
    """One random topology and its edits. What seems to differ is looked at again, with patience and in a new lab."""
    documents = story(document(chances, within), Dice(chances))
    numbers = [chances.getrandbits(BITS) for _ in range(_FLOWS)]
    if not live(documents, numbers, tally):
        return []
    return neighbours.with_room(lambda: live(documents, numbers, Tally(), patient=True))


def keep(found: Difference, directory: Path) -> Path:
    """Write down the flow, and the file after each edit: `up` one after the other shows it again."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{sum(1 for _ in directory.glob('*.yaml')):02}-edit.yaml"
    story_of_it = "".join(f"# {line}\n" for line in str(found).splitlines())
    path.write_text(story_of_it + "---\n".join(map(text, found.documents)), encoding="utf-8")
    return path


def story(held: Document, dice: Dice) -> tuple[Document, ...]:
    """The document, and what becomes of it edit by edit."""
    documents = [held]
    for _ in range(EDITS):
        edited = _edit(documents[-1], dice)
        if edited is not None:
            documents.append(edited)
    return tuple(documents)


def live(
    documents: Sequence[Document], numbers: Sequence[int], tally: Tally, patient: bool = False
) -> list[Difference]:
    """Bring the first one up, begin the connections that pass, and let them live through the others."""
    with labs.up(text(documents[0])) as lab:
        talks = Conversations(lab)
        try:
            return _live(lab, talks, documents, flows_of(lab, numbers), tally, PATIENT if patient else QUIET)
        finally:
            talks.close()


def _live(
    lab: Lab, talks: Conversations, documents: Sequence[Document], flows: Sequence[Flow], tally: Tally, quiet: float
) -> list[Difference]:
    running: dict[int, tuple[Flow, Tracked]] = {}
    analyzer = Analyzer(lab.topology, lab.addresses)
    for number, flow in enumerate(flows):
        receiver = _certain(analyzer, flow)
        if receiver and talks.begin(number, flow, receiver):
            running[number] = flow, begin(analyzer, flow)
    heard = talks.ask(running, quiet)
    found = [
        Difference(flow, Fate(True, True), number in heard.arrived, False, tuple(documents[:1]))
        for number, (flow, _) in running.items()
        if number not in heard.answered
    ]
    tally.topologies += 1
    tally.connections += len(running)
    for count, edited in enumerate(documents[1:], 2):
        if found or not running:
            break
        lab.up(text(edited))
        tally.edits += 1
        analyzer = Analyzer(lab.topology, lab.addresses)
        fates = {number: fate(analyzer, flow, tracked) for number, (flow, tracked) in running.items()}
        heard = talks.ask([number for number, held in fates.items() if held and held.answered], quiet)
        for number, held in fates.items():
            flow, _ = running[number]
            arrived, answered = number in heard.arrived, number in heard.answered
            if held is not None:
                tally.asked += 1
                tally.cut += not held.answered
                same = held.answered == answered and (flow.protocol == "icmp" or held.arrives == arrived)
                if not same:
                    found.append(Difference(flow, held, arrived, answered, tuple(documents[:count])))
            if held is None or not held.answered:
                talks.forget(number)
                del running[number]
    return found


def _certain(analyzer: Analyzer, flow: Flow) -> str:
    """Who receives it, if it passes by whatever is chosen on the way and stays no node's own; "" if not."""
    analysis = analyzer.analyze(flow)
    verdict = analysis.verdict
    if verdict.result != "pass" or len(analysis.alternatives) > 1 or analysis.partial or analysis.by_port:
        return ""
    if flow.protocol == "icmp" and flow.icmp_type != ECHO_REQUEST:
        return ""
    if any("carries no data" in note for note in analysis.notes):
        return ""
    guests = {**analyzer.world.instances, **analyzer.world.hosts}
    return verdict.receiver if verdict.receiver in guests and verdict.receiver != flow.source else ""


# --- an edit -----------------------------------------------------------------------------------------------------


def _edit(held: Document, dice: Dice) -> Document | None:
    """A valid document that differs in one to three places; None if no such was found."""
    for _ in range(_TRIES):
        made = copy.deepcopy(held)
        for _ in range(dice.pick((1, 1, 2, 3))):
            _change(made, dice)
        if made != held and load(text(made))[0] is not None:
            return made
    return None


def _change(held: Document, dice: Dice) -> None:
    if dice.chance(25):
        dice.pick((_newcomer, _stop, _public, _nat_gateway, _peering, _transit))(held, dice)
        return
    vpc = held["vpcs"][dice.pick(tuple(held["vpcs"]))]
    dice.pick((_rules, _rules, _rule, _rule, _membership, _acl, _acl, _route))(vpc, dice)


def _rules(vpc: dict[str, Any], dice: Dice) -> None:
    """The rules of a group, all anew or none."""
    groups = vpc.get("security_groups") or {}
    if groups:
        name = dice.pick(tuple(groups))
        group = groups[name] = dict(groups[name] or {})
        direction = dice.pick(_DIRECTIONS)
        drawn = filters.security_groups(dice, (name,), filters.Peers(_blocks(vpc), tuple(groups), ()))
        group[direction] = drawn.get(name, {}).get(direction, []) if dice.chance(70) else []


def _rule(vpc: dict[str, Any], dice: Dice) -> None:
    """One rule goes."""
    places = [
        group[direction]
        for group in (vpc.get("security_groups") or {}).values()
        for direction in _DIRECTIONS
        if group and group.get(direction)
    ]
    if places:
        rules = dice.pick(places)
        rules.pop(dice.number(0, len(rules) - 1))


def _membership(vpc: dict[str, Any], dice: Dice) -> None:
    instance = vpc["instances"][dice.pick(tuple(vpc["instances"]))] if vpc.get("instances") else {}
    if "security_groups" in instance:
        instance["security_groups"] = dice.some(tuple(vpc["security_groups"]), 1, 2)


def _acl(vpc: dict[str, Any], dice: Dice) -> None:
    """Another ACL for a subnet, or other entries."""
    subnets, acls = vpc["subnets"], vpc.setdefault("network_acls", {})
    name = dice.pick((*acls, "late"))
    if name not in acls or dice.chance(50):
        acls |= filters.network_acls(dice, (name,), _blocks(vpc))
    if not subnets:
        return
    subnet = subnets[dice.pick(tuple(subnets))]
    if dice.chance(30):
        subnet.pop("network_acl", None)
    else:
        subnet["network_acl"] = name


def _route(vpc: dict[str, Any], dice: Dice) -> None:
    """Its target is gone."""
    places = [
        (table["routes"], destination)
        for table in vpc["route_tables"].values()
        for destination, target in (table.get("routes") or {}).items()
        if target != "blackhole"
    ]
    if places:
        routes, destination = dice.pick(places)
        routes[destination] = "blackhole"


def _newcomer(held: Document, dice: Dice) -> None:
    """Somebody whom no connection concerns."""
    vpc = held["vpcs"][dice.pick(tuple(held["vpcs"]))]
    name = f"late{sum(name.startswith('late') for each in held['vpcs'].values() for name in each['instances'])}"
    if vpc["subnets"]:
        groups = dice.some(tuple(vpc["security_groups"]), 1, 2)
        vpc["instances"][name] = {"subnet": dice.pick(tuple(vpc["subnets"])), "security_groups": groups}


def _stop(held: Document, dice: Dice) -> None:
    running = [one for vpc in held["vpcs"].values() for one in vpc["instances"].values() if "state" not in one]
    if running:
        dice.pick(running)["state"] = "stopped"


def _public(held: Document, dice: Dice) -> None:
    """A public address for somebody who had none."""
    given = ("elastic_ip", "associate_public_ip_address", "network_interfaces", "secondary_private_ips")
    private = [
        one
        for vpc in held["vpcs"].values()
        for one in vpc["instances"].values()
        if not any(key in one for key in given)
        and not vpc["subnets"][one["subnet"]].get("map_public_ip_on_launch")
        and isinstance(vpc.get("internet_gateway"), str)
    ]
    if private:
        dice.pick(private)["elastic_ip"] = f"52.9.9.{dice.number(1, 254)}"


def _nat_gateway(held: Document, dice: Dice) -> None:
    there = [one for vpc in held["vpcs"].values() for one in vpc.get("nat_gateways", {}).values() if "state" not in one]
    if there:
        dice.pick(there)["state"] = "deleted"


def _peering(held: Document, dice: Dice) -> None:
    connections = held.get("vpc_peering_connections", {})
    if connections:
        name = dice.pick(tuple(connections))
        connections[name] = {key: connections[name][key] for key in ("vpc", "peer_vpc")} | {"state": "deleted"}


def _transit(held: Document, dice: Dice) -> None:
    """A route of a transit gateway leads nowhere."""
    tables = [
        table["routes"]
        for gateway in held.get("transit_gateways", {}).values()
        for table in gateway.get("route_tables", {}).values()
        if table.get("routes")
    ]
    if tables:
        routes = dice.pick(tables)
        routes[dice.pick(tuple(routes))] = "blackhole"


def _blocks(vpc: dict[str, Any]) -> tuple[str, ...]:
    found = [vpc["cidr_block"], "0.0.0.0/0", "0.0.0.0/1"]
    return (*found, *(subnet["cidr_block"] for subnet in vpc["subnets"].values()))
