"""vpcemu's steps as the plan that reference.c carries out: vpcemu's own netlink messages, byte for byte. Pure."""

from collections import Counter
from collections.abc import Iterable
from struct import Struct

from emulator import names
from emulator.compile.state import (
    Address,
    FlushConntrack,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Step,
    Sysctl,
    Uplink,
    Veth,
)
from emulator.kernel import wire
from emulator.kernel.sysctl import link_with_proxy_delay
from emulator.kernel.wire import Request

FIRST_GENERATION = 2  # nftables' generation in a new namespace after the first commit, which the table's comment names

_INT = Struct("=i")
_INDEX_AT = 4  # of the interface number in an ifinfomsg


def kernel_steps(steps: Iterable[Step]) -> list[Step]:
    """The steps that are the kernel's business: services are the agent's."""
    return [step for step in steps if not isinstance(step.item, Service)]


def plan(steps: Iterable[Step], lab: str) -> bytes:
    """One operation a line, in the order of the steps (see the head of reference.c).

    A new link asks for an interface number of the plan's choice, so that every later message can be packed beforehand.
    """
    writer = _Writer(lab)
    for step in steps:
        writer.add(step)
    writer.look()
    return b"".join(writer.lines)


class _Writer:
    def __init__(self, lab: str) -> None:
        self.lab = lab
        self.lines: list[bytes] = []
        self.numbers: dict[str, int] = {}  # node -> its number in the plan
        self.links: dict[tuple[str, str], int] = {}  # (node, link) -> interface number
        self.count: Counter[str] = Counter()
        self.raised: list[tuple[str, str]] = []

    def line(self, *words: object) -> None:
        self.lines.append((" ".join(map(str, words)) + "\n").encode())

    def message(self, node: str, asked: Request) -> None:
        self.line("msg", self.numbers[node], asked.type, asked.flags, asked.body.hex())

    def index(self, node: str, link: str) -> int:
        return wire.LO if link == "lo" else self.links[node, link]

    def new_index(self, node: str, link: str) -> int:
        self.count[node] += 1
        self.links[node, link] = number = wire.LO + self.count[node]
        return number

    def add(self, step: Step) -> None:
        node, item = step.node, step.item
        match item:
            case Netns():
                self.numbers[node] = len(self.numbers)
                alias = wire.link_alias(wire.LO, names.mark(self.lab, node))
                name = names.netns(self.lab, node)
                self.line("ns", self.numbers[node], name, alias.type, alias.flags, alias.body.hex())
            case Veth():
                self.veth(item)
            case LinkUp(link):
                if link != "lo":
                    self.message(node, wire.no_ipv6_address(self.index(node, link)))
                self.message(node, wire.link_state(self.index(node, link), True))
                self.raised.append((node, link))
            case Address(link):
                self.message(node, wire.address(step.verb, item, self.index(node, link)))
            case Neighbour(link):
                self.message(node, wire.neighbour(step.verb, item, self.index(node, link)))
            case Route():
                self.message(node, wire.route(step.verb, item, self.index(node, item.link) if item.link else 0))
            case PolicyRule():
                self.message(node, wire.rule(step.verb, item))
            case Sysctl(_, value) if own := link_with_proxy_delay(item):
                self.message(node, wire.proxy_delay(self.index(node, own), int(value) * 10))
            case Sysctl(key, value):
                self.line("sysctl", self.numbers[node], key, value.replace(" ", "\t"))
            case Ruleset(digest, text):
                whole = text.replace("@COMMENT@", f"vpcemu {self.lab} {digest} gen {FIRST_GENERATION}").encode()
                self.line("nft", self.numbers[node], len(whole))
                self.lines.append(whole)
            case FlushConntrack() | Service() | Uplink():
                raise ValueError(f"{type(item).__name__} has no place in a reference plan")

    def veth(self, pair: Veth) -> None:
        asked = wire.veth(pair, 0)
        body = bytearray(asked.body)
        peer = _inside(asked.body, wire.LINK.size, wire.IFLA_LINKINFO, wire.IFLA_INFO_DATA, wire.VETH_INFO_PEER)
        _INT.pack_into(body, _INDEX_AT, self.new_index(pair.node, pair.link))
        _INT.pack_into(body, peer + _INDEX_AT, self.new_index(pair.peer_node, pair.peer_link))
        descriptor = _inside(asked.body, peer + wire.LINK.size, wire.IFLA_NET_NS_FD)
        here, there = self.numbers[pair.node], self.numbers[pair.peer_node]
        self.line("veth", here, asked.type, asked.flags, body.hex(), there, descriptor)

    def look(self) -> None:
        """One RTM_GETLINK per raised end, when both are up: the kernel otherwise delays the carrier of later ones."""
        for node, link in self.raised:
            if link != "lo":
                self.message(node, wire.get_link(self.links[node, link]))


def _inside(body: bytes, at: int, kind: int, *inner: int) -> int:
    """Where the payload of an attribute begins; with `inner`, that of one nested in it, and so on."""
    while at < len(body):
        length, found = wire.ATTRIBUTE.unpack_from(body, at)
        if found & 0x3FFF == kind:
            return _inside(body, at + wire.ATTRIBUTE.size, *inner) if inner else at + wire.ATTRIBUTE.size
        at += (length + 3) & ~3
    raise ValueError(f"no attribute {kind}")
