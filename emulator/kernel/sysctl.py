"""Kernel settings of one namespace: written and read as files below /proc/sys, or as netlink where that is cheaper.

/proc/sys/net shows the namespace of the task that opens the file, so every function here works while inside.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from emulator.compile.state import Sysctl
from emulator.errors import KernelError
from emulator.kernel import syscalls

_VISITS: Final = 32
# net/ipv4/neigh/<link>/proxy_delay: one per link of a router, so it goes by netlink (wire.proxy_delay).
PROXY_DELAY: Final = re.compile(r"net/ipv4/neigh/([^/]+)/proxy_delay")


def link_with_proxy_delay(item: Sysctl) -> str | None:
    """The link, if the setting can go by netlink. "default" is no link."""
    found = PROXY_DELAY.fullmatch(item.key)
    return found[1] if found and found[1] != "default" and item.value.isdigit() else None


class Settings:
    """/proc/sys for many namespaces, one after the other. A context manager.

    The kernel keeps the names below /proc/sys of all namespaces in one list per name and walks it: with 1,000 of them
    opening one file takes 150 us instead of 8. A new instance of proc starts with empty lists, so after some dozens
    of namespaces a fresh one is taken. Where that is not allowed, /proc itself does, only slower.
    """

    def __init__(self) -> None:
        self._proc = -1
        self._visits = 0

    def __enter__(self) -> "Settings":
        return self

    def __exit__(self, *_: object) -> None:
        if self._proc >= 0:
            os.close(self._proc)
        self._proc = -1

    def arrive(self) -> None:
        """To be called in each namespace before its settings are touched."""
        self._visits += 1
        # The first few are not worth a mount.
        if self._visits % _VISITS == 0:
            self.__exit__()
            with suppress(OSError):
                self._proc = syscalls.own_proc()

    def _open(self, key: str, flags: int) -> int:
        if self._proc >= 0:
            return os.open(f"sys/{key}", flags | os.O_CLOEXEC, dir_fd=self._proc)
        return os.open(f"/proc/sys/{key}", flags | os.O_CLOEXEC)

    def write(self, item: Sysctl) -> None:
        try:
            file = self._open(item.key, os.O_WRONLY)
            try:
                os.write(file, item.value.encode())
            finally:
                os.close(file)
        except OSError as reason:
            raise KernelError(f"/proc/sys/{item.key}: {reason.strerror}") from reason

    def read(self, keys: Iterable[str]) -> frozenset[Sysctl]:
        """Those that exist, with the space between several numbers made single: the kernel prints tabs."""
        found = []
        for key in keys:
            try:
                file = self._open(key, os.O_RDONLY)
            except OSError:
                continue
            try:
                found.append(Sysctl(key, " ".join(os.read(file, 4096).decode().split())))
            except OSError:
                continue
            finally:
                os.close(file)
        return frozenset(found)
