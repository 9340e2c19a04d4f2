"""Every form that protocol and port of a security group rule can take: packets inside it, and ones just outside."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent

_NAMES = [
    *("tcp-range", "tcp-list", "tcp-all", "udp", "udp-range"),
    *("icmp", "icmp-type", "icmp-code", "icmp-two", "icmp-list"),
    *("number", "number-ports", "name", "all", "minus-one", "six"),
    *("overlap", "cidrs", "cidr-host"),
]

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      one: {cidr_block: 10.0.1.0/24}
    security_groups:
      sender: {}
      tcp-range: {ingress: [{protocol: tcp, port: 8000-8100, from: 0.0.0.0/0}]}
      tcp-list: {ingress: [{protocol: tcp, port: [22, 443, 8000-8001], from: 0.0.0.0/0}]}
      tcp-all: {ingress: [{protocol: tcp, port: all, from: 0.0.0.0/0}]}
      udp: {ingress: [{protocol: udp, port: 53, from: 0.0.0.0/0}]}
      udp-range: {ingress: [{protocol: udp, from_port: 100, to_port: 200, cidr_blocks: [0.0.0.0/0]}]}
      icmp: {ingress: [{protocol: icmp, from: 0.0.0.0/0}]}
      icmp-type: {ingress: [{protocol: icmp, icmp_type: 3, from: 0.0.0.0/0}]}
      icmp-code: {ingress: [{protocol: icmp, icmp_type: 3, icmp_code: 4, from: 0.0.0.0/0}]}
      icmp-two:
        ingress:
          - {protocol: icmp, icmp_type: 8, icmp_code: 0, from: 0.0.0.0/0}
          - {protocol: icmp, icmp_type: 13, icmp_code: 0, from: sender}
      icmp-list: {ingress: [{protocol: icmp, icmp_type: 13, from: sender}]}
      number: {ingress: [{protocol: 50, from: 0.0.0.0/0}]}
      number-ports: {ingress: [{protocol: 50, from_port: 80, to_port: 80, from: sender}]}
      name: {ingress: [{protocol: gre, from: 0.0.0.0/0}]}
      all: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      minus-one: {ingress: [{protocol: -1, port: 80, from: sender}]}
      six: {ingress: [{protocol: 6, port: 80, from: 0.0.0.0/0}]}
      overlap:
        ingress:
          - {protocol: tcp, port: 100-200, from: 10.0.0.0/8}
          - {protocol: tcp, port: 150-300, from: 10.0.1.0/24}
          - {protocol: tcp, port: 250-400, from: sender}
          - {protocol: tcp, port: 180, from: 0.0.0.0/0}
      cidrs: {ingress: [{protocol: tcp, port: 80, from: [192.0.2.0/24, 10.0.1.0/25]}]}
      cidr-host: {ingress: [{protocol: tcp, port: 80, from: [10.0.1.200/32, 10.0.0.0/24]}]}
    instances:
      sender: {subnet: one, private_ip: 10.0.1.100, security_groups: [sender]}
"""
for _name in _NAMES:
    TOPOLOGY += f"      to-{_name}: {{subnet: one, security_groups: [{_name}]}}\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


class Case(NamedTuple):
    group: str
    item: str
    allowed: list[Any]
    refused: list[Any]


def tcp(*ports: int) -> list[Any]:
    return [lambda port=port: packets.TCP(sport=1234, dport=port, flags="S") for port in ports]


def udp(*ports: int) -> list[Any]:
    return [lambda port=port: packets.UDP(sport=1234, dport=port) for port in ports]


def icmp(*kinds: tuple[int, int]) -> list[Any]:
    return [lambda kind=kind: packets.ICMP(type=kind[0], code=kind[1]) for kind in kinds]


def protocol(*numbers: int) -> list[Any]:
    return [lambda number=number: number for number in numbers]


