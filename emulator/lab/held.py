"""A lab that is up, as an object: what tests and scripts hold. `api.lab` makes one, and so does the pytest plugin."""

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from emulator import names
from emulator.analysis import Analysis, analyze
from emulator.compile.state import State
from emulator.errors import UnsupportedError, UsageError, VpcemuError
from emulator.kernel import netns, sockets
from emulator.lab import faults, places, serving, source, view, zones
from emulator.lab import status as status_of
from emulator.lab.down import Removed, down
from emulator.lab.node import Interface, Node
from emulator.lab.plan import Wanted, settle
from emulator.lab.reach import Inconclusive, Question, Reach, reaches
from emulator.lab.reach import Lab as Asked
from emulator.lab.running import recall
from emulator.lab.shown import ShownTrace
from emulator.lab.sniff import Sniff
from emulator.lab.tested import Answer, Tested
from emulator.lab.trace import trace
from emulator.lab.up import Outcome, up
from emulator.report.shapes import Status
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.rename import renamed
from emulator.topology.traces import Trace

Source = str | os.PathLike[str] | Mapping[str, Any]
_STEM: Final = 20  # characters of the file's name that a unique lab name begins with

_TELLING: Final = 3  # answers before a failure that may be what it is about
_Socket = TypeVar("_Socket", bound=socket.socket)


