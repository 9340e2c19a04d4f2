"""What a file expects of its lab: the nouns of `expect:`. How they become flows: `expand.py`."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

ECHO_REQUEST = 8
Result = Literal["pass", "drop", "refused"]


class Selector(NamedTuple):
    """Every ENI of an instance of which all this holds; "" is left out. Never all of them empty.

    A name of a subnet or a group means that of every VPC that has one, unless `vpc` says which.
    """

    subnet: str = ""
    group: str = ""
    vpc: str = ""

    def __str__(self) -> str:
        return ", ".join(f"{key} {name}" for key, name in self._asdict().items() if name)


End = str | Selector  # the name of a node or an ENI, an address, or "internet" for every outside host


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of `expect:`. It stands for a flow from every source to every target on every port.

    ports: of tcp and udp; icmp has a type and a code instead.
    seen_as: the source address that the receiver sees. via: gateways and appliances that must be on the path.
    payload: some thousand bytes must come back, more than one packet holds.
    """

    sources: tuple[End, ...]
    targets: tuple[End, ...]
    protocol: Literal["tcp", "udp", "icmp"]
    ports: tuple[int, ...]
    result: Result
    seen_as: IPv4Address | None = None
    via: tuple[str, ...] = ()
    payload: bool = False
    icmp_type: int = ECHO_REQUEST
    icmp_code: int = 0
    name: str = ""
    where: Where = written()

    def __str__(self) -> str:
        """`tcp 80, 443 from dev to subnet private: pass, seen as 192.0.2.1, via nat`"""
        ping = (self.icmp_type, self.icmp_code) == (ECHO_REQUEST, 0)
        numbers = ", ".join(map(str, self.ports))
        if self.protocol == "icmp" and not ping:
            numbers = f"{self.icmp_type}/{self.icmp_code}"
        more = [f"seen as {self.seen_as}"] if self.seen_as else []
        more += [f"via {' and '.join(self.via)}"] if self.via else []
        more += ["with a payload"] if self.payload else []
        flow = f"{self.protocol} {numbers}".strip()
        sources, targets = (" and ".join(map(str, ends)) for ends in (self.sources, self.targets))
        return f"{flow} from {sources} to {targets}: {', '.join([self.result, *more])}"
