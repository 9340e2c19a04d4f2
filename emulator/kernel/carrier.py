"""Waiting until links can send.

With some hundred new links the kernel puts off "carrier on" by seconds, one link after the other: a host whose link is
up cannot send for up to 18 s. Asking for one link makes the kernel decide on that link at once (Linux 6.8; before, the
asking does nothing, and this waits).
"""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from emulator.compile.state import Step
from emulator.compile.words import describe_step
from emulator.errors import KernelError
from emulator.kernel import decode, wire
from emulator.kernel.channel import Part
from emulator.kernel.reach import Reach

TIMEOUT: Final = 20.0

End = tuple[str, str]  # node, link


def wait(reach: Reach, raised: Mapping[End, Step]) -> None:
    """Return when every one of these links can send."""
    deadline = time.monotonic() + TIMEOUT
    pause = 0.001
    waiting = list(raised)
    while waiting := _without_carrier(reach, waiting):
        if time.monotonic() > deadline:
            more = f" (and {len(waiting) - 1} more links)" if len(waiting) > 1 else ""
            raise KernelError(f"{describe_step(raised[waiting[0]])}: it gets no carrier{more}")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def _without_carrier(reach: Reach, ends: Sequence[End]) -> list[End]:
    waiting = []
    for node, group in groupby(ends, key=lambda end: end[0]):
        members = list(group)
        channel = reach.channel(node)
        answers = channel.ask([wire.get_link(reach.index(*end)) for end in members])
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