class Lab:
    """A lab that is up. `lab["dev"]` is a node of it; as a context manager it takes the lab down at the end.

    `Lab(name)` takes hold of one that is up already; `lab(...)` brings one up.
    """

    def __init__(self, name: str, folder: str = "") -> None:
        """folder: where text that is in no file is put; left out, a temporary one that goes with the lab."""
        self.name = name
        self.file = ""  # where problems are: the file as its author knows it
        self.answers: list[Answer] = []  # to `reaches` and `test`; whoever reports on them empties it
        self.kept: list[socket.socket] = []
        self._folder = folder
        self._temporary = not folder
        self._sniffs: list[Sniff] = []
        self._wires: dict[tuple[str, str], sockets.Held] = {}
        self._remembered: dict[str, tuple[Interface, ...]] = {}
        self._wanted: Wanted | None = None
        self._trust = False
        self._first: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<lab {self.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()

    # --- life --------------------------------------------------------------------------------------------------

    def up(self, topology: Source, *, trust: bool = False) -> Outcome:
        """Bring it up, or to what the topology says now: a path, YAML text, or a mapping. Its `name:` is replaced.

        trust: commands in the topology may run as a user of this machine's; once said, it holds for this object.
        Only what differs is changed, and flows that are still allowed go on.
        Raises as `api.up` does, and if a service of the lab's cannot be started.
        """
        file, content = self._read(topology)
        self._trust = trust or self._trust
        outcome = up(file, text=renamed(content, self.name), trust=self._trust)
        self.file = file
        self._first = self._first or (file, outcome.plan.wanted.text)
        self._use(outcome.plan.wanted)
        if outcome.complaints:
            raise VpcemuError("\n".join(outcome.complaints), f"lab {self.name} is up without what could not be started")
        return outcome

    def down(self) -> Removed:
        """Remove it, close the sockets and captures in it. May be called twice."""
        self.close()
        removed = down(self.name)
        if self._folder and self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
        self._wanted, self._first = None, None
        return removed

    def close(self) -> None:
        """Let go of it: sockets and captures are closed, the lab stays up."""
        ends = [held.close for held in (*self.kept, *self._wires.values())] + [sniff.stop for sniff in self._sniffs]
        # Closing a packet socket takes an RCU grace period, which several of them can share.
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda end: end(), ends))
        self.kept, self._wires, self._sniffs = [], {}, []

    @property
    def changed(self) -> bool:
        """Whether it is not what it was first brought up as."""
        if self._first is None:
            return False
        there = recall(self.name).record
        return there.text != self._first[1] or there.exercise is not None or bool(there.dark_zones)

    def restore(self) -> None:
        """Back to what it was first brought up as. Nothing happens if nothing was changed."""
        if self._first:
            self._back_to(*self._first)

    def _back_to(self, file: str, text: str) -> None:
        self.file = file
        self._use(up(file, text=text, trust=self._trust).plan.wanted)
        for zone in recall(self.name).record.dark_zones:
            self.az_up(zone)

    def status(self) -> Status:
        """What `vpcemu status --json` says."""
        return status_of.status(self.name)

    # --- questions ---------------------------------------------------------------------------------------------

    def reaches(
        self,
        source: str,
        target: str,
        *,
        tcp: int | None = None,
        udp: int | None = None,
        icmp: bool = False,
        seen_as: str | IPv4Address | None = None,
        within: float = 0.0,
    ) -> Reach:
        """Whether a flow and its answer get through, tried with real packets: `assert vpc.reaches(...)`.

        source: a node, one of its addresses, or `internet`. target: a node or any address. One of tcp, udp and icmp.
        seen_as: the address, or the node, that the receiver must see it come from.
        within: seconds for which to ask again until it does.
        False only for a drop that was seen in a trace; Inconclusive (see there) where that is not to be had.
        """
        __tracebackhide__ = True
        try:
            found = reaches(self._asked, Question(source, target, tcp, udp, icmp), seen_as, within)
        except Inconclusive as reason:
            self.answers.append(reason.reach)
            raise
        self.answers.append(found)
        return found

    def trace(
        self, source: str, target: str, *, tcp: int | None = None, udp: int | None = None, icmp: bool = False
    ) -> Trace:
        """The way of a real packet, and of its answer, with the rules that they met. It prints as text."""
        [found] = trace(self.name, [Question(source, target, tcp, udp, icmp).flow(self._asked)])
        return ShownTrace(*found)

    def analyze(
        self, source: str, target: str, *, tcp: int | None = None, udp: int | None = None, icmp: bool = False
    ) -> Analysis:
        """What the topology alone says about a flow, with every reason against it. No packet is sent."""
        flow = Question(source, target, tcp, udp, icmp).flow(self._asked)
        return analyze(self.topology, self.addresses, flow, serving.of(self.name, self.topology))

    def test(self) -> Tested:
        """Send every flow of the file's `expect:` list: `assert vpc.test()`. TopologyError if it has none."""
        __tracebackhide__ = True
        found = Tested(self.name)
        self.answers.append(found)
        return found

    @property
    def _asked(self) -> Asked:
        return Asked(self.name, self.file, self.topology, self.addresses)

    # --- another topology --------------------------------------------------------------------------------------

    @contextmanager
    def edited(self, changes: Mapping[str, str]) -> Iterator[Self]:
        """The lab with its file edited, until the end of the block: each key, which must occur once, by its value.

        with vpc.edited({"port: 443": "port: 8443"}): ...
        """
        before = self.file, self.text
        try:
            self.up(edited(before[1], changes))
            with self._telling():
                yield self
        finally:
            self._back_to(*before)

    def break_(self, fault: str, *, on: str = "") -> faults.Done:
        """One of the faults of `vpcemu break`; on: its victim, by default the first that carries traffic."""
        done = faults.break_(self.name, fault, on=on)
        self._use(None)
        return done

    def undo(self) -> faults.Done:
        """Take all faults back. UsageError if there is none."""
        done = faults.undo(self.name)
        self._use(None)
        return done

    def az_down(self, zone: str) -> zones.Done:
        """An availability zone fails: `a`, or in full. `restore` and `az_up` end it."""
        done = zones.down(zone, self.name)
        self._use(None)
        return done

    def az_up(self, zone: str) -> zones.Done:
        """The zone is back. UsageError if it is not down."""
        done = zones.up(zone, self.name)
        self._use(None)
        return done

    @contextmanager
    def broken(self, fault: str, *, on: str = "") -> Iterator[faults.Done]:
        """The lab with that fault, until the end of the block.

        with vpc.broken("group-wrong-port"): ...
        """
        done = self.break_(fault, on=on)
        try:
            with self._telling():
                yield done
        finally:
            faults.undo(self.name, last=True)
            self._use(None)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Answers explain themselves while the lab is still what the question was about."""
        try:
            yield
        except Exception:
            for answer in self.answers[-_TELLING:]:
                answer.explain()
            raise

    def _read(self, topology: Source) -> tuple[str, str | Mapping[str, Any]]:
        """(file, content). Text that is in no file is put into one, so that a problem's line can be looked up."""
        if isinstance(topology, os.PathLike) or (isinstance(topology, str) and not is_text(topology)):
            file = os.fspath(topology)
            return file, source.read(file)
        if isinstance(topology, str) and topology == self.text and self.file:
            return self.file, topology
        self._folder = self._folder or tempfile.mkdtemp(prefix="vpcemu-")
        path = Path(self._folder, f"{self.name}.yaml")
        path.write_text(renamed(topology, self.name), encoding="utf-8")
        return str(path), topology

    def _use(self, wanted: Wanted | None) -> None:
        """The lab is another one now. None: what its record says."""
        self._wanted = wanted
        self._remembered = {}
        for wire in self._wires.values():  # a link may be another one by now
            wire.close()
        self._wires = {}

    # --- what is where -----------------------------------------------------------------------------------------

    @property
    def wanted(self) -> Wanted:
        """The topology, who has which address, and what the kernel holds for it."""
        if self._wanted is None:
            there = recall(self.name)
            self.file = self.file or there.record.file
            self._wanted = settle(self.file, there.record.text, there.topology, [], there.addresses)
        return self._wanted

    @property
    def text(self) -> str:
        """The topology file, as it is now."""
        return self.wanted.text if self._wanted or self.name in places.recorded() else ""

    @property
    def topology(self) -> Topology:
        return self.wanted.topology

    @property
    def addresses(self) -> Addresses:
        return self.wanted.addresses

    @property
    def state(self) -> State:
        return self.wanted.state

    def __getitem__(self, node: str) -> Node:
        """UsageError, with the nearest name, if there is none."""
        if node not in self:
            view.node(view.read(self.name), node)
        return Node(self, node)

    def __contains__(self, node: object) -> bool:
        return node in self.state.namespaces

    def __iter__(self) -> Iterator[str]:
        """The names of all nodes, routers included."""
        return iter(self.state.namespaces)

    def namespace(self, node: str) -> str:
        """The path of the node's network namespace."""
        return netns.path(names.netns(self.name, node))

    # --- what the nodes hold -----------------------------------------------------------------------------------

    def keep(self, held: _Socket) -> _Socket:
        """Close it with the lab at the latest."""
        self.kept.append(held)
        return held

    def wire(self, node: str, link: str) -> sockets.Held:
        """The socket that puts frames on that link."""
        if (node, link) not in self._wires:
            made = sockets.wire(self.namespace(node), link)
            made.settimeout(10)  # a burst waits until the queue has room
            self._wires[node, link] = made
        return self._wires[node, link]

    def sniffs(self, sniff: Sniff) -> Sniff:
        """Stop it with the lab at the latest."""
        self._sniffs.append(sniff)
        return sniff

    def remembered(self, node: str, look: Callable[[], tuple[Interface, ...]]) -> tuple[Interface, ...]:
        """The node's interfaces; looked up once after each `up`."""
        if node not in self._remembered:
            self._remembered[node] = look()
        return self._remembered[node]


