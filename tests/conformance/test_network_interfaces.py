"""Instances with several network interfaces, and with several private addresses on one."""

from collections.abc import Iterator

import pytest

from emulator.topology.load import load
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, route_table: public}
      b: {cidr_block: 10.0.2.0/24, route_table: public, network_acl: strict}
      c: {cidr_block: 10.0.3.0/24, route_table: dark}
      d: {cidr_block: 10.0.4.0/24, route_table: behind}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      dark: {}
      behind: {routes: {0.0.0.0/0: wall.eth1}}
    network_acls:
      strict:
        ingress:
          - {rule_number: 10, action: deny, protocol: tcp, port: 8081, from: 0.0.0.0/0}
          - {rule_number: 20, action: allow, protocol: all, from: 0.0.0.0/0}
        egress: [{rule_number: 10, action: allow, protocol: all, to: 0.0.0.0/0}]
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      web: {ingress: [{protocol: tcp, port: [80, 8081], from: 0.0.0.0/0}]}
      admin:
        ingress:
          - {protocol: tcp, port: [22, 8081], from: staff}
          - {protocol: tcp, port: 22, from: 45.83.64.9/32}
      staff: {ingress: [{protocol: tcp, port: 80, from: admin}, {protocol: udp, port: 514, from: 0.0.0.0/0}]}
    instances:
      duo:
        subnet: a
        private_ip: 10.0.1.10
        elastic_ip: 203.0.113.1
        secondary_private_ips: [10.0.1.11, {private_ip: 10.0.1.12, elastic_ip: 203.0.113.2}]
        security_groups: [web]
        network_interfaces:
          - subnet: b
            private_ip: 10.0.2.10
            elastic_ip: 203.0.113.3
            secondary_private_ips: [{private_ip: 10.0.2.11, elastic_ip: 203.0.113.4}]
            security_groups: [admin]
      near: {subnet: a, security_groups: [staff]}
      inner: {subnet: b, security_groups: [staff]}
      wall:
        subnet: a
        elastic_ip: 203.0.113.5
        security_groups: [open]
        services: [nat]
        network_interfaces:
          - {subnet: c, elastic_ip: 203.0.113.6, source_dest_check: false, security_groups: [open]}
      behind: {subnet: d, security_groups: [open]}
internet:
  hosts:
    out: {ip: 45.83.64.9}
"""
ETH0, ETH1 = ("10.0.1.10", "10.0.1.11", "10.0.1.12"), ("10.0.2.10", "10.0.2.11")
PUBLIC = {
    "10.0.1.10": "203.0.113.1",
    "10.0.1.12": "203.0.113.2",
    "10.0.2.10": "203.0.113.3",
    "10.0.2.11": "203.0.113.4",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("duo", "near", "inner", "wall", "behind", "out"):
            up.serve(node, tcp=(22, 80, 8081))
        yield up


def refusal(old: str, new: str) -> tuple[str, str]:
    """Code and place of the one mistake of the edited file."""
    topology, problems = load(f"name: lab\n{edited(TOPOLOGY, {old: new})}")
    errors = [problem for problem in problems if not problem.warning]
    assert topology is None
    assert len(errors) == 1, errors
    return errors[0].code, errors[0].where.path


def test_EIP_01_from_outside_to_each_address(lab: Lab) -> None:
    """Each private address may have a public one of its own, on whatever interface, and is reached by it."""
    check(
        lab,
        [Probe("out", PUBLIC[ip], "tcp", 80) for ip in ETH0 if ip in PUBLIC],
        [Probe("out", PUBLIC[ip], "tcp", 22) for ip in ETH1],
        [Probe("out", PUBLIC[ip], "tcp", 22, "drop") for ip in ETH0 if ip in PUBLIC],
    )
    tap, about = Tap(lab, "duo"), packets.cookie()
    Sender(lab, "out").send("203.0.113.4", packets.TCP(dport=22, flags="S") / packets.Raw(about))
    assert tap.wait(about)["IP"].dst == "10.0.2.11"
    assert {frame.link for frame in tap.holding(about)} == {"eth1"}


def test_EIP_01_IGW_01_outwards_from_each_address(lab: Lab) -> None:
    """What is sent from a private address is seen as coming from that address's own public one; without one, nobody."""
    check(
        lab,
        [Probe("duo", "out", "tcp", 80, seen_as=public, bound=ip) for ip, public in PUBLIC.items()],
        [Probe("duo", "out", "tcp", 80, seen_as="203.0.113.1")],
        [Probe("duo", "out", "tcp", 80, "drop", bound="10.0.1.11")],
    )


