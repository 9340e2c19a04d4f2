"""A lab broken on purpose: faults on top of each other, secrets, ways back, and a kill at every moment."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest

from emulator import api
from emulator.cli import main
from emulator.errors import UsageError
from emulator.lab import places
from emulator.lab.faults import Done, active, break_, break_at_random, catalogue, reveal, undo
from emulator.lab.running import recall
from emulator.topology.faults import FAULTS
from tests.support import children
from tests.support.lifecycle import Document, Lab, nat

EXPECT = [
    {"from": "dev", "to": "web.example", "port": 80, "result": "pass"},
    {"from": "attacker", "to": "web", "port": 80, "result": "pass"},
    {"from": "attacker", "to": "web", "port": 22, "result": "drop"},
]
OUTSIDE = "93.184.216.34"


def document() -> Document:
    return nat(expect=EXPECT)


@pytest.fixture
def lab(lab_name: str) -> Iterator[Lab]:
    held = Lab(lab_name, document())
    held.up()
    yield held
    held.close()


def said(*arguments: str, code: int = 0) -> str:
    """What the command line prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        found = main(arguments)
    assert found == code, printed.getvalue()
    return printed.getvalue()


def names(done: Done) -> list[str]:
    return [each.fault.name for each in done.left]


def test_status_names_the_fault_and_the_way_back(lab: Lab) -> None:
    broken = said("break", lab.name, "default-route-missing")
    assert "route table private has no route 0.0.0.0/0" in broken
    assert "tcp 80 from dev to web.example" in broken
    assert "guilty: route table private" in broken
    assert f"broken on purpose: default-route-missing on main.private (`vpcemu break {lab.name} --undo`)" in said(
        "status", lab.name
    )
    facts = lab.status()
    assert facts["broken"] == [{"fault": "default-route-missing", "on": "main.private"}]
    assert facts["healthy"], "it is what it was made to be"
    assert lab.tcp("dev", OUTSIDE, 80, "drop") == "drop"
    assert "security group" not in said("plan", lab.file)
    assert "route table private" in said("plan", lab.file)
    assert "it is what its file says" in said("break", lab.name, "--undo")
    assert lab.status()["broken"] == []
    lab.assert_settled()
    assert lab.tcp("dev", OUTSIDE, 80) == "pass"


def test_faults_are_stacked_and_taken_back_in_reverse_by_name_or_all_at_once(lab: Lab) -> None:
    break_(lab.name, "default-route-missing")
    break_(lab.name, "group-wrong-port")
    assert names(break_(lab.name, "acl-denies-early")) == [
        "default-route-missing",
        "group-wrong-port",
        "acl-denies-early",
    ]
    assert names(undo(lab.name, last=True)) == ["default-route-missing", "group-wrong-port"]
    assert lab.tcp("attacker", lab.public_ip("web"), 80, "drop") == "drop"
    done = undo(lab.name, "default-route-missing")
    assert [each.fault.name for each in done.gone] == ["default-route-missing"]
    assert names(done) == ["group-wrong-port"]
    assert lab.tcp("dev", OUTSIDE, 80) == "pass"
    assert lab.tcp("attacker", lab.public_ip("web"), 80, "drop") == "drop"
    break_(lab.name, "nat-gateway-deleted")
    assert names(undo(lab.name)) == []
    lab.assert_settled()


def test_the_same_fault_again_has_nothing_left_to_break(lab: Lab) -> None:
    break_(lab.name, "nat-gateway-deleted")
    with pytest.raises(UsageError, match="nothing that nat-gateway-deleted could break"):
        break_(lab.name, "nat-gateway-deleted")
    assert names(reveal(lab.name)) == ["nat-gateway-deleted"]


@pytest.mark.parametrize("way", ["undo", "up"])
def test_who_moved_is_back_at_its_address(lab: Lab, way: str) -> None:
    """SUB-18: it is no longer in the file, and not the one that a new NAT gateway would get."""
    free = document()
    free["vpcs"]["main"]["nat_gateways"]["nat"]["private_ip"] = "10.0.10.77"
    lab.up(free)
    del free["vpcs"]["main"]["nat_gateways"]["nat"]["private_ip"]
    lab.up(free)
    before = recall(lab.name).addresses
    assert str(before.private["nat"]) == "10.0.10.77"
    break_(lab.name, "nat-gateway-in-private-subnet")
    assert recall(lab.name).addresses.private["nat"] != before.private["nat"]
    break_(lab.name, "public-ip-missing")
    assert "web" not in recall(lab.name).addresses.public
    if way == "undo":
        undo(lab.name)
    else:
        lab.up()
    assert recall(lab.name).addresses == before
    lab.assert_settled()


