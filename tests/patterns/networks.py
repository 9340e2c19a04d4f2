"""The four ways as topologies: VPCs v1, v2, ... with an instance each, h1, h2, ..., that are joined in one of them.

Every group is open to everybody, so that only the way itself decides.
"""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from emulator.api import Lab

Document = dict[str, Any]
PORT = 80
HOME, PARTNER = "ap-northeast-1", "us-east-1"
STRANGER, WITNESS = "stranger", "witness"


@dataclass(frozen=True)
class Shape:
    """A variant. home: the zone of the instances. zones: where the parts of the way are, as far as they are zonal.

    whole: every VPC joined to every other, both ways round, by as many connections as that takes. private: h1 has no
    public address, even if the way is made of them. later: with what AWS has added since the comparison was published.
    """

    vpcs: int = 2
    home: str = "a"
    zones: tuple[str, ...] = ("a",)
    whole: bool = False
    same_block: bool = False
    accounts: bool = False
    regions: bool = False
    private: bool = False
    later: bool = False

    def block(self, number: int) -> str:
        return "10.0" if self.same_block else f"10.{number}"

    @property
    def numbers(self) -> range:
        return range(1, self.vpcs + 1)


class Way:
    """One of the four. `document` is the topology of a shape."""

    def document(self, shape: Shape) -> Document:
        """VPCs that nothing joins yet, then joined."""
        made: Document = {
            "region": HOME,
            "vpcs": {f"v{number}": _vpc(shape, number) for number in shape.numbers},
            "internet": {
                "hosts": {STRANGER: {"ip": "45.83.64.9"}, WITNESS: {"ip": "198.51.100.7", "services": ["http"]}}
            },
        }
        self.join(made, shape)
        return made

    def join(self, made: Document, shape: Shape) -> None:
        raise NotImplementedError

    def called(self, lab: Lab, source: int, target: int) -> str:
        """By which address h<source> calls h<target>: its private one, if the way gives it no other."""
        return str(lab.addresses.private[f"h{target}"])


class InternetGateways(Way):
    """Each VPC has an internet gateway, and calls the public addresses of the others."""

    def join(self, made: Document, shape: Shape) -> None:
        for number in shape.numbers:
            vpc = made["vpcs"][f"v{number}"]
            vpc["internet_gateway"] = f"igw{number}"
            vpc["route_tables"]["main"]["routes"]["0.0.0.0/0"] = f"igw{number}"
            if not (shape.private and number == 1):
                vpc["instances"][f"h{number}"]["elastic_ip"] = f"203.0.113.{number}"

    def called(self, lab: Lab, source: int, target: int) -> str:
        return str(lab.addresses.public.get(f"h{target}") or super().called(lab, source, target))


class Peering(Way):
    """A chain of VPC peering connections; whole: one for each two VPCs."""

    def join(self, made: Document, shape: Shape) -> None:
        made["vpc_peering_connections"] = {
            f"p{low}{high}": {
                "vpc": f"v{low}",
                "peer_vpc": f"v{high}",
                "accepted" if shape.accounts or shape.regions else "auto_accept": True,
            }
            for low, high in permutations(shape.numbers, 2)
            if low < high and (shape.whole or high == low + 1)
        }
        for own, other in permutations(shape.numbers, 2):
            if not shape.same_block:  # such a route is the VPC's own: local
                near = other if shape.whole else own + (1 if other > own else -1)
                name = f"p{min(own, near)}{max(own, near)}"
                made["vpcs"][f"v{own}"]["route_tables"]["main"]["routes"][f"10.{other}.0.0/16"] = name


