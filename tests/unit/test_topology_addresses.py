"""Addresses: nobody is renumbered, nobody shares, nobody gets a reserved one."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.topology.addresses import POOL, assign, is_public
from emulator.topology.given import Addresses
from emulator.topology.instances import Instance
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.nat import NatGateway


def lab(
    instances: str, nats: str = "", hosts: str = "", block: str = "10.0.0.0/28", vpc: str = "10.0.0.0/16"
) -> Topology:
    topology, problems = load(
        f"name: lab\nvpcs: {{main: {{cidr_block: {vpc}, internet_gateway: igw,"
        f" subnets: {{a: {{cidr_block: {block}}}, b: {{cidr_block: 10.0.9.0/24}}}},"
        f" route_tables: {{main: {{routes: {{0.0.0.0/0: igw}}}}}},"
        f" nat_gateways: {{{nats}}}, instances: {{{instances}}}}}}}\ninternet: {{hosts: {{{hosts}}}}}"
    )
    assert topology is not None, problems
    return topology


def strings(addresses: dict[str, IPv4Address]) -> dict[str, str]:
    return {name: str(ip) for name, ip in addresses.items()}


def private(topology: Topology, held: Addresses | None = None) -> dict[str, str]:
    addresses, problems = assign(topology, held)
    assert problems == []
    return {name: str(ip) for name, ip in addresses.private.items()}


def public(topology: Topology, held: Addresses | None = None) -> dict[str, str]:
    return {name: str(ip) for name, ip in assign(topology, held)[0].public.items()}


def test_lowest_free_from_base_plus_four_gateways_first() -> None:  # SUB-05
    topology = lab("web: {subnet: a}, db: {subnet: b}, app: {subnet: a}", "nat: {subnet: a}")
    assert private(topology) == {"nat": "10.0.0.4", "web": "10.0.0.5", "app": "10.0.0.6", "db": "10.0.9.4"}


def test_every_address_of_a_nat_gateway_has_its_slot() -> None:  # NAT-25, NAT-03
    nats = (
        "nat: {subnet: a, secondary_elastic_ips: [52.1.2.3]},"
        " inner: {subnet: a, connectivity_type: private, secondary_private_ips: [10.0.0.4, 10.0.0.5]}"
    )
    topology = lab("web: {subnet: a}", nats)
    assert private(topology) == {
        "nat": "10.0.0.6",
        "nat+1": "10.0.0.7",
        "inner": "10.0.0.8",
        "inner+1": "10.0.0.4",
        "inner+2": "10.0.0.5",
        "web": "10.0.0.9",
    }
    assert public(topology) == {"nat": "203.0.113.1", "nat+1": "52.1.2.3"}
    held, _ = assign(topology)
    assert private(lab("web: {subnet: a}", nats.replace("nat:", "new: {subnet: a}, nat:", 1)), held) == {
        **private(topology),
        "new": "10.0.0.10",
    }


def test_fixed_addresses_go_first() -> None:
    topology = lab("web: {subnet: a}, db: {subnet: a, private_ip: 10.0.0.4}, app: {subnet: a}")
    assert private(topology) == {"db": "10.0.0.4", "web": "10.0.0.5", "app": "10.0.0.6"}


def reserved_lab(instances: str, reservations: str = "10.0.0.4/30: explicit, 10.0.0.8/30: prefix") -> Topology:
    text = (
        "name: lab\nvpcs: {main: {cidr_block: 10.0.0.0/24, subnets: {a: {cidr_block: 10.0.0.0/28,"
        f" cidr_reservations: {{{reservations}}}}}}}, instances: {{{instances}}}}}}}"
    )
    topology, problems = load(text)
    assert topology is not None, problems
    return topology


def test_reservations_are_given_to_nobody() -> None:  # SUB-19
    three = "one: {subnet: a}, two: {subnet: a, private_ip: 10.0.0.6}, three: {subnet: a}, four: {subnet: a}"
    assert private(reserved_lab(three)) == {
        "one": "10.0.0.12",
        "two": "10.0.0.6",
        "three": "10.0.0.13",
        "four": "10.0.0.14",
    }
    given, problems = assign(reserved_lab(f"{three}, five: {{subnet: a}}"))
    assert [problem.code for problem in problems] == ["InsufficientFreeAddressesInSubnet"]
    assert "outside of its CIDR reservations" in problems[0].what
    assert "five" not in given.private


def test_a_reservation_takes_no_address_away() -> None:  # SUB-19
    before, _ = assign(reserved_lab("one: {subnet: a}, two: {subnet: a}", ""), None)
    assert strings(before.private) == {"one": "10.0.0.4", "two": "10.0.0.5"}
    after = private(reserved_lab("one: {subnet: a}, new: {subnet: a}, two: {subnet: a}"), before)
    assert after == {"one": "10.0.0.4", "two": "10.0.0.5", "new": "10.0.0.12"}


def test_what_is_held_is_kept() -> None:  # SUB-18
    before, _ = assign(lab("web: {subnet: a}, db: {subnet: a}"), None)
    after = private(lab("new: {subnet: a}, db: {subnet: a}, web: {subnet: a}"), before)
    assert after == {"web": "10.0.0.4", "db": "10.0.0.5", "new": "10.0.0.6"}


def test_what_is_free_again_is_given_out() -> None:
    before, _ = assign(lab("web: {subnet: a}, db: {subnet: a}"), None)
    assert private(lab("db: {subnet: a}, new: {subnet: a}"), before) == {"db": "10.0.0.5", "new": "10.0.0.4"}


def test_a_held_address_of_another_subnet_is_given_up() -> None:
    before, _ = assign(lab("web: {subnet: a}"), None)
    assert private(lab("web: {subnet: b}"), before) == {"web": "10.0.9.4"}


def test_a_held_address_that_is_now_reserved_is_given_up() -> None:
    held = Addresses({"web": IPv4Address("10.0.0.15"), "db": IPv4Address("10.0.0.3")}, {})
    assert private(lab("web: {subnet: a}, db: {subnet: a}"), held) == {"web": "10.0.0.4", "db": "10.0.0.5"}


def test_a_held_address_that_the_file_now_gives_to_another_is_given_up() -> None:
    before, _ = assign(lab("web: {subnet: a}"), None)
    after = private(lab("web: {subnet: a}, db: {subnet: a, private_ip: 10.0.0.4}"), before)
    assert after == {"db": "10.0.0.4", "web": "10.0.0.5"}


def test_two_that_hold_one_address_do_not_share_it() -> None:
    held = Addresses(dict.fromkeys(("web", "db"), IPv4Address("10.0.0.9")), {})
    assert private(lab("web: {subnet: a}, db: {subnet: a}"), held) == {"web": "10.0.0.9", "db": "10.0.0.4"}


def test_a_full_subnet_is_full_and_no_fuller() -> None:  # SUB-06
    topology = lab(", ".join(f"i{n}: {{subnet: a}}" for n in range(11)))
    assert list(private(topology).values()) == [f"10.0.0.{n}" for n in range(4, 15)]


def test_a_file_that_was_not_checked_gives_a_problem() -> None:
    full = lab(", ".join(f"i{n}: {{subnet: a}}" for n in range(11)))
    narrow = IPv4Network("10.0.0.0/29")
    main = replace(full.vpcs[0], subnets=(replace(full.vpcs[0].subnets[0], cidr_block=narrow),))
    addresses, problems = assign(replace(full, vpcs=(main,)), None)
    assert len(addresses.private) == 3
    assert [problem.code for problem in problems] == ["InsufficientFreeAddressesInSubnet"] * 8


AUTO = "{subnet: a, associate_public_ip_address: true}"


def test_public_addresses() -> None:
    topology = lab(
        f"web: {AUTO}, db: {{subnet: a}}, app: {{subnet: a, elastic_ip: 203.0.113.2}}",
        "nat: {subnet: a}, nat2: {subnet: a, elastic_ip: 52.1.2.3}",
        "dns: {ip: 203.0.113.1}",
    )
    assert public(topology) == {
        "dns": "203.0.113.1",
        "nat2": "52.1.2.3",
        "app": "203.0.113.2",
        "nat": "203.0.113.3",
        "web": "203.0.113.4",
    }


def test_a_held_public_address_is_kept_unless_claimed() -> None:
    held = Addresses({}, {"web": IPv4Address("203.0.113.77")})
    assert public(lab(f"app: {AUTO}, web: {AUTO}"), held) == {"web": "203.0.113.77", "app": "203.0.113.1"}
    assert public(lab(f"web: {AUTO}", hosts="dns: {ip: 203.0.113.77}"), held)["web"] == "203.0.113.1"


def test_an_elastic_ip_that_was_taken_away_is_not_kept() -> None:
    held = Addresses({}, {"web": IPv4Address("52.1.2.3")})
    assert public(lab(f"web: {AUTO}"), held) == {"web": "203.0.113.1"}


def test_SUB_17_stopped_and_started_it_has_another_address() -> None:
    both = f"web: {AUTO}, app: {AUTO}"
    running, _ = assign(lab(both))
    assert strings(running.public) == {"web": "203.0.113.1", "app": "203.0.113.2"}
    stopped, _ = assign(lab(both.replace("{", "{state: stopped, ", 1)), running)
    assert strings(stopped.public) == {"app": "203.0.113.2"}
    assert strings(stopped.released) == {"web": "203.0.113.1"}
    assert stopped.private == running.private
    longer, _ = assign(lab(both.replace("{", "{state: stopped, ", 1)), stopped)
    assert longer == stopped
    started, _ = assign(lab(both), longer)
    assert strings(started.public) == {"web": "203.0.113.3", "app": "203.0.113.2"}
    assert started.released == {}


def test_SUB_17_what_one_released_is_free_for_another() -> None:
    held = Addresses({}, {}, {"web": IPv4Address("203.0.113.1")})
    assert public(lab(f"web: {AUTO}, app: {AUTO}"), held) == {"web": "203.0.113.2", "app": "203.0.113.1"}
    assert assign(lab(""), held)[0].released == {}


def test_the_pool_goes_on_and_avoids_the_vpcs() -> None:  # VPC-06
    many = ", ".join(f"i{n}: {{subnet: b, associate_public_ip_address: true}}" for n in range(250))
    found = public(lab(many + f", web: {AUTO}", "".join(f"n{n}: {{subnet: a}}, " for n in range(6))))
    assert list(found.values())[253:] == ["203.0.113.254", "198.51.100.1", "198.51.100.2", "198.51.100.3"]
    topology, _ = load(
        "name: lab\nvpcs: {main: {cidr_block: 203.0.113.0/24, internet_gateway: igw,"
        " subnets: {a: {cidr_block: 203.0.113.0/25, map_public_ip_on_launch: true}}, instances: {web: {subnet: a}}}}"
    )
    assert topology is not None
    assert public(topology) == {"web": "198.51.100.1"}


def test_the_pool_is_public() -> None:
    assert all(is_public(block[0]) and is_public(block[-1]) for block in POOL)
    refused = ["0.0.0.0", "10.1.1.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1"]
    refused += ["172.31.255.255", "192.168.1.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"]
    assert not any(is_public(IPv4Address(address)) for address in refused)
    accepted = ["1.1.1.1", "9.255.255.255", "100.128.0.0", "172.32.0.0", "192.167.255.255", "223.255.255.255"]
    assert all(is_public(IPv4Address(address)) for address in accepted)


# ---- properties ----------------------------------------------------------------------------------------------------

NAMES = [f"i{n}" for n in range(8)]


@st.composite
def labs(draw: st.DrawFn) -> Topology:
    """Up to eight instances in some order, in two subnets, some with fixed or public addresses."""
    fixed = draw(st.lists(st.integers(4, 14), unique=True, max_size=3))
    keys = []
    for name in draw(st.permutations(NAMES))[: draw(st.integers(0, 8))]:
        subnet = draw(st.sampled_from(["a", "b"]))
        parts = [f"subnet: {subnet}"]
        if subnet == "a" and fixed:
            parts.append(f"private_ip: 10.0.0.{fixed.pop()}")
        if draw(st.booleans()):
            parts.append("associate_public_ip_address: true")
        keys.append(f"{name}: {{{', '.join(parts)}}}")
    return lab(", ".join(keys), draw(st.sampled_from(["", "nat: {subnet: a}"])), "dns: {ip: 203.0.113.2}")


held_addresses = st.builds(
    Addresses,
    st.dictionaries(st.sampled_from(NAMES), st.integers(0x0A000000, 0x0A000010).map(IPv4Address)),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0xCB007100, 0xCB007104).map(IPv4Address)),
)


@settings(max_examples=120, deadline=None)
@given(labs(), held_addresses)
def test_everybody_has_one_and_nobody_shares(topology: Topology, held: Addresses) -> None:
    addresses, problems = assign(topology, held)
    assert problems == []
    main = topology.vpcs[0]
    everyone: list[NatGateway | Instance] = [*main.nat_gateways, *main.instances]
    interfaces = {interface.name: interface for interface in everyone}
    assert addresses.private.keys() == interfaces.keys()
    assert len(set(addresses.private.values())) == len(interfaces)
    assert len(set(addresses.public.values())) == len(addresses.public)
    for name, ip in addresses.private.items():
        block = main.subnet(interfaces[name].subnet).cidr_block
        assert ip in block
        assert 4 <= int(ip) - int(block[0]) < block.num_addresses - 1
        assert interfaces[name].private_ip in (None, ip)
    wanting = {instance.name for instance in main.instances if instance.public_ip} | {
        nat.name for nat in main.nat_gateways
    }
    assert addresses.public.keys() == wanting | {"dns"}
    assert not any(ip in main.cidr_block for ip in addresses.public.values())


@settings(max_examples=120, deadline=None)
@given(labs(), labs(), held_addresses)
def test_what_stays_keeps_its_address_through_an_edit(one: Topology, two: Topology, held: Addresses) -> None:
    before, _ = assign(one, held)
    after, _ = assign(two, before)
    fixed = {i.private_ip for i in two.vpcs[0].instances} | {None}
    for new in two.vpcs[0].instances:
        old = next((i for i in one.vpcs[0].instances if i.name == new.name), None)
        if old and old.subnet == new.subnet and new.private_ip is None and before.private[old.name] not in fixed:
            assert after.private[new.name] == before.private[old.name]
        if old and old.public_ip == new.public_ip == "auto":
            assert after.public[new.name] == before.public[old.name]
    assert assign(two, after)[0] == after  # and a second time changes nothing
