"""Kernel settings of one namespace: written and read as files below /proc/sys, or as netlink where that is cheaper.

/proc/sys/net shows the namespace of the task that opens the file, so every function here works while inside.
"""

import os
import re
from collections.abc import Iterable
from typing import Final

from emulator.compile.state import Sysctl
from emulator.errors import KernelError

_ROOT: Final = "/proc/sys/"
# net/ipv4/neigh/<link>/proxy_delay: one per link of a router, so it goes by netlink (wire.proxy_delay).
PROXY_DELAY: Final = re.compile(r"net/ipv4/neigh/([^/]+)/proxy_delay")


def link_with_proxy_delay(item: Sysctl) -> str | None:
    """The link, if the setting can go by netlink. "default" is no link."""
    found = PROXY_DELAY.fullmatch(item.key)
    return found[1] if found and found[1] != "default" and item.value.isdigit() else None


def write(item: Sysctl) -> None:
    try:
        file = os.open(_ROOT + item.key, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(file, item.value.encode())
        finally:
            os.close(file)
    except OSError as reason:
        raise KernelError(f"set {item.key} to {item.value}: {reason.strerror}") from reason


def read(keys: Iterable[str]) -> frozenset[Sysctl]:
    """Those that exist, with the spaces between several numbers made single: the kernel prints tabs."""
    found = []
    for key in keys:
        try:
            file = os.open(_ROOT + key, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            found.append(Sysctl(key, " ".join(os.read(file, 4096).decode().split())))
        except OSError:
            continue
        finally:
            os.close(file)
    return frozenset(found)
