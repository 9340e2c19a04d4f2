"""`vpcemu analyze` as text and as JSON, against goldens, and the JSON against the shape that AWS's API gives it."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from emulator import api
from emulator.cli.entry import group
from tests.support.analysis_cases import FOLDER, QUESTIONS, goldens
from tests.support.standins import machine

LAB = str(FOLDER / "lab.yaml")

ID = r"^(nia|nip|i|igw|nat|acl|eni|pl|rtb|sg|subnet|vpc)-0[0-9a-f]{16}$"


def shape(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these keys and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
COMPONENT = shape({"Id": {"pattern": ID}, "Arn": {"pattern": r"^arn:aws:ec2:[a-z0-9-]+:\d{12}:"}, "Name": TEXT})
RANGE = shape({"From": NUMBER, "To": NUMBER})
RANGES = {"type": "array", "items": RANGE, "minItems": 1}
ADDRESSES = {"type": "array", "items": {"pattern": r"^[0-9.]+/32$"}, "minItems": 1}
# RA-25, RA-22, RA-23, RA-24
HEADER = shape(
    {"SourceAddresses": ADDRESSES, "DestinationAddresses": ADDRESSES, "Protocol": {"pattern": r"^\d+$"}},
    {"SourcePortRanges": RANGES, "DestinationPortRanges": RANGES},
)
ACL_RULE = shape(
    {
        "Cidr": TEXT,
        "Egress": {"type": "boolean"},
        "Protocol": TEXT,
        "RuleAction": {"enum": ["allow", "deny"]},
        "RuleNumber": NUMBER,
    },
    {"PortRange": RANGE},
)
GROUP_RULE = shape(
    {"Direction": {"enum": ["ingress", "egress"]}, "Protocol": TEXT},
    {"Cidr": TEXT, "SecurityGroupId": {"pattern": ID}, "PrefixListId": {"pattern": ID}, "PortRange": RANGE},
)
TARGETS = ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "InstanceId")
ROUTE = shape(
    {"Origin": {"enum": ["createroute", "createroutetable"]}, "State": {"enum": ["active", "blackhole"]}},
    dict.fromkeys(("DestinationCidr", "DestinationPrefixListId", *TARGETS), TEXT),
)
RULES = {"AclRule": ACL_RULE, "SecurityGroupRule": GROUP_RULE, "RouteTableRoute": ROUTE}
# RA-21
PATH = {
    "type": "array",
    "items": shape(
        {"SequenceNumber": {"type": "integer", "minimum": 1}, "Component": COMPONENT, "Vpc": COMPONENT},
        RULES | {"AttachedTo": COMPONENT, "Subnet": COMPONENT, "InboundHeader": HEADER, "OutboundHeader": HEADER},
    ),
}
# RA-40
EXPLANATION = shape(
    {"ExplanationCode": {"pattern": "^[A-Z_]+$"}},
    RULES
    | dict.fromkeys(
        ("Acl", "Component", "InternetGateway", "NatGateway", "NetworkInterface", "RouteTable", "Vpc"), COMPONENT
    )
    | {"SecurityGroups": {"type": "array", "items": COMPONENT}, "Direction": {"enum": ["ingress", "egress"]}}
    | {"Address": TEXT, "Protocols": {"type": "array"}, "PortRanges": RANGES},
)
# RA-20
ANALYSIS = shape(
    {
        "NetworkInsightsAnalysisId": {"pattern": "^nia-0[0-9a-f]{16}$"},
        "NetworkInsightsAnalysisArn": {"pattern": ":network-insights-analysis/nia-"},
        "NetworkInsightsPathId": {"pattern": "^nip-0[0-9a-f]{16}$"},
        "StartDate": TEXT,
        "Status": {"const": "succeeded"},
        "StatusMessage": TEXT,
        "WarningMessage": TEXT,
        "NetworkPathFound": {"type": "boolean"},
        "ForwardPathComponents": PATH,
        "ReturnPathComponents": PATH,
        "Explanations": {"type": "array", "items": EXPLANATION},
        "Vpcemu": {"type": "object"},
    }
    | {
        key: {"type": "array", "maxItems": 0}
        for key in (
            "AdditionalAccounts",
            "FilterInArns",
            "FilterOutArns",
            "AlternatePathHints",
            "SuggestedAccounts",
            "Tags",
        )
    }
)
ANSWER = shape({"NetworkInsightsAnalyses": {"type": "array", "items": ANALYSIS}})


@pytest.mark.parametrize("name", sorted(goldens()))
def test_golden(name: str) -> None:
    assert goldens()[name] == (FOLDER / name).read_text(), "scripts/regen-analysis, then read the diff"


@pytest.mark.parametrize("name", QUESTIONS)
def test_json_has_awss_shape(name: str) -> None:
    answer = json.loads((FOLDER / f"{name}.json").read_text())
    jsonschema.validate(answer, ANSWER)
    [found] = answer["NetworkInsightsAnalyses"]
    assert found["NetworkPathFound"] == bool(found["ForwardPathComponents"])
    assert found["NetworkPathFound"] != bool(found["Explanations"]) or found["Vpcemu"]["Result"] == "refused"
    for path in (found["ForwardPathComponents"], found["ReturnPathComponents"]):
        assert [part["SequenceNumber"] for part in path] == list(range(1, len(path) + 1))
        assert ["InboundHeader" in part for part in path] == [True, *[False] * (len(path) - 1)][: len(path)]


def test_one_thing_has_one_id_and_others_have_others() -> None:
    names: dict[str, str] = {}
    for name in QUESTIONS:
        for held in re.finditer(
            r'"Id": "(\S+)",\s+"Arn": "\S+",\s+"Name": "(\S+)"', (FOLDER / f"{name}.json").read_text()
        ):
            assert names.setdefault(held[1], held[2]) == held[2]
    assert len(names) > 15


# --- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    found = CliRunner().invoke(group, ["analyze", *arguments], prog_name="vpcemu", standalone_mode=False)
    if isinstance(found.return_value, int):
        found.exit_code = found.return_value
    return found


def test_the_exit_code_says_whether_it_is_reached() -> None:
    assert run(LAB, "app", "client.example", "--port", "443").exit_code == 0
    found = run(LAB, "app", "web")
    assert (found.exit_code, "ENI_SG_RULES_MISMATCH" in found.stdout) == (1, True)
    assert found.stdout == (FOLDER / "ping.txt").read_text()


def test_json_of_the_command_is_the_golden_but_for_the_time() -> None:
    found = json.loads(run(LAB, "app", "client.example", "--port", "443", "--json").stdout)
    wanted = json.loads((FOLDER / "through-the-nat-gateway.json").read_text())
    jsonschema.validate(found, ANSWER)
    for answer in (found, wanted):
        answer["NetworkInsightsAnalyses"][0].pop("StartDate")
        assert answer["NetworkInsightsAnalyses"][0]["Vpcemu"].pop("Reasons") == []
    assert found == wanted


def test_a_lab_that_is_up_is_asked_as_it_was_made(tmp_path: Path) -> None:
    """Not as its file says by now."""
    file = tmp_path / "lab.yaml"
    file.write_text(Path(LAB).read_text())
    with machine(tmp_path):
        api.up(str(file))
        file.write_text(file.read_text().replace("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0"))
        for words in (["lab"], ["-l", "lab"], []):
            assert run(*words, "client.example", "web", "--port", "80").exit_code == 0
            assert run(*words, "client.example", "web", "--port", "443").exit_code == 1
        assert run("--diff", "lab", str(file)).stdout.startswith("  + the internet, app to web: tcp 443\n")
        assert run("nobody", "client.example", "web").exit_code == 2


def test_the_python_api_gives_the_value() -> None:
    found = api.analyze(LAB, "app", "client.example", port=443)
    assert (found.reachable, str(found.verdict.seen_as)) == (True, "203.0.113.9")
    assert [each.code for each in api.analyze(LAB, "app", "web").explanations] == ["ENI_SG_RULES_MISMATCH"]
    with pytest.raises(api.UsageError, match="nobody in this lab sends from ap"):
        api.analyze(LAB, "ap", "web")


def test_all_and_diff(tmp_path: Path) -> None:
    assert run("--all", LAB).stdout == (FOLDER / "all.txt").read_text()
    only = json.loads(run("--all", LAB, "--port", "80", "--json").stdout)
    assert only["internet"] == [
        {"sources": ["0.0.0.0/0"], "targets": ["web"], "traffic": [{"protocol": "tcp", "ports": [[80, 80]]}]}
    ]
    edited = tmp_path / "edited.yaml"
    edited.write_text(Path(LAB).read_text().replace("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0"))
    assert run("--diff", LAB, str(edited)).stdout == (
        "  + the internet, app to web: tcp 443\n  - the internet, app to web: tcp 80\n"
    )
    assert run("--diff", LAB, LAB).stdout == "no flow is opened and none is closed\n"
    assert json.loads(run("--diff", LAB, str(edited), "--json").stdout)["opened"][0]["targets"] == ["web"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["app", "client.example", "web", "db"], "what is asked?"),
        ([LAB, "app"], "what is asked?"),
        ([LAB, "app", "web", "--protocol", "tcp"], "which tcp port?"),
        ([LAB, "app", "web", "--protocol", "icmp", "--port", "80"], "icmp has no ports"),
        ([LAB, "ap", "web"], "did you mean app?"),
        ([LAB, "nat", "web"], "is a NAT gateway"),
        (["--all", "--diff", LAB], "two questions"),
        (["--diff", LAB], "which two?"),
        (["missing.yaml", "app", "web"], "No such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_said_with_a_hint(arguments: list[str], said: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert said in found.output
