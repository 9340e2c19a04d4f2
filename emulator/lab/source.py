"""The topology file: from a path to a Topology, or to every problem at once."""

import os
import sys
from collections.abc import Iterator

from emulator.errors import Problem, TopologyError, Where
from emulator.lab import memory
from emulator.topology.instances import Service
from emulator.topology.model import Node, Topology
from emulator.topology.suggest import listed, nearest

LIMIT = 16 * 1024 * 1024  # 4,000 instances are half a megabyte; this is somebody's disk image
STDIN = "-"
TEXT = "a topology is a text file in YAML, such as topologies/nat.yaml"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how Windows's older editors save what they call Unicode


def read(file: str) -> str:
    """The text of the file (`-`: standard input). What cannot be read is a mistake in the input."""
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(LIMIT + 1)
    except OSError as error:
        raise _wrong(file, error.strerror or str(error), meant(file)) from None
    if len(data) > LIMIT:
        raise _wrong(file, f"larger than {LIMIT // 1024 // 1024} MiB: not a topology", TEXT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        hint = TEXT if b"\0" in data and data[:2] not in UTF_16 else "save the file as UTF-8 in the editor"
        raise _wrong(file, "not UTF-8 text", hint, line, column) from None


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


def meant(file: str) -> str:
    """The topology files that somebody may have meant who names a directory, or a file that is not there."""
    folder, name = (file, "") if os.path.isdir(file) else os.path.split(file)
    here = _topologies(folder)
    if not name:
        inside = listed(os.path.join(folder, each) for each in here)
        return f"the files in it: {inside}" if here else "a topology is a file, such as topologies/nat.yaml"
    lesson = os.path.join("topologies", f"{name.removesuffix('.yaml')}.yaml")
    if os.path.isfile(lesson):
        return f"did you mean {lesson}?"
    guess = nearest(name, here)
    return f"did you mean {os.path.join(folder, guess)}?" if guess else ""


def _topologies(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder or ".") if name.endswith((".yaml", ".yml")))
    except OSError:
        return []


def _wrong(file: str, what: str, hint: str = "", line: int = 0, column: int = 0) -> TopologyError:
    return TopologyError(file, (Problem(Where(line, column), what, hint),))
