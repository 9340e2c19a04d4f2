"""The nouns of instances: network interfaces with their addresses, and what runs inside. Frozen, as in `model.py`."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

PROXY_PROTOCOL = "proxy_protocol"  # among the words of a service http: it reads the header (NLB-14)


@dataclass(frozen=True, slots=True)
class Service:
    """Something that listens, or a command of the user's.

    kind: "http", "echo", "dns", "tcp", "udp" are served by the lab's agent on `port`; "ssh" is an OpenSSH server on
    `port`; "command" runs `argv` inside the node as `user` ("" means an unprivileged one; "root" only with the consent
    of the person at the terminal).
    name: unique in the node: "http", "tcp-5432", or what the user called the command.
    """

    name: str
    kind: Literal["http", "echo", "dns", "tcp", "udp", "ssh", "command"]
    port: int = 0
    argv: tuple[str, ...] = ()
    user: str = ""
    where: Where = written()


class Appliance(NamedTuple):
    """What a guest does with packets that are not its own: it forwards them. No service of the agent's.

    translates: it is a NAT instance (NATI-01). blocked_ports: destination ports that it does not let through.
    """

    translates: bool = False
    blocked_ports: tuple[int, ...] = ()


class PrivateAddress(NamedTuple):
    """One private address of an instance's ENI, and the public one that the internet gateway maps to it (IGW-03).

    private_ip None: from the subnet. public_ip: None for none, "auto" for one of Amazon's pool
    (associate_public_ip_address, or the subnet's map_public_ip_on_launch: SUB-16), else the Elastic IP.
    """

    private_ip: IPv4Address | None = None
    public_ip: IPv4Address | Literal["auto"] | None = None


class ConnectionTracking(NamedTuple):
    """How many idle seconds an ENI remembers a flow that it tracks (CT-05), before the lab's time scale.

    udp_timeout: after packets in one direction, or one exchange; udp_stream_timeout: after more.
    """

    tcp_established_timeout: int = 432_000
    udp_timeout: int = 30
    udp_stream_timeout: int = 180


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """An ENI of an instance. Names are unique in the lab: the primary one has its instance's, "fw"; others "fw.eth1".

    device_index: 0 for the primary one; inside the instance it is eth0, eth1, ... Further ones count by their position
    in the file, so what stands behind one that goes becomes another.
    addresses: the primary private address first; never empty.
    """

    name: str
    device_index: int
    subnet: str
    security_groups: tuple[str, ...]  # never empty: SG-08 puts the default group where none is named
    addresses: tuple[PrivateAddress, ...] = (PrivateAddress(),)
    source_dest_check: bool = True  # SDC-01
    where: Where = written()
    tracking: ConnectionTracking = ConnectionTracking()


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance. Names are unique in the lab, because `vpcemu exec NAME` must know which.

    interfaces: by device index, the primary one first; never empty. The properties below speak of the primary one.
    state: a stopped one keeps its ENIs with their addresses and groups, and sends and receives nothing (RT-42). One
    that is terminated never gets here: it is gone, and routes to it are blackholes (RT-40).
    """

    name: str
    interfaces: tuple[NetworkInterface, ...]
    services: tuple[Service, ...] = ()
    where: Where = written()
    appliance: Appliance | None = None
    state: Literal["running", "stopped"] = "running"

    @property
    def primary(self) -> NetworkInterface:
        return self.interfaces[0]

    @property
    def subnet(self) -> str:
        return self.primary.subnet

    @property
    def security_groups(self) -> tuple[str, ...]:
        return self.primary.security_groups

    @property
    def private_ip(self) -> IPv4Address | None:
        return self.primary.addresses[0].private_ip

    @property
    def public_ip(self) -> IPv4Address | Literal["auto"] | None:
        return self.primary.addresses[0].public_ip

    @property
    def source_dest_check(self) -> bool:
        return self.primary.source_dest_check
