"""Agents whose directory somebody has deleted: no socket leads to them, and their sockets keep namespaces alive.

Known by what they hold and not by their name alone: an open descriptor of the lab's agent.lock, which nobody else opens
for longer than a moment.
"""

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress

from emulator.lab import places

_NAME = "vpcemu-agent\n"  # what an agent calls itself; only saves us from looking at every descriptor of the machine
_PATIENCE = 5000  # milliseconds


def find() -> dict[str, list[int]]:
    """Process ids of agents whose lock file is deleted, by lab."""
    found: dict[str, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (lab := _lab(entry)):
            found.setdefault(lab, []).append(int(entry))
    return found


def end(lab: str, checkpoint: Callable[[str], None]) -> int:
    """Kill the lab's orphans; how many there were. What they run ends with them."""
    ended = 0
    for process in find().get(lab, []):
        checkpoint(f"kill agent {process}, whose directory is gone")
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(process)
            try:
                if _lab(str(process)) == lab:  # asked again: the number may have become somebody else's
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    poll = select.poll()
                    poll.register(handle, select.POLLIN)
                    poll.poll(_PATIENCE)
                    ended += 1
            finally:
                os.close(handle)
    return ended


def _lab(process: str) -> str:
    """The lab whose deleted lock this process holds, or ""."""
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            if file.read() != _NAME:
                return ""
        for descriptor in sorted(os.listdir(f"/proc/{process}/fd"), key=int):  # it was opened first
            path = os.readlink(f"/proc/{process}/fd/{descriptor}")
            if path.startswith(f"{places.RUN}/") and path.endswith("/agent.lock (deleted)"):
                return path.removeprefix(f"{places.RUN}/").partition("/")[0]
            if path.endswith("/agent.lock"):
                return ""  # alive and well
    except OSError:  # it has ended meanwhile
        pass
    return ""
