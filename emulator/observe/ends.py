"""The two ends of traced flows: raw sockets that send our packets, and listeners where nobody else listens."""

import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from os import urandom
from typing import Final

from emulator.errors import UsageError
from emulator.kernel import netns
from emulator.observe import packet
from emulator.topology.flows import Flow

_TYPES: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Senders:
    """A raw socket for each (node, address) that sends, and for each flow a socket that keeps its source port."""

    def __init__(self, flows: Mapping[int, Flow], namespaces: Mapping[str, int], stack: ExitStack) -> None:
        """namespaces: descriptors, by node. stack: closes what is opened here."""
        self._flows = flows
        self._sockets: dict[tuple[str, str], socket.socket | str] = {}
        self.ports: dict[int, int] = {}  # of tcp and udp the source port, of icmp the identifier
        reserved: dict[tuple[str, str, int], int] = {}
        with netns.roam() as go:
            here = ""
            for number, flow in sorted(flows.items(), key=lambda item: item[1].source):
                if flow.source != here:
                    here = flow.source
                    go(namespaces[here])
                source = str(flow.source_ip)
                if (here, source) not in self._sockets:
                    self._sockets[here, source] = _raw(source, stack)
                kept = (here, flow.protocol, flow.source_port)
                if flow.source_port == 0 or kept not in reserved:
                    reserved[kept] = _reserve(flow, stack)
                self.ports[number] = reserved[kept]

    def send(self, number: int, tag: bytes) -> str:
        """Send the flow's packet. Why its node could not, "" if it did."""
        flow = self._flows[number]
        out = self._sockets[flow.source, str(flow.source_ip)]
        if isinstance(out, str):
            return out
        try:
            out.sendto(packet.build(flow, number, tag, self.ports[number]), (str(flow.to), 0))
        except OSError as reason:
            return _words(reason)
        return ""


def listen(
    wanted: Iterable[tuple[str, str, Flow]], namespaces: Mapping[str, int], stack: ExitStack
) -> list[socket.socket]:
    """Listen for each (node, its own address, flow), unless somebody does already; the sockets for datagrams.

    A closed port would hide what the VPC does with the answer.
    """
    places = sorted({(node, own, flow.protocol, flow.port) for node, own, flow in wanted if flow.protocol in _TYPES})
    datagrams = []
    here = ""
    with netns.roam() as go:
        for node, own, protocol, port in places:
            if node != here:
                here = node
                go(namespaces[here])
            made = socket.socket(socket.AF_INET, _TYPES[protocol] | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            stack.callback(made.close)
            with suppress(OSError):  # somebody listens there, or the guest has given its address away
                made.bind((own, port))
                if protocol == "tcp":
                    made.listen(packet.FLOWS_AT_MOST)
                else:
                    datagrams.append(made)
    return datagrams


def echo(listener: socket.socket) -> None:
    """Send back every datagram that is there."""
    with suppress(OSError):
        while True:
            data, caller = listener.recvfrom(2048)
            listener.sendto(data, caller)


def _raw(source: str, stack: ExitStack) -> socket.socket | str:
    """Bound to the address, so that the guest's own routes by source are asked. A text: why there is none."""
    made = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
    stack.callback(made.close)
    try:
        made.bind((source, 0))
    except OSError as reason:
        return _words(reason)
    return made


def _reserve(flow: Flow, stack: ExitStack) -> int:
    """A source port that is nobody's, kept for us by a socket; of icmp any number.

    A connection that has the port already would be disturbed by our packets, and we by its.
    """
    if flow.protocol == "icmp":
        return int.from_bytes(urandom(2), "big")
    made = socket.socket(socket.AF_INET, _TYPES[flow.protocol] | socket.SOCK_CLOEXEC)
    stack.callback(made.close)
    try:
        made.bind(("", flow.source_port))
    except OSError as reason:
        what = f"{flow.protocol} port {flow.source_port} of {flow.source} is in use"
        raise UsageError(what, "leave the source port out") from reason
    return int(made.getsockname()[1])


def _words(reason: OSError) -> str:
    return (reason.strerror or str(reason)).lower()
