"""Labs and nodes as objects, where an instance has several interfaces and addresses."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from emulator import api
from emulator.lab import held
from tests.support import leaks

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      outside: {cidr_block: 10.0.1.0/24, route_table: public}
      inside: {cidr_block: 10.0.2.0/24}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      all: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      app: {subnet: inside, private_ip: 10.0.2.20, security_groups: [all]}
      fw:
        subnet: outside
        security_groups: [all]
        private_ip: 10.0.1.10
        elastic_ip: 203.0.113.1
        secondary_private_ips: [{private_ip: 10.0.1.12, elastic_ip: 203.0.113.2}]
        network_interfaces:
          - {subnet: inside, security_groups: [all], private_ip: 10.0.2.10}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def vpc() -> Iterator[api.Lab]:
    with api.lab(TOPOLOGY) as made:
        yield made
    leaks.assert_nothing_left(made.name)


def test_interfaces(vpc: api.Lab) -> None:
    first, second = vpc["fw"].interfaces
    assert (first.link, first.private_ips, first.public_ips) == (
        "eth0",
        ("10.0.1.10", "10.0.1.12"),
        ("203.0.113.1", "203.0.113.2"),
    )
    assert (second.link, second.private_ips, second.public_ips) == ("eth1", ("10.0.2.10",), ())
    assert (vpc["fw"].private_ip, vpc["fw"].public_ip, vpc["fw"].ip) == ("10.0.1.10", "203.0.113.1", "10.0.1.10")
    [outside] = vpc["far"].interfaces
    assert (outside.private_ips, outside.public_ips, vpc["far"].ip) == ((), ("45.83.64.9",), "45.83.64.9")
    assert {each.link for each in vpc["main.router"].interfaces} >= {"igw", "eni-app"}
    with pytest.raises(api.UsageError, match="app has no public IP"):
        _ = vpc["app"].public_ip


def test_a_packet_leaves_by_the_link_of_its_source(vpc: api.Lab) -> None:
    with vpc["app"].sniff("udp") as seen:
        for packet in (
            IP(dst="10.0.2.20") / UDP(dport=1),
            IP(src="10.0.2.10", dst="10.0.2.20") / UDP(dport=2),
            IP(src="10.0.1.12", dst="10.0.2.20") / UDP(dport=3),
        ):
            vpc["fw"].send(packet)
        vpc["fw"].send(IP(dst="10.0.2.20") / UDP(dport=4), link="eth1")
        seen.wait_for(lambda packet: packet[UDP].dport == 4)
    came = {packet[UDP].dport: packet[IP].src for packet in seen if not packet.outgoing}
    assert came == {1: "10.0.1.10", 2: "10.0.2.10", 3: "10.0.1.12", 4: "10.0.2.10"}
    with pytest.raises(api.UsageError, match=r"no link eth2.*"):
        vpc["fw"].send(IP(dst="10.0.2.20") / UDP(), link="eth2")


def test_a_frame_leaves_as_it_is(vpc: api.Lab) -> None:
    """A spoofed source is put on the wire, whatever becomes of it there."""
    spoofed = (
        Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98") / IP(src="1.2.3.4", dst="5.6.7.8") / Raw(b"x" * 40)
    )
    with vpc["app"].sniff() as seen:
        vpc["app"].send(spoofed)
        met = seen.wait_for(lambda packet: packet[Ether].src == "02:00:00:00:00:99")
    assert bytes(met) == bytes(spoofed)
    assert met.outgoing
    with pytest.raises(api.KernelError, match="Message too long"):
        vpc["app"].send(IP(dst="10.0.2.10") / Raw(b"x" * 20_000))


def test_an_answer_is_one_to_the_question(vpc: api.Lab) -> None:
    """Answers to somebody else's pings come in all the time, and are not ours."""
    others = threading.Thread(target=vpc["app"].run, args=("ping -q -c 200 -i 0.01 10.0.2.10",))
    with vpc["app"].sniff("icmp and src host 10.0.2.10") as seen:
        others.start()
        seen.wait_for()
        assert vpc["app"].sr1(IP(dst="10.0.2.99") / ICMP(id=3), timeout=0.3) is None
        answer = vpc["app"].sr1(IP(dst="10.0.2.10") / ICMP(id=2))
        assert len(seen) > 5
    assert answer[ICMP].id == 2
    others.join()


def test_nothing_seen_is_told_with_what_was(vpc: api.Lab) -> None:
    with vpc["app"].sniff("icmp") as seen:
        vpc["app"].run("ping -c1 -W2 10.0.2.10", check=True)
        with pytest.raises(api.NotSeen) as told:
            seen.wait_for(lambda packet: packet[UDP].dport == 53, within=0.1)
    assert "icmp 10.0.2.20 > 10.0.2.10 echo request" in str(told.value)


def test_a_running_lab_taken_hold_of_by_name(vpc: api.Lab, tmp_path: Path) -> None:
    """Another process would do the same: everything is in the record."""
    other = api.Lab(vpc.name)
    assert other["fw"].interfaces == vpc["fw"].interfaces
    assert other.reaches("app", "10.0.2.10", udp=99)
    assert other.text == vpc.text
    other.close()
    assert vpc["app"].run("true").returncode == 0


def test_an_edit_that_fails_leaves_the_lab_as_it_was(vpc: api.Lab) -> None:
    before = vpc.text, vpc.file
    with pytest.raises(api.TopologyError, match="300"), vpc.edited({"10.0.2.20": "10.0.2.300"}):
        pytest.fail("not reached")
    assert (vpc.text, vpc.file) == before
    with vpc.edited({"private_ip: 10.0.2.20": "private_ip: 10.0.2.21"}):
        assert vpc["app"].private_ip == "10.0.2.21"
        vpc["app"].run("ping -c1 -W2 10.0.2.10", check=True)
    assert (vpc.text, vpc.file) == before
    assert vpc["app"].private_ip == "10.0.2.20"
    assert vpc.reaches("app", "fw.eth1", icmp=True)


def test_a_wrong_file_leaves_nothing(lab_name: str) -> None:
    with pytest.raises(api.TopologyError, match="subnet"):
        api.lab(TOPOLOGY.replace("subnet: inside, private_ip", "subnet: insid, private_ip"), name=lab_name)
    leaks.assert_nothing_left(lab_name)


def test_what_came_up_by_half_is_removed(lab_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(*arguments: Any, **options: Any) -> api.Outcome:
        api.up(*arguments, **options)
        raise api.KernelError("the kernel says no")

    monkeypatch.setattr(held, "up", half)
    with pytest.raises(api.KernelError, match="says no"):
        api.lab(TOPOLOGY, name=lab_name)
    leaks.assert_nothing_left(lab_name)


def test_a_service_that_cannot_be_started_is_an_error(lab_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def complaining(*arguments: Any, **options: Any) -> api.Outcome:
        return api.up(*arguments, **options)._replace(complaints=["app: http: the port is taken"])

    monkeypatch.setattr(held, "up", complaining)
    with pytest.raises(api.VpcemuError, match="the port is taken"):
        api.lab(TOPOLOGY, name=lab_name)
    leaks.assert_nothing_left(lab_name)


def test_a_fault_lasts_as_long_as_its_block(vpc: api.Lab) -> None:
    changed = [vpc.changed]
    with vpc.broken("default-route-missing") as done:
        assert [active.fault.name for active in done.left] == ["default-route-missing"]
        changed.append(vpc.changed)
        answer = vpc.reaches("far", "203.0.113.1", tcp=80)
        assert not answer
        assert answer.trace.dropped_at is not None
        assert (answer.trace.dropped_at.kind, answer.trace.verdict.on_the_way_back) == ("route_table", True)
        assert "dropped on the way back at route table public" in repr(answer)
    changed.append(vpc.changed)
    assert changed == [False, True, False]
    assert vpc.reaches("far", "203.0.113.1", tcp=80)


def test_a_fault_that_is_left_goes_with_restore(vpc: api.Lab) -> None:
    vpc.break_("internet-gateway-detached")
    assert not vpc.reaches("far", "203.0.113.1", tcp=80)
    vpc.restore()
    assert vpc.reaches("far", "203.0.113.1", tcp=80)
    with pytest.raises(api.UsageError):
        vpc.undo()
    with pytest.raises(api.UsageError), vpc.broken("no-such-fault"):
        pytest.fail("not reached")


def test_trust_lasts() -> None:
    """A lab that was trusted once can be edited and put back."""
    trusted = TOPOLOGY.replace("app: {", "app: {services: [{command: [sleep, '1000'], user: nobody}], ")
    with pytest.raises(api.TopologyError, match="as nobody"):
        api.lab(trusted)
    with api.lab(trusted, trust=True) as made:
        with made.edited({"10.0.2.20": "10.0.2.21"}):
            assert made["app"].private_ip == "10.0.2.21"
        assert made["app"].private_ip == "10.0.2.20"
