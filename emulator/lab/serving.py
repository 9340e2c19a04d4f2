"""Whom the load balancers of a lab that is up give new flows to, as its agent has judged: for the model to know."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from emulator.agent.health_state import Health, serving
from emulator.errors import VpcemuError
from emulator.lab import doors
from emulator.topology.model import Topology
from emulator.topology.targets import Serving


def of(lab: str, topology: Topology) -> Serving:
    """By node and target group, the targets that get new flows; empty where nobody has judged."""
    if not any(vpc.load_balancers for vpc in topology.vpcs):
        return {}
    with suppress(VpcemuError, OSError):
        agent = doors.agent(lab)
        if agent is not None:
            try:
                return _serving(agent.services())
            finally:
                agent.close()
    return {}


def _serving(running: Mapping[str, list[dict[str, Any]]]) -> Serving:
    held: dict[str, dict[str, dict[str, Health]]] = {}  # by target group, node and target
    for node, entries in running.items():
        for entry in entries:
            for group, target, state, *_ in entry.get("health", ()):
                held.setdefault(group, {}).setdefault(node, {})[target] = Health(state)
    return {
        (node, group): tuple(serving(own, [each for other in nodes.values() for each in other.values()]))
        for group, nodes in held.items()
        for node, own in nodes.items()
    }
