"""`vpcemu az` from the command line to the printed word, with stand-ins for the kernel and the agents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from emulator.cli.entry import group
from emulator.errors import UsageError
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.zones import dark, without_zones, zone_called
from tests.support.standins import Machine, machine

LESSON = Path(__file__).parent.parent.parent / "topologies" / "shared-nat.yaml"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        run("up", str(LESSON))
        yield made


def run(*arguments: str) -> Result:
    found = CliRunner().invoke(group, list(arguments), prog_name="vpcemu", standalone_mode=False)
    if isinstance(found.return_value, int):
        found.exit_code = found.return_value
    return found


def read(text: str) -> Topology:
    topology, _ = load(text, "lab.yaml")
    assert topology is not None
    return topology


def test_down_says_what_is_lost_and_what_the_file_expects_in_vain(here: Machine) -> None:
    found = run("az", "down", "a")
    assert found.exit_code == 0, found.output
    assert found.stdout == (
        "shared-nat: zone ap-northeast-1a is down: app-a, nat\n"
        "Against what the file expects:\n"
        "  tcp 80 from app-a to web.example\n"
        "  tcp 80 from app-a to api.example\n"
        "  tcp 80 from app-c to web.example\n"
        "  tcp 80 from app-c to api.example\n"
        "  icmp from app-c to api.example\n"
        "Back again: vpcemu az up ap-northeast-1a shared-nat\n"
    )
    status = run("status").stdout
    assert (
        "zone ap-northeast-1a is down: 1 instance, 1 NAT gateway (`vpcemu az up ap-northeast-1a shared-nat`)" in status
    )
    assert "zone ap-northeast-1a is still down: `vpcemu az up ap-northeast-1a shared-nat` ends that" in (
        run("up", str(LESSON)).stdout
    )
    assert "zone ap-northeast-1a is up again: app-a, nat\n" in run("az", "up", "a").stdout
    assert "is down" not in run("status").stdout


def test_json_is_of_a_stable_shape(here: Machine) -> None:
    shape: dict[str, Any] = json.loads(run("az", "down", "c", "shared-nat", "--json").stdout)
    assert shape == {
        "lab": "shared-nat",
        "zone": "ap-northeast-1c",
        "state": "down",
        "changed": True,
        "affected": ["app-c"],
        "dark_zones": ["ap-northeast-1c"],
        "unmet": [
            "tcp 80 from app-c to web.example",
            "tcp 80 from app-c to api.example",
            "icmp from app-c to api.example",
        ],
    }


def test_what_cannot_be_is_said(here: Machine) -> None:
    found = run("az", "up", "a")
    assert found.exit_code == 2
    assert "zone ap-northeast-1a of lab shared-nat is not down" in found.output
    assert "no subnet in zone x" in run("az", "down", "x").output
    assert "--seconds goes with --watch" in run("az", "down", "a", "--seconds", "3").output


def test_a_letter_that_two_regions_have_must_be_written_in_full() -> None:
    text = """
    name: two
    region: ap-northeast-1
    vpcs:
      one: {cidr_block: 10.0.0.0/16, subnets: {s: {cidr_block: 10.0.0.0/24, availability_zone: a}}}
      two:
        {cidr_block: 10.1.0.0/16, region: us-east-1, subnets: {t: {cidr_block: 10.1.0.0/24, availability_zone: a}}}
    """
    topology = read(text)
    with pytest.raises(UsageError, match="in several regions") as raised:
        zone_called(topology, "a")
    assert raised.value.hint == "name it in full: ap-northeast-1a or us-east-1a"
    assert zone_called(topology, "us-east-1a") == "us-east-1a"


def test_only_what_runs_in_the_zone_is_dark_and_a_zone_that_is_gone_is_forgotten() -> None:
    text = LESSON.read_text().partition("\nexpect:")[0].replace("app-a: {subnet", "app-a: {state: stopped, subnet")
    topology = read(text)
    assert dark(without_zones(topology, ["ap-northeast-1a"])) == {"nat": "ap-northeast-1a"}
    assert without_zones(topology, ["ap-northeast-1d"]) is topology
