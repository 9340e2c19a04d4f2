"""The generator of the differential tests: right, varied, the same for a seed; and what fails gets small."""

import json
from typing import Any

from emulator.topology.addresses import assign
from emulator.topology.load import load
from tests.differential.documents import Document, text
from tests.differential.explore import explore
from tests.differential.questions import ask, flows
from tests.differential.shrink import pinned, shrink


def made(seed: int, count: int = 60) -> list[tuple[Document, list[int]]]:
    found: list[tuple[Document, list[int]]] = []
    explore(seed, count, lambda document, numbers: found.append((document, numbers)))
    return found


def test_every_document_is_a_topology_and_no_two_are_alike() -> None:
    examples = made(1)
    for document, numbers in examples:
        topology, problems = load(text(document))
        assert topology is not None, problems
        addresses, missing = assign(topology)
        assert not missing
        asked = flows(ask(topology, addresses), numbers)
        ends = [(flow.protocol, flow.source_port) for flow in asked if flow.protocol != "icmp"]
        assert len(set(ends)) == len(ends), "two flows could be taken for each other"
    assert len({json.dumps(document) for document, _ in examples}) == len(examples)
    assert made(1) == examples
    assert made(2) != examples


def test_a_failing_document_is_made_small() -> None:
    """What the failure needs stays, and all else goes."""

    def fails(document: Document) -> bool:
        held: Any = document.get("vpcs", {}).get("main", {}).get("instances", {})
        return load(text(document))[0] is not None and len(held) >= 2

    document = next(document for document, _ in made(3) if len(document["vpcs"]["main"]["instances"]) > 3)
    topology, _ = load(text(document))
    assert topology is not None
    small = shrink(pinned(document, assign(topology)[0]), fails)
    assert fails(small)
    assert list(small) == ["name", "vpcs"]
    assert set(small["vpcs"]["main"]) == {"cidr_block", "subnets", "instances"}
    assert len(small["vpcs"]["main"]["instances"]) == 2
    assert len(text(small).splitlines()) < 12
