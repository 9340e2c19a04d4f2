"""What scripts/bench measures with: generated topologies, and plans for the C program."""

from collections import Counter
from ipaddress import IPv4Network
from itertools import pairwise

import pytest
import yaml

from emulator.compile.state import (
    Address,
    FlushConntrack,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Step,
    Sysctl,
    Veth,
)
from emulator.kernel import wire
from scripts.benchlib.generate import RULES_PER_GROUP, blocks, topology
from scripts.benchlib.plan import kernel_steps, plan

MAC = "0a:00:00:00:00:02"
ROUTER = [
    Step("add", "main.router", Netns("router"), ""),
    Step("add", "dev", Netns("instance"), ""),
    Step("add", "main.router", Veth("main.router", "eni-dev", "0a:00:00:00:00:01", "dev", "eth0", MAC, 9001), ""),
]


def body(words: list[str], at: int) -> bytes:
    return bytes.fromhex(words[at])


def test_a_plan_has_the_messages_of_each_step() -> None:
    steps = [
        *ROUTER,
        Step("replace", "main.router", Sysctl("net/ipv4/ping_group_range", "0 9"), ""),
        Step("replace", "main.router", Sysctl("net/ipv4/neigh/eni-dev/proxy_delay", "0"), ""),
        Step("add", "dev", Address("eth0", "10.0.0.4", 24), ""),
        Step("replace", "dev", LinkUp("lo"), ""),
        Step("replace", "dev", LinkUp("eth0"), ""),
        Step("replace", "dev", Neighbour("eth0", "10.0.0.1", "0a:00:00:00:00:01"), ""),
        Step("replace", "dev", Route(254, "0.0.0.0/0", link="eth0", via="10.0.0.1"), ""),
        Step("replace", "main.router", Route(254, "0.0.0.0/0", "blackhole"), ""),
        Step("add", "main.router", PolicyRule(100, 7, 7), ""),
    ]
    lines = [line.split(" ") for line in plan(steps, "t").decode().splitlines()]
    assert " ".join(line[0] + line[1] for line in lines) == (
        "ns0 ns1 veth0 sysctl0 msg0 msg1 msg1 msg1 msg1 msg1 msg1 msg0 msg0 msg1"
    )
    assert lines[1][2] == "t.dev"
    assert b"vpcemu:t:dev" in body(lines[1], 5)
    assert lines[3][2:] == ["net/ipv4/ping_group_range", "0\t9"]
    assert lines[-1][2] == str(wire.GET_LINK)
    # eth0 of dev, which is link 2: no IPv6 address, then up
    assert [body(line, 4) for line in lines[7:9]] == [wire.no_ipv6_address(2).body, wire.link_state(2, True).body]


def test_links_get_numbers_of_the_plan_s_choice_and_room_for_a_descriptor() -> None:
    second = Veth("main.router", "eni-web", "0a:00:00:00:00:01", "web", "eth0", "0a:00:00:00:00:03", 9001)
    steps = [*ROUTER, Step("add", "web", Netns("instance"), ""), Step("add", "main.router", second, "")]
    line = plan([*steps, Step("replace", "web", LinkUp("eth0"), "")], "t").decode().splitlines()[4].split()
    message, offset = body(line, 4), int(line[6])
    assert line[5] == "2"
    assert wire.LINK.unpack_from(message)[2] == 3  # the router's second link
    assert wire.ATTRIBUTE.unpack_from(message, offset - 4) == (8, wire.IFLA_NET_NS_FD)
    untouched = wire.veth(second, 0).body
    assert sum(one != other for one, other in zip(message, untouched, strict=True)) == 2  # the two interface numbers


def test_a_ruleset_goes_in_whole_with_the_comment_filled_in() -> None:
    steps = [
        *ROUTER[:1],
        Step("replace", "main.router", Ruleset("d", 'table ip vpcemu { comment "@COMMENT@"; }\n'), ""),
    ]
    head, _, text = plan(steps, "t").partition(b"nft 0 ")
    length, _, body = text.partition(b"\n")
    assert head.count(b"\n") == 1
    assert int(length) == len(body)
    assert b"vpcemu t d gen 2" in body


def test_services_are_not_the_kernels_and_a_flush_has_no_place_in_a_first_up() -> None:
    service = Step("add", "dev", Service("http", "http", 80, (), ""), "")
    assert kernel_steps([*ROUTER, service]) == ROUTER
    with pytest.raises(ValueError, match="FlushConntrack"):
        plan([*ROUTER, Step("replace", "dev", FlushConntrack(), "")], "t")


def test_a_generated_topology_keeps_the_quotas_of_aws() -> None:
    vpc = yaml.safe_load(topology("t", 100, subnets=20, rules=1000))["vpcs"]["main"]
    groups = vpc["security_groups"]
    assert len(vpc["instances"]) == 100
    assert sum(len(group["ingress"]) for name, group in groups.items() if name != "bench") == 1000
    assert max(len(group["ingress"]) for group in groups.values()) <= RULES_PER_GROUP
    assert all(len(instance["security_groups"]) <= 5 for instance in vpc["instances"].values())
    used = {group for instance in vpc["instances"].values() for group in instance["security_groups"]}
    assert used == set(groups)


def test_instances_are_spread_evenly() -> None:
    vpc = yaml.safe_load(topology("t", 1000))["vpcs"]["main"]
    assert set(Counter(instance["subnet"] for instance in vpc["instances"].values()).values()) == {50}


def test_an_edit_changes_one_line() -> None:
    before, after = topology("t", 50).splitlines(), topology("t", 50, web_port=444).splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_blocks_have_room_for_all_and_do_not_overlap() -> None:
    found = blocks(4000, 20)
    assert len(found) == 20
    assert all(block.num_addresses >= 4000 / 20 + 6 for block in found)
    assert blocks(8000, 20)[0].prefixlen == 23
    assert not any(one.overlaps(other) for one, other in pairwise(found))
    assert found[0].subnet_of(IPv4Network("10.0.0.0/16"))


def test_too_many_instances_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        blocks(100_000, 20)
