"""A namespace under watch: a trace's table in it, the events of its packets, and what its rules are called.

The table belongs to a socket of ours. `close` closes the socket, and the kernel removes the table; it does the same for
a process that is killed. Nothing else in the namespace is changed, save one element of our own table, which says that
the ruleset's generation moved on by our own doing (see `nftables.observe`).
"""

import os
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EEXIST, EINTR, ENOBUFS, EPERM
from typing import Final, NamedTuple

from emulator import names
from emulator.compile.state import Route
from emulator.errors import KernelError, UnsupportedError
from emulator.kernel import decode, netns, nftables, trace_decode, trace_wire, wire
from emulator.kernel.channel import NETFILTER_FAMILY, Channel, Part
from emulator.kernel.trace_decode import Event, Load, Rule
from emulator.kernel.wire import HEADER

_SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP = 270, 1, 9
_SO_RCVBUFFORCE: Final = 33
_ROOM: Final = 64 * 1024 * 1024  # the events of a hundred packets are some ten megabytes, as the kernel counts
_TRIES: Final = 5
_ERESTART: Final = 85  # somebody else changed the rules between our reading and our writing
_META_MARK, _META_IIFNAME, _META_OIFNAME, _META_L4PROTO = 3, 6, 7, 16


class Packet(NamedTuple):
    """As much of a packet as a rule can ask about."""

    network: bytes
    transport: bytes
    came: int
    leaves: int
    mark: int


class Watch:
    """One namespace. Made by `watch`; use `close_all`."""

    def __init__(self, node: str, namespace: int) -> None:
        """The calling thread is inside the namespace."""
        self.node = node
        self.namespace = namespace
        self.events_socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, NETFILTER_FAMILY
        )
        self._netfilter = Channel(NETFILTER_FAMILY)
        self._routing = Channel()
        self.links: dict[int, str] = {}
        self._rules: dict[tuple[int, str, int], Rule] = {}
        self._comments: dict[tuple[str, bytes], str] = {}

    def begin(self, tag: bytes, replies: Sequence[tuple[int, int]], exact: bool) -> None:
        """From now on packets with this tag are followed. exact: a change of the ruleset counts as tampering here."""
        with suppress(PermissionError):
            self.events_socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        self.events_socket.bind((0, 0))
        self.events_socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP)
        self.links = {link.number: link.name for link in decode.links(self._routing.dump(wire.get_links()))}
        for _ in range(_TRIES):
            generation = nftables.generation(self._netfilter)
            wanted = trace_wire.install(tag, replies)
            if exact and nftables.is_own(self._netfilter, generation):
                wanted += trace_wire.own_generation(generation + 1)
            refusal = self._netfilter.transact(trace_wire.batch(wanted, generation))
            if refusal is None:
                self._read_rules()
                return
            if refusal.errno in (EEXIST, EPERM):
                raise KernelError(f"{self.node} is being traced already", "wait for the other trace to end")
            if refusal.errno not in (EINTR, _ERESTART):
                reason = refusal.text or os.strerror(refusal.errno)
                raise UnsupportedError(f"this kernel refuses to trace: {reason}", "it takes Linux 5.12 or later")
        raise KernelError(f"the rules of {self.node} never keep still")

    def events(self) -> list[Event]:
        """What came since the last call."""
        found: list[Event] = []
        while True:
            try:
                data = self.events_socket.recv(1 << 16)
            except BlockingIOError:
                return found
            except OSError as reason:
                if reason.errno != ENOBUFS:
                    raise
                raise KernelError(
                    "the kernel told of more packets than there was room for", "trace fewer flows"
                ) from None
            at = 0
            while at + 16 <= len(data):
                length, kind, _, _, _ = HEADER.unpack_from(data, at)
                if kind == trace_wire.TRACE:
                    found.append(trace_decode.event(Part(kind, data, at + 16, at + length)))
                at += (length + 3) & ~3 or 16

    def rule(self, event: Event) -> Rule | None:
        """The rule an event speaks of. None: it has gone meanwhile."""
        return self._rules.get((event.family, event.table, event.handle))

    def element(self, rule: Rule, packet: Packet) -> str:
        """The comment of the element by which the rule's last lookup matched."""
        for lookup in reversed(rule.lookups):
            pieces = [self._load(load, packet) for load in lookup.key]
            if not all(pieces):
                continue
            key = pieces[0] if len(pieces) == 1 else b"".join(map(_padded, pieces))
            place = (f"{rule.table} {lookup.set}", key)
            if place not in self._comments:
                request = trace_wire.get_element(rule.family, rule.table, lookup.set, key)
                (answer,) = self._netfilter.ask([request])
                self._comments[place] = trace_decode.element_comment(answer) if isinstance(answer, Part) else ""
            if self._comments[place]:
                return self._comments[place]
        return ""

    def routes(self) -> list[Route]:
        """All routes of the namespace."""
        return list(decode.routes(self._routing.dump(wire.get_routes()), self.links))

    def close(self) -> None:
        for held in (self.events_socket, self._netfilter, self._routing):
            held.close()
        os.close(self.namespace)

    def _read_rules(self) -> None:
        for part in self._netfilter.dump(trace_wire.get_rules("")):
            if part.type == trace_wire.NEW_RULE:
                rule = trace_decode.rule(part)
                self._rules[rule.family, rule.table, rule.handle] = rule

    def _load(self, load: Load, packet: Packet) -> bytes:
        if load.base == "meta":
            if load.offset == _META_L4PROTO:
                return packet.network[9:10]
            if load.offset == _META_MARK:
                return wire.U32.pack(packet.mark)
            if load.offset in (_META_IIFNAME, _META_OIFNAME):
                name = self.links.get(packet.came if load.offset == _META_IIFNAME else packet.leaves, "")
                return name.encode().ljust(16, b"\0")
            return b""
        held = {1: packet.network, 2: packet.transport}.get(int(load.base), b"")  # of the link's header we have nothing
        return held[load.offset : load.offset + load.length]


def watch(lab: str, nodes: Iterable[str]) -> dict[str, Watch]:
    """Sockets in the namespaces of these nodes; nothing is changed yet."""
    netns.raise_file_limit()
    there = {entry.node for entry in netns.owned(lab) if entry.inode}
    found: dict[str, Watch] = {}
    try:
        with netns.roam() as go:
            for node in nodes:
                if node not in there:
                    raise KernelError(f"{node} is not there (any more)", f"`vpcemu status {lab}` says what is wrong")
                namespace = netns.open_namespace(names.netns(lab, node))
                go(namespace)
                found[node] = Watch(node, namespace)
    except BaseException:
        close_all(found.values())
        raise
    return found


def close_all(watches: Iterable[Watch]) -> None:
    """Each waits for the kernel's grace period of some 20 ms, so they share one."""
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(Watch.close, watches))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
