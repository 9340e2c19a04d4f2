"""What a lab leaves behind: every trace of its name on the machine, and counts of what has no name."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from emulator.lab import places


def traces(lab: str) -> list[str]:
    """Every place where the machine still knows the lab. Empty after `down`."""
    found = [f"the name /run/netns/{name}" for name in _listed(places.NETNS) if name.startswith(f"{lab}.")]
    found += [f"the mount {line}" for line in _mounts() if f"/{lab}." in line or f"/{lab}/" in line]
    found += [f"the file {places.RUN}/{name}" for name in _listed(places.RUN) if name.startswith(lab)]
    found += [f"the process {number}: {words}" for number, words in processes(lab).items()]
    if lab in _said("ip", "-j", "link", "show"):
        found.append("a link on the machine")
    if f"vpcemu-{lab}" in _said("nft", "list", "tables"):
        found.append("an nft table on the machine")
    return found


def assert_nothing_left(lab: str) -> None:
    left = traces(lab)
    assert not left, f"left of {lab}:\n" + "\n".join(left)


def processes(lab: str) -> dict[int, str]:
    """Processes that were started for the lab, or live in it; zombies too. By process id: the command line."""
    inside = {_inode(f"{places.NETNS}/{name}") for name in _listed(places.NETNS) if name.startswith(f"{lab}.")} - {0}
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        words = _words(entry)
        ours = lab in words.split() and "emulator.agent" in words
        if ours or (inside and _inode(f"/proc/{entry}/ns/net") in inside):
            found[int(entry)] = words
    return found


class Own(NamedTuple):
    """What this process holds."""

    descriptors: int
    children: int  # zombies included


class Machine(NamedTuple):
    """What there is on the machine, whoever made it."""

    mounts: int
    named: int  # names in /run/netns
    inhabited: int  # network namespaces in which some process lives
    namespaces: int  # struct net in the kernel: also those that only a descriptor or a socket keeps


class Census(NamedTuple):
    """Counts of what a lab uses and a leak would keep."""

    own: Own
    machine: Machine


def census() -> Census:
    return Census(
        Own(
            descriptors=len(os.listdir("/proc/self/fd")),
            children=len(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()),
        ),
        Machine(
            mounts=len(_mounts()),
            named=len(_listed(places.NETNS)),
            inhabited=len({_inode(f"/proc/{entry}/ns/net") for entry in os.listdir("/proc") if entry.isdigit()} - {0}),
            namespaces=_slab("net_namespace"),
        ),
    )


def memory() -> int:
    """Bytes that the kernel and this process hold: unreclaimable slab, per-CPU, and our own."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    held = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    own = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return held["SUnreclaim"] + held["Percpu"] + held["KernelStack"] + own


def _slab(name: str) -> int:
    for line in Path("/proc/slabinfo").read_text(encoding="ascii").splitlines():
        if line.split()[0] == name:
            return int(line.split()[1])
    return 0


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _words(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
