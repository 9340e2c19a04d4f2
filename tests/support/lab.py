"""A lab for a test: brought up through the public API under a name nobody else has, and gone afterwards.

Sockets are opened inside a node and used from the test: a socket stays in the namespace it was made in. So tests need
no helper processes, nothing has to be waited for until it is "ready", and a capture misses nothing.
"""

import json
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from emulator import api
from emulator.compile.state import Veth
from emulator.kernel import sockets

Held = sockets.Held
TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"


class Run(NamedTuple):
    """A command that has ended."""

    code: int
    output: str  # stdout and stderr

    def __bool__(self) -> bool:
        return not self.code


class Lab(api.Lab):
    """A lab that is up, and what the tests of vpcemu itself need of it beyond the public API."""

    def __init__(self, name: str, directory: str) -> None:
        super().__init__(name, directory)
        self.servers: list[Server] = []
        self._beside: dict[str, tuple[str, str]] = {}

    # --- what is where -----------------------------------------------------------------------------------------

    def private(self, node: str) -> str:
        return str(self.addresses.private[node])

    def public(self, node: str) -> str:
        return str(self.addresses.public[node])

    def stands_for(self, node: str, namespace: str, address: str) -> None:
        """A namespace beside the lab that tests want to use like a node of it."""
        self._beside[node] = (namespace, address)

    def address(self, node: str) -> str:
        """The one on the node's own interface."""
        if node in self._beside:
            return self._beside[node][1]
        return self.private(node) if node in self.addresses.private else self.public(node)

    def resolve(self, target: str) -> str:
        """A node's own address, or the address itself."""
        return self.address(target) if target in self or target in self._beside else target

    def veth(self, node: str, link: str = "eth0") -> Veth:
        """The one that ends in the node: an instance, a NAT gateway, an outside host."""
        return next(veth for veth in self.state.veths if (veth.peer_node, veth.peer_link) == (node, link))

    def macs(self, node: str, link: str) -> tuple[str, str]:
        """The node's own, and that of whoever is at the other end of its link."""
        if node not in self._beside:
            veth = self.veth(node, link)
            return veth.peer_mac, veth.mac
        own = json.loads(self.run(node, "ip", "-j", "link", "show", link).output)[0]["address"]
        (there,) = (other for other in self._beside if other != node)
        return own, json.loads(self.run(there, "ip", "-j", "link", "show", link).output)[0]["address"]

    def namespace(self, node: str) -> str:
        return self._beside[node][0] if node in self._beside else super().namespace(node)

    # --- in a node ---------------------------------------------------------------------------------------------

    def open_socket(
        self, node: str, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, proto: int = 0
    ) -> Held:
        """A non-blocking socket of the node's, closed with the lab at the latest."""
        return self.keep(sockets.open_in(self.namespace(node), family, kind, proto))

    def run(self, node: str, *argv: str, stdin: str = "", timeout: float = 20) -> Run:
        """A command as root in the node's network namespace."""
        command = ("nsenter", f"--net={self.namespace(node)}", *argv)
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout)

    def must(self, node: str, *commands: str) -> None:
        """Commands as root in the node, each of which must succeed: `ip addr add ...`."""
        for command in commands:
            done = self.run(node, "sh", "-c", command)
            assert done, f"{node}: {command}: {done.output}"

    def serve(self, node: str, *, tcp: tuple[int, ...] = (), udp: tuple[int, ...] = (), at: str = "0.0.0.0") -> None:
        """Listen there. Whoever comes is told the address it came from (see `probes.pump`)."""
        for kind, ports in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp)):
            for port in ports:
                made = self.open_socket(node, kind=kind)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((at, port))
                if kind == socket.SOCK_STREAM:
                    made.listen(64)
                self.servers.append(Server(node, made))


class Server(NamedTuple):
    """A listening socket and whose it is."""

    node: str
    socket: Held


@contextmanager
def up(source: str | Path) -> Iterator[Lab]:
    """A lab made of a YAML text or file. Its name is replaced by a random one."""
    with tempfile.TemporaryDirectory(prefix="vpcemu-test-") as directory:
        lab = Lab(f"t{secrets.token_hex(4)}", directory)
        try:
            lab.up(source)
            yield lab
        finally:
            lab.down()


def without(text: str, line: str) -> str:
    """The text less the one line that holds this."""
    lines = text.splitlines(keepends=True)
    kept = [held for held in lines if line not in held]
    assert len(kept) == len(lines) - 1, f"{len(lines) - len(kept)} lines hold {line!r}"
    return "".join(kept)


@contextmanager
def changed(text: str, lab: Lab, edits: Mapping[str, str]) -> Iterator[None]:
    """A lab of this text with the edits, for as long as the block lasts."""
    lab.up(edited(text, edits))
    try:
        yield
    finally:
        lab.up(text)


def edited(text: str, changes: Mapping[str, str]) -> str:
    """The text with each key, which must occur once, replaced by its value."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text
