"""validate and plan: everything that `up` does before its first change, and `up` begins with it too."""

import os
from typing import NamedTuple

from emulator import names
from emulator.compile.diff import RULES_DIFFER, diff
from emulator.compile.lab import compile_lab
from emulator.compile.state import NO_RULESET, Ruleset, State, Step
from emulator.errors import Problem, TopologyError
from emulator.lab import doors, record, running, services, source
from emulator.report.plan import change_text
from emulator.topology.addresses import assign
from emulator.topology.changes import Change, changes
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.rules_edits import refused
from emulator.topology.zones import without_zones


class Wanted(NamedTuple):
    """What a file asks for, down to the kernel's terms."""

    file: str
    text: str
    topology: Topology
    addresses: Addresses
    state: State
    warnings: list[Problem]
    exercise: record.Exercise | None = None  # the topology is the file's with faults

    @property
    def lab(self) -> str:
        return self.topology.name


class Plan(NamedTuple):
    """What would change, and compared with what."""

    wanted: Wanted
    compared: bool  # with the machine; False: with nothing, for want of root
    old: Topology | None  # what is up now
    changes: list[Change]  # in AWS's words
    steps: list[Step]  # in the kernel's
    held: Addresses | None = None  # the addresses of what is up now
    secret: bool = False  # the lab is broken on purpose, and a learner is to find out how: nothing is told


def validate(file: str) -> Wanted:
    """Check a file as far as that goes without touching anything. Raises TopologyError with every problem."""
    text = source.read(file)
    topology, warnings = source.load(text, file)
    return settle(file, text, topology, warnings + _as_warnings(source.consent(topology)), None)


def settle(file: str, text: str, topology: Topology, warnings: list[Problem], held: Addresses | None) -> Wanted:
    """Give out the addresses and compile. `held`: the addresses that running nodes have, and keep."""
    addresses, found = assign(topology, held)
    if any(not problem.warning for problem in found):
        raise TopologyError(file, tuple(warnings + found))
    return Wanted(file, text, topology, addresses, compile_lab(topology, addresses), warnings + found)


def plan(file: str) -> Plan:
    """What `up` would do now. Without root nothing can be observed, and the comparison is with an empty machine."""
    text = source.read(file)
    topology, warnings = source.load(text, file)
    warnings = warnings + _as_warnings(source.consent(topology))
    compared = os.geteuid() == 0
    before = record.read(topology.name) if compared else None
    topology = without_zones(topology, before.dark_zones if before else ())
    wanted = settle(file, text, topology, warnings, before.kept if before else None)
    made = compare(wanted, before, doors.kernel() if compared else None)
    if before and before.exercise and before.exercise.secret:
        return made._replace(changes=[], steps=[], secret=True)
    return made


def compare(wanted: Wanted, before: record.Record | None, kernel: doors.Kernel | None) -> Plan:
    """Hold what is wanted against what is there."""
    observed = State(wanted.lab, {}, frozenset())
    old = _previous(before, wanted)
    desired = _without_former_appliances(wanted.state, old, complete=before is not None and before.complete)
    if kernel:
        with doors.asking(wanted.lab) as agent:
            observed = services.merge(kernel.observe(wanted.lab, desired), agent)
    old = old if observed.namespaces else None
    if old and (problems := refused(old, wanted.topology)):
        raise TopologyError(wanted.file, tuple(problems))
    observed = _as_made(observed, old)
    if before is not None and not before.complete:
        observed = _unsettled(observed)
    vpcs = {node.name: node.vpc for node in wanted.topology.nodes()}
    return Plan(
        wanted=wanted,
        compared=kernel is not None,
        old=old,
        held=before.addresses if before else None,
        changes=(found := changes(old, wanted.topology)),
        steps=[_caused(step, found, vpcs) for step in diff(observed, desired)],
    )


def _caused(step: Step, found: list[Change], vpcs: dict[str, str]) -> Step:
    """A ruleset is replaced as a whole; its reason is what the edit changes in its VPC."""
    if not isinstance(step.item, Ruleset) or step.reason != RULES_DIFFER:
        return step
    vpc = vpcs[step.node]
    texts = [change_text(change) for change in found if change.vpc == vpc and change.noun != "service"]
    if not texts:
        return step
    more = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
    return step._replace(reason=texts[0] + more)


def from_nothing(file: str) -> tuple[Wanted, list[Step]]:
    """The file and all steps that build it on an empty machine: `plan --as-shell`."""
    wanted = validate(file)
    return wanted, diff(State(wanted.lab, {}, frozenset()), wanted.state)


def table_names(topology: Topology) -> dict[int, str]:
    """What the kernel's table numbers stand for."""
    return {
        names.route_table(table.name): f"route table {table.name}"
        for vpc in topology.vpcs
        for table in vpc.route_tables
    }


def _previous(before: record.Record | None, wanted: Wanted) -> Topology | None:
    """The topology that is up, as far as the record knows."""
    if before is None:
        return None
    same = before.text == wanted.text and before.exercise == wanted.exercise
    if same and before.dark_zones == wanted.topology.dark_zones:
        return wanted.topology
    try:
        return running.topology(before)
    except running.Unknown:
        return None


def _without_former_appliances(state: State, old: Topology | None, *, complete: bool) -> State:
    """What an appliance was given goes with its last service; a guest that never was one is not asked about it.

    An `up` that was cut short may have forgotten who was one, so after that all are asked.
    """
    former = {
        held.name for vpc in (old.vpcs if old else ()) for held in vpc.instances if held.appliance or not complete
    }
    changed = {
        node: held._replace(ruleset=NO_RULESET)
        for node, held in state.namespaces.items()
        if node in former and held.guest and held.ruleset is None
    }
    return state._replace(namespaces=state.namespaces | changed) if changed else state


def _unsettled(observed: State) -> State:
    """An `up` that was cut short has not waited until its links can send. Raising them again does."""
    namespaces = {node: held._replace(up=frozenset()) for node, held in observed.namespaces.items()}
    return observed._replace(namespaces=namespaces)


def _as_made(observed: State, old: Topology | None) -> State:
    """The kernel cannot tell what a namespace was made for; the old file can. An instance is no NAT gateway's shell."""
    kinds = {node.name: node.kind for node in old.nodes()} if old else {}
    changed = {
        node: namespace._replace(kind=kinds[node])
        for node, namespace in observed.namespaces.items()
        if kinds.get(node, namespace.kind) != namespace.kind
    }
    return observed._replace(namespaces=observed.namespaces | changed) if changed else observed


def _as_warnings(problems: list[Problem]) -> list[Problem]:
    return [problem._replace(warning=True) for problem in problems]
