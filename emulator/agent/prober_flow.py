"""One flow that is to be tried: what is asked, what was seen of it so far, what is answered. And how both travel."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any, Literal, NamedTuple

Result = Literal["pass", "drop", "refused", "error"]
PROTOCOLS = ("tcp", "udp", "icmp")
ECHO_REQUEST = 8
MAX_WINDOW = 60.0  # seconds
MAX_PAYLOAD = 16384  # bytes


class Asked(NamedTuple):
    """A flow in the agent's terms. Addresses are texts; source_port 0: any free one.

    receivers: the nodes at which it may arrive, where it is watched for and listened for, each with the port there:
    several behind a load balancer, which may change the port.
    """

    source: str
    source_ip: str
    source_port: int
    to: str
    protocol: str
    port: int
    icmp_type: int
    icmp_code: int
    receivers: tuple[tuple[str, int], ...]


class Answer(NamedTuple):
    """What became of it. receiver, seen_as: where the first packet arrived, and from which address; "" if nowhere."""

    result: Result
    receiver: str
    seen_as: str
    detail: str


class Request(NamedTuple):
    """Flows to try at the same time.

    listen: open the destination port for the time of the probe where it is closed. window: how many seconds nothing
    has to come after the last answer of the run, before what is left counts as dropped. payload: bytes to send there
    and back; 0: as many as it takes to recognise them.
    """

    flows: tuple[Asked, ...]
    listen: bool = True
    window: float = 1.5
    payload: int = 0


class Attempt:
    """A flow under way: `settle` ends it, once."""

    __slots__ = ("asked", "detail", "number", "receiver", "result", "said", "seen_as")

    def __init__(self, number: int, asked: Asked) -> None:
        self.number = number
        self.asked = asked
        self.result: Result | None = None
        self.detail = ""
        self.receiver = ""
        self.seen_as = ""
        self.said = ""  # how far it came, for the case that nothing more happens

    def settle(self, result: Result, detail: str) -> None:
        if self.result is None:
            self.result, self.detail = result, detail

    def arrived(self, receiver: str, seen_as: str) -> None:
        if not self.receiver:
            self.receiver, self.seen_as = receiver, seen_as

    def answer(self) -> Answer:
        assert self.result is not None
        return Answer(self.result, self.receiver, self.seen_as, self.detail)


class NotAFlow(ValueError):
    """The sentence that goes back to the caller."""


def encode(request: Request) -> dict[str, Any]:
    return {"op": "probe", **request._asdict()}


def parse(request: Mapping[str, Any]) -> Request:
    """NotAFlow for anything but what `encode` makes."""
    match request:
        case {"flows": list(flows), "listen": bool(listen), "window": int() | float() as window, "payload": int(load)}:
            if not 0 < window <= MAX_WINDOW:
                raise NotAFlow(f"a window of {window} seconds")
            if not 0 <= load <= MAX_PAYLOAD:
                raise NotAFlow(f"a payload of {load} bytes")
            return Request(tuple(map(_flow, flows)), listen, float(window), load)
    raise NotAFlow("probe: flows, listen, window and payload are needed")


def decode(answers: Sequence[Sequence[Any]]) -> list[Answer]:
    """What the agent sent."""
    return [Answer(*answer) for answer in answers]


def _flow(value: object) -> Asked:
    match value:
        case [str(source), str(own), int(own_port), str(to), str(protocol), int(port), int(kind), int(code), list(at)]:
            ports = (own_port, port)
            if protocol not in PROTOCOLS or not all(0 <= each <= 65535 for each in ports):
                raise NotAFlow(f"{value!r} is no flow")
            if not all(0 <= each <= 255 for each in (kind, code)):
                raise NotAFlow(f"{value!r} is no flow")
            receivers = tuple(map(_receiver, at))
            if protocol != "icmp" and not port:
                raise NotAFlow(f"{value!r} has no port")
            _check_address(own)
            _check_address(to)
            return Asked(source, own, own_port, to, protocol, port, kind, code, receivers)
    raise NotAFlow(f"{value!r} is no flow")


def _receiver(value: object) -> tuple[str, int]:
    match value:
        case [str(node), int(port)] if 0 <= port <= 65535:
            return node, port
    raise NotAFlow(f"{value!r} is no receiver")


def _check_address(text: str) -> None:
    try:
        IPv4Address(text)
    except ValueError:
        raise NotAFlow(f"{text!r} is not an address") from None
