"""Carrying out steps: consecutive ones of one kind in one namespace become one netlink batch, one visit, one spawn.

The order of the steps is never changed. Where there are many rulesets, several are loaded at once, each of a namespace
of its own: what follows in that namespace waits for it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EADDRNOTAVAIL, EAFNOSUPPORT, EEXIST, EINVAL, ENODEV, ENOENT, ENXIO, EOPNOTSUPP, ESRCH
from itertools import groupby
from typing import Final, Literal

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
from emulator.compile.words import describe_step
from emulator.errors import KernelError
from emulator.kernel import carrier, netns, nftables, process, sysctl, uplink, wire
from emulator.kernel.channel import BATCH, Refusal
from emulator.kernel.decode import Link
from emulator.kernel.reach import Reach
from emulator.kernel.wire import Request

_GONE: Final = frozenset({ENOENT, ESRCH, ENODEV, ENXIO, EADDRNOTAVAIL})  # "remove": it may be gone already
_NO_IPV6: Final = frozenset({EAFNOSUPPORT, EOPNOTSUPP, EINVAL})  # a kernel without IPv6, or ipv6.disable=1
_AT_ONCE: Final = 8  # rulesets; with fewer than that there is nothing to gain
_REQUESTED: Final = frozenset({LinkUp, Address, Neighbour, Route, PolicyRule})


def execute(
    steps: Sequence[Step], lab: str, checkpoint: Callable[[str], None], progress: Callable[[int, int], None]
) -> None:
    """All of them, in order. Returns when every link that was raised can send."""
    with Reach(lab) as reach, sysctl.Settings() as settings:
        many = sum(isinstance(step.item, Ruleset) for step in steps) > _AT_ONCE
        run = _Run(reach, settings, checkpoint, _AT_ONCE if many else 1)
        done = 0
        with run.loading():
            for (kind, verb, node), group in groupby(steps, key=_together):
                batch = list(group)
                try:
                    run.batch(kind, verb, node, batch)
                except OSError as reason:
                    raise KernelError(f"{describe_step(batch[0])}: {reason}") from reason
                done += len(batch)
                progress(done, len(steps))
        carrier.wait(reach, run.raised)


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


class _Run:
    """One run of steps. `raised`: the links it raised, and the steps that asked for it. width: rulesets at once."""

    def __init__(
        self, reach: Reach, settings: sysctl.Settings, checkpoint: Callable[[str], None], width: int = 1
    ) -> None:
        self._reach = reach
        self._sysctls = settings
        self._checkpoint = checkpoint
        self._width = width
        self._begun: dict[str, tuple[Step, process.Begun]] = {}  # by node, the ruleset that is being loaded
        self.raised: dict[carrier.End, Step] = {}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """When it ends, no ruleset is under way any more, whatever has happened."""
        try:
            yield
            self._finish(*self._begun)
        finally:
            for _, begun in self._begun.values():
                begun.done()

    def _finish(self, *nodes: str) -> None:
        for node in nodes:
            if node in self._begun:
                step, begun = self._begun.pop(node)
                try:
                    nftables.finish(begun)
                except KernelError as reason:
                    raise _of(step, reason) from reason

    def batch(self, kind: type, verb: str, node: str, steps: list[Step]) -> None:
        self._finish(*(self._begun if kind is Netns else (node,)))
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
                netns.create(self._reach.lab, nodes, self._checkpoint, made)
            finally:
                self._reach.keep(made)

    def _remove_namespaces(self, nodes: list[str]) -> None:
        wanted = set(nodes)
        entries = [entry for entry in netns.owned(self._reach.lab) if entry.node in wanted]
        self._checkpoint("kill what lives in the namespaces to be removed")
        process.kill_in({entry.inode for entry in entries if entry.inode})
        for entry in entries:
            if entry.inode:
                # Left to the kernel they would go later than we do, and their other ends would be in the way.
                self._delete_links(
                    entry.node, [link for link in self._reach.links(entry.node).values() if link.kind == "veth"]
                )
            self._reach.forget(entry.node)
        self._reach.all_links_changed()
        gone = {entry.node for entry in entries}
        self.raised = {end: step for end, step in self.raised.items() if end[0] not in gone}
        netns.remove([entry.name for entry in entries], self._checkpoint)

    # --- veth pairs ----------------------------------------------------------------------------------------

    def _veths(self, verb: str, node: str, steps: list[Step]) -> None:
        if verb != "add":
            self._remove_veths(node, steps)
        if verb == "remove":
            return
        requests = []
        for step in steps:
            pair = _veth(step)
            try:
                requests.append(wire.veth(pair, self._reach.namespace(pair.peer_node)))
            except KernelError as reason:
                raise KernelError(f"{describe_step(step)}: {reason}") from reason
            self._reach.made(pair)
        self._send(node, steps, requests)

    def _remove_veths(self, node: str, steps: list[Step]) -> None:
        try:
            there = self._reach.links(node)
        except KernelError:  # the namespace is gone, and its links with it
            return
        pairs = [_veth(step) for step in steps]
        for refusal in self._delete_links(node, [there[pair.link] for pair in pairs if pair.link in there]):
            raise KernelError(f"{describe_step(steps[0])}: {os.strerror(refusal.errno)} {refusal.text}".rstrip())
        for pair in pairs:
            self.raised.pop((node, pair.link), None)
            self.raised.pop((pair.peer_node, pair.peer_link), None)
        self._reach.all_links_changed()

    def _delete_links(self, node: str, found: Sequence[Link]) -> list[Refusal]:
        """One deletion waits 16 ms for the whole network stack; a group of links waits once."""
        if not found:
            return []
        self._checkpoint(f"delete {len(found)} links of {node}")
        if len(found) == 1:
            requests = [wire.delete_link(found[0].number)]
        else:
            group = 0x76000000 | os.getpid()  # ours alone: one that was killed may have left links in its group
            requests = [wire.link_group(link.number, group) for link in found]
            requests.append(wire.delete_group(group))
        return [refusal for refusal in self._reach.channel(node).send(requests) if refusal.errno not in _GONE]

    # --- what is inside a namespace ------------------------------------------------------------------------

    def _insides(self, node: str, steps: list[Step]) -> None:
        wanted, requests = [], []
        for step in steps:
            try:
                request = self._request(node, step)
            except KernelError as reason:
                if step.verb == "remove":
                    continue  # the link or the namespace is gone, and what it held with it
                raise KernelError(f"{describe_step(step)}: {reason}") from reason
            if isinstance(step.item, LinkUp) and step.item.link != "lo":
                if step.verb == "remove":
                    self.raised.pop((node, step.item.link), None)
                else:
                    self.raised[node, step.item.link] = step
                    wanted.append(step)
                    requests.append(wire.no_ipv6_address(self._index(node, step.item.link)))
            wanted.append(step)
            requests.append(request)
        if requests:
            self._send(node, wanted, requests)

    def _request(self, node: str, step: Step) -> Request:
        self._reach.channel(node)  # raises if there is no such namespace
        match step.item:
            case Address():
                return wire.address(step.verb, step.item, self._index(node, step.item.link))
            case Neighbour():
                return wire.neighbour(step.verb, step.item, self._index(node, step.item.link))
            case Route():
                return wire.route(step.verb, step.item, self._index(node, step.item.link) if step.item.link else 0)
            case PolicyRule():
                return wire.rule(step.verb, step.item)
            case Sysctl():
                link = sysctl.link_with_proxy_delay(step.item) or ""
                return wire.proxy_delay(self._index(node, link), int(step.item.value) * 10)
            case LinkUp(link):
                return wire.link_state(self._index(node, link), step.verb != "remove")
        raise AssertionError(f"no netlink request: {step.item}")

    def _index(self, node: str, link: str) -> int:
        index = self._reach.index(node, link)
        if not index:
            raise KernelError(f"there is no link {link}")
        return index

    def _send(self, node: str, steps: Sequence[Step], requests: Sequence[Request]) -> None:
        for start in range(0, len(requests), BATCH):
            chunk = requests[start : start + BATCH]
            self._checkpoint(f"{len(chunk)} changes in {node}")
            for refusal in self._reach.channel(node).send(chunk):
                at = start + refusal.position
                step = steps[at]
                if step.verb == "remove" and refusal.errno in _GONE:
                    continue
                if step.verb == "replace" and refusal.errno == EEXIST and isinstance(step.item, PolicyRule):
                    continue  # there is no "replace" for rules, and equal ones are the same rule
                if refusal.errno in _NO_IPV6 and wire.is_no_ipv6_address(chunk[refusal.position]):
                    continue
                if refusal.errno == EEXIST and self._restored_subnet(node, step):
                    # What stands behind it may have needed that route, so it is done again.
                    behind = dict.fromkeys(steps[at + 1 :])  # each once: a LinkUp is two messages
                    self._insides(node, [step._replace(verb=_again(step.verb)) for step in behind])
                    return
                text = f" ({refusal.text})" if refusal.text else ""
                raise KernelError(f"{describe_step(step)}: {os.strerror(refusal.errno)}{text}")

    def _restored_subnet(self, node: str, step: Step) -> bool:
        """Was the address there, and only its subnet's route lost (`ip route flush`)? Then that is put back.

        observe() reports such an address as missing. To remove and add it would take all routes of its link along.
        """
        if not isinstance(step.item, Address) or step.item.prefixlen == 32:
            return False
        self._checkpoint(f"the subnet of {step.item.ip} in {node}")
        return not self._reach.channel(node).send([wire.subnet_route(step.item, self._index(node, step.item.link))])

    def _settings(self, node: str, steps: list[Step]) -> None:
        wanted = [step for step in steps if step.verb != "remove"]
        if not wanted:
            return
        self._checkpoint(f"{len(wanted)} settings in {node}")
        at = wanted[0]
        try:
            with netns.enter(self._reach.namespace(node)):
                self._sysctls.arrive()
                for at in wanted:
                    assert isinstance(at.item, Sysctl)
                    self._sysctls.write(at.item)
        except KernelError as reason:
            raise KernelError(f"{describe_step(at)}: {reason}", reason.hint) from reason

    def _single(self, node: str, step: Step) -> None:
        self._checkpoint(describe_step(step))
        try:
            namespace = self._reach.namespace(node)
            match step.item:
                case Ruleset():
                    if step.verb == "remove":
                        nftables.delete(namespace)
                        return
                    with nftables.netfilter_channel(namespace) as channel:
                        begun = nftables.replace(namespace, channel, self._reach.lab, step.item)
                    self._begun[node] = (step, begun)
                    if len(self._begun) >= self._width:
                        self._finish(next(iter(self._begun)))
                case FlushConntrack():
                    with nftables.netfilter_channel(namespace) as channel:
                        address = step.item.address
                        nftables.flush_conntrack(channel, names.address_mark(address) if address else None)
                case Uplink():
                    if step.verb != "add":
                        uplink.remove(self._reach.lab)
                    if step.verb != "remove":
                        uplink.add(self._reach.lab, step.item, namespace)
                    self._reach.links_changed(node)
        except KernelError as reason:
            raise _of(step, reason) from reason


def _of(step: Step, reason: KernelError) -> KernelError:
    """The same kind of error, with the step: an UnsupportedError must stay one."""
    return type(reason)(f"{describe_step(step)}: {reason}", reason.hint)


def _again(verb: str) -> Literal["remove", "replace"]:
    return "remove" if verb == "remove" else "replace"


def _veth(step: Step) -> Veth:
    assert isinstance(step.item, Veth)
    return step.item
