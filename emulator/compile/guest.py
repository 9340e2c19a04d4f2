"""The inside of an instance: its ENIs as Amazon Linux sets them up, and what an appliance needs besides.

All of it is its owner's (see `state.Namespace.guest`): put back where it is missing, and otherwise left alone. Only
secondary addresses, and the rules and tables that go with ENIs, are taken back when their ENI has them no longer, as
Amazon Linux does: an address that stayed would hide whoever gets it next.
"""

from collections.abc import Iterable
from ipaddress import IPv4Interface

from emulator import names
from emulator.compile import appliance
from emulator.compile.eni import Eni, namespace
from emulator.compile.state import CONFINED, MAIN_TABLE, Address, Namespace, Neighbour, PolicyRule, Route, Sysctl
from emulator.compile.state import Service as StateService
from emulator.topology.instances import Instance, Service
from emulator.topology.model import Vpc

# A command of the user's runs without root: it may still open port 80 and ping, as a service on an instance would.
UNPRIVILEGED = frozenset(
    {Sysctl("net/ipv4/ip_unprivileged_port_start", "0"), Sysctl("net/ipv4/ping_group_range", "0 2147483647")}
)


def instance(vpc: Vpc, held: Instance, enis: tuple[Eni, ...]) -> Namespace:
    """The guest. The default route leads out of eth0; what has an ENI's address leaves by that ENI.

    eth0 has a rule as well, which Amazon Linux leaves out: there, who calls eth0 from the subnet of eth1 is answered by
    eth1, and the source check drops the answer.
    """
    forwards = held.appliance
    commands = any(service.kind in CONFINED for service in held.services)
    links, own = tuple(eni.guest_link for eni in enis), tuple(ip for eni in enis for ip in eni.ips)
    found = namespace(enis[0])._replace(
        kind="instance",
        guest=True,
        sysctls=(UNPRIVILEGED if commands else frozenset()) | (appliance.sysctls(links) if forwards else frozenset()),
        ruleset=appliance.ruleset(forwards, vpc.cidr_blocks, links, own) if forwards else None,
        services=services(held.services),
    )
    if len(enis) == 1 and not enis[0].secondary:
        return found  # nearly all are
    inward = next((eni for eni in enis[1:] if forwards and not eni.source_dest_check), None)
    bound = enis if len(enis) > 1 else ()
    return found._replace(
        up=found.up | {*links},
        addresses=found.addresses
        | {Address(eni.guest_link, eni.ip, eni.prefixlen) for eni in enis[1:]}
        | {Address(eni.guest_link, ip, 32, names.label(eni.guest_link)) for eni in enis for ip in eni.secondary},
        neighbours=found.neighbours | {Neighbour(eni.guest_link, eni.gateway, eni.router_mac) for eni in enis[1:]},
        routes=found.routes
        | {Route(_table(eni), "0.0.0.0/0", "unicast", eni.guest_link, eni.gateway) for eni in bound}
        | (_inside(vpc, enis, inward) if inward else set()),
        rules=frozenset(
            PolicyRule(names.SOURCE_RULE_PRIORITY, 0, _table(eni), source=ip) for eni in bound for ip in eni.ips
        ),
    )


def _table(eni: Eni) -> int:
    return names.SOURCE_TABLES[int(eni.guest_link.removeprefix("eth"))]


def _inside(vpc: Vpc, enis: Iterable[Eni], inward: Eni) -> set[Route]:
    """An appliance between two ENIs: the internet lies behind eth0, and the VPC behind the first further ENI that
    may forward. Without these routes what comes back from the internet would leave by eth0 again. A block that is all
    of a subnet it stands in keeps its own route.
    """
    own = {IPv4Interface(f"{eni.ip}/{eni.prefixlen}").network for eni in enis}
    blocks = (block for block in vpc.cidr_blocks if block not in own)
    return {Route(MAIN_TABLE, str(block), "unicast", inward.guest_link, inward.gateway) for block in blocks}


def labels(node: str, held: Namespace) -> dict[tuple[str, object], str]:
    """What the guest's several ENIs and addresses are for, in plans and scripts."""
    found: dict[tuple[str, object], str] = {}
    for rule in held.rules:
        found[node, rule] = f"what has an address of {names.guest_link(names.SOURCE_TABLES.index(rule.table))}"
    for route in held.routes:
        if route.table in names.SOURCE_TABLES:
            found[node, route] = f"leaves by {route.link}"
        elif held.rules and route.destination != "0.0.0.0/0":
            found[node, route] = f"the VPC lies behind {route.link}"
    for address in held.addresses:
        if address.label:
            found[node, address] = f"secondary private IP of {address.link}"
    return found


def services(held: tuple[Service, ...]) -> frozenset[StateService]:
    return frozenset(StateService(item.name, item.kind, item.port, item.argv, item.user) for item in held)
