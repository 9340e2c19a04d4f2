"""The rules that undo the kernel's counting, worked through in Python for every TTL."""

import re
from pathlib import Path

import pytest

from emulator.compile import hops
from emulator.compile.lab import compile_lab
from emulator.topology.addresses import assign
from emulator.topology.load import load

_CARRY = re.compile(r"@nh,(\d+),(\d+) (\d+) @nh,\1,\2 set (\d+) accept")
_ROOT = Path(__file__).parents[2]


def raised(ttl: int) -> int:
    """What the rules of the carry make of it."""
    for rule in hops.forwarded().rules:
        if match := _CARRY.fullmatch(rule.body):
            offset, length, want, value = map(int, match.groups())
            assert offset + length == 72, "the low bits of the ninth byte"
            if ttl & (1 << length) - 1 == want:
                return ttl >> length << length | value
    return ttl


@pytest.mark.parametrize("ttl", range(255))
def test_one_more_for_every_TTL(ttl: int) -> None:
    assert raised(ttl) == ttl + 1


def test_255_does_not_wrap() -> None:
    bodies = [rule.body for rule in hops.forwarded().rules]
    carries = [number for number, body in enumerate(bodies) if _CARRY.fullmatch(body)]
    assert len(carries) == 8
    assert bodies.index("ip ttl 255 accept") < carries[0]


def test_whose_TTL_is_kept() -> None:
    """L2-04, IGW-11. All others count: each circle of routes has one of them in it."""
    for name in ("transit-gateway", "privatelink", "firewall-routing", "nat"):
        topology, _ = load((_ROOT / f"topologies/{name}.yaml").read_text(), name)
        assert topology is not None
        for node, held in compile_lab(topology, assign(topology)[0]).namespaces.items():
            keeps = held.ruleset is not None and f"chain {hops.CHAIN} {{" in held.ruleset.text
            assert keeps == (held.kind in ("router", "internet_gateway")), node


def test_no_way_past_it() -> None:
    """Each packet that a router lets in goes on by this chain: none is accepted beside it."""
    topology, _ = load((_ROOT / "topologies/nat.yaml").read_text(), "nat.yaml")
    assert topology is not None
    state = compile_lab(topology, assign(topology)[0])
    ruleset = state.namespaces["main.router"].ruleset
    assert ruleset is not None
    chain = ruleset.text.split("chain from_eni {")[1].split("\n\t}")[0].strip().splitlines()
    assert not [line for line in chain[1:] if " accept" in line]
    assert chain[-1].strip() == f"goto {hops.CHAIN}"
