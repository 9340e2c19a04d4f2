"""Network ACLs of a file: what is left out, both spellings, and how an edit reads."""

from emulator.topology.changes import changes
from emulator.topology.load import load
from emulator.topology.model import NetworkAcl, Topology

BASE = """name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24}
      b: {cidr_block: 10.0.2.0/24, network_acl: web}
    network_acls:
      web:
        ingress:
          - {rule_number: 100, action: allow, protocol: tcp, port: 80, from: 0.0.0.0/0}
          - {rule_number: 90, action: deny, protocol: tcp, port: 22, from: 0.0.0.0/0}
        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]
"""


def parse(text: str) -> Topology:
    topology, problems = load(text)
    assert topology is not None, problems
    return topology


def acl(text: str, name: str) -> NetworkAcl:
    return next(held for held in parse(text).vpcs[0].network_acls if held.name == name)


def test_the_default_acl_is_always_there() -> None:
    for text in (BASE, BASE.replace("    network_acls:\n", "    network_acls:\n      default: {}\n")):
        default = acl(text, "default")
        assert default.ingress == default.egress
        assert [(entry.number, entry.action, entry.protocol) for entry in default.ingress] == [(100, "allow", -1)]
    closed = acl(BASE.replace("    network_acls:\n", "    network_acls:\n      default: {ingress: []}\n"), "default")
    assert closed.ingress == ()
    assert len(closed.egress) == 1
    assert [subnet.network_acl for subnet in parse(BASE).vpcs[0].subnets] == ["default", "web"]


def test_entries_are_in_the_order_of_their_numbers() -> None:
    assert [entry.number for entry in acl(BASE, "web").ingress] == [90, 100]


def test_both_spellings_say_the_same() -> None:
    written = "rule_number: 100, action: allow, protocol: tcp, port: 80, from: 0.0.0.0/0"
    terraform = "rule_no: 100, action: allow, protocol: 6, from_port: 80, to_port: 80, cidr_block: 0.0.0.0/0"
    assert written in BASE
    assert parse(BASE) == parse(BASE.replace(written, terraform))


def edit(old: str, new: str) -> list[tuple[str, str, str]]:
    assert old in BASE
    found = changes(parse(BASE), parse(BASE.replace(old, new)))
    return [(change.verb, change.path.removeprefix("vpcs.main."), change.text) for change in found]


def test_an_edit_in_words() -> None:
    path = "network_acls.web.ingress"
    assert edit("port: 22", "port: 23") == [
        ("replace", f"{path}[1]", "ingress 90: deny tcp 22 from 0.0.0.0/0 -> deny tcp 23 from 0.0.0.0/0")
    ]
    assert edit("rule_number: 90", "rule_number: 110") == [
        ("remove", f"{path}[1]", "ingress 90: deny tcp 22 from 0.0.0.0/0"),
        ("add", f"{path}[1]", "ingress 110: deny tcp 22 from 0.0.0.0/0"),
    ]
    assert edit("10.0.1.0/24}", "10.0.1.0/24, network_acl: web}") == [
        ("replace", "subnets.a.network_acl", "network_acl: default -> web")
    ]
    assert edit("    network_acls:\n", "    network_acls:\n      new: {}\n") == [("add", "network_acls.new", "new")]


def test_the_order_of_entries_is_no_change() -> None:
    first, second = BASE.splitlines(keepends=True)[10:12]
    assert edit(first + second, second + first) == []