def lab(topology: Source, *, name: str | None = None, trust: bool = False, folder: str = "") -> Lab:
    """Bring a lab up: a path, YAML text, or a mapping.

    name: of the lab; left out, one that nobody else has, so that several runs can go on side by side.
    Whatever was made is removed again if that fails. UnsupportedError without root.
    """
    if os.geteuid() != 0:
        raise UnsupportedError("a lab needs root: it makes network namespaces", "sudo -E python3 -m pytest ...")
    made = Lab(name or unique_name(topology), folder)
    fresh = made.name not in places.recorded()
    try:
        made.up(topology, trust=trust)
    except BaseException:
        if fresh:
            with suppress(VpcemuError, PermissionError):  # the first failure is the one to tell
                made.down()
        raise
    return made


def unique_name(topology: Source) -> str:
    """A lab name nobody else has; it begins with the file's, so that `vpcemu ls` tells something."""
    stem = "" if isinstance(topology, Mapping) or is_text(os.fspath(topology)) else Path(topology).stem.lower()
    readable = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)[:_STEM].strip("-")
    return f"{readable or 'lab'}-{secrets.token_hex(4)}"


def edited(text: str, changes: Mapping[str, str]) -> str:
    """The text with each key, which must occur once, replaced by its value."""
    for old, new in changes.items():
        if text.count(old) != 1:
            raise UsageError(f"{old!r} occurs {text.count(old)} times in the topology, and has to occur once")
        text = text.replace(old, new)
    return text


def is_text(topology: str) -> bool:
    """YAML, and no path: no path has a line break or a colon with a blank behind it."""
    return "\n" in topology or ": " in topology
