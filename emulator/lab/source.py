"""The topology file: from a path to a Topology, or to every problem at once."""

import os
import sys
from collections.abc import Iterator

from emulator.errors import Problem, TopologyError, Where
from emulator.lab import memory
from emulator.topology.instances import Service
from emulator.topology.model import Node, Topology

LIMIT = 16 * 1024 * 1024  # 4,000 instances are half a megabyte; this is somebody's disk image
STDIN = "-"


def read(file: str) -> str:
    """The text of the file (`-`: standard input). What cannot be read is a mistake in the input."""
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(LIMIT + 1)
    except OSError as error:
        raise _wrong(file, error.strerror or str(error)) from None
    if len(data) > LIMIT:
        raise _wrong(file, f"larger than {LIMIT // 1024 // 1024} MiB: not a topology")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(file, "not UTF-8 text", line, error.start - data.rfind(b"\n", 0, error.start)) from None


def load(text: str, file: str) -> tuple[Topology, list[Problem]]:
    """The topology and its warnings; raises TopologyError with all problems if there is none."""
    topology, problems = memory.load(text, file)
    if topology is None:
        raise TopologyError(file, tuple(problems))
    return topology, problems


def consent(topology: Topology) -> list[Problem]:
    """One problem for each command that asks for a user of this machine's: that takes `--trust`.

    A command without `user` runs as nobody in particular; root in a namespace is root on the host.
    """
    return [
        Problem(
            service.where,
            f"{service.name} of {node.name} runs a command as {service.user} on this machine",
            "leave `user` out, or run `vpcemu up --trust` if you trust this file",
        )
        for node, service in services(topology)
        if service.kind == "command" and service.user
    ]


def services(topology: Topology) -> Iterator[tuple[Node, Service]]:
    """Every service of the lab and the node it runs in, in the order of the file."""
    for host in topology.internet.hosts:
        for service in host.services:
            yield Node(host.name, "outside_host"), service
    for vpc in topology.vpcs:
        for instance in vpc.instances:
            for service in instance.services:
                yield Node(instance.name, "instance", vpc.name), service


def full_path(file: str) -> str:
    """How the record remembers the file."""
    return file if file == STDIN else os.path.abspath(file)


def _wrong(file: str, what: str, line: int = 0, column: int = 0) -> TopologyError:
    return TopologyError(file, (Problem(Where(line, column), what),))
