"""A lab as a test holds it: bring it up and down, see what is there, and send packets through it.

The topologies here are dictionaries, so that a test edits them as a user edits a file. Probes are sockets of this very
process, opened inside the namespaces: no program is started, and a result takes a millisecond.
"""

import copy
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from emulator import names
from emulator.agent import client
from emulator.compile.diff import diff
from emulator.compile.state import State, Step
from emulator.kernel import netns, sockets
from emulator.lab import doors, plan, record, services, source, status, up
from emulator.lab.down import Removed, down
from emulator.report.shapes import Status
from tests.support.picture import Picture, picture

REPOSITORY = Path(__file__).parent.parent.parent
Document = dict[str, Any]  # a topology file, before it is text
Result = Literal["pass", "refused", "drop"]

PATIENCE = 5.0  # seconds for what must arrive
SILENCE = 0.35  # seconds after which what has not arrived counts as dropped: nothing here is further than a millisecond


# --- topologies ------------------------------------------------------------------------------------------------


def nat(**changes: Any) -> Document:
    """nat.yaml in miniature, with services to call."""
    return {
        "name": "",
        "vpcs": {
            "main": {
                "cidr_block": "10.0.0.0/16",
                "internet_gateway": "igw",
                # Addresses are fixed everywhere: one that vpcemu chose stays with its node through later edits, where a
                # fresh lab might choose another.
                "subnets": {
                    "public": {
                        "cidr_block": "10.0.10.0/24",
                        "route_table": "public",
                        "map_public_ip_on_launch": True,
                    },
                    "private": {"cidr_block": "10.0.20.0/24", "route_table": "private"},
                },
                "nat_gateways": {
                    "nat": {"subnet": "public", "elastic_ip": "52.195.125.184", "private_ip": "10.0.10.4"}
                },
                "route_tables": {
                    "public": {"routes": {"0.0.0.0/0": "igw"}},
                    "private": {"routes": {"0.0.0.0/0": "nat"}},
                },
                "security_groups": {
                    "web": {"ingress": [{"protocol": "tcp", "port": 80, "from": "0.0.0.0/0"}]},
                    "dev": {"ingress": []},
                },
                "instances": {
                    "web": {
                        "subnet": "public",
                        "security_groups": ["web"],
                        "private_ip": "10.0.10.10",
                        "services": ["http", {"tcp": 8080}],
                    },
                    "dev": {"subnet": "private", "security_groups": ["dev"], "private_ip": "10.0.20.4"},
                },
            }
        },
        "internet": {
            "hosts": {
                "web.example": {"ip": "93.184.216.34", "services": ["http"]},
                "attacker": {"ip": "45.83.64.9"},
            }
        },
    } | changes


def small(*, service: bool = True) -> Document:
    """The least that has a router, an internet gateway, an instance, an outside host."""
    return {
        "name": "",
        "vpcs": {
            "main": {
                "cidr_block": "10.0.0.0/16",
                "internet_gateway": "igw",
                "subnets": {
                    "public": {"cidr_block": "10.0.10.0/24", "route_table": "public", "map_public_ip_on_launch": True}
                },
                "route_tables": {"public": {"routes": {"0.0.0.0/0": "igw"}}},
                "security_groups": {"web": {"ingress": [{"protocol": "tcp", "port": 80, "from": "0.0.0.0/0"}]}},
                "instances": {
                    "web": {"subnet": "public", "security_groups": ["web"], "services": ["http"] if service else []}
                },
            }
        },
        "internet": {"hosts": {"attacker": {"ip": "45.83.64.9"}}},
    }


def edited(document: Document, *edits: Callable[[Document], object]) -> Document:
    """A copy, changed by each of `edits`."""
    changed = copy.deepcopy(document)
    for edit in edits:
        edit(changed)
    return changed


# --- a lab -----------------------------------------------------------------------------------------------------


