"""Other ways to get as many hosts: Mininet, and the shell loop of `ip` that tutorials show."""

import os
import shutil
import subprocess
import time

from .sandbox import scratch

_HERE = os.path.dirname(os.path.abspath(__file__))
_PYTHON = "/usr/bin/python3"  # the distribution's: it has the distribution's mininet
_WALLS = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def mininet_version() -> str:
    """The version that is installed and can run on Linux bridges, or ""."""
    if not (shutil.which("mnexec") and shutil.which("brctl")):
        return ""
    command = [_PYTHON, "-c", "import mininet.net; print(mininet.net.VERSION)"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)
    return asked.stdout.strip()


def mininet(hosts: int, subnets: int) -> tuple[float, float]:
    """Seconds to bring Mininet up and down, its process's start and end included; in a namespace of its own."""
    command = [*_WALLS, _PYTHON, f"{_HERE}/rival_mininet.py", str(hosts), str(subnets)]
    start = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            if running.stdout.readline() != "up\n":
                raise RuntimeError("Mininet did not start: " + running.stderr.read().strip()[-500:])
            middle = time.monotonic()
            running.stdin.write("\n")
            running.stdin.close()
            running.wait()
        except BaseException:
            running.kill()
            raise
    return middle - start, time.monotonic() - middle


def shell_loop(hosts: int) -> tuple[float, float]:
    """Seconds for a loop of `ip` commands, one process each, up and down: a router and its hosts."""
    up = scratch("loop-up.sh")
    with open(up, "w") as file:
        file.write(_LOOP_UP)
    down = scratch("loop-down.sh")
    with open(down, "w") as file:
        file.write(_LOOP_DOWN)
    return _timed(["bash", up, str(hosts)]), _timed(["bash", down, str(hosts)])


_LOOP_UP = """set -e
ip netns add loop-router
ip netns exec loop-router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1
ip -n loop-router link set lo up
for ((i = 0; i < $1; i++)); do
    a=10.0.$((i / 250)).$((i % 250 + 4))
    ip netns add loop-h$i
    ip link add loop$i type veth peer name loopp$i
    ip link set loop$i netns loop-router
    ip link set loopp$i netns loop-h$i name eth0
    ip -n loop-h$i addr add $a/32 dev eth0
    ip -n loop-h$i link set lo up
    ip -n loop-h$i link set eth0 up
    ip -n loop-h$i route add default dev eth0
    ip -n loop-router link set loop$i up
    ip -n loop-router route add $a/32 dev loop$i
done
"""

_LOOP_DOWN = """set -e
for ((i = 0; i < $1; i++)); do
    ip netns del loop-h$i
done
ip netns del loop-router
"""


def _timed(command: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - start
