"""Health checks of load balancers: each node checks its targets, and its rules follow what it finds.

A node's part is a service of that node, so it comes and goes with the others. What a node knew of a target stays for
the next service of the same node: an edit of the file does not begin anew what it does not touch (LB-18).
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from emulator.agent import health_rules, sockets
from emulator.agent.health_check import Check, Found, Kind
from emulator.agent.health_state import Health, serving
from emulator.agent.logs import Log
from emulator.agent.loop import Loop
from emulator.compile import spread
from emulator.compile.state import Service

Group = dict[str, Any]
Target = tuple[str, str, int, int]  # name, address, port, mark
Key = tuple[str, str, str, int]  # group, target's name, address, port
_SETTLE_SECONDS = 0.05
_LOOK_SECONDS = 1.0  # how often a node looks whether its rules are still as it has left them


class Cuts(Protocol):
    """Who has connections to targets that no rule knows of (`relay`)."""

    def cut(self, node: str, group: str, target: tuple[str, int]) -> None: ...


class Balancers:
    """All of a lab's."""

    def __init__(self, loop: Loop, home: sockets.Home) -> None:
        self.loop = loop
        self.home = home
        self.nodes: dict[str, Checker] = {}
        self._changed: set[str] = set()
        self.relays: set[Cuts] = set()
        self.known: dict[str, tuple[dict[str, Group], dict[Key, Health], dict[Key, tuple[float, int]]]] = {}

    def changed(self, balancer: str) -> None:
        """A target's health is another one now. All that change at a time cost one transaction for each node."""
        if not self._changed:
            self.loop.later(_SETTLE_SECONDS, self.settle)
        self._changed.add(balancer)

    def settle(self) -> None:
        """Now. A balancer's nodes go together: what one of them finds may change what another one forwards to."""
        changed, self._changed = self._changed, set()
        for balancer in sorted(changed):
            for each in self.of(balancer):
                each.settle()

    def of(self, balancer: str) -> "list[Checker]":
        return [held for held in self.nodes.values() if held.balancer == balancer]


