"""From events to passes: one pass is one packet's way through one namespace. Pure.

The kernel numbers packets for each namespace; a number may come again, so a pass begins where one of the trace's own
chains recognises the packet, and what follows under that number belongs to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from emulator.kernel import trace_decode, trace_wire
from emulator.kernel.trace_decode import Event
from emulator.observe.packet import Header, Known, read
from emulator.topology.traces import Ends

_BEGINNINGS: Final = {name for name, _, _ in trace_wire.RECOGNISING}
Recognise = Callable[[Header], Known | None]


@dataclass(slots=True)
class Pass:
    """A packet's way through a node so far.

    made: it began here. header: as it began; ends: its addresses now. events: rules of others than the trace that it
    met, in order, and the ends of their base chains. routed: the kernel has chosen a way on, after `routed_at` events.
    arrived: it is for this node, and nothing here dropped it. left: it went out by `leaves`. dropped: by the last of
    `events`.
    """

    node: str
    known: Known
    header: Header
    made: bool
    came: int = 0
    leaves: int = 0
    mark: int = 0
    ends: Ends = Ends("", "")
    network: bytes = b""
    transport: bytes = b""
    events: list[Event] = field(default_factory=list)
    routed: bool = False
    routed_at: int = 0
    arrived: bool = False
    left: bool = False
    dropped: bool = False

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self.dropped or self.left or self.arrived


class Passes:
    """All passes of a batch, by node, in the order of their beginnings."""

    def __init__(self, recognise: Recognise) -> None:
        self.found: list[Pass] = []
        self._recognise = recognise
        self._now: dict[tuple[str, int], tuple[Pass | None, str]] = {}  # the pass, and the chain it began in

    def add(self, node: str, event: Event) -> Pass | None:
        """The pass that the event belongs to. None: a packet of nobody's here."""
        place = (node, event.packet)
        own = event.table == trace_wire.TABLE
        held, begun = self._now.get(place, (None, ""))
        if own and event.kind == "rule" and event.chain in _BEGINNINGS and begun != event.chain:
            held = self._begin(node, event)
            self._now[place] = held, event.chain
        elif own and event.kind == "policy" and event.chain in _BEGINNINGS:
            self._now[place] = held, ""  # the same chain may begin another pass under the same number
        if held is not None:
            _note(held, event, own)
        return held

    def by_flow(self) -> dict[int, list[Pass]]:
        """All passes of each flow's packets, in the order of their beginnings."""
        found: dict[int, list[Pass]] = {}
        for held in self.found:
            found.setdefault(held.known.number, []).append(held)
        return found

    def _begin(self, node: str, event: Event) -> Pass | None:
        header = read(event.network, event.transport)
        known = self._recognise(header) if header else None
        if header is None or known is None:
            return None
        made = event.chain == "made"
        begun = Pass(
            node, known, header, made, event.came, event.leaves, 0, header.ends, event.network, event.transport
        )
        self.found.append(begun)
        return begun


def _note(held: Pass, event: Event, own: bool) -> None:
    if event.network:
        header = read(event.network, event.transport)
        if header:
            held.ends = header.ends
            held.network, held.transport = event.network, event.transport
    held.mark = event.mark or held.mark
    held.leaves = event.leaves or held.leaves
    if not own:
        held.events.append(event)
        if event.verdict == trace_decode.DROP:
            held.dropped = True
        return
    if event.chain == "arrived":
        held.arrived = True
    elif event.chain == "routed":
        held.routed, held.routed_at = True, len(held.events)
    elif event.chain == "left":
        held.left = True
