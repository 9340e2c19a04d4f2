"""What lies outside the VPCs: the hosts of the internet."""

from ipaddress import IPv4Address

from emulator.topology.addresses import INTERNET_ADDRESS, is_public, slots
from emulator.topology.model import OutsideHost, Topology
from emulator.topology.report import Report


def check_hosts(topology: Topology, report: Report) -> None:
    """An outside host has a public address that nobody else has."""
    elastic = {held.public_ip: held.name.partition("+")[0] for vpc in topology.vpcs for held in slots(vpc)}
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
