"""vpcemu's steps as the plain text plan that reference.c carries out. Pure."""

from collections import Counter
from collections.abc import Iterable

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
from emulator.kernel.sysctl import link_with_proxy_delay

FIRST_GENERATION = 2  # nftables' generation in a new namespace after the first commit, which the table's comment names


def kernel_steps(steps: Iterable[Step]) -> list[Step]:
    """The steps that are the kernel's business: services are the agent's."""
    return [step for step in steps if not isinstance(step.item, Service)]


def plan(steps: Iterable[Step], lab: str) -> bytes:
    """One operation a line, in the order of the steps (see the head of reference.c).

    The C program asks for interface numbers of its own choice, so it never has to ask the kernel for one.
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

    def index(self, node: str, link: str) -> int:
        return 1 if link == "lo" else self.links[node, link]

    def new_index(self, node: str, link: str) -> int:
        self.count[node] += 1
        self.links[node, link] = number = 1 + self.count[node]
        return number

    def add(self, step: Step) -> None:
        node, item = step.node, step.item
        if isinstance(item, Netns):
            self.numbers[node] = len(self.numbers)
            self.line("ns", self.numbers[node], names.netns(self.lab, node), names.mark(self.lab, node))
            return
        number = self.numbers[node]
        match item:
            case Sysctl(key, value) if link := link_with_proxy_delay(item):
                self.line("delay", number, self.index(node, link), 10 * int(value))  # the file counts in 1/100 s
            case Sysctl(key, value):
                self.line("sysctl", number, key, value.replace(" ", "\t"))
            case Veth():
                here = self.new_index(item.node, item.link)
                there = self.new_index(item.peer_node, item.peer_link)
                peer = self.numbers[item.peer_node], item.peer_link, there, item.peer_mac
                self.line("veth", number, item.link, here, item.mac, *peer, item.mtu)
            case LinkUp(link):
                self.line("up", number, self.index(node, link))
                self.raised.append((node, link))
            case Address(link, ip, length):
                self.line("addr", number, self.index(node, link), ip, length)
            case Neighbour(link, ip, mac):
                self.line("neigh", number, self.index(node, link), ip, mac)
            case Route():
                destination, _, bits = item.destination.partition("/")
                out = self.index(node, item.link) if item.link else 0
                via = item.via or "-"
                self.line("route", number, item.table, destination, bits, item.kind, out, via, int(item.onlink))
            case PolicyRule(priority, mark, table):
                self.line("rule", number, priority, mark, table)
            case Ruleset(digest, text):
                whole = text.replace("@COMMENT@", f"vpcemu {self.lab} {digest} gen {FIRST_GENERATION}").encode()
                self.line("nft", number, len(whole))
                self.lines.append(whole)
            case FlushConntrack() | Service() | Uplink() | Netns():
                raise ValueError(f"{type(item).__name__} has no place in a reference plan")

    def look(self) -> None:
        """One RTM_GETLINK per raised end, when both are up: the kernel otherwise delays the carrier of later ones."""
        for node, link in self.raised:
            if link != "lo":
                self.line("look", self.numbers[node], self.links[node, link])