def test_up_repairs_and_clears_the_note(lab: Lab) -> None:
    break_(lab.name, "default-route-missing")
    break_(lab.name, "group-wrong-port")
    text = said("up", lab.write())
    assert "was broken on purpose (default-route-missing, group-wrong-port); it is what its file says again" in text
    assert not active(lab.name)
    lab.assert_settled()
    edited = document()
    edited["vpcs"]["main"]["security_groups"]["web"]["ingress"][0]["port"] = 8080
    break_(lab.name, "default-route-missing")
    done = lab.up(edited)
    assert done.mended == ("default-route-missing",)
    assert {change.noun for change in done.plan.changes} == {"route", "security group rule"}
    lab.assert_settled()


@pytest.mark.parametrize("way", ["undo", "up"])
def test_of_a_secret_nobody_tells_until_it_is_revealed(lab: Lab, way: str) -> None:
    told = said("break", lab.name, "group-wrong-port", "--secret")
    told += said("status", lab.name) + said("plan", lab.write()) + said("plan", "--json", lab.file) + said("ls")
    told += said("break", lab.name, "acl-denies-early", "--json")  # what comes later is a part of the secret
    for name in os.listdir(places.directory(lab.name)):
        path = Path(places.path(lab.name, name))
        if path.is_file() and name != "topology.pickle":  # the file's own topology, whatever was done to the lab
            told += path.read_text(encoding="utf-8", errors="replace")
    for clue in ("wrong-port", "denies-early", "8080 instead", "tcp 8080 from", "security group web opens"):
        assert clue not in told
    assert lab.status()["broken"] == []
    answer = json.loads(said("break", lab.name, "--reveal", "--json"))
    assert [each["fault"] for each in answer["faults"]] == ["group-wrong-port", "acl-denies-early"]
    assert answer["secret"]
    assert "tcp 80 from attacker to web" in answer["unmet"]
    if way == "undo":
        said("break", lab.name, "--undo")
    else:
        said("up", lab.file)
    assert not reveal(lab.name).secret
    lab.assert_settled()


def test_at_random_is_felt_and_a_seed_repeats_it(lab: Lab) -> None:
    chosen = []
    for seed in (1, 2, 3, 1):
        done = break_at_random(lab.name, seed)
        assert done.unmet, done.came[0].fault.name
        chosen.append((done.came[0].fault.name, done.came[0].on))
        undo(lab.name)
    assert chosen[0] == chosen[3]
    assert len(set(chosen)) > 1


def test_what_a_lab_has_something_for(lab: Lab) -> None:
    known = {each.fault.name: each.victims for each in catalogue(lab.name)}
    assert known.keys() == FAULTS.keys()
    assert known["default-route-missing"] == ("private", "public")
    assert known["source-dest-check-on"] == ()
    text = said("break", "--list", lab.name)
    assert "source-dest-check-on" in text.partition("Nothing to break")[2]


def test_what_cannot_be_done(lab: Lab) -> None:
    assert "is not broken on purpose" in said("break", lab.name, "--undo", code=2)
    assert "did you mean group-wrong-port?" in said("break", lab.name, "group-wrong-prot", code=2)
    assert "nothing to break at dev" in said("break", lab.name, "group-wrong-port", "--on", "dev", code=2)
    assert "no lab is called nobody" in said("break", "nobody", "group-wrong-port", code=2)
    api.down(lab.name)
    assert f"no lab is called {lab.name}" in said("break", lab.name, "group-wrong-port", code=2)
    assert not os.path.exists(places.directory(lab.name)), "not even a lock is left"


@pytest.mark.parametrize("fault", ["nat-gateway-deleted", "group-wrong-port"])
def test_killed_at_any_moment_it_is_repaired(lab: Lab, fault: str) -> None:
    """By `up` and by `undo` in turn: after each kill of a break, and of an undo."""
    before = recall(lab.name).addresses
    seen = []
    for number in range(1000):
        what = children.killed_at(number, lambda checkpoint: break_(lab.name, fault, checkpoint=checkpoint))
        _repaired(lab, number)
        if what is None:
            break
        seen.append(what)
    assert {"write the record", "finish the record"} <= set(seen)
    for number in range(1000):
        break_(lab.name, fault)
        what = children.killed_at(number, lambda checkpoint: undo(lab.name, checkpoint=checkpoint))
        _repaired(lab, number)
        if what is None:
            break
    assert recall(lab.name).addresses == before


def _repaired(lab: Lab, number: int) -> None:
    if number % 2:
        lab.up()
    else:
        with suppress(UsageError):  # it was killed before it had begun, or after its end
            undo(lab.name)
    assert not active(lab.name)
    lab.assert_settled()
    assert lab.tcp("dev", OUTSIDE, 80) == "pass"
    assert lab.tcp("attacker", lab.public_ip("web"), 80) == "pass"
