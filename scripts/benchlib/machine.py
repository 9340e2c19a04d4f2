"""What it is measured on, and waiting until the kernel has finished the last thing."""

import glob
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime


def facts() -> list[tuple[str, str]]:
    """Kernel, processor, memory, versions, date: what a reader needs to judge the numbers."""
    system = os.uname()
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("vpcemu", _first_line("git", "describe", "--always", "--dirty", "--tags") or "unknown"),
        ("kernel", f"{system.sysname} {system.release} {system.machine}"),
        ("distribution", _distribution()),
        ("processor", f"{_field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{meminfo()['MemTotal'] / 2**30:.1f} GiB"),
        ("Python", sys.version.split()[0]),
        ("nftables", _first_line("nft", "--version")),
        ("iproute2", _first_line("ip", "-V")),
        ("C compiler", _first_line("cc", "--version")),
        ("load when it began", " ".join(f"{value:.2f}" for value in os.getloadavg())),
    ]


def meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    with open("/proc/meminfo") as file:
        return {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in file)}


def resident(arguments: Sequence[str]) -> int:
    """Bytes of resident memory of the processes whose command line holds all of `arguments`."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
            if all(argument in words for argument in arguments):
                total += int(_field(path.replace("cmdline", "status"), "VmRSS").split()[0]) * 1024
        except OSError:
            continue
    return total


def settle() -> float:
    """Wait until the kernel has taken apart what was thrown away before; return how long that took.

    Namespaces are removed by one worker, in the background and in batches. A veth whose far end was thrown away last
    disappears when the worker gets to it. The second one cannot be in the batch that the first was in, so once it is
    gone nothing from before is left.
    """
    start = time.monotonic()
    for _ in range(2):
        subprocess.run(
            "ip netns add settle && ip link add settle type veth peer name away netns settle && ip netns del settle",
            shell=True,
            check=True,
        )
        while os.path.exists("/proc/sys/net/ipv4/conf/settle"):
            time.sleep(0.005)
    return time.monotonic() - start


def _distribution() -> str:
    try:
        with open("/etc/os-release") as file:
            found = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found[1] if found else "unknown"


def _field(path: str, name: str) -> str:
    with open(path) as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return "unknown"


def _first_line(*command: str) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return output.splitlines()[0].strip() if output else ""
