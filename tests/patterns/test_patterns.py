"""The comparison of the four ways, as a harness: a few cells with packets, and networks that are broken on purpose."""

import json

import pytest

from tests.patterns import __main__ as command
from tests.patterns import measure
from tests.patterns.networks import WAYS, Document, Peering, Shape
from tests.patterns.published import chosen


def test_cells_come_out_as_published() -> None:
    """One that is dropped, one that takes a second connection, one that fails with a zone, one that is a sum."""
    cells = chosen(["private-space/igw", "both-ways/privatelink", "zones/tgw", "fixed/tgw"])
    found = command.try_out(cells)
    assert [(each.cell[0].key, each.found and each.found.value) for each in found] == [
        ("zones", "yes"),
        ("fixed", "100.8"),
        ("private-space", "×"),
        ("both-ways", "△"),
    ]
    assert all(each.well and each.found and each.found.evidence for each in found)


class OneRouteShort(Peering):
    """v2 has no route back to v1: what v1 asks arrives, and is never answered."""

    def join(self, made: Document, shape: Shape) -> None:
        super().join(made, shape)
        made["vpcs"]["v2"]["route_tables"]["main"]["routes"].pop("10.1.0.0/16", None)


class OneDirection(Peering):
    """v1 can be called by nobody."""

    def join(self, made: Document, shape: Shape) -> None:
        super().join(made, shape)
        made["vpcs"]["v1"]["security_groups"]["open"]["ingress"] = []


def test_a_network_that_does_not_carry_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a control that passes, even an expected × is not measured: a broken network would show it, too."""
    monkeypatch.setitem(WAYS, "peering", OneRouteShort())
    monkeypatch.setattr(measure, "WITHIN", 0)
    assert command.main(["--only", "overlap/peering", "--json"]) == 1
    [cell] = json.loads(capsys.readouterr().out)["cells"]
    assert (cell["published"], cell["measured"], cell["state"]) == ("×", None, "not measured")
    assert "has no route back" in cell["reason"] or "route table main" in cell["reason"]


def test_a_cell_that_is_not_as_published_turns_red(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(WAYS, "peering", OneDirection())
    assert command.main(["--only", "both-ways/peering", "--short"]) == 1
    said = capsys.readouterr().out
    assert "× (published ○)" in said
    assert "dropped at security group h1, ingress" in said, "the evidence of what is not as published is shown"
    assert "1 cell: 1 differs" in said


class Misspelled(Peering):
    """Only where the blocks are the same, the file has a key that there is not."""

    def join(self, made: Document, shape: Shape) -> None:
        super().join(made, shape)
        if shape.same_block:
            made["vpc_peering"] = {}


def test_a_mistake_of_the_harness_is_no_refusal_of_awss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(WAYS, "peering", Misspelled())
    assert command.main(["--only", "overlap/peering", "--json"]) == 1
    [cell] = json.loads(capsys.readouterr().out)["cells"]
    assert cell["state"] == "not measured"
    assert "unknown key `vpc_peering`" in cell["reason"]
