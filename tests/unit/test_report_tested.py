"""What `test` shows: the table for people, Markdown and JUnit for CI jobs. Against files in tests/cases/tested.

After a wanted change: REGEN=1 pytest tests/unit/test_report_tested.py, then read the diff.
"""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from emulator.report import tested
from emulator.report.tested import Finding, Findings, NotRun, Reason, Summary
from emulator.report.tested_junit import junit
from emulator.report.tested_markdown import markdown
from emulator.report.text import Paint

CASES = Path(__file__).parent.parent / "cases" / "tested"


def finding(outcome: tested.Outcome = "ok", **changed: object) -> Finding:
    found: Finding = {
        "name": "",
        "from": "attacker",
        "to": "web",
        "source_ip": "45.83.64.9",
        "destination": "203.0.113.1",
        "protocol": "tcp",
        "port": 22,
        "icmp_type": 8,
        "icmp_code": 0,
        "line": 12,
        "want": {"result": "drop", "seen_as": "", "via": [], "payload": False},
        "got": {"result": "drop", "seen_as": "", "receiver": "", "detail": "no answer within 1.5 s"},
        "outcome": outcome,
        "why": "",
        "reasons": [],
    }
    changed |= {"from": changed.pop("source", "attacker")}
    return {**found, **changed}  # type: ignore[typeddict-item]


def findings(*flows: Finding) -> Findings:
    outcomes = [flow["outcome"] for flow in flows]
    return Findings(
        lab="nat",
        file="topologies/nat.yaml",
        brought_up=True,
        seconds=1.75,
        summary=Summary(
            flows=len(flows),
            ok=outcomes.count("ok"),
            differs=outcomes.count("differs"),
            inconclusive=outcomes.count("inconclusive"),
        ),
        flows=list(flows),
    )


RULE = Reason(
    what="no ingress rule of security group web allows tcp 443 from 45.83.64.9",
    component="security_group",
    name="web",
    vpc="main",
    direction="ingress",
    line=40,
    hint="security_groups: {web: {ingress: [{protocol: tcp, port: 443, from: 45.83.64.9/32}]}}",
    source="trace",
)
MIXED = findings(
    finding(),
    finding(
        name="out | as <one> address",
        source="dev",
        to="dns.example",
        protocol="icmp",
        port=0,
        want={"result": "pass", "seen_as": "52.195.125.184", "via": ["nat", "igw"], "payload": True},
        got={"result": "pass", "seen_as": "52.195.125.184", "receiver": "dns.example", "detail": "answered"},
    ),
    finding(
        "differs",
        port=443,
        want={"result": "pass", "seen_as": "", "via": [], "payload": False},
        why="an answer was expected, but there is no answer within 1.5 s",
        reasons=[RULE],
    ),
    *(
        finding("inconclusive", to=name, protocol="icmp", port=0, icmp_type=13, why="dead gives no sign of life")
        for name in ("one", "two")
    ),
)
NOT_RUN = NotRun(file="nat.yaml", error="nat.yaml:3:1: <wrong>\nand more")
RENDERERS: dict[str, Callable[[Findings], str]] = {
    "txt": lambda facts: "\n".join(tested.text(facts)) + "\n",
    "md": lambda facts: "\n".join(markdown([facts])) + "\n",
    "xml": lambda facts: junit([facts]),
}
SAMPLES = {"mixed": MIXED, "good": findings(finding()), "many": findings(*[finding(port=n) for n in range(1, 70)])}


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_it_reads_as_agreed(kind: str, sample: str) -> None:
    golden = CASES / f"{sample}.{kind}"
    found = RENDERERS[kind](SAMPLES[sample])
    if os.environ.get("REGEN"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize(("kind", "render"), [("md", lambda all_: "\n".join(markdown(all_)) + "\n"), ("xml", junit)])
def test_several_stand_in_one_document(kind: str, render: Callable[[Sequence[Findings | NotRun]], str]) -> None:
    golden = CASES / f"several.{kind}"
    found = render([SAMPLES["good"], MIXED, NOT_RUN])
    if os.environ.get("REGEN"):
        golden.write_text(found)
    assert found == golden.read_text()


def test_the_total_of_several_is_good_only_if_all_are() -> None:
    good = SAMPLES["good"]
    assert tested.total_text([good, good]) == "2 labs: 2 as expected; 2 flows"
    assert tested.total_text([good, MIXED, NOT_RUN]) == "3 labs: 1 as expected, 1 not, 1 not tried; 6 flows"
    assert tested.all_ok([good, good])
    assert not tested.all_ok([good, MIXED])
    assert not tested.all_ok([good, NOT_RUN])


def test_its_json_is_as_documented() -> None:
    text = (CASES.parents[2] / "docs" / "json.md").read_text().partition("\n## test\n")[2]
    sample = json.loads(text.partition("```json\n")[2].partition("```")[0])
    wrong = MIXED["flows"][2]

    def kinds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kinds(held) for key, held in value.items()}
        if isinstance(value, list):
            return [kinds(each) for each in value[:1]]
        return type(value)

    found = kinds({**MIXED, "flows": [wrong]})
    found["flows"][0]["want"]["via"] = [str]
    assert kinds(sample) == found


