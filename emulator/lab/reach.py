"""reaches: does a flow get through, and how do we know? The answer a test asserts on, with all that explains it.

A "no" is only given for a drop that was seen: real packets were sent, and the kernel said which rule or route of which
component dropped one. Silence alone proves nothing (the sender may be down, the address mistyped), so it raises
Inconclusive instead.
"""

import os
import time
from functools import cached_property
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.analysis import Analysis, analyze
from emulator.errors import ExitCode, UsageError, VpcemuError
from emulator.lab import serving
from emulator.lab.probe import Outcome, probe
from emulator.lab.trace import trace
from emulator.report import reach as words
from emulator.topology.flows import Flow, Protocol, Result, flow, owners
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.reception import Reception
from emulator.topology.traces import Trace

_AGAIN = 0.1  # seconds between two attempts
_SOON = 0.2  # seconds without an answer; then a trace tells more than waiting would


class Inconclusive(VpcemuError):
    """Whether the flow gets through cannot be told from what was seen."""

    exit_code = ExitCode.INCONCLUSIVE

    def __init__(self, reach: "Reach", why: str, hint: str) -> None:
        super().__init__(f"{reach.question}: cannot be told: {why}", hint)
        self.reach = reach


class Lab(NamedTuple):
    """What a question is about: a lab that is up."""

    name: str
    file: str
    topology: Topology
    addresses: Addresses


class Question(NamedTuple):
    """A flow as a person names it: one of tcp, udp (ports) and icmp."""

    source: str
    target: str
    tcp: int | None = None
    udp: int | None = None
    icmp: bool = False

    def __str__(self) -> str:
        protocol, port = self._protocol()
        return f"{self.source} -> {self.target} {protocol}{f' {port}' if port else ''}"

    def flow(self, lab: Lab) -> Flow:
        """UsageError for names that are not there, and for what is no question."""
        protocol, port = self._protocol()
        return flow(lab.topology, lab.addresses, self.source, self.target, protocol, port)

    def _protocol(self) -> tuple[Protocol, int]:
        asked: list[tuple[Protocol, int]] = []
        if self.tcp is not None:
            asked.append(("tcp", self.tcp))
        if self.udp is not None:
            asked.append(("udp", self.udp))
        if self.icmp:
            asked.append(("icmp", 0))
        if len(asked) != 1:
            raise UsageError(
                "a flow has one of tcp=PORT, udp=PORT and icmp=True", 'vpc.reaches("dev", "8.8.8.8", tcp=443)'
            )
        [(protocol, port)] = asked
        if protocol != "icmp" and not 0 < port < 65536:
            raise UsageError(f"{protocol}={port}: a port is a number from 1 to 65535")
        return protocol, port


class Reach:
    """The answer to `reaches`: true if the flow and its answer got through, as seen_as if that was asked.

    result: pass, drop, refused or error (an ICMP error).
    repr() says in a line what stopped it, and explain() all that is known.
    """

    def __init__(
        self, lab: Lab, question: str, flow: Flow, outcome: Outcome, expected: tuple[IPv4Address, ...]
    ) -> None:
        self.lab = lab
        self.question = question
        self.flow = flow
        self.outcome = outcome
        self.expected = expected

    def __bool__(self) -> bool:
        return self.result == "pass" and not self.disguised

    def __repr__(self) -> str:
        return words.line(
            self.question, self.outcome.verdict, self.expected, self._stopped, os.path.basename(self.lab.file)
        )

    @property
    def result(self) -> Result:
        return self.outcome.verdict.result

    @property
    def disguised(self) -> bool:
        """It got through, but from another address than was asked for."""
        seen = self.outcome.verdict.seen_as
        return bool(self.expected) and seen is not None and seen not in self.expected

    @cached_property
    def analysis(self) -> Analysis:
        """What the topology says about the flow."""
        return analyze(self.lab.topology, self.lab.addresses, self.flow, serving.of(self.lab.name, self.lab.topology))

    @cached_property
    def trace(self) -> Trace:
        """The way of a real packet. Of a flow that got through it is made when first asked for."""
        [found] = trace(self.lab.name, [self.flow])
        return found

    @property
    def _stopped(self) -> words.Stopped | None:
        if self.result not in ("drop", "error"):
            return None
        return words.stopped(self.trace, self.analysis)

    def explain(self) -> str:
        """What was asked, what was seen, why, and the packet's way hop by hop, as they were at the first call."""
        return self._explained

    @cached_property
    def _explained(self) -> str:
        try:
            way: Trace | str = self.trace
        except VpcemuError as reason:
            way = f"no trace: {reason}"
        told = words.explained(repr(self), self.outcome.detail, self.analysis, way, _shown(self.lab.file))
        return "\n".join(told)


