"""What `up` says at its end: what changed, and what to try next."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import NamedTuple

from emulator.compile.state import Step
from emulator.report.plan import changes_text
from emulator.report.text import PLAIN, Paint, count, counts, duration
from emulator.topology.changes import Change
from emulator.topology.given import Addresses
from emulator.topology.instances import Instance
from emulator.topology.model import OutsideHost, Topology, Vpc
from emulator.topology.nat_nodes import nat_nodes, serving

EVERYWHERE = IPv4Network("0.0.0.0/0")
SHOWN = 12  # changes listed in full; a bigger edit is counted


class Hint(NamedTuple):
    """A command worth trying, and what it shows."""

    command: str
    why: str = ""


def headline(topology: Topology, steps: Sequence[Step], seconds: float, *, fresh: bool) -> str:
    """`nat is up: 1 VPC, 2 instances, ...`, or what an edit came to."""
    if not steps:
        return f"{topology.name}: nothing to change"
    nodes = count(len({step.node for step in steps}), "namespace")
    work = f"{count(len(steps), 'change')} in {nodes}, {duration(seconds)}"
    if not fresh:
        return f"{topology.name}: {work}"
    held = counts(
        (len(topology.vpcs), "VPC"),
        (sum(len(vpc.instances) for vpc in topology.vpcs), "instance"),
        (sum(len(vpc.nat_gateways) for vpc in topology.vpcs), "NAT gateway"),
        (sum(len(vpc.load_balancers) for vpc in topology.vpcs), "load balancer"),
        (sum(len(vpc.vpc_endpoints) for vpc in topology.vpcs), "VPC endpoint"),
        (len(topology.internet.hosts), "outside host"),
    )
    return f"{topology.name} is up: {held or 'an empty internet'} ({work})"


def edited(changes: Sequence[Change], paint: Paint = PLAIN) -> list[str]:
    """What an edit of the file changed, in AWS's words."""
    if len(changes) <= SHOWN:
        return changes_text(changes, paint)
    rest = count(len(changes) - SHOWN, "more change")
    return [*changes_text(changes[:SHOWN], paint), f"  and {rest}"]


def try_next(topology: Topology, addresses: Addresses, program: str, lab_option: str = "") -> list[Hint]:
    """Commands that fit this lab. `lab_option`: ` -l nat` while several labs are up, else ""."""
    hints: list[Hint] = []
    found = _traveller(topology)
    name = topology.name
    if found is not None:
        vpc, instance, private = found
        inside = f"{program} exec{lab_option} {instance.name} --"
        host = _famous(topology.internet.hosts)
        through = _seen_as(vpc, instance, addresses)
        if host and (private or instance.public_ip):
            way = f"{instance.name} reaches the internet" + (f" as {through}" if through else "")
            hints.append(Hint(f"{inside} ping -c1 {host.ip}", way))
        servers = [held for held in topology.internet.hosts if any(s.kind == "http" for s in held.services)]
        server = next((held for held in servers if held != host), servers[0] if servers else None)
        if server and (private or instance.public_ip):
            port = next(service.port for service in server.services if service.kind == "http")
            url = f"http://{server.name}" + (f":{port}" if port != 80 else "")
            hints.append(Hint(f"{inside} curl -s {url}", "the web server tells who called it"))
        hints.append(Hint(f"{program} shell{lab_option} {instance.name}", "look around: ip addr, ip route, ip neigh"))
    lab = f" {name}" if lab_option else ""
    if topology.expect:
        hints.append(Hint(f"{program} test{lab}", "what the file expects, tried with real packets"))
    hints.append(Hint(f"{program} status{lab}"))
    hints.append(Hint(f"{program} down{lab}"))
    return hints


def hint_lines(hints: Sequence[Hint], paint: Paint = PLAIN) -> list[str]:
    """The hints, aligned."""
    width = max((len(hint.command) for hint in hints if hint.why), default=0)
    return [
        "Try:",
        *(
            f"  {hint.command.ljust(width)}  {paint.dim('# ' + hint.why)}" if hint.why else f"  {hint.command}"
            for hint in hints
        ),
    ]


def _traveller(topology: Topology) -> tuple[Vpc, Instance, bool] | None:
    """The instance to send on a journey: one behind a NAT gateway, else any; and whether it is behind one."""
    for vpc in topology.vpcs:
        tables = {table.name: table for table in vpc.route_tables}
        behind = {
            subnet.name
            for subnet in vpc.subnets
            if any(route.target.kind == "nat_gateway" for route in tables[subnet.route_table].routes)
        }
        for instance in vpc.awake.instances:
            if instance.subnet in behind:
                return vpc, instance, True
    return next(((vpc, instance, False) for vpc in topology.vpcs for instance in vpc.awake.instances), None)


def _seen_as(vpc: Vpc, instance: Instance, addresses: Addresses) -> str:
    """The public address under which the instance calls, as far as that is plain: its default route says."""
    home = vpc.subnet(instance.subnet)
    table = next(table for table in vpc.route_tables if table.name == home.route_table)
    target = next((route.target for route in table.routes if route.destination == EVERYWHERE), None)
    if target is None or target.kind not in ("internet_gateway", "nat_gateway"):
        return ""
    if target.kind == "internet_gateway":
        return str(addresses.public.get(instance.name, ""))
    node = serving(vpc, target.name, home.availability_zone)
    if any(held.name == node and len(held.addresses) > 1 for held in nat_nodes(vpc)):
        return ""  # NAT-26: one of several
    return str(addresses.public.get(node, ""))


def _famous(hosts: Sequence[OutsideHost]) -> OutsideHost | None:
    """8.8.8.8 if the lab has it: everybody's first ping."""
    return next((host for host in hosts if str(host.ip) == "8.8.8.8"), hosts[0] if hosts else None)
