"""Topologies of any size, as the YAML text a user would write. Pure."""

from ipaddress import IPv4Network

CIDR = IPv4Network("10.0.0.0/16")
RULES_PER_GROUP = 60  # AWS's quota per security group and direction
GROUPS_PER_ENI = 5  # AWS's quota; one of them is the group that lets the bench's own packets in
PROBE_PORT = 9
OUTSIDE = "outside"
OUTSIDE_IP = "8.8.4.4"


def instance(number: int) -> str:
    """The name of the n-th instance, from 0."""
    return f"i{number:04}"


def topology(
    name: str, instances: int, *, subnets: int = 20, rules: int = 0, web_port: int = 443, services: bool = False
) -> str:
    """A VPC with an internet gateway, a NAT gateway and an outside host.

    The first subnet is public (internet gateway), the rest are private (NAT gateway). `web_port` is the rule that the
    edit changes. `rules` are spread over as many groups as the quota asks for, and the groups over the instances.
    """
    groups = -(-rules // RULES_PER_GROUP)
    lines = [
        f"name: {name}",
        "vpcs:",
        "  main:",
        f"    cidr_block: {CIDR}",
        "    internet_gateway: igw",
        "    route_tables:",
        "      public: {routes: {0.0.0.0/0: igw}}",
        "      private: {routes: {0.0.0.0/0: nat}}",
        "    nat_gateways:",
        "      nat: {subnet: s0}",
        "    subnets:",
    ]
    for number, block in enumerate(blocks(instances, subnets)):
        table = "private" if number else "public"
        lines.append(f"      s{number}: {{cidr_block: {block}, route_table: {table}}}")
    lines += [
        "    security_groups:",
        "      bench:",
        "        ingress:",
        f"          - {{protocol: udp, port: {PROBE_PORT}, from: {CIDR}}}",
        f"          - {{protocol: tcp, port: {web_port}, from: 0.0.0.0/0}}",
    ]
    for group in range(groups):
        lines += [f"      g{group}:", "        ingress:"]
        for number in range(group * RULES_PER_GROUP, min(rules, (group + 1) * RULES_PER_GROUP)):
            source = f"172.{16 + number % 16}.{number // 16 % 256}.0/24"
            lines.append(f"          - {{protocol: tcp, port: {1024 + number}, from: {source}}}")
    lines.append("    instances:")
    for number in range(instances):
        # The first instances have no public address and sit in private subnets, so that all go through the NAT gateway.
        subnet = f"s{(number + 1) % subnets}"
        held = sorted({f"g{(number * (GROUPS_PER_ENI - 1) + i) % groups}" for i in range(GROUPS_PER_ENI - 1) if groups})
        keys = f"subnet: {subnet}, security_groups: [{', '.join(['bench', *held])}]"
        lines.append(f"      {instance(number)}: {{{keys}{', services: [http]' if services else ''}}}")
    lines += ["internet:", "  hosts:", f"    {OUTSIDE}: {{ip: {OUTSIDE_IP}}}", ""]
    return "\n".join(lines)


def strangers(name: str, instances: int, *, subnets: int = 20) -> str:
    """A VPC in which no two instances are alike: each has a group of its own, which lets in some other groups."""
    lines = [f"name: {name}", "vpcs:", "  main:", f"    cidr_block: {CIDR}", "    subnets:"]
    lines += [f"      s{number}: {{cidr_block: {block}}}" for number, block in enumerate(blocks(instances, subnets))]
    lines.append("    security_groups:")
    for number in range(instances):
        rules = [
            f"{{protocol: tcp, port: {port}, from: g{(number * step + step) % instances}}}"
            for step, port in ((1, 22), (7, 80), (11, 443), (13, 5432))
        ]
        lines.append(f"      g{number}: {{ingress: [{', '.join(rules)}]}}")
    lines.append("    instances:")
    for number in range(instances):
        lines.append(f"      {instance(number)}: {{subnet: s{number % subnets}, security_groups: [g{number}]}}")
    return "\n".join([*lines, ""])


def blocks(instances: int, subnets: int) -> list[IPv4Network]:
    """Equal blocks of the VPC, each with room for its share, the NAT gateway and the five addresses AWS keeps."""
    need = -(-instances // subnets) + 1 + 5
    length = min(24, 32 - (need - 1).bit_length())
    found = list(CIDR.subnets(new_prefix=length))
    if len(found) < subnets:
        raise ValueError(f"{instances} instances in {subnets} subnets do not fit {CIDR}")
    return found[:subnets]
