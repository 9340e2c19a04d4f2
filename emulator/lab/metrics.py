"""metrics: what CloudWatch would tell of the NAT gateways of a lab that is up (NAT-50, NAT-51)."""

from emulator.errors import UsageError
from emulator.lab import running
from emulator.report.metrics import MetricsShape, NatGatewayMetrics
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.suggest import nearest

# CloudWatch's name: the counter, and which of its numbers.
_METRICS = {
    "ConnectionAttemptCount": ("attempts", "packets"),
    "ConnectionEstablishedCount": ("established", "packets"),
    "ErrorPortAllocation": ("no_port", "packets"),
    "PacketsDropCount": ("dropped", "packets"),
    "PacketsInFromSource": ("from_source", "packets"),
    "BytesInFromSource": ("from_source", "bytes"),
    "PacketsOutToDestination": ("to_destination", "packets"),
    "BytesOutToDestination": ("to_destination", "bytes"),
    "PacketsInFromDestination": ("from_destination", "packets"),
    "BytesInFromDestination": ("from_destination", "bytes"),
    "PacketsOutToSource": ("to_source", "packets"),
    "BytesOutToSource": ("to_source", "bytes"),
}


def metrics(lab: str | None = None, gateway: str = "") -> MetricsShape:
    """Of the lab of that name, or the only one; gateway: "" for all. UsageError: no such lab, no such NAT gateway."""
    from emulator.kernel.counters import named

    found = running.recall(lab)
    nodes = [(vpc.name, node) for vpc in found.topology.vpcs for node in nat_nodes(vpc)]
    known = dict.fromkeys(name for _, node in nodes for name in (node.gateway.name, node.name))
    if gateway and gateway not in known:
        near = nearest(gateway, known)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(known) or 'none'}"
        raise UsageError(f"lab {found.lab} has no NAT gateway {gateway}", hint)
    wanted = [(vpc, node) for vpc, node in nodes if gateway in ("", node.name, node.gateway.name)]
    counted = named(found.lab, {node.name for _, node in wanted})
    made = []
    for vpc, node in wanted:
        if held := counted.get(node.name):
            values = {"ActiveConnectionCount": held.flows}
            values |= {name: getattr(held.counters[key], unit) for name, (key, unit) in _METRICS.items()}
            made.append(NatGatewayMetrics(name=node.gateway.name, vpc=vpc, availability_zone=node.zone, metrics=values))
    return MetricsShape(lab=found.lab, nat_gateways=made)
