"""A flow, and who decides about it, in words: what an analysis and a trace begin with."""

from emulator.topology.flows import ECHO_REQUEST, Component, Flow

_WORDS = {
    "instance": "instance",
    "internet": "the internet",
    "internet_gateway": "internet gateway",
    "nat_gateway": "NAT gateway",
    "network_acl": "network ACL",
    "network_interface": "interface",
    "network_load_balancer": "load balancer node",
    "outside_host": "outside host",
    "route_table": "route table",
    "security_group": "security groups of",
    "transit_gateway": "transit gateway",
    "vpc": "VPC",
    "vpc_endpoint": "VPC endpoint",
    "vpc_peering_connection": "VPC peering connection",
}


def component_text(component: Component) -> str:
    """`security groups of web, ingress`, `route table private`."""
    if component.kind == "internet":
        return _WORDS["internet"]
    direction = f", {component.direction}" if component.kind in ("security_group", "network_acl") else ""
    return f"{_WORDS[component.kind]} {component.name}{direction}"


def flow_text(flow: Flow, target: str) -> str:
    """`dev (10.0.20.4) to web.example (93.184.216.34), tcp 80`."""
    what = f"tcp {flow.port}" if flow.protocol == "tcp" else f"udp {flow.port}"
    if flow.protocol == "icmp":
        what = "ping" if flow.icmp_type == ECHO_REQUEST else f"icmp type {flow.icmp_type}"
    there = f"{target} ({flow.to})" if target != str(flow.to) else target
    return f"{flow.source} ({flow.source_ip}) to {there}, {what}"