class PrivateLink(Way):
    """The last VPC offers its instance by a Network Load Balancer, all others have an endpoint; whole: each to each."""

    def join(self, made: Document, shape: Shape) -> None:
        pairs = [pair for pair in permutations(shape.numbers, 2) if shape.whole or pair[1] == shape.vpcs]
        for number in dict.fromkeys(provider for _, provider in pairs):
            self.offer(made["vpcs"][f"v{number}"], number, shape)
        for consumer, provider in pairs:
            endpoints = made["vpcs"][f"v{consumer}"].setdefault("vpc_endpoints", {})
            endpoints[f"e{consumer}{provider}"] = {
                "service": f"s{provider}",
                "subnets": [f"v{consumer}-{zone}" for zone in shape.zones],
                "security_groups": ["open"],
                "accepted": True,
            }
            if shape.regions and shape.later:
                endpoints[f"e{consumer}{provider}"]["service_region"] = _region(shape, provider)

    def offer(self, vpc: Document, number: int, shape: Shape) -> None:
        vpc["target_groups"] = {f"t{number}": {"port": PORT, "protocol": "TCP", "targets": [f"h{number}"]}}
        zones = sorted({*shape.zones, shape.home})  # LB-08: a target's zone has to be enabled
        balancer: Document = {
            "load_balancer_type": "network",
            "internal": True,
            "subnets": [f"v{number}-{zone}" for zone in zones],
            "listeners": [{"port": PORT, "protocol": "TCP", "target_group": f"t{number}"}],
        }
        if len(zones) > 1:
            balancer["enable_cross_zone_load_balancing"] = True
        vpc["load_balancers"] = {f"n{number}": balancer}
        service: Document = {"network_load_balancers": [f"n{number}"], "acceptance_required": True}
        if shape.accounts:
            service["allowed_principals"] = [f"arn:aws:iam::{_account(other)}:root" for other in shape.numbers]
        if shape.regions and shape.later:  # PL-39: since November 2024
            service["supported_regions"] = [HOME, PARTNER]
        vpc["vpc_endpoint_services"] = {f"s{number}": service}

    def called(self, lab: Lab, source: int, target: int) -> str:
        endpoint = f"e{source}{target}."
        places = sorted(name for name in lab.addresses.private if name.startswith(endpoint))
        # The last zone's, which is none that fails.
        return str(lab.addresses.private[places[-1]]) if places else super().called(lab, source, target)


class TransitGateways(Way):
    """All VPCs attached to one; across regions, the first VPC to one and the others to another, which are peered."""

    def join(self, made: Document, shape: Shape) -> None:
        for number in shape.numbers:
            gateway = made.setdefault("transit_gateways", {}).setdefault(self.gateway(shape, number), {})
            # The first VPC's places are the ones that a failing zone is tried on.
            zones = shape.zones if number == 1 else sorted({*shape.zones, shape.home})
            attachment = {"vpc": f"v{number}", "subnets": [f"v{number}-{zone}" for zone in zones]}
            gateway.setdefault("vpc_attachments", {})[f"at{number}"] = attachment
            if shape.accounts:
                gateway["auto_accept_shared_attachments"] = "enable"
            for other in shape.numbers:
                if other != number and not shape.same_block:
                    table = made["vpcs"][f"v{number}"]["route_tables"]["main"]
                    table["routes"][f"10.{other}.0.0/16"] = self.gateway(shape, number)
        if shape.regions:
            self.peer(made, shape)

    def gateway(self, shape: Shape, number: int) -> str:
        return "tgw2" if shape.regions and number > 1 else "tgw"

    def peer(self, made: Document, shape: Shape) -> None:
        """TGW-50: accepted, and with static routes on both sides."""
        made["transit_gateway_peering_attachments"] = {
            "across": {"transit_gateway": "tgw", "peer_transit_gateway": "tgw2", "accepted": True}
        }
        for own in ("tgw", "tgw2"):
            beyond = [number for number in shape.numbers if self.gateway(shape, number) != own]
            routes = {f"10.{number}.0.0/16": "across" for number in beyond}
            made["transit_gateways"][own]["route_tables"] = {"default": {"routes": routes}}


WAYS: dict[str, Way] = {
    "igw": InternetGateways(),
    "peering": Peering(),
    "privatelink": PrivateLink(),
    "tgw": TransitGateways(),
}
BASE = Shape()
ZONE = "a"  # the one that fails
ELSEWHERE = replace(BASE, home="c")
EVERYWHERE = replace(ELSEWHERE, zones=("a", "c"))


def _account(number: int) -> str:
    return str(number) * 12


def _vpc(shape: Shape, number: int) -> Document:
    first = shape.block(number)
    zones = {"a": f"{first}.{number * 16}", "c": f"{first}.{number * 16 + 1}"}
    vpc: Document = {
        "cidr_block": f"{first}.0.0/16",
        "subnets": {
            f"v{number}-{zone}": {"cidr_block": f"{start}.0/24", "availability_zone": zone}
            for zone, start in zones.items()
        },
        "route_tables": {"main": {"routes": {}}},
        "security_groups": {"open": {"ingress": [{"protocol": "all", "from": "0.0.0.0/0"}]}},
        "instances": {
            f"h{number}": {"subnet": f"v{number}-{shape.home}", "security_groups": ["open"], "services": ["http"]}
        },
    }
    if shape.accounts:
        vpc["owner_id"] = _account(number)
    vpc["region"] = _region(shape, number)
    return vpc


def _region(shape: Shape, number: int) -> str:
    return PARTNER if shape.regions and number > 1 else HOME