def reaches(lab: Lab, question: Question, seen_as: str | IPv4Address | None = None, within: float = 0.0) -> Reach:
    """Ask the wire. See `emulator.lab.held.Lab.reaches`."""
    __tracebackhide__ = True  # for pytest: the caller's line is what matters
    asked = question.flow(lab)
    expected = _seen_as(lab, seen_as)
    deadline = time.monotonic() + within
    while True:
        [outcome] = probe(lab.name, [asked], window=_SOON)
        found = Reach(lab, str(question), asked, outcome, expected)
        if not found and outcome.verdict.result == "drop" and found.trace.verdict.result == "pass":
            [outcome] = probe(lab.name, [asked])  # the machine is busy: with all patience
            found = Reach(lab, str(question), asked, outcome, expected)
        if found or time.monotonic() >= deadline:
            return _certain(found)
        time.sleep(_AGAIN)


def _certain(found: Reach) -> Reach:
    """The answer, unless what was seen does not bear it out."""
    __tracebackhide__ = True
    verdict = found.outcome.verdict
    if verdict.result == "refused":
        raise Inconclusive(
            found,
            f"the answer was a refusal ({found.outcome.detail}), so the network let the packet through",
            "let something listen there, or assert on `.trace`",
        )
    if verdict.result == "pass":
        if found.expected and verdict.seen_as is None:
            raise Inconclusive(found, "nobody in the lab saw from which address it came", "leave seen_as out")
        return found
    way = found.trace
    if way.verdict.result == "pass":
        raise Inconclusive(
            found, "it was not answered at first, and was when it was traced", "`within=` gives it time to settle"
        )
    if not way.forward or not way.forward[0].left:
        raise Inconclusive(found, f"no packet has left the sender: {way.reason}", "look at the sender first")
    arrived = _arrived(found)
    if arrived:
        raise Inconclusive(
            found, f"it arrived at {arrived}, so the network let it through: {way.reason}", "look at the receiver first"
        )
    if way.dropped_at is None:
        raise Inconclusive(found, f"nobody was seen to drop it: {way.reason}", "`vpcemu trace` shows its way")
    return found


def _shown(file: str) -> str:
    """From the current directory, where that is shorter."""
    return min((file, os.path.relpath(file)), key=len)


def _arrived(found: Reach) -> str:
    """The node that has the destination, if the packet got there and was dropped or ignored by that very node."""
    verdict = found.trace.verdict
    if verdict.on_the_way_back:
        return ""
    if verdict.receiver or verdict.dropped_at is None:
        return verdict.receiver
    reception = Reception(found.lab.topology, found.lab.addresses)
    there = {place.node for place in reception.of(found.flow)}
    is_guest = verdict.dropped_at.kind in ("instance", "outside_host")
    return verdict.dropped_at.name if is_guest and verdict.dropped_at.name in there else ""


def _seen_as(lab: Lab, wanted: str | IPv4Address | None) -> tuple[IPv4Address, ...]:
    """The address, or all those of the node of that name."""
    if wanted is None:
        return ()
    try:
        return (IPv4Address(wanted),)
    except ValueError:
        pass
    held = [each for each in owners(lab.topology, lab.addresses) if wanted in each[:2]]
    if not held:
        raise UsageError(f"seen_as: nothing in this lab has the name or address {wanted}")
    return tuple(dict.fromkeys(address for each in held for address in each[2:] if address))
