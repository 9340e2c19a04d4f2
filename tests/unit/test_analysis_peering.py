"""What the model says of VPC peering connections: codes of AWS's, and what would help."""

import pytest

from tests.support.asked import ask, codes
from tests.support.lab import TOPOLOGIES

LESSON = (TOPOLOGIES / "peering.yaml").read_text(encoding="utf-8")
CHAIN = (TOPOLOGIES / "peering-chain.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("accepted", "state", "hint"),
    [
        ("", "pending-acceptance", "accepted: true"),
        (", state: deleted", "deleted", "remove `state`"),
        (", state: expired", "expired", "remove `state`"),
    ],
)
def test_RT_40_a_route_to_what_is_not_active(accepted: str, state: str, hint: str) -> None:
    found = ask(LESSON.replace(", auto_accept: true", accepted), "bench", "10.0.1.4", 80)
    assert codes(found)[0] == "NO_ROUTE_TO_DESTINATION"
    found = ask(LESSON.replace(", auto_accept: true", accepted), "web", "10.1.1.4", 5432)
    reason = found.explanations[0]
    assert reason.code == "BAD_STATE_ROUTE"
    assert reason.sentence.endswith(f"VPC peering connection app-data is {state}")
    assert hint in reason.hint


def test_PCX_10_no_route_back_says_which_route() -> None:
    found = ask(LESSON, "web", "bench", 80)
    (reason,) = found.explanations
    assert (reason.code, reason.on_the_way_back) == ("NO_ROUTE_TO_DESTINATION", True)
    assert reason.hint == "route_tables: {lab: {routes: {10.0.0.0/16: app-data}}}"


@pytest.mark.parametrize(
    ("source", "target"), [("office", "10.2.1.4"), ("office", "web.example"), ("till", "10.1.1.4")]
)
def test_PCX_12_neither_of_its_vpcs(source: str, target: str) -> None:
    found = ask(CHAIN, source, target, 80)
    assert codes(found)[0] == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"
    assert found.verdict.dropped_at == found.explanations[0].component
    assert found.explanations[0].where.line


def test_a_group_of_the_peer_is_named_in_the_hint() -> None:
    found = ask(LESSON, "batch", "db", 5432)
    (reason,) = found.explanations
    assert reason.code == "ENI_SG_RULES_MISMATCH"
    assert "from: app/batch" in reason.hint


def test_PCX_32_nobody_there() -> None:
    assert codes(ask(LESSON, "web", "10.1.77.7", 80)) == ["UNKNOWN_DESTINATION"]
