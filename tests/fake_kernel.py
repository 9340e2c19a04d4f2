"""The kernel in memory: the same observe, execute, destroy and labs as `emulator.kernel.host.Host`.

Atomic, unlike the real one: a list of steps is carried out on a copy, which takes the old one's place if every step
was accepted. Picky like the real one: it refuses a route over a link that is missing or down, a next hop that no
address reaches, a second link of one name, a name over 15 characters. `dump()` is sorted text, for goldens.
`tests/kernel/test_kernel_behaviour.py` runs the same tests on both.
"""

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from emulator import names
from emulator.compile.state import (
    Address,
    FlushConntrack,
    LinkUp,
    Namespace,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    State,
    Step,
    Sysctl,
    Uplink,
    Veth,
)
from emulator.errors import KernelError
from emulator.topology.model import INTERNET


@dataclass
class Inside:
    """What one namespace holds."""

    links: dict[str, bool] = field(default_factory=lambda: {"lo": False})  # name: is it up?
    sysctls: dict[str, str] = field(default_factory=dict)
    addresses: set[Address] = field(default_factory=set)
    neighbours: dict[tuple[str, str], Neighbour] = field(default_factory=dict)
    routes: dict[tuple[int, str], Route] = field(default_factory=dict)
    rules: set[PolicyRule] = field(default_factory=set)
    ruleset: Ruleset | None = None

    def drop_link(self, link: str) -> None:
        """A link takes along whatever hangs on it."""
        self.links.pop(link, None)
        self.addresses = {item for item in self.addresses if item.link != link}
        self.neighbours = {key: item for key, item in self.neighbours.items() if item.link != link}
        self.drop_routes(link)
        self.sysctls = {key: value for key, value in self.sysctls.items() if link not in key.split("/")}

    def drop_routes(self, link: str) -> None:
        self.routes = {key: item for key, item in self.routes.items() if item.link != link}


@dataclass
class FakeLab:
    """What one lab has made."""

    nodes: dict[str, Inside] = field(default_factory=dict)
    veths: set[Veth] = field(default_factory=set)
    uplink: Uplink | None = None


