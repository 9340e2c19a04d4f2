"""The keys of PrivateLink: endpoint services and interface endpoints."""

import re

from emulator.names import RESOURCE_NAME
from emulator.topology import values
from emulator.topology.endpoints import ANYBODY
from emulator.topology.fields_filters import GROUP
from emulator.topology.kinds import Key, ListOf, Noun
from emulator.topology.suggest import show
from emulator.topology.values import ADDRESS, BOOLEAN, NAME, REGION, Bad, Scalar, whole

_ACCOUNT = "[0-9]{12}"
_PRINCIPAL = rf"arn:aws:iam::{_ACCOUNT}:(?:root|user/[\w+=,.@/-]+|role/[\w+=,.@/-]+)"
_PRINCIPALS = re.compile(rf"\*|{_ACCOUNT}|{_PRINCIPAL}")
_SERVICE = rf"(?:{RESOURCE_NAME.pattern}/)?{RESOURCE_NAME.pattern}"
_OF_AWS = re.compile(r"(?:com\.amazonaws|aws\.)[\w.-]+")


def _read_principal(text: str) -> str:
    """The account, whoever of it is meant: nobody in a lab is a user or a role."""
    if _PRINCIPALS.fullmatch(text):
        return text.split(":")[4] if text.startswith("arn:") else text
    hint = "arn:aws:iam::111122223333:root, an account's id of 12 digits, or '*' for everybody"
    raise Bad(f"{show(text)} is not a principal", hint, "InvalidPrincipal")


def _read_service(text: str) -> str:
    if re.fullmatch(_SERVICE, text):
        return text
    hint = "the name of one of the file's vpc_endpoint_services, or VPC/NAME"
    if _OF_AWS.fullmatch(text):
        hint = f"AWS's own services are not emulated; {hint}"
    raise Bad(f"{show(text)} is not an endpoint service", hint, "InvalidServiceName")


PRINCIPAL = Scalar(
    "an account, as arn:aws:iam::111122223333:root, or *",
    _read_principal,
    {"type": "string", "pattern": whole(_PRINCIPALS.pattern)},
)
SERVICE = Scalar("an endpoint service", _read_service, {"type": "string", "pattern": whole(_SERVICE)})

ENDPOINT_SERVICE = Noun(
    "VPC endpoint service",
    "Offers what Network Load Balancers of this VPC listen on to other VPCs (PrivateLink).",
    {
        "network_load_balancers": Key(ListOf(NAME), "The load balancers of this VPC that serve it.", required=True),
        "acceptance_required": Key(BOOLEAN, "true: an endpoint carries nothing until it is accepted; left out: true."),
        "allowed_principals": Key(
            ListOf(PRINCIPAL),
            f"Accounts that may use it, as arn:aws:iam::111122223333:root, or '{ANYBODY}'; "
            "the own account always may; left out: no other.",
        ),
        "supported_regions": Key(ListOf(REGION), "Other regions from which it may be used; left out: none."),
    },
    instead={
        "network_load_balancer_arns": "the key is network_load_balancers, a list of names",
        "network_load_balancer": "the key is network_load_balancers, a list",
        "load_balancers": "the key is network_load_balancers",
        "gateway_load_balancer_arns": "Gateway Load Balancers are not emulated",
        "gateway_load_balancers": "Gateway Load Balancers are not emulated",
        "private_dns_name": "private DNS names are not emulated; an endpoint is called by its own name",
        "supported_ip_address_types": values.NO_IPV6,
        "service_name": "the service's name is the key above it",
        "principal_arn": "the key is allowed_principals, a list",
        "auto_accept": "acceptance_required: false accepts every endpoint",
    },
)

SUBNET_CONFIGURATION = Noun(
    "subnet configuration",
    "The address of an endpoint in one of its subnets.",
    {
        "subnet": Key(NAME, "The subnet.", required=True),
        "ipv4": Key(ADDRESS, "Its address there; left out: the lowest free one."),
    },
    instead={"subnet_id": "the key is subnet", "ipv6": values.NO_IPV6, "private_ip": "the key is ipv4"},
)

INTERFACE_ENDPOINT = Noun(
    "VPC endpoint",
    "An interface endpoint: a service of another VPC, by a private address in each of its subnets.",
    {
        "service": Key(
            SERVICE, "The endpoint service: its name, or VPC/NAME where several VPCs have one.", required=True
        ),
        "subnets": Key(ListOf(NAME), "One subnet for each zone in which it shall have an address.", required=True),
        "subnet_configuration": Key(
            ListOf(SUBNET_CONFIGURATION), "Addresses of the file's choice: [{subnet: a, ipv4: 10.0.1.10}]."
        ),
        "security_groups": Key(ListOf(GROUP), "Its security groups; left out: the VPC's default group."),
        "accepted": Key(
            BOOLEAN, "The owner of the service has accepted it; left out: false, which counts with acceptance_required."
        ),
        "auto_accept": Key(BOOLEAN, "Accepted at once, within one account; left out: false."),
        "state": Key(values.choice("rejected", "expired"), "How the request has ended: it carries nothing."),
        "service_region": Key(REGION, "The service's region, if it is another one; left out: the VPC's own."),
        "vpc_endpoint_type": Key(
            values.choice("Interface", otherwise="only interface endpoints are emulated"), "Interface; left out: that."
        ),
        "private_dns_enabled": Key(BOOLEAN, "Only false: private DNS names are not emulated."),
    },
    instead={
        "service_name": "the key is service",
        "subnet_ids": "the key is subnets",
        "subnet": "the key is subnets, a list",
        "security_group_ids": "the key is security_groups",
        "vpc_security_group_ids": "the key is security_groups",
        "vpc_id": "an endpoint belongs to the VPC it is written in",
        "route_table_ids": "gateway endpoints are not emulated; an interface endpoint needs no route",
        "route_tables": "gateway endpoints are not emulated; an interface endpoint needs no route",
        "policy": "an endpoint for somebody's own service takes no policy",
        "dns_options": "an endpoint is called by its name, `ep`, or by its zonal one, `ep.SUBNET`",
        "ip_address_type": values.NO_IPV6,
        "private_ip": "subnet_configuration gives it addresses: [{subnet: a, ipv4: 10.0.1.10}]",
    },
)
