"""What every lesson expects, the model expects: verdict, and whom the receiver sees."""

from pathlib import Path

import pytest

from emulator.analysis import Analyzer
from emulator.topology.addresses import assign
from emulator.topology.expand import expand
from emulator.topology.flows import flow
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


@pytest.mark.parametrize(
    ("lesson", "edit", "asked", "hint"),
    [
        ("central-egress", (", 10.0.0.0/8: tgw", ""), ("app", "web.example", 443), "a closer route for 10.1.1.4"),
        ("inspection-vpc", (", appliance_mode_support: enable", ""), ("web", "db", 5432), "did not pass fw-c"),
        ("nat-instance", ("services: [nat]", "state: terminated"), ("dev", "web.example", 80), "a NAT gateway"),
        (
            "nat",
            ("routes: {0.0.0.0/0: nat}", "routes: {0.0.0.0/0: web}"),
            ("dev", "web.example", 80),
            "forwards nothing",
        ),
        ("nat", ("private: {routes: {0.0.0.0/0: nat}}", "private: {}"), ("dev", "10.99.0.1", 80), "a transit gateway"),
        ("nat", ("routes: {0.0.0.0/0: nat}", "routes: {0.0.0.0/0: igw}"), ("dev", "web.example", 80), "elastic_ip"),
    ],
)
def test_what_a_learner_breaks_is_hinted_at(
    lesson: str, edit: tuple[str, str], asked: tuple[str, str, int], hint: str
) -> None:
    """The remedy is that of the mistake, and not a hole at the place where the packet happens to end."""
    text = next(file for file in LESSONS if file.stem == lesson).read_text()
    assert edit[0] in text
    topology, problems = load(text.replace(*edit), lesson)
    assert topology is not None, problems
    addresses, _ = assign(topology)
    source, target, port = asked
    found = Analyzer(topology, addresses).analyze(flow(topology, addresses, source, target, "tcp", port))
    assert hint in " ".join(each.hint for each in found.explanations)


@pytest.mark.parametrize(
    ("lesson", "edit"),
    [
        ("two-az-nat", ("nat-a: {", "nat-a: {state: deleted, ")),
        ("nat-instance", ("services: [nat]", "state: terminated")),
    ],
    ids=["NAT gateway", "NAT instance"],
)
def test_an_expected_way_may_be_gone(lesson: str, edit: tuple[str, str]) -> None:
    """RT-40: the file is still a lab; `test` says that what its `expect:` list names with `via` is no longer so."""
    text = next(file for file in LESSONS if file.stem == lesson).read_text()
    assert edit[0] in text
    topology, problems = load(text.replace(*edit), lesson)
    assert topology is not None, problems


def _listens(topology: Topology, node: str, port: int) -> bool:
    held = {instance.name: instance.services for vpc in topology.vpcs for instance in vpc.instances}
    held |= {host.name: host.services for host in topology.internet.hosts}
    return any(service.port == port and "tcp" in TRANSPORTS[service.kind] for service in held[node])