class Checker:
    """What a node of a load balancer does: it is a service, as far as the roster is concerned."""

    def __init__(self, balancers: Balancers, node: str, service: Service, log: Log) -> None:
        self.service = service
        self.node = node
        self.namespace: sockets.Identity | None = None
        self.log = log
        self._balancers = balancers
        self._path = ""
        words = json.loads(service.argv[0])
        self.balancer: str = words["balancer"]
        self.groups: dict[str, Group] = {group["name"]: group for group in words["groups"]}
        self.health: dict[Key, Health] = {}
        self._leaving: dict[Key, tuple[float, int]] = {}  # what is draining: until when, its mark
        self._checks: set[Check] = set()
        self._cut: list[int] = []  # marks of targets whose flows are to end
        self._open = False
        self._rules: health_rules.Rules | None = None

    def open(self, home: sockets.Home, path: str) -> None:
        """OSError: its namespace is not there."""
        self.namespace, _ = home.call_inside(path, lambda: None)
        self._path = path
        self._rules = health_rules.Rules(path)
        self._open = True
        self._balancers.nodes[self.node] = self
        self._take_over()
        for group, target in self._targets():
            self.health.setdefault(_key(group, target), Health())
            self._check(group, target)
        self.settle()
        self._look()

    def close(self) -> None:
        self._open = False
        for check in self._checks:
            check.cancel()
        self._checks.clear()
        self._balancers.known[self.node] = (self.groups, self.health, self._leaving)
        if self._balancers.nodes.get(self.node) is self:
            del self._balancers.nodes[self.node]

    def report(self) -> dict[str, Any]:
        self._balancers.settle()  # what is told is what is so
        return {
            "state": "running",
            "detail": "",
            "pid": 0,
            "restarts": 0,
            "health": [
                [group, name, held.state, held.reason, held.description]
                for (group, name, _, _), held in self.health.items()
            ],
        }

    def _targets(self) -> Iterator[tuple[Group, Target]]:
        for group in self.groups.values():
            for name, ip, port, mark in group["targets"]:
                yield group, (name, ip, port, mark)

    def _take_over(self) -> None:
        """From the node's service before this one: LB-18, what has been taken out drains."""
        before = self._balancers.known.pop(self.node, None)
        if before is None:
            return
        groups, health, leaving = before
        now = time.monotonic()
        registered = {_key(group, target) for group, target in self._targets()}
        marks = {_key(group, target): target[3] for group in groups.values() for target in group["targets"]}
        for key, held in health.items():
            group = self.groups.get(key[0])
            if group is None:
                continue
            if key in registered:
                self.health[key] = held if held.state != "draining" else Health()
            else:
                ends, mark = leaving.get(key) or (now + group["delay"], marks[key])
                ends = min(ends, now + group["delay"])
                held.drain()
                self.health[key], self._leaving[key] = held, (ends, mark)
                self._later(max(0.0, ends - now), self._gone(key))

    def _gone(self, key: Key) -> Callable[[], None]:
        def end() -> None:
            _, mark = self._leaving.pop(key)
            del self.health[key]
            self.log.line(f"{key[0]}: {key[1]} is deregistered")
            if self.groups[key[0]]["cut_drained"] and self._rules:
                self._rules.forget(mark)  # LB-19

        return end

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._balancers.loop.later(seconds, lambda: action() if self._open else None)

    def _check(self, group: Group, target: Target) -> None:
        _, ip, port, _ = target
        began = time.monotonic()
        ranges = tuple((first, last) for first, last in group["matcher"])
        kind = Kind(group["protocol"], group["path"], ranges, group["timeout"], group["host"])
        running: list[Check] = []

        def done(found: Found) -> None:
            self._checks.discard(running[0])
            wait = max(0.0, group["interval"] - (time.monotonic() - began))
            self._later(wait, lambda: self._check(group, target))
            self._judge(group, target, found)

        try:
            _, made = self._balancers.home.call_inside(self._path, _stream)
        except OSError:  # no descriptor left, or the namespace is gone
            self._later(group["interval"], lambda: self._check(group, target))
            return
        running.append(Check(self._balancers.loop, made, (ip, group["port"] or port), kind, done))
        self._checks.add(running[0])

    def _judge(self, group: Group, target: Target, found: Found) -> None:
        held = self.health[_key(group, target)]
        if not held.judge(found, group["healthy"], group["unhealthy"]):
            return
        reason = f": {held.reason}, {held.description}" if held.reason else ""
        self.log.line(f"{group['name']}: {target[0]} is {held.state}{reason}")
        if held.state == "unhealthy" and group["cut"]:
            self._cut.append(target[3])  # NLB-15: whoever speaks next is reset
            for relay in self._balancers.relays:
                relay.cut(self.node, group["name"], (target[1], target[2]))
        self._balancers.changed(self.balancer)

    def settle(self) -> None:
        """Make the rules those that the targets' health wants, and forget the flows that are to end."""
        wanted: dict[str, tuple[str, str]] = {}
        for group in self.groups.values():
            marks = [mark for _, _, _, mark in self._serving(group)]
            for chain, comment in group["chains"]:
                wanted[chain] = spread.rule(marks, group["sticky"]), comment
        if self._rules and (trouble := self._rules.put(wanted)):
            self.log.line(trouble)
        while self._cut and self._rules:
            self._rules.forget(self._cut.pop())

    def _serving(self, group: Group) -> list[Target]:
        own = {target[0]: self.health[_key(group, tuple(target))] for target in group["targets"]}
        everywhere = [
            held
            for each in self._balancers.of(self.balancer)
            for key, held in each.health.items()
            if key[0] == group["name"]
        ]
        chosen = set(serving(own, everywhere))
        return [target for target in group["targets"] if target[0] in chosen]

    def serving(self, group: str) -> list[tuple[str, int]]:
        """(address, port) of who gets the new flows of a group now."""
        held = self.groups.get(group)
        return [(ip, port) for _, ip, port, _ in self._serving(held)] if held else []

    def is_sticky(self, group: str) -> bool:
        """NLB-13."""
        return bool(self.groups[group]["sticky"])

    def _look(self) -> None:
        """Somebody else may have loaded the ruleset anew."""
        if self._rules and self._rules.changed():
            self.settle()
        self._later(_LOOK_SECONDS, self._look)


def _key(group: Group, target: Any) -> Key:
    name, ip, port, _ = target
    return group["name"], name, ip, port


def _stream() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