class FakeKernel:
    """A machine in memory. `taken`: namespaces of strangers, whose names cannot be had."""

    def __init__(self, checkpoint: Callable[[str], None] = lambda what: None, taken: Collection[str] = ()) -> None:
        self._labs: dict[str, FakeLab] = {}
        self._checkpoint = checkpoint
        self._taken = frozenset(taken)
        self.executed: list[Step] = []  # what was asked for and accepted, for tests of order
        self.flushed: list[str] = []  # nodes whose tracked connections were forgotten

    # --- the door ------------------------------------------------------------------------------------------

    def observe(self, lab: str, wanted: State | None = None) -> State:
        held = self._labs.get(lab, FakeLab())
        wants = wanted.namespaces if wanted else {}
        namespaces = {node: _seen(inside, wants.get(node)) for node, inside in held.nodes.items()}
        return State(lab, namespaces, frozenset(held.veths), held.uplink)

    def observe_again(self, lab: str, wanted: State, nodes: Collection[str]) -> State:
        return self.observe(lab, wanted)

    def execute(
        self, steps: Sequence[Step], lab: str, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> None:
        held = deepcopy(self._labs.get(lab, FakeLab()))
        flushed: list[str] = []
        for done, step in enumerate(steps, 1):
            self._checkpoint(f"{step.verb} {step.item}")
            try:
                self._step(lab, held, step, flushed)
            except _Refused as reason:
                raise KernelError(f"{step.verb} {step.item} in {step.node} ({step.reason}): {reason}") from reason
            progress(done, len(steps))
        self._labs[lab] = held
        self.executed += steps
        self.flushed += flushed

    def destroy(self, lab: str, names: Collection[str] = ()) -> list[str]:
        held = self._labs.pop(lab, FakeLab())
        return [f"the namespace {lab}.{node}" for node in held.nodes]

    def labs(self) -> dict[str, list[str]]:
        return {lab: sorted(held.nodes) for lab, held in sorted(self._labs.items()) if held.nodes}

    def dump(self, lab: str) -> str:
        """Everything, sorted, one item per line."""
        held = self._labs.get(lab, FakeLab())
        lines = [f"- {veth}" for veth in sorted(held.veths)]
        for node, inside in sorted(held.nodes.items()):
            lines.append(f"{node}:")
            lines += [f"  link {name} {'up' if up else 'down'}" for name, up in sorted(inside.links.items())]
            lines += [f"  {key} = {value}" for key, value in sorted(inside.sysctls.items())]
            for group in (inside.addresses, inside.neighbours.values(), inside.routes.values(), inside.rules):
                lines += [f"  {item}" for item in sorted(group)]
            if inside.ruleset:
                lines.append(f"  ruleset {inside.ruleset.digest}")
        return "\n".join(lines)

    # --- one step ------------------------------------------------------------------------------------------

    def _step(self, lab: str, held: FakeLab, step: Step, flushed: list[str]) -> None:
        verb, node, item, _ = step
        if isinstance(item, Service):
            return  # the agent's affair
        if isinstance(item, Netns):
            self._netns(lab, held, verb, node)
            return
        if isinstance(item, Veth):
            _veth(held, verb, item)
            return
        inside = held.nodes.get(node)
        if inside is None:
            if verb == "remove":
                return
            raise _Refused("there is no such namespace")
        match item:
            case Uplink():
                _require(node == INTERNET, "the uplink is the internet's")
                held.uplink = None if verb == "remove" else item
                if verb != "remove":
                    inside.links[item.peer_link] = False
                else:
                    inside.drop_link(names.UPLINK_LINK)
            case FlushConntrack():
                flushed.append(node)
            case Ruleset(digest, text):
                _require(verb == "remove" or "@COMMENT@" in text, "a ruleset without a place for its comment")
                inside.ruleset = None if verb == "remove" else Ruleset(digest)
            case _:
                _inside(inside, verb, item)

    def _netns(self, lab: str, held: FakeLab, verb: str, node: str) -> None:
        if verb != "add":
            for veth in [veth for veth in held.veths if node in (veth.node, veth.peer_node)]:
                _veth(held, "remove", veth)
            held.nodes.pop(node, None)
        if verb != "remove":
            _require(node not in held.nodes, "the namespace exists")
            _require(names.netns(lab, node) not in self._taken, "a namespace of that name exists already")
            held.nodes[node] = Inside()


class _Refused(Exception):
    """What the kernel would say."""


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _Refused(otherwise)


def _veth(held: FakeLab, verb: str, item: Veth) -> None:
    ends = [(item.node, item.link), (item.peer_node, item.peer_link)]
    if verb != "add":
        gone = [veth for veth in held.veths if (veth.node, veth.link) == ends[0]]
        held.veths -= set(gone)
        for veth in gone:
            for node, link in ((veth.node, veth.link), (veth.peer_node, veth.peer_link)):
                if node in held.nodes:
                    held.nodes[node].drop_link(link)
    if verb == "remove":
        return
    for node, link in ends:
        _require(node in held.nodes, f"there is no namespace of {node}")
        _require(0 < len(link) <= names.LINK_LIMIT, f"the name {link} is too long")
        _require(link not in held.nodes[node].links, f"{link} exists in {node}")
    for node, link in ends:
        held.nodes[node].links[link] = False
    held.veths.add(item)


def _inside(inside: Inside, verb: str, item: object) -> None:
    match item:
        case Sysctl(key, value):
            parts = key.split("/")
            own = len(parts) == 5 and parts[2] in ("conf", "neigh") and parts[3] not in ("all", "default")
            _require(not own or parts[3] in inside.links or verb == "remove", f"there is no link {parts[-2]}")
            if verb != "remove":
                inside.sysctls[key] = value
        case LinkUp(link):
            if verb == "remove" and link not in inside.links:
                return
            _require(link in inside.links, f"there is no link {link}")
            inside.links[link] = verb != "remove"
            if verb == "remove":
                inside.drop_routes(link)
        case Address():
            if verb == "remove":
                inside.addresses.discard(item)
                return
            _require(item.link in inside.links, f"there is no link {item.link}")
            _require(verb == "replace" or item not in inside.addresses, "the address exists")
            inside.addresses.add(item)
        case Neighbour():
            if verb == "remove":
                inside.neighbours.pop((item.link, item.ip), None)
                return
            _require(item.link in inside.links, f"there is no link {item.link}")
            inside.neighbours[item.link, item.ip] = item
        case Route():
            _route(inside, verb, item)
        case PolicyRule():
            if verb == "remove":
                inside.rules.discard(item)
                return
            _require(verb == "replace" or item not in inside.rules, "the rule exists")
            inside.rules.add(item)
        case _:
            raise AssertionError(f"what is {item}?")


def _route(inside: Inside, verb: str, item: Route) -> None:
    key = (item.table, item.destination)
    if verb == "remove":
        inside.routes.pop(key, None)
        return
    IPv4Network(item.destination)  # host bits set: the kernel refuses it, too
    _require(verb == "replace" or key not in inside.routes, "the route exists")
    if item.kind == "unicast":
        _require(item.link in inside.links, f"there is no link {item.link}")
        _require(inside.links[item.link], "the link is down")
        _require(not item.via or item.onlink or _reaches(inside, item), "nothing reaches the next hop")
    else:
        _require(not item.link and not item.via, "only a unicast route has a link or a next hop")
    inside.routes[key] = item


def _reaches(inside: Inside, item: Route) -> bool:
    """Through an address on the link, or a route over it that needs no next hop itself."""
    direct = [f"{held.ip}/{held.prefixlen}" for held in inside.addresses if held.link == item.link]
    direct += [held.destination for held in inside.routes.values() if held.link == item.link and not held.via]
    return any(IPv4Address(item.via) in IPv4Network(prefix, strict=False) for prefix in direct)


def _seen(inside: Inside, wanted: Namespace | None) -> Namespace:
    """With the kind of the wanted one, and of the settings those that it names."""
    keys = {item.key for item in wanted.sysctls} if wanted else set()
    return Namespace(
        kind=wanted.kind if wanted else "instance",
        guest=wanted.guest if wanted else False,
        up=frozenset(link for link, up in inside.links.items() if up),
        sysctls=frozenset(Sysctl(key, value) for key, value in inside.sysctls.items() if key in keys),
        addresses=frozenset(inside.addresses),
        neighbours=frozenset(inside.neighbours.values()),
        routes=frozenset(inside.routes.values()),
        rules=frozenset(inside.rules),
        ruleset=inside.ruleset,
    )
