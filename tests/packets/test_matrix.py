"""`matrix`: who reaches whom on the wire, and that one who stands for others stands for them truly."""

from collections.abc import Iterator

import pytest

from emulator import api
from emulator.lab import matrix as matrices
from emulator.lab.matrix import exit_code
from emulator.report.matrix import Matrix
from tests.support import lab as labs
from tests.support.lab import Lab

WINDOW = 0.4
LAB = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.1.0/24, route_table: public, map_public_ip_on_launch: true}
      private: {cidr_block: 10.0.2.0/24}
    route_tables: {public: {routes: {0.0.0.0/0: igw}}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 443, from: 0.0.0.0/0}]}
      app: {ingress: [{protocol: tcp, port: 443, from: web}, {protocol: tcp, port: 443, from: 10.0.2.14/32}]}
      peers: {ingress: [{protocol: tcp, port: 443, from: self}]}
    instances:
      web1: {subnet: public, security_groups: [web]}
      web2: {subnet: public, security_groups: [web]}
      web3: {subnet: public, security_groups: [web]}
      app1: {subnet: private, security_groups: [app], private_ip: 10.0.2.11}
      app2: {subnet: private, security_groups: [app], private_ip: 10.0.2.12}
      app3: {subnet: private, security_groups: [app], private_ip: 10.0.2.13}
      app4: {subnet: private, security_groups: [app], private_ip: 10.0.2.14}
      peer1: {subnet: private, security_groups: [peers]}
      peer2: {subnet: private, security_groups: [peers]}
      off: {subnet: private, security_groups: [peers], state: stopped}
internet:
  hosts: {one: {ip: 198.51.100.7}, two: {ip: 198.51.100.8}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(LAB) as made:
        yield made


def reached(found: Matrix) -> dict[tuple[str, str], str]:
    return {
        (source, target): cell
        for sources, row in zip(found["groups"], found["results"], strict=True)
        for targets, cell in zip(found["groups"], row, strict=True)
        for source in sources["members"]
        for target in targets["members"]
        if source != target
    }


def test_who_reaches_whom(lab: Lab) -> None:
    found = api.matrix(lab.name, window=WINDOW)
    assert (found["endpoints"], found["pairs"], found["tried"]) == (11, 110, 110)
    assert [group["members"] for group in found["groups"]] == [
        ["web1", "web2", "web3"],
        ["app1", "app2", "app3"],
        ["app4"],  # one rule knows it by its address
        ["peer1", "peer2"],
        ["one", "two"],
    ]
    assert found["results"] == [
        ["pass", "pass", "pass", "drop", "pass"],
        ["pass", "drop", "drop", "drop", "drop"],
        ["pass", "pass", "", "drop", "drop"],
        ["pass", "drop", "drop", "pass", "drop"],
        ["pass", "drop", "drop", "drop", "pass"],
    ]
    assert not exit_code(found)


def test_one_who_stands_for_others_gives_their_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    every = api.matrix(lab.name, window=WINDOW, every=True)
    monkeypatch.setattr(matrices, "FEW", 0)
    some = api.matrix(lab.name, window=WINDOW)
    assert some["tried"] == 24 < every["tried"] == some["pairs"] == 110
    assert reached(some) == reached(every)
    assert some["groups"] == every["groups"]


def test_3_who_gives_no_sign_of_life_is_named(lab: Lab) -> None:
    lab.must("peer1", "ip link set eth0 down")
    try:
        found = api.matrix(lab.name, window=WINDOW)
    finally:
        lab.must("peer1", "ip link set eth0 up")
        api.up(lab.file)
    assert found["silent"] == ["peer1"]
    assert exit_code(found) == api.ExitCode.INCONCLUSIVE


def test_other_protocols(lab: Lab) -> None:
    assert set(reached(api.matrix(lab.name, protocol="udp", window=WINDOW)).values()) == {"pass", "drop"}
    ping = reached(api.matrix(lab.name, protocol="icmp", window=WINDOW))
    assert ping["web1", "one"] == "pass"
    assert ping["one", "web1"] == "drop"
