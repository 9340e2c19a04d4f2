"""Continuous probes of what a file expects to pass: which flows break, and after how long they are back."""

import time
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from emulator.errors import UsageError
from emulator.lab import record, running
from emulator.lab.noticed import called
from emulator.lab.probe import probe
from emulator.topology.expand import Expected, expand

WINDOW = 0.5  # seconds of silence after which a flow counts as out; Linux sends a SYN again after 1 s
PAUSE = 0.1  # seconds between two rounds


class Event(NamedTuple):
    """A flow that broke, or came back.

    at: seconds since the epoch, of the probe that told. seconds: how long it was out, from the first probe that failed
    to the first one that passed again; 0 for one that broke. known: False, it was out when the watch began.
    """

    kind: Literal["broke", "back"]
    at: float
    expected: Expected
    seconds: float = 0.0
    known: bool = True


class Watch:
    """The flows of a lab's file that should pass, and since when each is out. UsageError: there is none."""

    def __init__(self, lab: str | None) -> None:
        found = running.recall(lab)
        expected, _ = expand(running.of_file(found.record), called(found.record.kept, found.addresses))
        self.lab = found.lab
        self.flows = [each for each in expected if each.expectation.result == "pass"]
        if not self.flows:
            hint = "`expect: [{from: dev, to: web, port: 80, result: pass}]`"
            raise UsageError(f"lab {self.lab} expects nothing to pass, so there is nothing to watch", hint)
        self._out: dict[int, float] = {}  # by the flow's place, since when
        self._before: set[int] = set()  # those that were out from the beginning

    @property
    def out(self) -> list[Expected]:
        """What is out now."""
        return [self.flows[index] for index in sorted(self._out)]

    def out_for(self, now: float) -> list[tuple[Expected, float]]:
        """What is out now, and for how many seconds."""
        return [(self.flows[index], now - since) for index, since in sorted(self._out.items())]

    def first(self) -> None:
        """How it is before anything happens."""
        for _ in self.round():
            pass
        self._before = {*self._out}

    def round(self) -> Iterator[Event]:
        """Probe every flow once."""
        at = time.time()
        for index, outcome in enumerate(probe(self.lab, [each.flow for each in self.flows], window=WINDOW)):
            passes = outcome.verdict.result == "pass"
            if passes and index in self._out:
                since = self._out.pop(index)
                yield Event("back", at, self.flows[index], at - since, index not in self._before)
                self._before.discard(index)
            elif not passes and index not in self._out:
                self._out[index] = at
                yield Event("broke", at, self.flows[index])

    def run(self, seconds: float | None, tell: Callable[[Event], None]) -> None:
        """Rounds, until so many seconds have passed (None: until Ctrl-C, which is no error)."""
        end = time.monotonic() + seconds if seconds is not None else float("inf")
        try:
            while time.monotonic() < end:
                try:
                    for event in self.round():
                        tell(event)
                except UsageError:
                    now = record.read(self.lab)
                    if now is None or now.complete:  # else somebody is changing it right now
                        raise
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            return
