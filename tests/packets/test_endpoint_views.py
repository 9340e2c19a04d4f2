"""Flows through an interface endpoint as the views have them, between VPCs that have the same addresses."""

from collections.abc import Iterator

import pytest

from emulator import api
from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES, Lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGIES / "privatelink-identical-cidrs.yaml") as made:
        yield made


def test_via_knows_the_endpoint_and_the_load_balancer(lab: Lab) -> None:
    with lab.edited({"to: mail-blue, port": "to: mail-blue, via: [mail-blue, front], payload: true, port"}):
        found = lab.test()
        assert found, found.explain()


def test_via_tells_another_way(lab: Lab) -> None:
    with lab.edited({"to: mail-blue, port": "to: mail-blue, via: mail-green, port"}):
        found = lab.test()
        assert "does not go via mail-green; its way is blue → mail-blue.blue → front.mail → mail" in found.explain()


def test_an_address_of_ones_own_vpc_is_nobody_elses(lab: Lab) -> None:
    """PL-23: blue's own 10.0.1.10 and 10.0.1.20 are not the provider's, though something answers there."""
    found = api.matrix(lab.name, port=80, window=0.4)
    names = [group["members"][0] for group in found["groups"]]
    reached = {
        (one, other)
        for one, row in zip(names, found["results"], strict=True)
        for other, cell in zip(names, row, strict=True)
        if cell == "pass"
    }
    assert reached == {("blue", "mail-blue.blue"), ("green", "mail-green.green")}


def test_a_trace_goes_through_both_nodes_and_back(lab: Lab) -> None:
    found = lab.trace("blue", "mail-blue", tcp=80)
    assert found.verdict == lab.analyze("blue", "mail-blue", tcp=80).verdict
    there = ["blue", "blue.router", "mail-blue.blue", "front.mail", "provider.router", "mail"]
    assert [hop.node for hop in found.forward] == there
    assert [hop.node for hop in found.back] == there[::-1]
    words = [met.words for hop in found.forward for met in hop.rules]
    assert "VPC endpoint mail-blue.blue: to load balancer front.mail" in words
    assert "network load balancer front.mail: listener tcp 80 forwards to mail: target mail" in words
    assert "network load balancer front.mail: its own address becomes the source" in words  # PL-24


def test_reaches_tells_as_whom(lab: Lab) -> None:
    assert lab.reaches("blue", "mail-blue", tcp=80, seen_as="front.mail")
    assert not lab.reaches("blue", "mail-blue", tcp=443)
