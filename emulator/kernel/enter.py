"""Becoming a program inside a node, for `vpcemu exec` and `shell`.

A file of its own because scripts run `exec` a thousand times: it loads nothing but system calls.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from emulator.errors import KernelError, UsageError
from emulator.kernel import syscalls


def enter_and_exec(
    namespace: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    hostname: str,
    hosts_text: str = "",
    resolv_text: str = "",
    ssh_text: str = "",
) -> NoReturn:
    """Become the program, inside the network namespace of that path: no further process, no shell.

    It sees the node's host name, /etc/hosts, /etc/resolv.conf, /etc/ssh/ssh_config (where a text is given) and
    /sys/class/net; all else is the machine's. What is mounted for that is seen by the program alone, and goes when
    it goes. Call it from a process with one thread.
    """
    program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if program is None:
        raise UsageError(f"{argv[0]}: no such command", "a node has this machine's programs, and no others")
    try:
        syscalls.setns(os.open(namespace, os.O_RDONLY | os.O_CLOEXEC))
        syscalls.unshare(syscalls.NEW_MOUNTS | syscalls.NEW_HOST_NAME)
        syscalls.set_host_name(hostname[:64])
        # Slave: what the machine mounts later is seen here, what is mounted here is not seen there.
        syscalls.mount("", "/", "none", syscalls.SLAVE | syscalls.RECURSIVE)
        _own_files({"/etc/hosts": hosts_text, "/etc/resolv.conf": resolv_text, "/etc/ssh/ssh_config": ssh_text})
        _own_sys()
        os.execve(program, list(argv), dict(env))
    except OSError as reason:
        # We are somewhere in between; only ending the process makes sense, so this is for the message alone.
        raise KernelError(f"enter {namespace}: {reason}") from reason


def _own_files(texts: Mapping[str, str]) -> None:
    """Files of ours over the machine's, for this mount namespace alone.

    They lie on a tmpfs that nobody sees: it is mounted over /sys, which `_own_sys` replaces anyway, and taken away
    as soon as its files are mounted where they belong. A file the machine does not have cannot be covered.
    """
    wanted = {target: text for target, text in texts.items() if text and os.path.isfile(target)}
    if not wanted:
        return
    syscalls.mount("tmpfs", "/sys", "tmpfs", syscalls.NO_SUID | syscalls.NO_DEVICES, "mode=0755")
    try:
        for number, (target, text) in enumerate(wanted.items()):
            source = f"/sys/{number}"
            with open(source, "x", encoding="utf-8") as file:
                file.write(text)
            os.chmod(source, 0o644)
            syscalls.mount(source, target, "none", syscalls.BIND)
    finally:
        syscalls.unmount("/sys")


def _own_sys() -> None:
    """/sys/class/net shows the links of the namespace in which sysfs was mounted."""
    read_only = os.statvfs("/sys").f_flag & os.ST_RDONLY
    with suppress(OSError):
        syscalls.unmount("/sys")
    flags = syscalls.NO_SUID | syscalls.NO_DEVICES | syscalls.NO_EXEC | (syscalls.READ_ONLY if read_only else 0)
    syscalls.mount("sysfs", "/sys", "sysfs", flags)
