"""PrivateLink: endpoint services of a provider, interface endpoints of a consumer (section 7 of the AWS reference).

Everything is resolved: which service an endpoint means, and the state that AWS would show.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

EndpointState = Literal["available", "pendingAcceptance", "rejected", "expired"]
ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class EndpointService:
    """What a VPC offers to others. Names are unique in the VPC.

    network_load_balancers: of its own VPC; what they listen on is the service (PL-01).
    allowed_principals: account ids, or `*`; the own account is always allowed (PL-02).
    supported_regions: from which other regions it may be used (PL-39).
    """

    name: str
    network_load_balancers: tuple[str, ...]
    acceptance_required: bool = True
    allowed_principals: tuple[str, ...] = ()
    supported_regions: tuple[str, ...] = ()
    where: Where = written()

    def allows(self, account: str, own: str) -> bool:
        """PL-02: account and own are the owner_id of the consumer's VPC and of the service's, "" for the lab's own."""
        return account == own or ANYBODY in self.allowed_principals or account in self.allowed_principals


class EndpointSubnet(NamedTuple):
    """Where an endpoint has an ENI (PL-20). private_ip None: from the subnet."""

    subnet: str
    private_ip: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class InterfaceEndpoint:
    """A service of somebody else's, by a private address in one subnet of each chosen zone (PL-20).

    Its name is unique in the lab, as an instance's. service_vpc: in which the service is; "" where there is none, and
    then there is no Topology. state: PL-03, PL-04; only "available" carries anything.
    service_region: where the file says that the service is (PL-39); "" for the VPC's own region.
    """

    name: str
    service: str
    service_vpc: str
    subnet_configurations: tuple[EndpointSubnet, ...]
    security_groups: tuple[str, ...]
    state: EndpointState
    service_region: str = ""
    where: Where = written()

    @property
    def available(self) -> bool:
        return self.state == "available"

    @property
    def subnets(self) -> tuple[str, ...]:
        return tuple(held.subnet for held in self.subnet_configurations)

    def node(self, subnet: str) -> str:
        """The name of its node, of that node's ENI, and of the endpoint's zonal name, in one of its subnets."""
        return f"{self.name}.{subnet}"

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(map(self.node, self.subnets))

    @property
    def served_by(self) -> str:
        """The service, by its VPC and its name."""
        return f"{self.service_vpc}/{self.service}"

    @property
    def fixed_addresses(self) -> tuple[str, ...]:
        """What the file fixes: `a 10.0.1.10`. Read by its name in changes_endpoints."""
        return tuple(f"{held.subnet} {held.private_ip}" for held in self.subnet_configurations if held.private_ip)
