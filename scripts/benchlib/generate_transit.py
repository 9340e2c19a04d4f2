"""Many VPCs on one transit gateway, as the YAML text a user would write. Pure."""

from ipaddress import IPv4Network

from .generate import PROBE_PORT

_ROOM = IPv4Network("10.0.0.0/8")
GATEWAY = "tgw"


def instance(vpc: int, number: int) -> str:
    """The name of the n-th instance of a VPC, both from 0."""
    return f"v{vpc:03}-i{number:02}"


def topology(name: str, vpcs: int, instances: int) -> str:
    """VPCs that all reach each other: a subnet for instances, one for the attachment, the default route table."""
    blocks = list(_ROOM.subnets(new_prefix=16))[:vpcs]
    lines = [f"name: {name}", "vpcs:"]
    for vpc, block in enumerate(blocks):
        hosts, gate = block.subnets(new_prefix=17)
        lines += [
            f"  v{vpc:03}:",
            f"    cidr_block: {block}",
            "    subnets:",
            f"      hosts: {{cidr_block: {next(hosts.subnets(new_prefix=24))}}}",
            f"      gate: {{cidr_block: {next(gate.subnets(new_prefix=28))}}}",
            f"    route_tables: {{main: {{routes: {{{_ROOM}: {GATEWAY}}}}}}}",
            "    security_groups:",
            f"      bench: {{ingress: [{{protocol: udp, port: {PROBE_PORT}, from: {_ROOM}}}]}}",
            "    instances:",
        ]
        lines += [
            f"      {instance(vpc, number)}: {{subnet: hosts, security_groups: [bench]}}" for number in range(instances)
        ]
    lines += ["transit_gateways:", f"  {GATEWAY}:", "    vpc_attachments:"]
    lines += [f"      v{vpc:03}: {{vpc: v{vpc:03}, subnets: [gate]}}" for vpc in range(vpcs)]
    return "\n".join([*lines, ""])