def test_junit_is_xml_whatever_the_words_are() -> None:
    """A name may hold anything that YAML can: markup, quotes, control characters that XML cannot hold at all."""
    nasty = "a<b>&\"'\x00\x0b\x1f￾\ud800]]>é🙂"
    root = ElementTree.fromstring(
        junit([findings(finding("differs", name=nasty, why=nasty, reasons=[{**RULE, "what": nasty}]))])
    )
    (case,) = root.iter("testcase")
    clean = "a<b>&\"']]>é🙂"
    assert case.attrib["name"].startswith(clean)
    (failure,) = case
    assert failure.attrib["message"] == clean
    assert "a<b>&\"'?????]]>é🙂" in (failure.text or ""), "one line is one line"


def test_junit_counts_what_it_holds() -> None:
    root = ElementTree.fromstring(junit([MIXED]))
    (suite,) = root
    cases = list(suite)
    for held in (root, suite):
        assert [held.attrib[key] for key in ("tests", "failures", "errors")] == ["5", "1", "2"]
    assert len(cases) == 5
    assert [len(case.findall("failure")) for case in cases] == [0, 0, 1, 0, 0]
    assert [len(case.findall("error")) for case in cases] == [0, 0, 0, 1, 1]


def test_a_run_that_came_to_nothing_is_no_green_one() -> None:
    root = ElementTree.fromstring(junit([NOT_RUN]))
    assert (root.attrib["tests"], root.attrib["errors"]) == ("1", "1")
    (error,) = root.iter("error")
    assert error.attrib["message"] == "nat.yaml:3:1: <wrong>"
    assert (error.text or "").endswith("and more")


def test_markdown_has_no_markup_of_the_user_s() -> None:
    row = next(line for line in markdown([MIXED]) if "dns.example" in line)
    assert r"out \| as \<one\> address" in row
    assert row.count(" | ") == 6


def test_many_flows_are_counted_and_what_is_wrong_is_still_shown() -> None:
    many = [finding(port=number) for number in range(1, 200)]
    lines = tested.text(findings(*many, finding("differs", port=443, why="it passes", reasons=[RULE])))
    assert len(lines) < 12
    assert any(line.startswith("differs") for line in lines)
    assert lines[-1].startswith("nat: 200 flows: 199 as expected, 1 not")


def test_colours_are_the_outcome_s_alone() -> None:
    plain, painted = tested.text(MIXED), tested.text(MIXED, Paint(True))
    assert [line for line in painted if "\033[31m" in line]
    strip = [re.sub("\033\\[[0-9]*m", "", line) for line in painted]
    assert strip == plain


def test_the_sum_says_of_what_it_is_the_rest() -> None:
    facts = Findings(
        lab="nat",
        file="nat.yaml",
        brought_up=False,
        seconds=1.0,
        summary=Summary(flows=3, ok=0, differs=1, inconclusive=2),
        flows=[],
    )
    assert tested.sum_text(facts) == "3 flows: 0 as expected, 1 not, 2 inconclusive"