class Lab:
    """One lab and its file, which is written anew at each `up`."""

    def __init__(self, name: str, document: Document) -> None:
        self.name = name
        self.document = document
        # Not in pytest's tmp_path: its whole tree outlives the run, and some tests want the file gone.
        handle, self.file = tempfile.mkstemp(prefix=f"{name}-", suffix=".yaml")
        os.close(handle)
        self.write()

    def write(self, document: Document | None = None) -> str:
        """The topology file, as it is to be now. JSON is YAML."""
        if document is not None:
            self.document = document
        with open(f"{self.file}.new", "w", encoding="utf-8") as file:
            json.dump(self.document | {"name": self.name}, file, indent=1)
        os.replace(f"{self.file}.new", self.file)  # another process may be reading it
        return self.file

    def up(self, document: Document | None = None, **options: Any) -> up.Outcome:
        return up.up(self.write(document), **options)

    def down(self, **options: Any) -> Removed:
        return down(self.name, **options)

    def status(self) -> Status:
        return status.status(self.name)

    def plan(self) -> plan.Plan:
        return plan.plan(self.file)

    def close(self) -> None:
        if os.path.exists(self.file):
            os.unlink(self.file)

    # --- what is there -------------------------------------------------------------------------------------

    def wanted(self) -> State:
        """What the file asks for, given the addresses that the lab has."""
        before = record.read(self.name)
        text = Path(self.file).read_text(encoding="utf-8")
        topology, _ = source.load(text, self.file)
        return plan.settle(self.file, text, topology, [], before.addresses if before else None).state

    def left_to_do(self) -> list[Step]:
        """The diff that a next `up` would find."""
        wanted = self.wanted()
        agent = client.connect(self.name)
        try:
            return diff(services.merge(doors.kernel().observe(self.name, wanted), agent), wanted)
        finally:
            if agent:
                agent.close()

    def assert_settled(self) -> None:
        left = self.left_to_do()
        assert not left, f"a second `up` would do: {left}"
        plan = self.plan()
        assert not plan.steps
        assert not plan.changes
        found = self.status()
        assert found["healthy"], found["wrong"]
        assert found["state"] == "up"

    def agent_pid(self) -> int:
        """The agent's process, 0 if there is none."""
        agent = client.connect(self.name)
        if agent is None:
            return 0
        with agent:
            return int(agent.hello()["pid"])

    def signal_agent(self, number: int) -> None:
        pid = self.agent_pid()
        assert pid, "the lab has no agent"  # and os.kill(0, ...) would be ourselves
        os.kill(pid, number)

    # --- packets -------------------------------------------------------------------------------------------

    def open_socket(self, node: str, kind: socket.SocketKind = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A socket that lives in the node's namespace. Close it, or the namespace lives on."""
        return socket_in(self.name, node, kind, protocol)

    def listener(self, node: str, port: int) -> socket.socket:
        """A TCP socket that listens there."""
        listening = self.open_socket(node)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("0.0.0.0", port))
        listening.listen(8)
        listening.settimeout(PATIENCE)
        return listening

    def tcp(self, source: str, ip: str, port: int, expected: Result = "pass") -> Result:
        """What becomes of a connection. `expected` only decides how long we wait."""
        with self.open_socket(source) as calling:
            calling.settimeout(SILENCE if expected == "drop" else PATIENCE)
            try:
                calling.connect((ip, port))
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return "drop"
            return "pass"

    def seen_as(self, source: str, ip: str, port: int = 80) -> str:
        """The address from which an `http` service sees the caller come."""
        return get(self, source, ip, port).partition("you are ")[2].partition("\n")[0]

    def private_ip(self, node: str) -> str:
        before = record.read(self.name)
        assert before is not None
        return str(before.addresses.private[node])

    def public_ip(self, node: str) -> str:
        before = record.read(self.name)
        assert before is not None
        return str(before.addresses.public[node])

    def picture(self, *, sysctls: bool = True) -> Picture:
        return picture(self.name, sysctls=sysctls)


def first_word(lab: Lab, source: str, ip: str, port: int) -> str:
    """What the service there says first when it is asked for a page: "HTTP/1.1", or the node's name (`tcp`)."""
    with lab.open_socket(source) as calling:
        calling.settimeout(PATIENCE)
        calling.connect((ip, port))
        calling.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return calling.recv(100).split()[0].decode()


def get(lab: Lab, source: str, ip: str, port: int = 80) -> str:
    """A page."""
    with lab.open_socket(source) as calling:
        calling.settimeout(PATIENCE)
        calling.connect((ip, port))
        calling.sendall(b"GET / HTTP/1.0\r\n\r\n")
        said = b""
        while piece := calling.recv(65536):
            said += piece
        return said.decode()


def socket_in(lab: str, node: str, kind: socket.SocketKind = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
    made = sockets.open_in(netns.path(names.netns(lab, node)), socket.AF_INET, kind, protocol)
    made.setblocking(True)
    return made


def vpcemu(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    argv = [sys.executable, "-m", "emulator", *arguments]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


def start_vpcemu(*arguments: str) -> "subprocess.Popen[str]":
    """The same, without waiting for it."""
    argv = [sys.executable, "-m", "emulator", *arguments]
    return subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
