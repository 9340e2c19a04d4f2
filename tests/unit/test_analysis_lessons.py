"""What every lesson expects, the model expects: verdict, and whom the receiver sees."""

from pathlib import Path

import pytest

from emulator.analysis import Analyzer
from emulator.topology.addresses import assign
from emulator.topology.expand import expand
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.services import TRANSPORTS

LESSONS = sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml"))


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_the_model_agrees_with_the_lesson(file: Path) -> None:
    topology, problems = load(file.read_text(), str(file))
    assert topology is not None, problems
    addresses, _ = assign(topology)
    analyzer = Analyzer(topology, addresses)
    expected, wrong = expand(topology, addresses)
    assert expected
    assert not wrong
    for asked, _, _, each in expected:
        found = analyzer.analyze(asked)
        result = found.verdict.result
        if result == "pass" and each.result == "refused" and not _listens(topology, found.verdict.receiver, asked.port):
            result = "refused"
        assert result == each.result, (each, found.verdict, [item.sentence for item in found.explanations])
        assert analyzer.verdict(asked) == found.verdict
        if each.seen_as:
            assert each.seen_as in found.seen_as
        if result == "drop":
            assert found.verdict.dropped_at in [item.component for item in found.explanations]
        else:
            assert not found.explanations


def _listens(topology: Topology, node: str, port: int) -> bool:
    held = {instance.name: instance.services for vpc in topology.vpcs for instance in vpc.instances}
    held |= {host.name: host.services for host in topology.internet.hosts}
    return any(service.port == port and "tcp" in TRANSPORTS[service.kind] for service in held[node])
