"""What an edit changes about endpoint services and endpoints."""

from collections.abc import Iterator

from emulator.topology.compared import Change, both, differing, each
from emulator.topology.endpoints import EndpointService, InterfaceEndpoint
from emulator.topology.model import Vpc

_SERVICE = ("network_load_balancers", "acceptance_required", "allowed_principals", "supported_regions")
_ENDPOINT = ("service=served_by", "subnets", "subnet_configuration=fixed_addresses", "security_groups", "state")


def changes(path: str, vpc: str, old: Vpc | None, new: Vpc | None) -> Iterator[Change]:
    """Those of one VPC."""
    services = both(old, new, lambda held: held.vpc_endpoint_services)
    yield from each(f"{path}.vpc_endpoint_services", vpc, "endpoint service", *services, _service_text, _service)
    endpoints = both(old, new, lambda held: held.vpc_endpoints)
    yield from each(f"{path}.vpc_endpoints", vpc, "VPC endpoint", *endpoints, _endpoint_text, _endpoint)


def _service_text(held: EndpointService) -> str:
    """`svc on nlb, acceptance required`."""
    accepted = "acceptance required" if held.acceptance_required else "accepts at once"
    return f"{held.name} on {', '.join(held.network_load_balancers)}, {accepted}"


def _service(path: str, vpc: str, old: EndpointService | None, new: EndpointService | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "endpoint service", old, new, _SERVICE)


def _endpoint_text(held: InterfaceEndpoint) -> str:
    """`ep for p/svc in a, c, available`."""
    return f"{held.name} for {held.served_by} in {', '.join(held.subnets)}, {held.state}"


def _endpoint(path: str, vpc: str, old: InterfaceEndpoint | None, new: InterfaceEndpoint | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "VPC endpoint", old, new, _ENDPOINT)