CASES = [
    Case("tcp-range", "SG-21", tcp(8000, 8050, 8100), tcp(7999, 8101) + udp(8050) + icmp((8, 0))),
    Case("tcp-list", "SG-22", tcp(22, 443, 8000, 8001), tcp(21, 23, 442, 444, 8002, 7999)),
    Case("tcp-all", "SG-21", tcp(0, 1, 65535), udp(80) + icmp((8, 0)) + protocol(50)),
    Case("udp", "SG-21", udp(53), udp(52, 54) + tcp(53)),
    Case("udp-range", "SG-21", udp(100, 150, 200), udp(99, 201) + tcp(150)),
    Case("icmp", "SG-21", icmp((8, 0), (13, 0), (8, 7)), tcp(80) + udp(8)),
    Case("icmp-type", "SG-21", icmp((3, 0), (3, 4), (3, 255)), icmp((8, 0), (4, 0), (2, 0))),
    Case("icmp-code", "SG-21", icmp((3, 4)), icmp((3, 3), (3, 5), (8, 4), (8, 0))),
    Case("icmp-two", "SG-21", icmp((8, 0), (13, 0)), icmp((8, 1), (13, 1), (3, 0), (17, 0))),
    Case("icmp-list", "SG-21", icmp((13, 0), (13, 3)), icmp((8, 0), (14, 0))),
    Case("number", "SG-20", protocol(50), protocol(51, 47, 132) + tcp(50) + udp(50) + icmp((8, 0))),
    Case("number-ports", "SG-20, T-49", protocol(50), protocol(51) + tcp(80)),
    Case("name", "SG-20", protocol(47), protocol(50, 4)),
    Case("all", "SG-20", tcp(1) + udp(1) + icmp((8, 0)) + protocol(50, 47, 132, 254), []),
    Case("minus-one", "SG-20", tcp(1, 80) + udp(9) + icmp((8, 0)) + protocol(50), []),
    Case("six", "SG-20", tcp(80), tcp(81) + udp(80)),
    Case("overlap", "SG-02", tcp(100, 150, 180, 200, 250, 300, 400), tcp(99, 401) + udp(180)),
    Case("cidrs", "SG-22", tcp(80), tcp(81)),
    Case("cidr-host", "SG-22", [], tcp(80)),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.group}" for case in CASES])
def test_protocol_form(lab: Lab, case: Case) -> None:
    """SG-20, SG-21, SG-22, T-49: each packet is sent as it is; the allowed ones arrive, the others do not."""
    to = f"to-{case.group}"
    target, control = Tap(lab, to), Tap(lab, "to-all")
    sender = Sender(lab, "sender")
    marks = []
    for allowed, kinds in ((False, case.refused), (True, case.allowed)):
        for build in kinds:
            upper, mark = build(), packets.cookie()
            marks.append((allowed, mark, upper))
            if isinstance(upper, int):
                sender.send(to, packets.Raw(mark), proto=upper)
            else:
                sender.send(to, upper / packets.Raw(mark))
    last = packets.cookie()
    sender.send("to-all", packets.UDP(dport=9) / packets.Raw(last))
    control.wait(last)
    for allowed, mark, upper in marks:
        if allowed:
            target.wait(mark)
        else:
            found = [frame for frame in target.holding(mark) if not frame.outgoing]
            assert not found, f"{case.item}: {upper!r} arrived"


def test_every_case_is_covered() -> None:
    """Each group of the topology has its case."""
    assert [case.group for case in CASES] == _NAMES


@pytest.mark.parametrize(("port", "arrives"), [(8050, True), (9000, False)])
def test_fragments_are_judged_as_one_packet(lab: Lab, port: int, arrives: bool) -> None:
    """SG-21, GEN-01: later fragments carry no port; they go the way of the first, and none goes alone."""
    target, control = Tap(lab, "to-tcp-range"), Tap(lab, "to-all")
    sender = Sender(lab, "sender")
    mark = packets.cookie()
    whole = sender.packet("to-tcp-range", packets.TCP(sport=1234, dport=port, flags="S") / packets.Raw(mark * 150))
    pieces = packets.fragment(whole, 800)
    assert len(pieces) > 2
    alone = packets.cookie()
    sender.send("to-tcp-range", packets.Raw(alone * 20), frag=50, proto=6, id=4711)
    for piece in pieces:
        sender.put(piece)
    last = packets.cookie()
    sender.send("to-all", packets.UDP(dport=9) / packets.Raw(last))
    control.wait(last)
    silent(target, about=alone)
    if arrives:
        target.wait(mark)
    else:
        silent(target, about=mark)
