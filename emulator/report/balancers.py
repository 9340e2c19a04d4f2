"""Load balancers, and the health of their targets, as text."""

from emulator.report.shapes import TargetStatus, VpcStatus
from emulator.report.text import Paint, one_line, table


def nodes(vpc: VpcStatus) -> list[tuple[str, str, str, str, str, str, str]]:
    """Rows of the table of nodes."""
    return [
        (
            node["name"],
            "load balancer",
            node["subnet"],
            node["private_ip"],
            node["public_ip"],
            ", ".join(held["security_groups"]),
            "",
        )
        for held in vpc["load_balancers"]
        for node in held["nodes"]
    ]


def balancers(vpc: VpcStatus, paint: Paint) -> list[str]:
    """Of one VPC: what `status` says of its load balancers."""
    lines: list[str] = []
    for held in vpc["load_balancers"]:
        more = ", cross-zone" if held["cross_zone"] else ""
        groups = f", groups {', '.join(held['security_groups'])}" if held["security_groups"] else ""
        lines += ["", f"  {paint.bold('Network Load Balancer ' + held['name'])}: {held['scheme']}{more}{groups}"]
        served = (f"{one['protocol']} {one['port']} to {one['target_group']}" for one in held["listeners"])
        lines.append(f"    listeners: {', '.join(served) or 'none'}")
    if vpc["target_groups"]:
        rows = [
            (
                group["name"] if not number else "",
                one_line(f"{target['id']}:{target['port']}"),
                target["availability_zone"],
                _state(target, paint),
                one_line(f"{target['reason']}: {target['description']}" if target["reason"] else ""),
            )
            for group in vpc["target_groups"]
            for number, target in enumerate(group["targets"])
        ]
        found = table(("target group", "target", "zone", "health", "why"), rows, paint, "  ")
        lines += ["", *found] if found else []
    return lines


def _state(target: TargetStatus, paint: Paint) -> str:
    state = target["state"]
    if state == "healthy":
        return paint.good(state)
    return paint.bad(state) if state in ("unhealthy", "unavailable") else paint.warn(state)
