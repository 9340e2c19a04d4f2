"""The catalogue of faults: every one is a mistake that AWS would let one make, and the model finds who is to blame."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.analysis import Analyzer
from emulator.errors import UsageError
from emulator.lab.noticed import called, sentences, unmet
from emulator.topology import rules
from emulator.topology.addresses import assign
from emulator.topology.faults import FAULTS, Broken, broken_by
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.report import Report
from tests.support.samples import topology as sample

LESSONS = sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml"))


def lesson(name: str) -> Topology:
    found, problems = load((LESSONS[0].parent / f"{name}.yaml").read_text(encoding="utf-8"))
    assert found is not None, problems
    return found


def breakages() -> list[tuple[str, Topology, Broken]]:
    lessons = [lesson(file.stem) for file in LESSONS]
    return [
        (name, held, broken) for name, fault in FAULTS.items() for held in lessons for broken in fault.victims(held)
    ]


def test_every_fault_breaks_something_in_a_lesson() -> None:
    assert {name for name, _, _ in breakages()} == set(FAULTS)
    assert len(FAULTS) >= 28


def test_aws_would_accept_every_one_of_them() -> None:
    """A fault is a mistake that one can make: no call of AWS's would have refused it."""
    for name, held, broken in breakages():
        report = Report()
        rules.check(replace(broken.topology, expect=()), report)
        wrong = [problem.what for problem in report.found if not problem.warning]
        assert not wrong, (name, held.name, broken.victim)


def test_every_one_is_felt_and_the_model_blames_the_same_component() -> None:
    for name, held, broken in breakages():
        before, _ = assign(held)
        addresses, problems = assign(broken.topology, before)
        assert not problems
        analyzer = Analyzer(broken.topology, addresses)
        felt = unmet(held, called(before, addresses), broken.topology, addresses)
        guilty = [analyzer.verdict(each.flow).dropped_at for each in felt]
        assert broken.component in guilty, (name, held.name, broken.victim)


def test_ACL_20_no_acl_is_blamed_for_what_comes_to_the_subnet_of_a_transit_gateways_attachment() -> None:
    """Its inbound entries are not asked there: an edit of them would not be felt."""
    text = (LESSONS[0].parent / "transit-gateway-pair.yaml").read_text(encoding="utf-8")
    held, problems = load(text.replace("subnets: [tgw-two]", "subnets: [store]"))
    assert held is not None, problems
    before, _ = assign(held)
    for name in ("acl-denies-early", "acl-rule-order", "acl-ephemeral-in-closed", "acl-without-entries"):
        for broken in FAULTS[name].victims(held):
            felt = unmet(held, before, broken.topology, before)
            guilty = [Analyzer(broken.topology, before).verdict(each.flow).dropped_at for each in felt]
            assert broken.component in guilty, (name, broken.vpc, broken.victim)


def test_lessons_without_a_fault_are_met() -> None:
    for file in LESSONS:
        held = lesson(file.stem)
        addresses, _ = assign(held)
        assert not unmet(held, addresses, held, addresses)


def test_an_edit_is_always_the_same() -> None:
    """The record holds names only, and the topology is made of them again and again."""
    for name, held, broken in breakages():
        if sum(other.victim == broken.victim for other in FAULTS[name].victims(held)) == 1:
            assert broken_by(held, name, broken.victim) == broken
        assert broken_by(held, name, f"{broken.vpc}.{broken.victim}") == broken
    held = lesson("three-tier")
    assert broken_by(held, "group-wrong-port") == next(FAULTS["group-wrong-port"].victims(held))


def test_the_first_victim_carries_what_the_file_expects_first() -> None:
    held = lesson("nat")
    assert broken_by(held, "default-route-missing").victim == "private"
    assert broken_by(replace(held, expect=held.expect[2:]), "default-route-missing").victim == "public"


def test_without_expectations_the_services_say_what_matters() -> None:
    held = replace(lesson("nat"), expect=())
    assert broken_by(held, "default-route-missing").victim == "public"  # web is first in the file
    assert broken_by(held, "group-wrong-port").victim == "web"


def test_a_lab_without_traffic_has_nothing_to_break() -> None:
    bare = replace(sample(), vpcs=tuple(replace(vpc, instances=()) for vpc in sample().vpcs))
    for fault in FAULTS.values():
        assert fault.apply(bare) is None


def test_words() -> None:
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert re.fullmatch("[a-z]+(-[a-z]+)+", name)
        assert not fault.title.endswith(".")
        assert fault.lesson.endswith(".")
    for _, _, broken in breakages():
        assert not broken.sentence.endswith(".")
        assert "{" not in broken.sentence


@pytest.mark.parametrize(
    ("name", "on", "what", "hint"),
    [
        ("group-wrong-prot", "", "there is no fault called group-wrong-prot", "did you mean group-wrong-port?"),
        ("xyz", "", "there is no fault called xyz", "`vpcemu break --list` shows them all"),
        ("source-dest-check-on", "", "lab nat has nothing that source-dest-check-on could break", "--list nat"),
        ("group-wrong-port", "wbe", "fault group-wrong-port has nothing to break at wbe", "did you mean web?"),
        ("nat-gateway-deleted", "zzz", "fault nat-gateway-deleted has nothing to break at zzz", "it can break nat"),
    ],
)
def test_what_cannot_be_broken(name: str, on: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as found:
        broken_by(lesson("nat"), name, on)
    assert str(found.value) == what
    assert hint in found.value.hint


def test_what_is_noticed_in_words() -> None:
    held = lesson("nat")
    addresses, _ = assign(held)
    broken = broken_by(held, "default-route-missing").topology
    assert sentences(unmet(held, addresses, broken, addresses)) == [
        *(
            f"tcp {port} from dev to {host}"
            for host in ("dns.example", "web.example", "attacker")
            for port in (80, 443)
        ),
        "icmp from dev to dns.example",
    ]


def test_the_documented_catalogue_is_this_one() -> None:
    text = (LESSONS[0].parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [f"| `{fault.name}` | {fault.title} | {fault.lesson} |" for fault in FAULTS.values()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows
