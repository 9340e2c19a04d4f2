"""Network Load Balancers, their listeners and target groups (section 10 of the AWS reference).

Everything is resolved: AWS's defaults stand in place of what the file leaves out.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

BalancedProtocol = Literal["TCP", "UDP", "TCP_UDP"]
EVERY_ZONE = "all"  # AWS's word for the zone of a target outside the VPC


@dataclass(frozen=True, slots=True)
class TargetDescription:
    """One registered target. Its place in the file is that of its group.

    id: an instance's name; in a group of target type `ip` an address, or an instance whose private IP is meant.
    port: the group's, unless the target has its own. availability_zone: "" for that of its subnet, "all" for a target
    outside the VPC, which every node may use.
    """

    id: str | IPv4Address
    port: int
    availability_zone: str = ""

    def __str__(self) -> str:
        return f"{self.id}:{self.port}"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How the targets of a group are checked. Times in AWS's seconds, before the lab's time_scale.

    port: 0 is the target's own, `traffic-port`. matcher: ranges of HTTP codes, inclusive; path and matcher count for
    HTTP only (LB-11).
    """

    protocol: Literal["TCP", "HTTP"] = "TCP"
    port: int = 0
    interval: int = 30
    timeout: int = 10
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    path: str = "/"
    matcher: tuple[tuple[int, int], ...] = ((200, 399),)

    def __str__(self) -> str:
        where = "traffic-port" if not self.port else f"port {self.port}"
        codes = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.matcher)
        asked = f"HTTP {self.path} on {where}, {codes}" if self.protocol == "HTTP" else f"TCP on {where}"
        times = f"every {self.interval} s, at most {self.timeout} s"
        return f"{asked}, {times}, {self.healthy_threshold} up, {self.unhealthy_threshold} down"


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets that a listener forwards to. Names are unique in an account's region.

    preserve_client_ip: with AWS's default for the type and protocol (NLB-07). cross_zone: None as the load balancer
    says (LB-20). source_ip_stickiness: NLB-13. deregistration_delay in AWS's seconds (LB-18).
    unhealthy_connection_termination: NLB-15. connection_termination: LB-19.
    """

    name: str
    port: int
    protocol: BalancedProtocol
    target_type: Literal["instance", "ip"]
    targets: tuple[TargetDescription, ...]
    health_check: HealthCheck = HealthCheck()
    preserve_client_ip: bool = True
    proxy_protocol_v2: bool = False
    deregistration_delay: int = 300
    source_ip_stickiness: bool = False
    cross_zone: bool | None = None
    unhealthy_connection_termination: bool = True
    connection_termination: bool = False
    where: Where = written()


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of the load balancer. tcp_idle_timeout: NLB-05, in AWS's seconds."""

    port: int
    protocol: BalancedProtocol
    target_group: str
    tcp_idle_timeout: int = 350
    where: Where = written()


class SubnetMapping(NamedTuple):
    """One node of a load balancer (LB-02, NLB-01). None: an address of the subnet, or of the pool."""

    subnet: str
    private_ip: IPv4Address | None = None
    elastic_ip: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A Network Load Balancer; its name is unique in the lab. It has a node in each of its subnets (LB-02).

    security_groups: none means that it filters nothing, and never can (NLB-02).
    enforce_private_link: its inbound rules judge what comes by PrivateLink (PL-37).
    """

    name: str
    subnet_mappings: tuple[SubnetMapping, ...]
    listeners: tuple[Listener, ...]
    internal: bool = False
    security_groups: tuple[str, ...] = ()
    cross_zone: bool = False  # LB-20
    enforce_private_link: bool = True
    where: Where = written()

    @property
    def subnets(self) -> tuple[str, ...]:
        return tuple(mapping.subnet for mapping in self.subnet_mappings)

    def node(self, subnet: str) -> str:
        """The name of its node, and of that node's ENI, in one of its subnets."""
        return f"{self.name}.{subnet}"

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(map(self.node, self.subnets))
