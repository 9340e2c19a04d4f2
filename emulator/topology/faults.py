"""The catalogue of faults: realistic misconfigurations, each a pure edit of a Topology."""

from emulator.errors import UsageError
from emulator.topology import (
    faults_acls,
    faults_balancers,
    faults_endpoints,
    faults_gateways,
    faults_groups,
    faults_instances,
    faults_peering,
    faults_routes,
    faults_transit,
)
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.model import Topology
from emulator.topology.suggest import nearest

__all__ = ["FAULTS", "Broken", "Fault", "broken_by", "fault_called"]

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for part in (
        faults_routes,
        faults_gateways,
        faults_acls,
        faults_groups,
        faults_instances,
        faults_peering,
        faults_transit,
        faults_balancers,
        faults_endpoints,
    )
    for fault in part.FAULTS
}


def fault_called(name: str) -> Fault:
    """The fault of that name; else a UsageError with the nearest one."""
    if name in FAULTS:
        return FAULTS[name]
    near = nearest(name, FAULTS)
    hint = f"did you mean {near}?" if near else "`vpcemu break --list` shows them all"
    raise UsageError(f"there is no fault called {name}", hint)


def broken_by(topology: Topology, name: str, on: str = "") -> Broken:
    """The topology with that fault. UsageError if there is no such fault, or nothing that it could break here."""
    fault = fault_called(name)
    broken = fault.apply(topology, on)
    if broken is not None:
        return broken
    names = [held.victim for held in fault.victims(topology)] if on else []
    if names:
        near = nearest(on, names)
        hint = f"did you mean {near}?" if near else f"it can break {', '.join(names[:8])}"
        raise UsageError(f"fault {name} has nothing to break at {on}", hint)
    raise UsageError(
        f"lab {topology.name} has nothing that {name} could break",
        f"`vpcemu break --list {topology.name}` shows which faults do something here",
    )
