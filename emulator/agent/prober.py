"""Probes: many flows tried at once, from inside the senders' namespaces, and judged once it has been silent for long.

A run goes in waves, so that the descriptors suffice: open what listens and watches at the receivers, send, wait until
all have an answer or nothing has come for the window. The clock of that window starts anew with every answer, so a
flow counts as dropped only if it stayed silent while others still got through.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from emulator.agent import prober_packets as packets
from emulator.agent.loop import Loop, Timer
from emulator.agent.prober_flow import ECHO_REQUEST, Answer, Attempt, Request, Result
from emulator.agent.prober_receiver import Receiver
from emulator.agent.prober_sender import Icmp, Tcp, Udp, failure
from emulator.agent.sockets import Home

WAVE = 8000  # flows at a time
DESCRIPTORS = 6  # that a flow may need, with its share of those at the receiver
PER_TURN = 100  # flows sent before the answers of others are looked at
AGAIN = (0.35, 0.7)  # when datagrams are repeated, in parts of the window; TCP repeats itself after a second
_FIRST_PORT, _PORTS = 32768, 28232  # Linux's ephemeral ports

_next_port = 0  # goes on from run to run: an earlier run's flows may still be tracked


class Run:
    """One request. `start` returns at once; `done` is called with the answers, in the order of the flows."""

    def __init__(
        self,
        loop: Loop,
        home: Home,
        namespace: Callable[[str], str],
        request: Request,
        descriptors: int,
        done: Callable[[list[Answer]], None],
    ) -> None:
        self.loop = loop
        self.payload = request.payload
        self._home = home
        self._namespace = namespace
        self._request = request
        self._done = done
        self._number = int.from_bytes(os.urandom(4), "big")
        self._attempts = [Attempt(number, asked) for number, asked in enumerate(request.flows)]
        self._room = max(1, min(WAVE, descriptors // DESCRIPTORS))
        self._waves = iter([self._attempts[at : at + self._room] for at in range(0, len(self._attempts), self._room)])
        self._wave: list[Attempt] = []
        self._open = 0
        self._unsent: Iterator[tuple[str, list[Attempt]]] = iter(())
        self._sending = False
        self._last = 0.0
        self._timers: list[Timer] = []
        self._receivers: dict[str, Receiver] = {}
        self._senders: dict[int, Tcp | Udp] = {}
        self._pings: dict[tuple[str, str], Icmp] = {}

    def start(self) -> None:
        self._timers = [self.loop.later(0.0, self._next_wave)]

    def cancel(self) -> None:
        """Nobody waits for the answers any more."""
        self._clear()

    # --- for senders and receivers ----------------------------------------------------------------------------

    def token(self, attempt: Attempt) -> bytes:
        return packets.token(self._number, attempt.number)

    def find(self, data: bytes) -> Attempt | None:
        number = packets.number(data, self._number)
        return self._attempts[number] if number is not None and number < len(self._attempts) else None

    def next_port(self) -> int:
        global _next_port
        _next_port = (_next_port + 1) % _PORTS
        return _FIRST_PORT + _next_port

    def sent(self, attempt: Attempt, source_port: int) -> None:
        for node, port in attempt.asked.receivers:
            if node in self._receivers:
                self._receivers[node].expect(attempt, source_port, port)

    def we_listen(self, attempt: Attempt) -> bool:
        places = [(node, port) for node, port in attempt.asked.receivers if node in self._receivers]
        if len(places) > 1:  # a load balancer has chosen one: its first segment was delivered before it answered
            for node, _ in places:
                self._receivers[node].look()
            places = [place for place in places if place[0] == attempt.receiver] or places
        held = [(attempt.asked.protocol, port) in self._receivers[node].listens for node, port in places]
        return bool(held) and all(held)

    def settle(self, attempt: Attempt, result: Result, detail: str) -> None:
        if attempt.result is None:
            attempt.settle(result, detail)
            self._open -= 1
            self._last = time.monotonic()
            if not self._open and not self._sending:
                self._timers.append(self.loop.later(0.0, self._next_wave))

    def _arrived(self, attempt: Attempt) -> None:
        """An ICMP message was seen at its destination. Only a request has an answer to wait for."""
        if attempt.asked.icmp_type != ECHO_REQUEST:
            self.settle(attempt, "pass", "arrived")

    # --- a wave -----------------------------------------------------------------------------------------------

    def _next_wave(self) -> None:
        self._clear()
        self._wave = next(self._waves, [])
        if not self._wave:
            self._done([attempt.answer() for attempt in self._attempts])
            return
        self._open = len(self._wave)
        self._open_receivers()
        by_source = sorted(self._wave, key=lambda attempt: attempt.asked.source)
        self._unsent = iter(
            [
                (source, chunk)
                for source, attempts in groupby(by_source, lambda attempt: attempt.asked.source)
                for chunk in _chunks(list(attempts), PER_TURN)
            ]
        )
        self._sending = True
        self._send()

    def _send(self) -> None:
        sent = 0
        while sent < PER_TURN:
            source, attempts = next(self._unsent, ("", []))
            if not attempts:
                self._sending = False
                self._last = time.monotonic()
                for part in AGAIN:
                    self._timers.append(self.loop.later(self._request.window * part, self._again))
                self._judge()
                return
            self._send_from(source, attempts)
            sent += len(attempts)
        self._timers = [self.loop.later(0.0, self._send)]

    def _send_from(self, source: str, attempts: list[Attempt]) -> None:
        try:
            self._home.call_inside(self._namespace(source), lambda: self._send_inside(attempts))
        except OSError as error:
            what = "its namespace does not exist" if isinstance(error, FileNotFoundError) else failure(error)[1]
            for attempt in attempts:
                self.settle(attempt, "error", f"{source}: {what}")

    def _send_inside(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if attempt.asked.protocol == "icmp":
                self._ping(attempt)
                continue
            made = (Tcp if attempt.asked.protocol == "tcp" else Udp)(self, attempt)
            self._senders[attempt.number] = made
            try:
                made.open_inside()
            except OSError as error:  # out of descriptors
                self.settle(attempt, *failure(error))

    def _ping(self, attempt: Attempt) -> None:
        who = (attempt.asked.source, attempt.asked.source_ip)
        if who not in self._pings:
            made = Icmp(self, who[1])
            try:
                made.open_inside()
            except OSError as error:
                self.settle(attempt, *failure(error))
                return
            self._pings[who] = made
        self._pings[who].send(attempt, (self._number + attempt.number) & 0xFFFF)

    def _again(self) -> None:
        for attempt in self._wave:
            if attempt.result is None:
                if attempt.asked.protocol == "icmp":
                    ping = self._pings.get((attempt.asked.source, attempt.asked.source_ip))
                    if ping:
                        ping.send(attempt, (self._number + attempt.number) & 0xFFFF)
                elif isinstance(sender := self._senders[attempt.number], Udp):
                    sender.again()

    def _judge(self) -> None:
        """Nothing has come for the window: what is still open is dropped."""
        if not self._open:
            self._timers.append(self.loop.later(0.0, self._next_wave))
            return
        left = self._last + self._request.window - time.monotonic()
        if left > 0:
            self._timers.append(self.loop.later(left, self._judge))
            return
        for attempt in self._wave:
            if attempt.result is None:
                attempt.settle("drop", self._silence(attempt))
        self._open = 0
        self._next_wave()

    def _silence(self, attempt: Attempt) -> str:
        if attempt.said:
            return attempt.said
        seconds = f"no answer within {self._request.window:g} s"
        return f"{seconds}, though it arrived at {attempt.receiver}" if attempt.receiver else seconds

    def _open_receivers(self) -> None:
        protocols: dict[str, set[str]] = {}
        ports: dict[str, set[tuple[str, int]]] = {}
        for attempt in self._wave:
            for node, port in attempt.asked.receivers:
                protocols.setdefault(node, set()).add(attempt.asked.protocol)
                if self._request.listen and attempt.asked.protocol != "icmp":
                    ports.setdefault(node, set()).add((attempt.asked.protocol, port))
        for node, seen in protocols.items():
            made = self._receivers[node] = Receiver(node, self.loop, self.find, self._arrived)
            try:
                self._open_receiver(made, seen, ports.get(node, set()))
            except OSError:  # no such namespace: nothing will arrive there
                made.close()
                del self._receivers[node]

    def _open_receiver(self, made: Receiver, protocols: set[str], ports: set[tuple[str, int]]) -> None:
        self._home.call_inside(self._namespace(made.node), lambda: made.open_inside(protocols, ports))

    def _clear(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        for each in (*self._senders.values(), *self._pings.values(), *self._receivers.values()):
            each.close()
        self._senders, self._pings, self._receivers = {}, {}, {}


def _chunks(attempts: list[Attempt], size: int) -> list[list[Attempt]]:
    return [attempts[at : at + size] for at in range(0, len(attempts), size)]
