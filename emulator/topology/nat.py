"""NAT gateways: the nouns (sections 3.1 and 3.5 of the AWS reference)."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written


class SecondaryAddress(NamedTuple):
    """A further address of an ENI (NAT-25). None: from the subnet. At a public NAT gateway each has an Elastic IP."""

    private_ip: IPv4Address | None = None
    elastic_ip: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class ZoneAddresses:
    """RNAT-03, manual mode: the Elastic IPs that a regional NAT gateway has in a zone, "ap-northeast-1a"."""

    availability_zone: str
    elastic_ips: tuple[IPv4Address, ...]
    where: Where = written()


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway (NAT-01). `private_ip` None: from the subnet.

    A public one (NAT-02) has an Elastic IP, of the pool where `elastic_ip` is None; a private one (NAT-03) has none.
    One whose state is "deleted" never gets here: it is gone, and routes to it are blackholes (NAT-08).

    A regional one (RNAT-01) is public and in no subnet, which is then "". zone_addresses: none in automatic mode.
    """

    name: str
    subnet: str
    private_ip: IPv4Address | None
    elastic_ip: IPv4Address | None
    where: Where = written()
    connectivity_type: Literal["public", "private"] = "public"
    secondary: tuple[SecondaryAddress, ...] = ()
    availability_mode: Literal["zonal", "regional"] = "zonal"
    zone_addresses: tuple[ZoneAddresses, ...] = ()

    @property
    def regional(self) -> bool:
        return self.availability_mode == "regional"

    @property
    def route_table(self) -> str:
        """RNAT-02: the name of a regional one's own route table. No name of the user's holds a dot."""
        return f"{self.name}.routes"

    def node(self, zone: str) -> str:
        """The name of what a regional one has in a zone: "nat.a"."""
        return f"{self.name}.{zone[-1]}"
