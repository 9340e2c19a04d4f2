"""A bench for the agent: namespaces of the test's own, an agent with its files in a temporary folder."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emulator.agent import client
from emulator.agent.places import Places
from emulator.compile.state import Service
from emulator.kernel import netns

ANY_USER = ""


def service(kind: str, port: int, name: str = "") -> Service:
    return Service(name or kind, kind, port, (), "")


def command(name: str, script: str, user: str = ANY_USER) -> Service:
    return Service(name, "command", 0, ("/bin/sh", "-c", script), user)


class Bench:
    """Nodes "a" (10.9.0.1) and "b" (10.9.0.2) on one veth, with what the real State gives to instances."""

    def __init__(self, lab: str, base: str) -> None:
        self.lab = lab
        self.base = base
        self.places = Places(lab, base)
        self.nodes: set[str] = set()
        self._clients: list[client.Client] = []

    def start(self) -> client.Client:
        made = client.start(self.lab, self.base)
        self._clients.append(made)
        return made

    def connect(self) -> client.Client | None:
        found = client.connect(self.lab, self.base)
        if found is not None:
            self._clients.append(found)
        return found

    @property
    def pid(self) -> int:
        return int(Path(self.places.lock).read_text())

    def log(self, node: str, name: str) -> str:
        try:
            return Path(self.places.log(node, name)).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def entry(self, asked: client.Client, node: str, name: str) -> dict[str, Any]:
        return next(each for each in asked.services().get(node, []) if each["name"] == name)

    def add_nodes(self, *nodes: str) -> None:
        self.nodes |= set(nodes)
        ip_batch(f"netns add {self.lab}.{node}" for node in nodes)
        for node in nodes:
            with self.inside(node):
                Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
        ip_batch(f"-n {self.lab}.{node} link set lo up" for node in nodes)

    def remove_nodes(self, *nodes: str) -> None:
        self.nodes -= set(nodes)
        ip_batch(f"netns delete {self.lab}.{node}" for node in nodes)

    def wire(self) -> None:
        a, b = f"{self.lab}.a", f"{self.lab}.b"
        ip_batch(
            [
                f"link add eth0 netns {a} type veth peer name eth0 netns {b}",
                f"-n {a} addr add 10.9.0.1/24 dev eth0",
                f"-n {a} addr add 10.9.0.9/24 dev eth0",
                f"-n {b} addr add 10.9.0.2/24 dev eth0",
                f"-n {a} link set eth0 up",
                f"-n {b} link set eth0 up",
            ]
        )

    @contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """Sockets made in the block belong to the node."""
        there = os.open(f"/run/netns/{self.lab}.{node}", os.O_RDONLY)
        try:
            with netns.enter(there):
                yield
        finally:
            os.close(there)

    def close(self) -> None:
        for each in self._clients:
            each.close()
        with suppress(ValueError, FileNotFoundError):
            client.kill(self.lab, self.base)
        if self.nodes:
            self.remove_nodes(*self.nodes)
        shutil.rmtree(self.base)


@contextmanager
def bench() -> Iterator[Bench]:
    made = Bench(f"t{secrets.token_hex(4)}", tempfile.mkdtemp(prefix="vpcemu-"))
    try:
        yield made
    finally:
        made.close()


def ip_batch(lines: Iterator[str] | Sequence[str]) -> None:
    """`ip -n` does not work in a batch: those lines run on their own."""
    listed = list(lines)
    batch = [line for line in listed if not line.startswith("-n ")]
    if batch:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(batch), text=True, check=True)
    for line in listed:
        if line.startswith("-n "):
            subprocess.run(["ip", *line.split()], check=True)


def processes_with(word: str) -> list[int]:
    """Process ids whose command line holds the word; zombies have none."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with suppress(OSError):
                if word.encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                    found.append(int(entry))
    return found
