"""Carrying out steps: consecutive ones of one kind in one namespace become one netlink batch, one visit, one spawn.

The order of the steps is never changed. What is kept during a run: a descriptor and a socket for each namespace (so
each is entered once to open the socket, and again only for files below /proc/sys), and the indices of links.
"""

import os
import time
from collections.abc import Callable, Sequence
from errno import EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ENXIO, ESRCH
from itertools import groupby
from typing import Final

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
from emulator.errors import KernelError
from emulator.kernel import decode, netns, nftables, process, sysctl, uplink, wire
from emulator.kernel.channel import BATCH, Channel, Part, Refusal
from emulator.kernel.decode import Link
from emulator.kernel.wire import Request
from emulator.kernel.words import describe

_GONE: Final = frozenset({ENOENT, ESRCH, ENODEV, ENXIO, EADDRNOTAVAIL})  # "remove": it may be gone already
CARRIER_TIMEOUT: Final = 20.0


class Execution:
    """One run of `Host.execute`. A context manager, since it holds descriptors."""

    def __init__(self, lab: str, checkpoint: Callable[[str], None]) -> None:
        self._lab = lab
        self._checkpoint = checkpoint
        self._namespaces: dict[str, int] = {}
        self._channels: dict[str, Channel] = {}
        self._links: dict[str, dict[str, Link]] = {}
        self._made_ends: dict[tuple[str, str], tuple[str, str]] = {}  # a veth's far end to its near end
        self._raised: dict[tuple[str, str], Step] = {}
        self._sysctls = sysctl.Settings()

    def __enter__(self) -> "Execution":
        netns.raise_file_limit()
        return self

    def __exit__(self, *_: object) -> None:
        self._sysctls.__exit__()
        for node in list(self._namespaces):
            self._forget(node)

    def run(self, steps: Sequence[Step], progress: Callable[[int, int], None]) -> None:
        done = 0
        for (kind, verb, node), group in groupby(steps, key=_together):
            batch = list(group)
            try:
                self._batch(kind, verb, node, batch)
            except OSError as reason:
                raise KernelError(f"{describe(batch[0])}: {reason}") from reason
            done += len(batch)
            progress(done, len(steps))
        self._wait_for_carrier()

    def _batch(self, kind: type, verb: str, node: str, steps: list[Step]) -> None:
        if kind is Netns:
            self._netns(verb, steps)
        elif kind is Veth:
            self._veths(verb, node, steps)
        elif kind is Request:
            self._insides(node, steps)
        elif kind is Sysctl:
            self._settings(node, steps)
        elif kind is not Service:  # services are the agent's affair
            for step in steps:
                self._single(node, step)

    # --- namespaces ----------------------------------------------------------------------------------------

    def _netns(self, verb: str, steps: list[Step]) -> None:
        nodes = [step.node for step in steps]
        if verb != "add":
            self._remove_namespaces(nodes)
        if verb != "remove":
            made: dict[str, netns.Made] = {}
            try:
                netns.create(self._lab, nodes, self._checkpoint, made)
            finally:
                for node, (namespace, channel) in made.items():
                    self._namespaces[node], self._channels[node] = namespace, channel

    def _remove_namespaces(self, nodes: list[str]) -> None:
        wanted = set(nodes)
        entries = [entry for entry in netns.owned(self._lab) if entry.node in wanted]
        self._checkpoint("kill what lives in the namespaces to be removed")
        process.kill_in({entry.inode for entry in entries if entry.inode})
        for entry in entries:
            if entry.inode:
                self._remove_all_links(entry.node)
            self._forget(entry.node)
        netns.remove([entry.name for entry in entries], self._checkpoint)

    def _remove_all_links(self, node: str) -> None:
        """Left to the kernel they would go later than we do, and their other ends would still be in the way."""
        found = [link for link in self._look(node).values() if link.kind == "veth"]
        if found:
            self._checkpoint(f"delete {len(found)} links of {node}")
            self._delete_links(node, found)
        for end, near in list(self._made_ends.items()):
            if node in (end[0], near[0]):
                del self._made_ends[end]
        self._links.clear()

    def _delete_links(self, node: str, found: Sequence[Link]) -> list[Refusal]:
        """One deletion waits 16 ms for the whole network stack; a group of links waits once."""
        if len(found) == 1:
            requests = [wire.delete_link(found[0].number)]
        else:
            group = 0x76000000 | os.getpid()  # ours alone: one that was killed may have left links in its group
            requests = [wire.link_group(link.number, group) for link in found]
            requests.append(wire.delete_group(group))
        return [refusal for refusal in self._channel(node).send(requests) if refusal.errno not in _GONE]

    def _forget(self, node: str) -> None:
        if channel := self._channels.pop(node, None):
            channel.close()
        if (namespace := self._namespaces.pop(node, None)) is not None:
            os.close(namespace)
        self._links.pop(node, None)
        self._raised = {end: step for end, step in self._raised.items() if end[0] != node} if self._raised else {}

    def _namespace(self, node: str) -> int:
        if node not in self._namespaces:
            self._namespaces[node] = netns.open_namespace(names.netns(self._lab, node))
        return self._namespaces[node]

    def _channel(self, node: str) -> Channel:
        if node not in self._channels:
            self._channels[node] = netns.channel_in(self._namespace(node))
        return self._channels[node]

    # --- veth pairs ----------------------------------------------------------------------------------------

    def _veths(self, verb: str, node: str, steps: list[Step]) -> None:
        if verb != "add":
            self._remove_veths(node, steps)
        if verb == "remove":
            return
        requests = []
        for step in steps:
            pair = _veth(step)
            requests.append(wire.veth(pair, self._namespace(pair.peer_node)))
            self._made_ends[pair.peer_node, pair.peer_link] = (node, pair.link)
            self._links.pop(pair.peer_node, None)
        self._links.pop(node, None)
        self._send(node, steps, requests)

    def _remove_veths(self, node: str, steps: list[Step]) -> None:
        try:
            there = self._look(node)
        except KernelError:  # the namespace is gone, and its links with it
            return
        pairs = [_veth(step) for step in steps]
        gone = [there[pair.link] for pair in pairs if pair.link in there]
        if gone:
            self._checkpoint(f"delete {len(gone)} links of {node}")
            for refusal in self._delete_links(node, gone):
                raise KernelError(f"{describe(steps[0])}: {os.strerror(refusal.errno)} {refusal.text}".rstrip())
        for pair in pairs:
            self._links.pop(pair.peer_node, None)
            self._made_ends.pop((pair.peer_node, pair.peer_link), None)
            self._raised.pop((node, pair.link), None)
            self._raised.pop((pair.peer_node, pair.peer_link), None)
        self._links.pop(node, None)

    def _look(self, node: str) -> dict[str, Link]:
        """The links of a node as they are now."""
        found = {link.name: link for link in decode.links(self._channel(node).dump(wire.get_links()))}
        self._links[node] = found
        return found

    def _link(self, node: str, name: str) -> Link | None:
        known = self._links.get(node)
        if known is None or name not in known:
            known = self._look(node)
        return known.get(name)

    def _index(self, node: str, name: str) -> int:
        """0: there is no such link."""
        if name == "lo":
            return wire.LO
        if near := self._made_ends.get((node, name)):
            # The near end knows the far one's index: one dump of a router instead of one for each instance.
            link = self._link(*near)
            if link and link.peer:
                return link.peer
        link = self._link(node, name)
        return link.number if link else 0

    # --- what is inside a namespace ------------------------------------------------------------------------

    def _insides(self, node: str, steps: list[Step]) -> None:
        wanted, requests = [], []
        try:
            channel_exists = self._channel(node) is not None
        except KernelError:
            channel_exists = False
        for step in steps:
            link = _link_of(step)
            index = self._index(node, link) if link and channel_exists else 0
            if (link and not index) or not channel_exists:
                if step.verb == "remove":
                    continue  # gone, and what it held with it
                missing = f"there is no link {link}" if channel_exists else f"there is no namespace of {node}"
                raise KernelError(f"{describe(step)}: {missing}")
            wanted.append(step)
            requests.append(_request(step, index))
            if isinstance(step.item, LinkUp) and link != "lo":
                if step.verb == "remove":
                    self._raised.pop((node, link), None)
                else:
                    self._raised[node, link] = step
        self._send(node, wanted, requests)

    def _send(self, node: str, steps: Sequence[Step], requests: Sequence[Request]) -> None:
        for start in range(0, len(requests), BATCH):
            chunk = requests[start : start + BATCH]
            self._checkpoint(f"{len(chunk)} changes in {node}")
            for refusal in self._channel(node).send(chunk):
                step = steps[start + refusal.position]
                if step.verb == "remove" and refusal.errno in _GONE:
                    continue
                if step.verb == "replace" and refusal.errno == EEXIST and isinstance(step.item, PolicyRule):
                    continue  # there is no "replace" for rules, and equal ones are the same rule
                text = f" ({refusal.text})" if refusal.text else ""
                raise KernelError(f"{describe(step)}: {os.strerror(refusal.errno)}{text}")

    def _settings(self, node: str, steps: list[Step]) -> None:
        items = [step.item for step in steps if isinstance(step.item, Sysctl) and step.verb != "remove"]
        if not items:
            return
        self._checkpoint(f"{len(items)} settings in {node}")
        try:
            with netns.enter(self._namespace(node)):
                self._sysctls.arrive()
                for item in items:
                    self._sysctls.write(item)
        except KernelError as reason:
            raise KernelError(f"{reason} in {node}", reason.hint) from reason

    def _single(self, node: str, step: Step) -> None:
        self._checkpoint(describe(step))
        try:
            match step.item:
                case Ruleset():
                    if step.verb == "remove":
                        nftables.delete(self._namespace(node))
                        return
                    with nftables.netfilter_channel(self._namespace(node)) as channel:
                        nftables.replace(self._namespace(node), channel, self._lab, step.item)
                case FlushConntrack():
                    with nftables.netfilter_channel(self._namespace(node)) as channel:
                        nftables.flush_conntrack(channel)
                case Uplink():
                    if step.verb != "add":
                        uplink.remove(self._lab)
                    if step.verb != "remove":
                        uplink.add(self._lab, step.item, self._namespace(node))
                    self._links.pop(node, None)
        except KernelError as reason:
            raise KernelError(f"{describe(step)}: {reason}", reason.hint) from reason

    # --- carrier -------------------------------------------------------------------------------------------

    def _wait_for_carrier(self) -> None:
        """Return when every link that was raised can send.

        With some hundred new links the kernel puts off "carrier on" by seconds, one link after the other. Asking for
        one link makes it decide on that link at once (since Linux 6.8; before, this waits).
        """
        deadline = time.monotonic() + CARRIER_TIMEOUT
        pause = 0.001
        waiting = list(self._raised)
        while waiting := self._without_carrier(waiting):
            if time.monotonic() > deadline:
                node, link = waiting[0]
                more = f" (and {len(waiting) - 1} more links)" if len(waiting) > 1 else ""
                raise KernelError(f"{describe(self._raised[node, link])}: it gets no carrier{more}")
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _without_carrier(self, ends: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        waiting = []
        for node, group in groupby(ends, key=lambda end: end[0]):
            members = list(group)
            channel = self._channel(node)
            answers = channel.ask([wire.get_link(self._index(*end)) for end in members])
            for end, answer in zip(members, answers, strict=True):
                if not isinstance(answer, Part) or decode.can_send(answer):
                    continue
                link = decode.link(answer)
                if link.peer_namespace >= 0 and link.peer:
                    (far,) = channel.ask([wire.get_link(link.peer, link.peer_namespace)])
                    if not isinstance(far, Part) or not decode.link(far).up:
                        continue  # its other end is down: there will be no carrier, and that is not our doing
                if link.up and link.kind == "veth":
                    waiting.append(end)
        return waiting


def _together(step: Step) -> tuple[type, str, str]:
    """Consecutive steps with the same key are carried out at once."""
    kind = type(step.item)
    if kind is Netns:
        return Netns, step.verb, ""
    if kind is Veth:
        return Veth, step.verb, step.node
    if kind in _REQUESTED or (isinstance(step.item, Sysctl) and sysctl.link_with_proxy_delay(step.item)):
        return Request, "", step.node
    return kind, "", step.node


_REQUESTED: Final = frozenset({LinkUp, Address, Neighbour, Route, PolicyRule})


def _veth(step: Step) -> Veth:
    assert isinstance(step.item, Veth)
    return step.item


def _link_of(step: Step) -> str:
    """The link that the request has to name by its index, or ""."""
    match step.item:
        case LinkUp(link) | Address(link) | Neighbour(link):
            return link
        case Route():
            return step.item.link
        case Sysctl():
            return sysctl.link_with_proxy_delay(step.item) or ""
    return ""


def _request(step: Step, index: int) -> Request:
    match step.item:
        case Address():
            return wire.address(step.verb, step.item, index)
        case Neighbour():
            return wire.neighbour(step.verb, step.item, index)
        case Route():
            return wire.route(step.verb, step.item, index)
        case PolicyRule():
            return wire.rule(step.verb, step.item)
        case Sysctl(_, value):
            return wire.proxy_delay(index, int(value) * 10)
        case LinkUp():
            return wire.link_state(index, step.verb != "remove")
    raise AssertionError(f"no netlink request: {step.item}")
