"""PrivateLink: what AWS refuses about endpoint services and interface endpoints (section 7 of the AWS reference)."""

from emulator.topology.endpoints import EndpointService, InterfaceEndpoint
from emulator.topology.model import Topology, Vpc
from emulator.topology.place import NOWHERE
from emulator.topology.privatelink import balancers_of, service_of, service_zones
from emulator.topology.report import Report
from emulator.topology.rules_carried import check_groups
from emulator.topology.rules_zones import one_per_zone
from emulator.topology.suggest import did_you_mean, listed

ENDPOINTS_PER_VPC = 50


def check(topology: Topology, report: Report) -> None:
    """Every service, every endpoint."""
    for vpc in topology.vpcs:
        serving: dict[str, EndpointService] = {}
        for service in vpc.vpc_endpoint_services:
            _check_service(vpc, service, serving, report)
        for number, endpoint in enumerate(vpc.vpc_endpoints):
            _check_endpoint(topology, vpc, endpoint, report)
            if number == ENDPOINTS_PER_VPC:
                what = f"{len(vpc.vpc_endpoints)} interface endpoints in VPC {vpc.name}: an account's quota is "
                what += f"{ENDPOINTS_PER_VPC} per VPC until AWS raises it"
                report.warn(endpoint.where, what, code="VpcEndpointLimitExceeded")


def _check_service(vpc: Vpc, service: EndpointService, serving: dict[str, EndpointService], report: Report) -> None:
    names = [balancer.name for balancer in vpc.load_balancers]
    if not service.network_load_balancers and not report.is_broken(service.where, "network_load_balancers"):
        what = f"endpoint service {service.name} has no load balancer"
        report.error(service.where, what, "at least one", "MissingParameter", "network_load_balancers")
    for number, name in enumerate(service.network_load_balancers):
        key = f"network_load_balancers[{number}]"
        if name not in names:
            if not report.is_broken(vpc.where, "load_balancers", name):
                hint = did_you_mean(name, names, f"VPC {vpc.name} has {listed(names)}")
                what = f"VPC {vpc.name} has no load balancer called `{name}`"
                report.error(service.where, what, hint, "LoadBalancerNotFound", key)
            continue
        other = serving.setdefault(name, service)
        if other is not service or name in service.network_load_balancers[:number]:
            # PL-06
            what = f"load balancer {name} is already associated with endpoint service {other.name}"
            what += f" (line {other.where.line})"
            report.error(service.where, what, "one load balancer serves one endpoint service", "InvalidParameter", key)


def _check_endpoint(topology: Topology, vpc: Vpc, endpoint: InterfaceEndpoint, report: Report) -> None:
    check_groups(topology, vpc, endpoint.security_groups, endpoint.where, report)
    zones = one_per_zone(vpc, endpoint.subnets, endpoint.where, "endpoint", endpoint.name, report)
    found = service_of(topology, endpoint)
    if found is None:
        _unknown_service(topology, vpc, endpoint, report)
        return
    provider, service = found
    if not service.allows(vpc.owner_id, provider.owner_id):
        # PL-02
        account = vpc.owner_id or "the lab's own account"
        what = f"endpoint service {endpoint.served_by} does not exist for {account}: it is no allowed principal"
        wanted = f"arn:aws:iam::{vpc.owner_id}:root" if vpc.owner_id else "'*'"
        hint = f"allowed_principals: [{wanted}] of {endpoint.served_by} allows it"
        report.error(endpoint.where, what, hint, "InvalidServiceName", "service")
        return
    if _check_region(topology, vpc, provider, endpoint, service, report):
        _check_zones(endpoint, provider, service, zones, report)
    _advise(vpc, provider, endpoint, report)


def _unknown_service(topology: Topology, vpc: Vpc, endpoint: InterfaceEndpoint, report: Report) -> None:
    owner, _, name = endpoint.service.rpartition("/")
    offered = [(held.name, one.name) for held in topology.vpcs for one in held.vpc_endpoint_services]
    several = [f"{held}/{one}" for held, one in offered if one == name and owner in ("", held)]
    if len(several) > 1:
        what = f"`{endpoint.service}` is an endpoint service of several VPCs"
        report.error(endpoint.where, what, f"write {' or '.join(several)}", "InvalidServiceName", "service")
        return
    if any(report.is_broken(held.where, "vpc_endpoint_services", name) for held in topology.vpcs):
        return
    if report.is_broken(NOWHERE, "vpcs", owner):
        return
    known = [one for _, one in offered] + [f"{held}/{one}" for held, one in offered]
    hint = did_you_mean(endpoint.service, known, f"the file has {listed((f'{held}/{one}' for held, one in offered))}")
    what = f"no endpoint service is called `{endpoint.service}`"
    report.error(endpoint.where, what, hint, "InvalidServiceName", "service")  # PL-42


def _check_region(
    topology: Topology, vpc: Vpc, provider: Vpc, endpoint: InterfaceEndpoint, service: EndpointService, report: Report
) -> bool:
    """PL-39. True: they are in one region, where the zones must fit."""
    own, theirs = topology.region_of(vpc), topology.region_of(provider)
    said = endpoint.service_region or own
    if said != theirs:
        what = f"endpoint service {endpoint.served_by} is in {theirs}, not in {said}"
        hint = f"service_region: {theirs} says so" if theirs != own else "leave service_region out"
        key = "service_region" if endpoint.service_region else "service"
        report.error(endpoint.where, what, hint, "InvalidServiceName", key)
    elif theirs != own and own not in service.supported_regions:
        what = f"endpoint service {endpoint.served_by} cannot be used from {own}"
        hint = f"supported_regions: [{own}] of {endpoint.served_by} allows it"
        report.error(endpoint.where, what, hint, "InvalidServiceName", "service")
    return own == theirs


def _check_zones(
    endpoint: InterfaceEndpoint,
    provider: Vpc,
    service: EndpointService,
    zones: dict[int, str],
    report: Report,
) -> None:
    """PL-07. Nobody is blamed where the load balancers, or their subnets, are wrong themselves."""
    offered = service_zones(provider, service)
    if not offered or len(balancers_of(provider, service)) < len(set(service.network_load_balancers)):
        return
    for number, zone in zones.items():
        if zone not in offered:
            what = f"endpoint service {endpoint.served_by} is not in zone {zone}"
            hint = f"its load balancers are in {listed(sorted(offered))}"
            report.error(endpoint.where, what, hint, "InvalidParameter", f"subnets[{number}]")


def _advise(vpc: Vpc, provider: Vpc, endpoint: InterfaceEndpoint, report: Report) -> None:
    if endpoint.state == "pendingAcceptance":
        what = f"endpoint {endpoint.name} waits for acceptance: it carries nothing"
        report.warn(endpoint.where, what, "accepted: true accepts it")  # PL-03
    elif provider is vpc and endpoint.available:
        what = f"endpoint {endpoint.name} and its service are both in VPC {vpc.name}: it carries nothing"
        report.warn(endpoint.where, what, "an endpoint is for another VPC's services", key="service")  # PL-27
