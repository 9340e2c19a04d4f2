"""Expectations -> flows: lists, subnets and groups spelled out, names turned into the addresses on the wire. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from emulator.errors import Problem, UsageError
from emulator.topology.associations import owner_and_group
from emulator.topology.expectations import End, Expectation, Selector
from emulator.topology.flows import Directory, Flow
from emulator.topology.given import Addresses
from emulator.topology.instances import Instance
from emulator.topology.model import INTERNET, Topology
from emulator.topology.zonal import answering

LIMIT = 100_000  # flows of a file


class Expected(NamedTuple):
    """One flow and what the file says of it. source, target: what the file calls its ends."""

    flow: Flow
    source: str
    target: str
    expectation: Expectation


def expand(topology: Topology, addresses: Addresses) -> tuple[list[Expected], list[Problem]]:
    """Every flow that the file expects something of, in its order; and what could not be understood."""
    directory = Directory(topology, addresses)
    found: list[Expected] = []
    problems: list[Problem] = []
    for expectation in topology.expect:
        try:
            found += _flows(topology, directory, expectation)
        except UsageError as error:
            problems.append(Problem(expectation.where, str(error), error.hint))
        if len(found) > LIMIT:
            hint = "name one of each kind, or look at `vpcemu matrix`"
            problems.append(Problem(expectation.where, f"more than {LIMIT:,} flows are expected up to here", hint))
            break
    return found, problems


def selected(vpc: str, instances: Iterable[Instance], end: Selector) -> Iterator[str]:
    """The ENIs, by name, of a VPC's instances that the selector means."""
    if end.vpc not in ("", vpc):
        return
    for instance in instances:
        for interface in instance.interfaces:
            groups = {owner_and_group(vpc, name)[1] for name in interface.security_groups}  # SG-12
            if end.subnet in ("", interface.subnet) and (not end.group or end.group in groups):
                yield interface.name


def _flows(topology: Topology, directory: Directory, expectation: Expectation) -> Iterator[Expected]:
    stopped = {held.name for vpc in topology.vpcs for held in vpc.instances if held.state == "stopped"}
    named = {end for end in expectation.sources if isinstance(end, str)}
    sources = [
        name
        for name in _names(topology, expectation.sources)
        if name in named or directory.node(name) not in stopped  # RT-42: of a subnet, those that can send are meant
    ]
    targets = _names(topology, expectation.targets)
    alone = len(sources) == len(targets) == 1
    icmp = expectation.protocol == "icmp"
    count = 0
    for source in sources:
        node, own = directory.source(source)
        for target in targets:
            if not alone and directory.node(target) == node:
                continue  # of a list with itself, only the others are meant
            to = directory.target(target, node)
            for port in expectation.ports or (0,):
                flow = Flow(node, own, to, expectation.protocol, port)
                if icmp:
                    flow = Flow(node, own, to, "icmp", icmp_type=expectation.icmp_type, icmp_code=expectation.icmp_code)
                yield Expected(flow, source, target, expectation)
                count += 1
                if count > LIMIT:
                    return


def _names(topology: Topology, ends: Iterable[End]) -> list[str]:
    """Each once, in the order of the file."""
    found: dict[str, None] = {}
    for end in ends:
        if isinstance(end, Selector):
            found |= {name: None for vpc in topology.vpcs for name in selected(vpc.name, vpc.instances, end)}
        elif end == INTERNET:
            found |= {host.name: None for host in topology.internet.hosts}
        else:
            found |= dict.fromkeys(answering(topology, end) or (end,))
    return list(found)
