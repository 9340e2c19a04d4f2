"""A lab from YAML text, and questions to the model about it."""

from typing import Any

from emulator.analysis import Analysis, Analyzer
from emulator.topology.addresses import assign
from emulator.topology.flows import Directory, Flow
from emulator.topology.given import Addresses
from emulator.topology.load import load
from emulator.topology.model import Topology


def read(text: str) -> tuple[Topology, Addresses]:
    """The topology of a file without mistakes, and the addresses that an empty machine would give it."""
    topology, problems = load(text)
    assert topology is not None, problems
    addresses, missing = assign(topology)
    assert not missing
    return topology, addresses


def ask(text: str, source: str, target: str, port: int = 0, protocol: str = "", **more: Any) -> Analysis:
    """`vpcemu analyze FILE SOURCE TARGET`: tcp with a port, a ping without."""
    topology, addresses = read(text)
    directory = Directory(topology, addresses)
    node, own = directory.source(source)
    kind: Any = protocol or ("tcp" if port else "icmp")
    flow = Flow(node, more.pop("source_ip", own), directory.target(target, node), kind, port, **more)
    analyzer = Analyzer(topology, addresses)
    found = analyzer.analyze(flow)
    assert analyzer.verdict(flow) == found.verdict, "with and without reasons it is one verdict"
    return found


def codes(found: Analysis) -> list[str]:
    return [each.code for each in found.explanations]
