"""Three views of random flows in random topologies agree: the model, the wire, a trace."""

import os
from pathlib import Path

import pytest

from tests.differential import cases, neighbours
from tests.differential.compare import FLOWS, Disagreement, disagreements
from tests.differential.documents import Document, text
from tests.differential.explore import examine, explore, keep
from tests.differential.tally import Tally
from tests.support import lab as labs

SEED = int(os.environ.get("VPCEMU_SEED", "2026"))
BATCHES, TOPOLOGIES = 10, 30  # 300 topologies, 20,100 flows
_TALLIES: dict[int, Tally] = {}


@pytest.mark.parametrize("path", sorted(cases.CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_once_disagreed(path: Path) -> None:
    """Every disagreement that was ever found: who was right then is right now, in all views."""
    case = cases.read(path)
    expected = [verdict for _, verdict in case.flows]

    def ask() -> list[Disagreement]:
        with labs.up(text(case.topology)) as lab:
            flows = [cases.flow_of(line, lab.topology, lab.addresses) for line, _ in case.flows]
            assert None not in flows, "nobody sends such a flow"
            return disagreements(lab, [flow for flow in flows if flow], patient=True, expected=expected)

    found = neighbours.with_room(ask)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_model_wire_and_trace_agree(batch: int, tmp_path: Path) -> None:
    seed, tally = SEED + batch, Tally()
    failed: list[tuple[Document, Disagreement]] = []

    def visit(document: Document, numbers: list[int]) -> None:
        if not failed:
            failed.extend((document, found) for found in examine(document, numbers, tally)[:1])

    explore(seed, TOPOLOGIES, visit)
    print(f"seed {seed}: {tally}")
    for document, found in failed:
        path = keep(document, found, tmp_path)
        pytest.fail(f"VPCEMU_SEED={seed}: {found}\n\nmade small, {path}:\n{path.read_text(encoding='utf-8')}")
    assert (tally.topologies, tally.flows) == (TOPOLOGIES, TOPOLOGIES * FLOWS)
    _TALLIES[batch] = tally


def test_enough_of_everything_was_asked() -> None:
    """Agreement about nothing but drops, or about one kind of drop, would prove little."""
    if len(_TALLIES) < BATCHES:
        pytest.fail("run all batches: this test judges them together")
    total = Tally()
    for tally in _TALLIES.values():
        total.add(tally)
    print(total)
    assert total.results["pass"] > total.flows / 6
    assert total.results["drop on the way back"] > 100
    both = ("security_group", "network_acl", "internet_gateway")
    asked_for = {f"{kind} {way}" for kind in both for way in ("egress", "ingress")}
    asked_for |= {"network_interface ingress", "route_table", "vpc", "nat_gateway", "internet", "instance"}
    assert asked_for <= set(total.dropped)
    for way in (
        "a NAT gateway",
        "an appliance",
        "a hairpin",
        "a peering connection",
        "a transit gateway",
        "a load balancer",
        "a VPC endpoint",
    ):
        assert total.ways[way] > 20, way
