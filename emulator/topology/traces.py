"""What a trace found: a packet's way through the lab and its answer's way back, in AWS's words. Pure values."""

from typing import Literal, NamedTuple

from emulator.topology.flows import Component, Flow, Verdict
from emulator.topology.model import NodeKind

Decision = Literal["allow", "deny", "note"]


class Met(NamedTuple):
    """A rule that the packet met. component: whose; None where it is nobody's of AWS's, as a guest's own firewall.

    words: "security group web, ingress rule 2", "route table private: 0.0.0.0/0 to nat". decision: "deny" dropped the
    packet; "allow" let it go on; "note" only says something.
    """

    component: Component | None
    words: str
    decision: Decision


class Ends(NamedTuple):
    """The addresses of a packet, with the ports of tcp and udp (0 for icmp)."""

    source: str
    destination: str
    source_port: int = 0
    destination_port: int = 0


class TraceHop(NamedTuple):
    """One pass through one namespace.

    came, left: the links, "" for what began or ended here. entered, departed: the packet's addresses at both moments
    (the same tuple where nothing was rewritten; departed is entered for a packet that went no further).
    route: of a router, the route taken in AWS's words, else "". rules: in the order in which they were met, so many of
    them (`before_route`) before the route was looked up. arrived: the packet was for this node, and came to it.
    """

    node: str
    kind: NodeKind
    came: str
    left: str
    entered: Ends
    departed: Ends
    route: str
    rules: tuple[Met, ...]
    before_route: int = 0
    arrived: bool = False

    @property
    def rewrites(self) -> tuple[str, ...]:
        """`source 10.0.20.4 to 10.0.10.4`, where an address or port was rewritten."""
        found = []
        for what, old, old_port, new, new_port in (
            ("source", self.entered.source, self.entered.source_port, self.departed.source, self.departed.source_port),
            (
                "destination",
                self.entered.destination,
                self.entered.destination_port,
                self.departed.destination,
                self.departed.destination_port,
            ),
        ):
            ports = (f" port {old_port}", f" port {new_port}") if old_port != new_port else ("", "")
            if (old, old_port) != (new, new_port):
                found.append(f"{what} {old}{ports[0]} to {new}{ports[1]}")
        return tuple(found)


class Trace(NamedTuple):
    """A flow, what became of it, and how. back is empty where there was no answer. reason: the verdict in a sentence.

    answer: what came back or was sent back ("SYN-ACK", "echo reply", "RST", "port unreachable"), "" for nothing.
    """

    flow: Flow
    verdict: Verdict
    forward: tuple[TraceHop, ...]
    back: tuple[TraceHop, ...] = ()
    reason: str = ""
    answer: str = ""

    @property
    def dropped_at(self) -> Component | None:
        return self.verdict.dropped_at
