"""Inside an instance with several interfaces: what its owner breaks is put back, what the owner adds stays, and what an
interface no longer has goes.
"""

import json
from typing import Any

import pytest

from tests.lifecycle.conftest import Make
from tests.support.lifecycle import Document, Lab, edited, nat
from tests.support.picture import run_in

PUBLIC, SECOND = "52.195.125.191", "52.195.125.192"


def _with(**further: Any) -> Document:
    """The instance `extra`: private by its first interface, public by its second."""
    eth1 = {
        "subnet": "public",
        "private_ip": "10.0.10.78",
        "elastic_ip": PUBLIC,
        "secondary_private_ips": [{"private_ip": "10.0.10.79", "elastic_ip": SECOND}],
        "security_groups": ["web"],
    }
    extra = {
        "subnet": "private",
        "private_ip": "10.0.20.50",
        "secondary_private_ips": ["10.0.20.51"],
        "security_groups": ["dev"],
        "services": ["http"],
        "network_interfaces": [eth1],
    }
    return edited(nat(), lambda document: document["vpcs"]["main"]["instances"].update(extra=extra | further))


def _answers(lab: Lab) -> tuple[str, str]:
    """What becomes of a call from outside to either address of the second interface."""
    return lab.tcp("attacker", PUBLIC, 80), lab.tcp("attacker", SECOND, 80)


def _addresses(lab: Lab, node: str) -> set[str]:
    links = json.loads(run_in(lab.name, node, "ip", "-j", "-4", "address", "show"))
    return {f"{held['local']}/{held['prefixlen']}" for link in links for held in link["addr_info"]} - {"127.0.0.1/8"}


def _priorities(lab: Lab, node: str) -> list[int]:
    return [rule["priority"] for rule in json.loads(run_in(lab.name, node, "ip", "-j", "rule", "show"))]


@pytest.mark.parametrize(
    "command",
    [
        "ip rule del from 10.0.10.78",
        "ip address del 10.0.10.79/32 dev eth1",
        "ip address flush dev eth1",
        "ip link set eth1 down",
        "ip link del eth1",
        "ip route flush table 10001",
        "ip route flush dev eth1",
        "ip neighbour del 10.0.10.1 dev eth1",
    ],
)
def test_what_an_owner_breaks_is_put_back(make: Make, command: str) -> None:
    lab = make(_with())
    lab.up()
    assert _answers(lab) == ("pass", "pass")
    run_in(lab.name, "extra", *command.split())
    assert not lab.status()["healthy"]
    lab.up()
    lab.assert_settled()
    assert _answers(lab) == ("pass", "pass")


def test_two_interfaces_in_one_subnet(make: Make) -> None:
    """ENI-05: AWS advises against it. Each has the subnet's route, and a flush of either is made good."""
    lab = make(
        _with(network_interfaces=[{"subnet": "private", "private_ip": "10.0.20.60", "security_groups": ["web"]}])
    )
    lab.up()
    lab.assert_settled()
    assert lab.tcp("dev", "10.0.20.60", 80) == "pass"
    for link in ("eth0", "eth1"):
        run_in(lab.name, "extra", "ip", "route", "flush", "dev", link)
        lab.up()
        lab.assert_settled()
        assert lab.tcp("dev", "10.0.20.60", 80) == "pass"


def test_what_an_owner_adds_stays_and_what_was_lent_goes(make: Make) -> None:
    lab = make(_with())
    lab.up()
    run_in(lab.name, "extra", "ip", "address", "add", "10.0.20.99/32", "dev", "eth0", "label", "eth0:mine")
    run_in(lab.name, "extra", "ip", "rule", "add", "pref", "77", "from", "10.0.20.99", "lookup", "main")
    assert not lab.up().plan.steps
    lab.up(_with(secondary_private_ips=[], network_interfaces=[]))
    lab.assert_settled()
    assert _addresses(lab, "extra") == {"10.0.20.50/24", "10.0.20.99/32"}
    assert _priorities(lab, "extra") == [0, 77, 32766, 32767]
    assert not run_in(lab.name, "extra", "ip", "route", "show", "table", "all", "proto", "static").count("table")


def test_an_address_put_back_by_hand_is_as_good(make: Make) -> None:
    """Without the label by which it would be taken back: nothing is to do, and nothing is refused."""
    lab = make(_with())
    lab.up()
    run_in(lab.name, "extra", "ip", "address", "del", "10.0.10.79/32", "dev", "eth1")
    run_in(lab.name, "extra", "ip", "address", "add", "10.0.10.79/32", "dev", "eth1")
    assert not lab.up().plan.steps
    assert _answers(lab) == ("pass", "pass")
