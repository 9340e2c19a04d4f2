"""Records of PrivateLink -> EndpointService and InterfaceEndpoint, each endpoint with its service and its state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from emulator.topology.associations import carried
from emulator.topology.endpoints import EndpointService, EndpointState, EndpointSubnet, InterfaceEndpoint
from emulator.topology.model import Vpc
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.security import DEFAULT_GROUP
from emulator.topology.suggest import listed

Offered = Mapping[str, Mapping[str, EndpointService]]  # by VPC, by name


def with_endpoints(vpcs: tuple[Vpc, ...], records: Iterable[Record], report: Report) -> tuple[Vpc, ...]:
    """The VPCs with their services, and with the endpoints of those services, which need to know all of them."""
    held = list(zip(vpcs, records, strict=True))
    offered = {vpc.name: {one.name: one for one in _services(record, report)} for vpc, record in held}
    accounts = {vpc.name: vpc.owner_id for vpc in vpcs}
    return tuple(
        replace(
            vpc,
            vpc_endpoint_services=tuple(offered[vpc.name].values()),
            vpc_endpoints=tuple(_endpoints(record, vpc, offered, accounts, report)),
        )
        if offered[vpc.name] or record.get("vpc_endpoints")
        else vpc
        for vpc, record in held
    )


def services_called(written: str, offered: Offered) -> list[tuple[str, str]]:
    """(VPC, service) of all that `svc` or `p/svc` may mean: one, if the file is right."""
    vpc, _, name = written.rpartition("/")
    return [(held, name) for held, services in offered.items() if name in services and vpc in ("", held)]


def _services(vpc: Record, report: Report) -> Iterable[EndpointService]:
    for record in vpc.get("vpc_endpoint_services") or ():
        if record.get("network_load_balancers") is None:
            report.broken.add(record.where.path)
            continue
        yield EndpointService(
            record.name,
            tuple(filter(None, record.get("network_load_balancers"))),
            record.get("acceptance_required") is not False,
            tuple(dict.fromkeys(filter(None, record.get("allowed_principals") or ()))),
            tuple(dict.fromkeys(filter(None, record.get("supported_regions") or ()))),
            record.where,
        )


def _endpoints(
    vpc: Record, owner: Vpc, offered: Offered, accounts: Mapping[str, str], report: Report
) -> Iterable[InterfaceEndpoint]:
    for record in vpc.get("vpc_endpoints") or ():
        if record.get("service") is None or record.get("subnets") is None:
            report.broken.add(record.where.path)
            continue
        found = services_called(record.get("service"), offered)
        service_vpc, service = found[0] if len(found) == 1 else ("", record.get("service"))
        state: EndpointState = record.get("state") or "available"
        if service_vpc:
            same_account = owner.owner_id == accounts[service_vpc]
            state = _state(record, offered[service_vpc][service], same_account, report)
        if record.get("private_dns_enabled"):
            # PL-33
            what = "private_dns_enabled needs enable_dns_support and enable_dns_hostnames, which are not emulated yet"
            hint = f"leave it out; the endpoint is called {record.name}, or {record.name}.SUBNET in one zone"
            report.error(record.where, what, hint, "InvalidParameter", "private_dns_enabled")
        yield InterfaceEndpoint(
            record.name,
            service,
            service_vpc,
            tuple(_subnets(record, report)),
            carried(owner.name, record.get("security_groups")) or (DEFAULT_GROUP,),  # PL-21
            state,
            record.get("service_region") or "",
            record.where,
        )


def _subnets(record: Record, report: Report) -> Iterable[EndpointSubnet]:
    names = list(filter(None, record.get("subnets")))
    fixed = {}
    for entry in record.get("subnet_configuration") or ():
        name = entry.get("subnet") if entry else None
        if name is not None and name not in names:
            what = f"{name} is none of the endpoint's subnets"
            report.error(entry.where, what, f"it has {listed(names)}", "InvalidParameter", "subnet")
        elif name in fixed:
            report.error(entry.where, f"subnet {name} is configured twice", "keep one", "InvalidParameter", "subnet")
        elif name is not None:
            fixed[name] = entry.get("ipv4")
    return (EndpointSubnet(name, fixed.get(name)) for name in names)


def _state(record: Record, service: EndpointService, same_account: bool, report: Report) -> EndpointState:
    """PL-03, PL-04."""
    asked = next((key for key in ("auto_accept", "accepted") if record.get(key)), "")
    written: EndpointState | None = record.get("state")
    if written is not None:
        if asked:
            what = f"an endpoint that is {written} cannot be accepted"
            report.error(record.where, what, f"remove {asked}, or state", "InvalidState", asked)
        return written
    if asked == "auto_accept" and not same_account:
        what = "only an endpoint within one account can accept itself"
        hint = "accepted: true is what the owner of the service does"
        report.error(record.where, what, hint, "OperationNotPermitted", asked)
    return "available" if asked or not service.acceptance_required else "pendingAcceptance"
