"""metrics as text and as JSON: CloudWatch's names (NAT-50)."""

from typing import TypedDict

from emulator.report.text import PLAIN, Paint, table


class NatGatewayMetrics(TypedDict):
    """`availability_zone` is that of a regional NAT gateway, which has an entry for each of its zones; else ""."""

    name: str
    vpc: str
    availability_zone: str
    metrics: dict[str, int]


class MetricsShape(TypedDict):
    """`metrics --json`. Counted since the rules of the gateway were loaded."""

    lab: str
    nat_gateways: list[NatGatewayMetrics]


def text(found: MetricsShape, paint: Paint = PLAIN) -> list[str]:
    """A row for each metric, a column for each gateway."""
    held = found["nat_gateways"]
    if not held:
        return [f"lab {found['lab']} has no NAT gateway"]
    titles = [f"{one['name']} {one['availability_zone']}".strip() for one in held]
    rows = [[name, *(str(one["metrics"][name]) for one in held)] for name in held[0]["metrics"]]
    return table(("metric", *titles), rows, paint)
