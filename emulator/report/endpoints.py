"""Endpoint services and endpoints, as text."""

from emulator.report.shapes import EndpointStatus, VpcStatus
from emulator.report.text import Paint


def nodes(vpc: VpcStatus) -> list[tuple[str, str, str, str, str, str, str]]:
    """Rows of the table of nodes."""
    return [row for held in vpc["vpc_endpoints"] for row in _rows(held)]


def services(vpc: VpcStatus, paint: Paint) -> list[str]:
    """Of one VPC: what it offers, and who wants it."""
    lines: list[str] = []
    for held in vpc["vpc_endpoint_services"]:
        accepted = ", acceptance required" if held["acceptance_required"] else ""
        on = ", ".join(held["network_load_balancers"])
        lines += ["", f"  {paint.bold('endpoint service ' + held['name'])}: on {on}{accepted}, {held['service_name']}"]
        for one in held["connections"]:
            state = (paint.good if one["state"] == "available" else paint.bad)(one["state"])
            lines.append(f"    {one['vpc_endpoint']} of VPC {one['vpc']}: {state}")
    return lines


def _rows(held: EndpointStatus) -> list[tuple[str, str, str, str, str, str, str]]:
    kind = "endpoint" if held["state"] == "available" else f"endpoint, {held['state']}"
    groups = ", ".join(held["security_groups"])
    return [
        (
            place["name"],
            kind,
            place["subnet"],
            place["private_ip"],
            "",
            groups,
            held["service"] + (f" by {place['load_balancer']}" if place["load_balancer"] else ""),
        )
        for place in held["network_interfaces"]
    ]
