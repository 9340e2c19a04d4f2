"""What lies outside the VPCs: the hosts of the internet, and the flows that the file expects."""

from ipaddress import IPv4Address

from emulator.topology.addresses import INTERNET_ADDRESS, is_public
from emulator.topology.model import INTERNET, Expectation, OutsideHost, Topology
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean
from emulator.topology.values import ADDRESS_TEXT


def check_hosts(topology: Topology, report: Report) -> None:
    """An outside host has a public address that nobody else has."""
    gateways = [gateway for vpc in topology.vpcs for gateway in vpc.nat_gateways]
    elastic = {gateway.elastic_ip: gateway.name for gateway in gateways}
    elastic |= {further.elastic_ip: gateway.name for gateway in gateways for further in gateway.secondary}
    elastic |= {
        i.public_ip: i.name for vpc in topology.vpcs for i in vpc.instances if isinstance(i.public_ip, IPv4Address)
    }
    used: dict[IPv4Address, OutsideHost] = {}
    for host in topology.internet.hosts:
        other = used.setdefault(host.ip, host)
        inside = next(
            (
                vpc
                for vpc in topology.vpcs
                if any(host.ip in block for block in vpc.cidr_blocks) and not report.is_broken(vpc.where, "cidr_block")
            ),
            None,
        )
        if not is_public(host.ip):
            what = f"{host.ip} is not a public address"
            report.error(
                host.where, what, "an address that the internet routes, such as 8.8.8.8 or 198.51.100.7", key="ip"
            )
        elif host.ip == INTERNET_ADDRESS:
            what = f"{host.ip} is the address of the internet's own router"
            report.error(host.where, what, "it stands in every traceroute: choose another", key="ip")
        elif other is not host:
            report.error(
                host.where, f"address {host.ip} is already that of {other.name}", "each host has its own", key="ip"
            )
        elif host.ip in elastic:
            what = f"address {host.ip} is already the Elastic IP of {elastic[host.ip]}"
            report.error(host.where, what, "each host has its own", key="ip")
        elif inside is not None:
            # VPC-06: traffic to the VPC's block stays in the VPC.
            block = next(block for block in inside.cidr_blocks if host.ip in block)
            what = f"{host.ip} lies inside VPC {inside.name} ({block}), which can never reach this host"
            report.warn(host.where, what, "local routes win", key="ip")


def check_expectations(topology: Topology, report: Report) -> None:
    """Every end is a node or an address, and the numbers fit the protocol."""
    nodes = {node.name: node.kind for node in topology.nodes()}
    talking = [name for name, kind in nodes.items() if kind in ("instance", "outside_host")]
    incomplete = _incomplete(topology, report)
    broken = {path.partition(".hosts.")[2] or path.rpartition(".")[2] for path in report.broken}
    for expected in topology.expect:
        for key, name in (("from", expected.source), ("to", expected.target)):
            if ADDRESS_TEXT.fullmatch(name) or name in broken:
                continue
            kind = nodes.get(name)
            if kind is None and incomplete:
                continue
            if kind is None:
                hint = did_you_mean(name, talking, "an instance, an outside host, or an address")
                report.error(expected.where, f"no node is called `{name}`", hint, key=key)
            elif kind == "nat_gateway" and key == "from":
                report.error(expected.where, f"`{name}` is a NAT gateway, which sends nothing of its own", key=key)
            elif kind in ("router", "internet_gateway") or name == INTERNET:
                what = f"`{name}` is no host: nothing can be sent {'from' if key == 'from' else 'to'} it"
                report.error(expected.where, what, "name an instance, an outside host, or an address", key=key)
        _check_numbers(expected, report)


def _incomplete(topology: Topology, report: Report) -> bool:
    """Whether nodes may be missing because what holds them is wrong: all VPCs, one VPC, its instances ..."""
    holders = {"vpcs", "internet", "internet.hosts"}
    holders |= {f"{vpc.where.path}.{key}" for vpc in topology.vpcs for key in ("instances", "nat_gateways")}
    return any(path in holders or (path.startswith("vpcs.") and path.count(".") == 1) for path in report.broken)


def _check_numbers(expected: Expectation, report: Report) -> None:
    if expected.protocol == "icmp":
        if expected.port is not None:
            report.error(expected.where, "icmp has no ports", "remove port", key="port")
        if expected.result == "refused":
            # GEN-02: a refusal is the answer of a host that has no listener.
            report.error(expected.where, "a ping is not refused", "pass or drop", key="result")
    elif expected.port is None and not report.given(expected.where, "port"):
        report.error(expected.where, "`port` is missing", f"a {expected.protocol} flow has a destination port")
    if expected.seen_as is not None and expected.result == "drop":
        report.error(expected.where, "nobody sees a flow that is dropped", "remove seen_as", key="seen_as")
