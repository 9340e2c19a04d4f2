"""Traces a batch of flows: sends their packets, and listens to the kernel until it is known what became of each."""

import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import urandom
from typing import Final, NamedTuple

from emulator.compile.state import State
from emulator.errors import UsageError
from emulator.kernel.watch import Watch, close_all, watch
from emulator.observe import packet
from emulator.observe.ends import Senders, echo, listen
from emulator.observe.journey import journey
from emulator.observe.narrate import Narrator
from emulator.observe.passes import Pass, Passes
from emulator.topology.flows import Flow
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.reception import Reception
from emulator.topology.traces import Trace

# Seconds of silence after which a packet is given up. Nothing but a busy machine can come between two hooks of one
# namespace; at a link's other end it may have to wait for its turn, and so may an answer for a program that is slow.
_IN_PLACE, _ON_THE_WAY, _DROPPED = 0.3, 1.5, 0.1
_TURN: Final = 0.02


class Lab(NamedTuple):
    """What is to be known of the lab: it is up, and as these say."""

    topology: Topology
    addresses: Addresses
    state: State


def trace(lab: Lab, flows: Sequence[Flow]) -> list[Trace]:
    """A trace of each flow, in their order. KernelError if the kernel cannot be listened to."""
    for flow in flows:
        if flow.source not in lab.state.namespaces:
            raise UsageError(f"{flow.source} sends nothing: it is stopped, or not there")
    found: list[Trace] = []
    for start in range(0, len(flows), packet.FLOWS_AT_MOST):
        found += _batch(lab, flows[start : start + packet.FLOWS_AT_MOST])
    return found


def concerned(lab: Lab, flows: Iterable[Flow]) -> list[str]:
    """The nodes that the flows' packets may meet: all that are no guests, the flows' own guests, those that forward."""
    wanted = {node for node, held in lab.state.namespaces.items() if not held.guest}
    targets = {route.target.name for vpc in lab.topology.vpcs for table in vpc.route_tables for route in table.routes}
    for vpc in lab.topology.vpcs:
        for instance in vpc.instances:
            unchecked = any(not interface.source_dest_check for interface in instance.interfaces)
            if instance.appliance or unchecked or targets & {instance.name, *(one.name for one in instance.interfaces)}:
                wanted.add(instance.name)
    wanted |= {flow.source for flow in flows} | {node for node, _, _ in _receivers(lab, flows)}
    return [node for node in lab.state.namespaces if node in wanted]


def _receivers(lab: Lab, flows: Iterable[Flow]) -> Iterator[tuple[str, str, Flow]]:
    """(node, its own address, the flow as it arrives there) for every guest that may be meant."""
    reception = Reception(lab.topology, lab.addresses)
    for flow in flows:
        for place in reception.of(flow):
            if place.node in lab.state.namespaces:  # not stopped
                yield place.node, str(place.address), replace(flow, port=place.port)


def _batch(lab: Lab, flows: Sequence[Flow]) -> list[Trace]:
    tag = urandom(2) + bytes([packet.TAG_END])
    numbered = dict(enumerate(flows))
    with ExitStack() as stack:
        watches = watch(lab.topology.name, concerned(lab, flows))
        stack.callback(close_all, watches.values())
        namespaces = {node: held.namespace for node, held in watches.items()}
        datagrams = listen(_receivers(lab, flows), namespaces, stack)
        senders = Senders(numbered, namespaces, stack)
        udp = {senders.ports[number]: number for number, flow in numbered.items() if flow.protocol == "udp"}
        replies = [(numbered[number].port, port) for port, number in udp.items()]
        for node, held in watches.items():
            ruleset = lab.state.namespaces[node].ruleset
            held.begin(tag, replies, exact=ruleset is not None and not ruleset.shared)
        passes = Passes(lambda header: packet.recognise(header, numbered, tag, udp))
        listening = _Listening(numbered, watches, datagrams, passes)
        for number in numbered:
            listening.sent(number, senders.send(number, tag))
        listening.to_the_end()
        narrator = Narrator(lab.topology, lab.state, dict(watches))
        by_flow = passes.by_flow()
        return [
            journey(flow, by_flow.get(number, []), narrator, listening.unsent[number])
            for number, flow in numbered.items()
        ]


class _Listening:
    """Hears the kernel, answers datagrams, and knows when enough has been heard."""

    def __init__(
        self,
        flows: Mapping[int, Flow],
        watches: Mapping[str, Watch],
        datagrams: Sequence[socket.socket],
        passes: Passes,
    ) -> None:
        self.unsent: dict[int, str] = {}
        self._flows = flows
        self._passes = passes
        self._last: dict[int, float] = {}
        self._watches = {held.events_socket.fileno(): held for held in watches.values()}
        self._datagrams = {held.fileno(): held for held in datagrams}
        self._poll = select.poll()
        for number in (*self._watches, *self._datagrams):
            self._poll.register(number, select.POLLIN)

    def sent(self, number: int, unsent: str) -> None:
        """The flow's packet is out, or could not be sent. Events are taken at once: they could fill their buffers."""
        self.unsent[number] = unsent
        self._last[number] = time.monotonic()
        self._turn(0)

    def to_the_end(self) -> None:
        """Until nothing more is to be expected of any flow."""
        waiting = set(self._flows)
        while waiting:
            self._turn(_TURN)
            now, by_flow = time.monotonic(), self._passes.by_flow()
            waiting = {one for one in waiting if now - self._last[one] < self._patience(one, by_flow.get(one, []))}

    def _turn(self, patience: float) -> None:
        for number, _ in self._poll.poll(patience * 1000):
            if number in self._datagrams:
                echo(self._datagrams[number])
                continue
            held = self._watches[number]
            for event in held.events():
                found = self._passes.add(held.node, event)
                if found is not None:
                    self._last[found.known.number] = time.monotonic()

    def _patience(self, number: int, passes: Sequence[Pass]) -> float:
        """How long after the last sign of a flow nothing more is to be expected."""
        flow = self._flows[number]
        answer = [held for held in passes if held.known.direction == "back"]
        if any(held.arrived and held.node == flow.source for held in answer):
            return 0.0
        under_way = answer or passes  # who drops may answer, too
        if self.unsent[number] or any(held.dropped for held in under_way):
            return _DROPPED
        if any(not held.over for held in under_way):
            return _IN_PLACE
        if flow.protocol == "icmp" and flow.icmp_type not in packet.ANSWERED and any(held.arrived for held in passes):
            return _DROPPED
        return _ON_THE_WAY
