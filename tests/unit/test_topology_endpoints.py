"""PrivateLink as nouns: which endpoint leads to which load balancer, its state, and the addresses of its carrier."""

from itertools import pairwise
from typing import Any

import yaml

from emulator.compile import privatelink
from emulator.compile.lab import compile_lab
from emulator.topology.addresses import assign
from emulator.topology.changes import changes
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.privatelink import carriers

LISTENER = {"port": 80, "protocol": "TCP"}


def provider(*zones: str, balancers: tuple[str, ...] = ("nlb",), **more: Any) -> dict[str, Any]:
    """A VPC with load balancers in these zones, and one service on all of them."""
    return {
        "cidr_block": "10.0.0.0/16",
        "subnets": {
            f"p-{zone}": {"cidr_block": f"10.0.{n}.0/24", "availability_zone": zone} for n, zone in enumerate(zones)
        },
        "target_groups": {name: LISTENER | {"targets": []} for name in balancers},
        "load_balancers": {
            name: {
                "load_balancer_type": "network",
                "internal": True,
                "subnets": [f"p-{zone}" for zone in zones],
                "listeners": [LISTENER | {"target_group": name}],
            }
            for name in balancers
        },
        "vpc_endpoint_services": {
            "svc": {"network_load_balancers": list(balancers), "acceptance_required": False, **more.pop("service", {})}
        },
        **more,
    }


def consumer(*zones: str, endpoints: int = 1, **more: Any) -> dict[str, Any]:
    subnets = {f"c-{zone}": {"cidr_block": f"10.0.{n}.0/24", "availability_zone": zone} for n, zone in enumerate(zones)}
    held = {"service": "svc", "subnets": list(subnets)} | more.pop("endpoint", {})
    return {
        "cidr_block": "10.0.0.0/16",
        "subnets": subnets,
        "vpc_endpoints": {f"ep{number}": held for number in range(endpoints)},
        **more,
    }


def read(**vpcs: dict[str, Any]) -> Topology:
    topology, problems = load(yaml.safe_dump({"name": "lab", "vpcs": vpcs}))
    assert topology is not None, problems
    return topology


def ways(topology: Topology) -> dict[str, str]:
    return {carrier.node: carrier.balancer_node for carrier in carriers(topology)}


def test_each_interface_leads_to_its_own_zone() -> None:
    assert ways(read(p=provider("a", "c"), c=consumer("c", "a"))) == {"ep0.c-c": "nlb.p-c", "ep0.c-a": "nlb.p-a"}


def test_of_several_load_balancers_one_is_chosen_for_good() -> None:
    """PL-06: by the endpoint's name, so nobody else's coming or going changes it; all of them are used."""
    many = ways(read(p=provider("a", balancers=("one", "two")), c=consumer("a", endpoints=30)))
    few = ways(read(p=provider("a", balancers=("one", "two")), c=consumer("a", endpoints=3)))
    assert set(many.values()) == {"one.p-a", "two.p-a"}
    assert few.items() <= many.items()


def test_what_is_not_available_leads_nowhere() -> None:
    waiting = provider("a", service={"acceptance_required": True})
    assert ways(read(p=waiting, c=consumer("a"))) == {}
    assert ways(read(p=waiting, c=consumer("a", endpoint={"accepted": True}))) == {"ep0.c-a": "nlb.p-a"}
    assert ways(read(p=provider("a"), c=consumer("a", endpoint={"state": "rejected"}))) == {}


def test_from_another_region_any_zone_will_do() -> None:
    """PL-39: that of the same letter, if there is one."""
    allowed = {"supported_regions": ["eu-west-1"]}
    there = consumer("a", "b", region="eu-west-1", endpoint={"service_region": "us-east-1"})
    found = ways(read(p=provider("a", "c", service=allowed), c=there))
    assert found["ep0.c-a"] == "nlb.p-a"
    assert found["ep0.c-b"] in ("nlb.p-a", "nlb.p-c")


def test_carriers_have_addresses_of_their_own() -> None:
    """And keep them: whoever comes beside them has others."""
    many = privatelink.held(read(p=provider("a"), c=consumer("a", endpoints=40)))
    ends = [end for one in many.values() for end in (one.near, one.far)]
    assert len(set(ends)) == len(ends) == 80
    few = privatelink.held(read(p=provider("a"), c=consumer("a", endpoints=2)))
    assert {name: one.near for name, one in few.items()}.items() <= {
        name: one.near for name, one in many.items()
    }.items()


def test_an_endpoint_that_waits_has_an_interface_and_no_carrier() -> None:
    topology = read(p=provider("a", service={"acceptance_required": True}), c=consumer("a"))
    state = compile_lab(topology, assign(topology)[0])
    held = state.namespaces["ep0.c-a"]
    assert {address.link for address in held.addresses} == {"eth0"}
    assert held.ruleset is not None
    assert "pendingAcceptance" in held.ruleset.text
    assert not any("nlb" in (veth.link, veth.peer_link) for veth in state.veths)


def test_an_edit_is_told_in_words() -> None:
    closed = provider("a", service={"acceptance_required": True})
    steps = [
        read(p=closed, c=consumer("a") | {"vpc_endpoints": {}}),
        read(p=closed, c=consumer("a")),
        read(p=closed, c=consumer("a", endpoint={"accepted": True})),
        read(p=provider("a"), c=consumer("a", endpoint={"accepted": True})),
    ]
    said = [[f"{one.verb} {one.noun} {one.text}" for one in changes(*pair)] for pair in pairwise(steps)]
    assert said == [
        ["add VPC endpoint ep0 for p/svc in c-a, pendingAcceptance"],
        ["replace VPC endpoint state: pendingAcceptance -> available"],
        ["replace endpoint service acceptance_required: true -> false"],
    ]


def test_it_forgets_as_aws_does() -> None:
    """PL-29, NLB-05: 350 and 120 seconds, both in the time of the lab."""
    topology = read(p=provider("a"), c=consumer("a"))
    held = {
        one.key.rpartition("/")[2]: one.value
        for one in compile_lab(topology, assign(topology)[0]).namespaces["ep0.c-a"].sysctls
    }
    assert held["nf_conntrack_tcp_timeout_established"] == "350"
    assert (held["nf_conntrack_udp_timeout"], held["nf_conntrack_udp_timeout_stream"]) == ("120", "120")
    assert held["nf_conntrack_tcp_loose"] == "0"


def test_fifty_endpoints_are_an_accounts_quota() -> None:
    for count, told in ((50, []), (51, ["VpcEndpointLimitExceeded"])):
        text = yaml.safe_dump({"name": "lab", "vpcs": {"p": provider("a"), "c": consumer("a", endpoints=count)}})
        topology, problems = load(text)
        assert topology is not None
        assert [problem.code for problem in problems if problem.code] == told


def test_only_what_the_provider_listens_on_is_let_in() -> None:
    both = provider("a")
    both["target_groups"]["nlb"] = {"port": 53, "protocol": "TCP_UDP", "targets": []}
    both["load_balancers"]["nlb"]["listeners"] = [{"port": 53, "protocol": "TCP_UDP", "target_group": "nlb"}]
    topology = read(p=both, c=consumer("a"))
    held = compile_lab(topology, assign(topology)[0]).namespaces["ep0.c-a"].ruleset
    assert held is not None
    assert {line.strip(" \t,") for line in held.text.splitlines() if line.strip().endswith(". 53,")} == {
        "6 . 53",
        "17 . 53",
    }
