"""Whatever the file holds, `load` answers with a topology or with problems, never with a traceback."""

import random
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.topology.addresses import assign
from emulator.topology.changes import changes
from emulator.topology.fields import TOPOLOGY
from emulator.topology.kinds import ListOf, MapOf, MapTo, Noun, OneOrMany, ScalarOr
from emulator.topology.load import load
from emulator.topology.model import Topology

VALID = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr_block: 10.0.1.0/24, route_table: public}, b: {cidr_block: 10.0.2.0/28}}
    route_tables: {public: {routes: {0.0.0.0/0: igw}}, main: {routes: {0.0.0.0/0: nat, 192.0.2.0/24: blackhole}}}
    nat_gateways: {nat: {subnet: a, elastic_ip: 52.1.2.3}}
    security_groups:
      web:
        ingress: [{protocol: tcp, port: [80, 443], from: [0.0.0.0/0, self]}, {protocol: icmp, icmp_type: 8, from: db}]
      db: {egress: [], ingress: [{protocol: tcp, from_port: 1, to_port: 9, cidr_blocks: [10.0.0.0/8], self: true}]}
    instances:
      web: {subnet: a, security_groups: [web], private_ip: 10.0.1.10, services: [http, {tcp: 5432}, {command: sleep 1}]}
      db: {subnet: b, associate_public_ip_address: false}
internet: {uplink: false, hosts: {dns.example: {ip: 8.8.8.8, services: [dns]}}}
expect: [{from: web, to: dns.example, port: 53, result: pass}]
"""


def check(text: str) -> Topology | None:
    """What holds for every text."""
    topology, problems = load(text)
    assert (topology is None) == any(not problem.warning for problem in problems)
    for problem in problems:
        assert "\n" not in problem.what + problem.hint + problem.where.path
        assert problem.what
        assert problem.render("file").isprintable() or "\n    hint" in problem.render("file")
    assert load(text) == (topology, problems)
    if topology is not None:
        addresses, missing = assign(topology, None)
        assert missing == []
        assert assign(topology, addresses)[0] == addresses
        assert changes(topology, topology) == []
        assert changes(None, topology) or not topology.vpcs
    return topology


FEW = settings(max_examples=100, deadline=None)

WORDS = """
    main a b web db igw nat local blackhole self all -1 tcp udp icmp http dns 80 0 65536 443-80 8000-8100
    10.0.0.0/16 10.0.1.5 10.0.0.0/8 0.0.0.0/0 172.17.0.0/16 127.0.0.0/16 ::/0 8.8.8.8 52.1.2.3 true false yes ~ null
    internet main.router sg-1 Default web-1 1_000 0o17 2024-01-01 22:30 .inf web.1 us-east-1a pass drop refused $(id)
    *x &x !!map
"""
words = st.sampled_from(WORDS.split())
scalars = words | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none() | st.dates()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3), max_leaves=8
)


@FEW
@given(st.text(max_size=200) | st.text("[]{}:,-?&*!|>'\"%@` \t\n#ab0./", max_size=60))
@example("\ud800")
@example("name: \x85")
@example("\r\t")
def test_any_text(text: str) -> None:
    check(text)


@FEW
@given(values)
def test_any_value(value: Any) -> None:
    check(yaml.safe_dump(value, allow_unicode=True))


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    """Values that have about the right shape: they reach the rules, and break them."""
    if isinstance(kind, Noun):
        known = {name: of_kind(key.kind) | words for name, key in kind.keys.items()}
        needed = {name for name, key in kind.keys.items() if key.required}
        optional = {name: value for name, value in known.items() if name not in needed}
        return st.fixed_dictionaries({name: known[name] for name in needed}, optional=optional)
    if isinstance(kind, MapOf):
        return st.dictionaries(words, of_kind(kind.noun), max_size=3)
    if isinstance(kind, MapTo):
        return st.dictionaries(words, words, max_size=3)
    if isinstance(kind, ListOf):
        return st.lists(of_kind(kind.item), max_size=3)
    if isinstance(kind, OneOrMany):
        return words | st.lists(words, max_size=3)
    if isinstance(kind, ScalarOr):
        return words | of_kind(kind.noun)
    return words


@FEW
@given(of_kind(TOPOLOGY))
def test_any_topology_of_about_the_right_shape(value: Any) -> None:
    check(yaml.safe_dump(value))


@FEW
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_a_valid_file_with_some_characters_changed(random: random.Random, count: int) -> None:
    text = VALID
    for _ in range(count):
        at, how = random.randrange(len(text)), random.choice("cdis")
        other = random.choice(VALID)
        if how == "s":  # a piece moves
            end = min(len(text), at + random.randrange(40))
            piece, text = text[at:end], text[:at] + text[end:]
            at = random.randrange(len(text))
            text = text[:at] + piece + text[at:]
        else:
            text = text[:at] + {"c": other, "d": "", "i": other + text[at]}[how] + text[at + 1 :]
    check(text)


@FEW
@given(st.data())
def test_a_valid_file_with_one_value_changed(data: st.DataObject) -> None:
    document = yaml.safe_load(VALID)
    target = document
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(target[key], dict | list) and target[key] and data.draw(st.integers(0, 4)):
            target = target[key]
            continue
        target[key] = data.draw(values)
        break
    check(yaml.safe_dump(document))


@FEW
@given(st.data())
def test_the_order_of_a_map_and_the_style_are_no_difference(data: st.DataObject) -> None:
    document = yaml.safe_load(VALID)
    one = check(yaml.safe_dump(document, sort_keys=False))
    two = check(
        yaml.safe_dump(document, sort_keys=False, default_flow_style=True, width=data.draw(st.integers(20, 200)))
    )
    assert one is not None
    assert one == two == check(VALID)
    shuffled = {key: document[key] for key in data.draw(st.permutations(list(document)))}
    shuffled["vpcs"] = {
        "main": {
            key: document["vpcs"]["main"][key] for key in data.draw(st.permutations(list(document["vpcs"]["main"])))
        }
    }
    assert check(yaml.safe_dump(shuffled, sort_keys=False)) == one