def test_IGW_02_an_instance_sees_private_addresses_only(lab: Lab) -> None:
    """On an instance's interfaces are its private addresses, the primary one first, and no public one."""
    said = lab.run("duo", "ip", "-4", "-o", "address", "show").output.splitlines()
    held = [(line.split()[1], line.split()[3].partition("/")[0]) for line in said]
    assert held[1] == ("eth0", "10.0.1.10")
    assert {ip for link, ip in held if link == "eth0"} == set(ETH0)
    assert {ip for link, ip in held if link == "eth1"} == set(ETH1)


def test_ENI_01_every_address_inside_the_VPC(lab: Lab) -> None:
    """All private addresses of all interfaces are reached from within the VPC, and call under their own name."""
    check(
        lab,
        [Probe("near", ip, "tcp", 80) for ip in ETH0],
        [Probe("near", ip, "tcp", 22) for ip in ETH1],
        [Probe("duo", "behind", "tcp", 80, seen_as=ip, bound=ip) for ip in (*ETH0, *ETH1)],
    )


def test_SG_01_each_interface_has_its_groups(lab: Lab) -> None:
    """Security groups belong to an interface: all its addresses share them, and another interface has others."""
    check(
        lab,
        [Probe("near", ip, "tcp", 80) for ip in ETH0],
        [Probe("near", ip, "tcp", 22, "drop") for ip in ETH0],
        [Probe("near", ip, "tcp", 22) for ip in ETH1],
        [Probe("near", ip, "tcp", 80, "drop") for ip in ETH1],
    )


def test_SG_30_a_group_means_the_interfaces_that_carry_it(lab: Lab) -> None:
    """A rule that names a group means all addresses of the interfaces with that group, not their instance's others."""
    check(
        lab,
        [Probe("duo", "inner", "tcp", 80, bound=ip) for ip in ETH1],
        [Probe("duo", "inner", "tcp", 80, "drop", bound=ip) for ip in ETH0],
        passes("near", "10.0.2.10", "tcp", 22),
        drops("wall", "10.0.2.10", "tcp", 22),
    )


def test_SDC_01_an_address_of_the_other_interface(lab: Lab) -> None:
    """An interface sends from its own addresses only: those of the same instance's other interface are forged, too."""
    tap = Tap(lab, "near")
    first, second = Sender(lab, "duo", "eth0"), Sender(lab, "duo", "eth1")
    forged, done = packets.cookie(), [packets.cookie(), packets.cookie()]
    datagram = packets.UDP(dport=514)
    for sender, own, others in ((first, ETH0, ETH1), (second, ETH1, ETH0)):
        for source in others:
            sender.send("near", datagram / packets.Raw(forged), src=source)
            sender.put(sender.packet("near", datagram / packets.Raw(forged), src=source), src=second.mac)
        sender.send("near", datagram / packets.Raw(done[sender is second]), src=own[-1])
    for about, source in zip(done, (ETH0[-1], ETH1[-1]), strict=True):
        assert tap.wait(about)["IP"].src == source
    silent(tap, about=forged)


def test_ENI_05_answers_leave_by_the_interface_that_was_asked(lab: Lab) -> None:
    """What comes in by the second interface is answered by it, to the VPC and to the internet."""
    tap = Tap(lab, "duo")
    check(lab, passes("near", "10.0.2.11", "tcp", 22), passes("out", "203.0.113.3", "tcp", 22))
    check(lab, passes("near", "10.0.1.11", "tcp", 80), passes("out", "203.0.113.2", "tcp", 80))
    by = {(frame.link, frame.packet["IP"].src) for frame in tap.left() if "IP" in frame.packet}
    assert {("eth1", "10.0.2.11"), ("eth1", "10.0.2.10"), ("eth0", "10.0.1.11"), ("eth0", "10.0.1.12")} <= by
    assert all((link == "eth1") == (source in ETH1) for link, source in by), by


