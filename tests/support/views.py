"""What the wire did, the model says and a trace saw: held against each other for the probes of a test."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from emulator.analysis import Analyzer
from emulator.lab.trace import trace
from emulator.topology.flows import Component, Flow
from tests.support.lab import Lab
from tests.support.probes import Probe, check


def agree(lab: Lab, *groups: Iterable[Probe], traced: bool = True) -> None:
    """The wire and the model agree with the probes, and about a drop a trace does too: at whom.

    traced: not in a circle of routes, where the packet dies wherever its TTL ends.
    """
    probes = [probe for group in groups for probe in group]
    check(lab, probes)
    analyzer = Analyzer(lab.topology, lab.addresses)
    dropped: dict[Flow, Component | None] = {}
    for probe in probes:
        own, to = IPv4Address(lab.address(probe.source)), IPv4Address(lab.resolve(probe.to))
        flow = Flow(probe.source, own, to, probe.protocol, probe.port)
        found = analyzer.analyze(flow)
        assert found.verdict.result == probe.result, (str(probe), found.verdict, found.explanations)
        assert found.verdict == analyzer.verdict(flow)
        if traced and probe.result == "drop":
            dropped[flow] = found.verdict.dropped_at
        assert not probe.seen_as or probe.seen_as in map(str, found.seen_as)
    traces = trace(lab.name, list(dropped)) if dropped else []
    blamed = {found.flow: found.verdict.dropped_at for found in traces}
    assert blamed == dropped, (blamed, dropped)