def test_ACL_01_the_network_acl_of_each_interfaces_subnet(lab: Lab) -> None:
    """Each interface stands behind the network ACL of its own subnet."""
    check(lab, passes("near", "10.0.1.10", "tcp", 8081), drops("near", "10.0.2.10", "tcp", 8081))
    check(lab, passes("near", "10.0.2.10", "tcp", 22), passes("inner", "10.0.2.10", "tcp", 8081))


def test_RT_20_the_route_table_of_each_interfaces_subnet(lab: Lab) -> None:
    """What an interface sends is routed by the table of its own subnet."""
    inner = lab.private("wall.eth1")
    check(
        lab,
        [Probe("wall", "out", "tcp", 80, seen_as="203.0.113.5", bound=lab.private("wall"))],
        [Probe("wall", "out", "tcp", 80, "drop", bound=inner)],
        [Probe("wall", "behind", "tcp", 80, seen_as=inner, bound=inner)],
    )


def test_RT_33_a_route_to_an_interface(lab: Lab) -> None:
    """A route may name an interface: packets arrive by that one, and an appliance sends them on by another."""
    tap, there = Tap(lab, "wall"), Tap(lab, "out")
    check(lab, [Probe("behind", "out", "tcp", 80, seen_as="203.0.113.5")], passes("behind", "out", "icmp"))
    there.wait_for(lambda packet: "ICMP" in packet and packet["IP"].src == "203.0.113.5")
    own = lab.private("behind")
    ways = {
        (frame.link, frame.outgoing, "IP" in frame.packet and own in (frame.packet["IP"].src, frame.packet["IP"].dst))
        for frame in tap.frames()
        if "TCP" in frame.packet
    }
    # With the inner address at eth1, with its own at eth0.
    assert ways == {("eth1", False, True), ("eth1", True, True), ("eth0", True, False), ("eth0", False, False)}


def test_RT_34_an_instance_with_several_interfaces_is_no_target() -> None:
    """A route cannot name an instance that has several interfaces, nor an interface that it has not."""
    at = "vpcs.main.route_tables.behind.routes.0.0.0.0/0"
    assert refusal("wall.eth1", "wall") == ("InvalidInstanceID", at)
    assert refusal("wall.eth1", "wall.eth2") == ("InvalidNetworkInterfaceID.NotFound", at)
    assert load(f"name: lab\n{edited(TOPOLOGY, {'wall.eth1': 'wall.eth0'})}")[0] is not None


def test_ENI_02_one_zone() -> None:
    """All interfaces of an instance are in its zone."""
    found = refusal("b: {cidr_block: 10.0.2.0/24,", "b: {cidr_block: 10.0.2.0/24, availability_zone: b,")
    assert found == ("InvalidParameterCombination", "vpcs.main.instances.duo.network_interfaces[0].subnet")


def test_ENI_04_more_addresses_than_any_instance_type_has() -> None:
    """An interface of the largest instance types has 50 private addresses."""
    more = "secondary_private_ips: [" + "auto, " * 48 + "10.0.1.11, "
    assert refusal("secondary_private_ips: [10.0.1.11, ", more) == (
        "PrivateIpAddressLimitExceeded",
        "vpcs.main.instances.duo.secondary_private_ips",
    )


def test_SUB_10_a_secondary_address_in_use() -> None:
    """A secondary address belongs to one interface."""
    assert refusal("private_ip: 10.0.2.11", "private_ip: 10.0.2.10")[0] == "InvalidIPAddress.InUse"


def test_SUB_17_no_assigned_public_address_for_several_interfaces() -> None:
    """A public address is assigned to an instance with one interface only."""
    wanted = "services: [nat]\n        associate_public_ip_address: true"
    fixed = edited(TOPOLOGY, {"        elastic_ip: 203.0.113.5\n": ""})
    topology, problems = load(f"name: lab\n{edited(fixed, {'services: [nat]': wanted})}")
    assert topology is None
    assert [problem.code for problem in problems if not problem.warning] == ["InvalidParameterCombination"]
