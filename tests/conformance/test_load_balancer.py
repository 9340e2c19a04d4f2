"""A Network Load Balancer: who gets a flow, as whom it is seen, and what is dropped (sections 10.1 and 10.3)."""

import socket
from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.balanced import SILENCE, Call, all_healthy, answering, call, health, hears_nothing
from tests.support.connection import remembered
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap
from tests.support.probes import check, drops, passes, refused
from tests.support.wait import eventually

CLIENT = "198.51.100.7"
NODE_A, NODE_C = "10.0.1.10", "10.0.2.10"  # of cross, which is internal

TOPOLOGY = """
name: balanced
settings: {time_scale: 20}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c, route_table: public}
      pa: {cidr_block: 10.0.11.0/24, availability_zone: a, route_table: private}
      pc: {cidr_block: 10.0.12.0/24, availability_zone: c, route_table: private}
      pb: {cidr_block: 10.0.13.0/24, availability_zone: b, route_table: private}
    route_tables:
      public: {routes: {0.0.0.0/0: igw, 10.1.0.0/16: peering, 10.2.0.0/16: tgw}}
      private: {routes: {10.1.0.0/16: peering}}
    security_groups:
      web: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      strict: {ingress: [{protocol: tcp, port: 80, from: [10.0.1.0/24, 10.0.2.0/24]}]}
      front: {ingress: [{protocol: tcp, port: 80, from: 198.51.100.7/32}]}
      mute:
        ingress: [{protocol: all, from: 0.0.0.0/0}]
        egress: [{protocol: udp, port: 9, to: 0.0.0.0/0}]
      behind: {ingress: [{protocol: tcp, port: 80, from: front}]}
    instances:
      a1: {subnet: pa, security_groups: [web], services: [{tcp: 80}, {http: 8080}]}
      a2: {subnet: pa, security_groups: [web], services: [{tcp: 80}]}
      c1: {subnet: pc, security_groups: [web], services: [{tcp: 80}]}
      c2: {subnet: pc, security_groups: [web], services: [{tcp: 80}]}
      c3: {subnet: pc, security_groups: [web], services: [{tcp: 80}]}
      b1: {subnet: pb, security_groups: [web], services: [{tcp: 80}]}
      off: {subnet: pa, security_groups: [web], state: stopped}
      narrow: {subnet: pa, security_groups: [strict], services: [{tcp: 80}]}
      hidden: {subnet: pa, security_groups: [behind], services: [{tcp: 80}]}
      caller: {subnet: pa, security_groups: [web]}
    target_groups:
      web:
        port: 80
        protocol: TCP
        targets: [a1, a2, c1, c2, c3, b1, off]
        health_check: &quick {interval: 5, healthy_threshold: 2, unhealthy_threshold: 5}
      ips: {port: 80, protocol: TCP, target_type: ip, targets: [narrow], health_check: *quick}
      kept: {port: 80, protocol: TCP, targets: [narrow], health_check: *quick}
      alone: {port: 80, protocol: TCP, targets: [a1], health_check: *quick}
      alone-ip: {port: 80, protocol: TCP, target_type: ip, targets: [a1], health_check: *quick}
      sticky: {port: 80, protocol: TCP, targets: [a1, a2], stickiness: {type: source_ip}, health_check: *quick}
      dns: {port: 53, protocol: TCP_UDP, targets: [a1, a2], health_check: {interval: 5, healthy_threshold: 2, port: 80}}
      closed: {port: 54, protocol: UDP, targets: [a1], health_check: {port: 80, unhealthy_threshold: 5}}
      cross: {port: 80, protocol: TCP, targets: [a1, a2, c1, c2, c3], health_check: *quick}
      hidden: {port: 80, protocol: TCP, targets: [hidden], health_check: *quick}
      mute: {port: 80, protocol: TCP, targets: [a2], health_check: {interval: 5}}
      far: {port: 80, protocol: TCP, target_type: ip, targets: [there], health_check: *quick}
      beyond: {port: 80, protocol: TCP, target_type: ip, targets: [yonder], health_check: *quick}
      far-kept:
        {port: 80, protocol: TCP, target_type: ip, targets: [there], preserve_client_ip: true, health_check: *quick}
      http:
        port: 8080
        protocol: TCP
        targets: [a1]
        health_check: {protocol: HTTP, path: /ok, interval: 5, healthy_threshold: 2}
      idle: {port: 80, protocol: TCP, targets: [a1]}
    load_balancers:
      nlb:
        load_balancer_type: network
        subnets: [a, c]
        listeners:
          - {port: 80, protocol: TCP, target_group: web}
          - {port: 81, protocol: TCP, target_group: ips}
          - {port: 82, protocol: TCP, target_group: kept}
          - {port: 83, protocol: TCP, target_group: sticky}
          - {port: 84, protocol: TCP, target_group: alone}
          - {port: 85, protocol: TCP, target_group: alone-ip}
          - {port: 86, protocol: TCP, target_group: far}
          - {port: 87, protocol: TCP, target_group: far-kept}
          - {port: 89, protocol: TCP, target_group: beyond}
          - {port: 88, protocol: TCP, target_group: http}
          - {port: 53, protocol: TCP_UDP, target_group: dns}
          - {port: 54, protocol: UDP, target_group: closed}
      cross:
        load_balancer_type: network
        internal: true
        enable_cross_zone_load_balancing: true
        subnet_mapping:
          - {subnet: a, private_ipv4_address: 10.0.1.10}
          - {subnet: c, private_ipv4_address: 10.0.2.10}
        listeners: [{port: 80, protocol: TCP, target_group: cross}]
      guarded:
        load_balancer_type: network
        subnets: [a]
        security_groups: [front]
        listeners: [{port: 80, protocol: TCP, target_group: hidden}]
      muted:
        load_balancer_type: network
        subnets: [a]
        security_groups: [mute]
        listeners: [{port: 80, protocol: TCP, target_group: mute}]
  peer:
    cidr_block: 10.1.0.0/16
    subnets:
      p: {cidr_block: 10.1.1.0/24, route_table: back}
      q: {cidr_block: 10.1.2.0/24, route_table: out}
    route_tables:
      back: {routes: {10.0.0.0/16: peering}}
      out: {routes: {0.0.0.0/0: private-nat}}
    nat_gateways:
      private-nat: {subnet: p, connectivity_type: private}
    security_groups:
      web: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      there: {subnet: p, security_groups: [web], services: [{tcp: 80}]}
      behind: {subnet: q}
  third:
    cidr_block: 10.2.0.0/16
    subnets:
      t: {cidr_block: 10.2.1.0/24, availability_zone: a, route_table: back}
      tc: {cidr_block: 10.2.2.0/24, availability_zone: c, route_table: back}
    route_tables:
      back: {routes: {10.0.0.0/16: tgw}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80, from: 10.0.0.0/16}]}
    instances:
      yonder: {subnet: t, security_groups: [web], services: [{tcp: 80}]}
transit_gateways:
  tgw:
    vpc_attachments:
      main: {vpc: main, subnets: [pa, pc]}
      third: {vpc: third, subnets: [t, tc]}
vpc_peering_connections:
  peering: {vpc: main, peer_vpc: peer, auto_accept: true}
internet:
  hosts:
    client.example: {ip: 198.51.100.7}
    other.example: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("a1", "a2"):
            up.serve(node, udp=(53,))
        all_healthy(
            up, ("web", "ips", "kept", "sticky", "alone", "alone-ip", "far", "beyond", "cross", "hidden", "http")
        )
        yield up


def test_NLB_07_T_81_NLB_17_the_clients_address(lab: Lab) -> None:
    """Targets by instance see the client's address, those by IP that of the node; each its own as the destination."""
    target = Tap(lab, "a1")
    node = lab.public("nlb.a")
    assert call(lab, "client.example", node, 84) == ("a1", CLIENT)
    assert call(lab, "client.example", node, 85) == ("a1", lab.private("nlb.a"))
    asked = {frame.packet["IP"].dst for frame in target.came() if "TCP" in frame.packet}
    assert asked == {lab.private("a1")}


def test_NLB_08_answers_go_back_by_the_node(lab: Lab) -> None:
    """A target in a private subnet, which has no route to the internet, answers a client there: by the node."""
    node = Tap(lab, "nlb.a")
    assert call(lab, "client.example", lab.public("nlb.a"), 84).node == "a1"
    answers = [frame for frame in node.came() if "IP" in frame.packet and frame.packet["IP"].src == lab.private("a1")]
    assert answers


def test_NLB_07_NAT_42_a_client_behind_a_peers_nat_gateway(lab: Lab) -> None:
    """The target sees the gateway; its answer goes by the node all the same, and from there back."""
    gateway = lab.private("private-nat")
    assert call(lab, "behind", lab.private("nlb.a"), 84) == ("a1", gateway)
    assert call(lab, "behind", lab.private("a1"), 80) == ("a1", gateway)


def test_NLB_19_T_83_a_port_without_a_listener(lab: Lab) -> None:
    """A port without a listener is silent, and so is a ping: no reset, no answer."""
    node = lab.public("nlb.a")
    check(
        lab,
        passes("client.example", node, "tcp", 80),
        drops("client.example", node, "tcp", 79),
        drops("client.example", node, "udp", 80),
        drops("client.example", node, "icmp"),
    )


def test_NLB_19_an_icmp_error_comes_through(lab: Lab) -> None:
    """Of ICMP the load balancer carries "destination unreachable": who calls a closed port of a target is told so."""
    node = lab.public("nlb.a")
    check(lab, refused("client.example", node, "udp", 54), passes("client.example", node, "tcp", 80))


def test_NLB_19_NLB_06_part_of_no_flow(lab: Lab) -> None:
    """A TCP segment to a listener's port that is part of no known flow is reset; to any other port it is not."""
    heard = Tap(lab, "client.example")
    for port in (79, 80):
        segment = packets.TCP(sport=4000 + port, dport=port, flags="A", seq=1000, ack=77)
        Sender(lab, "client.example").send(lab.public("nlb.a"), segment)
    reset = heard.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags.R, "a RST")
    assert (reset["IP"].src, reset["TCP"].sport, reset["TCP"].seq) == (lab.public("nlb.a"), 80, 77)
    assert not [f for f in heard.came() if "TCP" in f.packet and f.packet["TCP"].sport == 79]


def test_LB_20_LB_21_own_zone_only(lab: Lab) -> None:
    """Without cross-zone balancing a node uses the targets of its own zone, evenly: 25 % each in a, less in c."""
    assert answering(lab, "client.example", lab.public("nlb.a"), 6) == ["a1"] * 3 + ["a2"] * 3
    assert answering(lab, "client.example", lab.public("nlb.c"), 6) == ["c1"] * 2 + ["c2"] * 2 + ["c3"] * 2


def test_LB_20_LB_21_cross_zone(lab: Lab) -> None:
    """With cross-zone balancing every node uses all targets: each gets the same share."""
    for node in (NODE_A, NODE_C):
        assert answering(lab, "caller", node, 10) == sorted(["a1", "a2", "c1", "c2", "c3"] * 2)


def test_LB_08_LB_07_unused_targets(lab: Lab) -> None:
    """Targets of a zone without a node, stopped ones, and those of a group without a listener are unused."""
    found = health(lab)
    assert found["web", "b1"] == ("unused", "Target.NotInUse")
    assert found["web", "off"] == ("unused", "Target.InvalidState")
    assert found["idle", "a1"] == ("unused", "Target.NotInUse")
    assert found["web", "a1"] == ("healthy", "")


def test_NLB_09_T_84_a_target_that_is_its_own_client(lab: Lab) -> None:
    """A target that calls itself through the load balancer times out, unless the node's address replaces its own."""
    node = lab.private("nlb.a")
    hears_nothing(lab, "a1", node, 84, (node, 85))
    assert call(lab, "caller", node, 84).node == "a1"


def test_NLB_04_the_groups_of_the_target(lab: Lab) -> None:
    """Without groups on the load balancer the target's must admit the client, or the node where its address is seen."""
    node = lab.public("nlb.a")
    assert call(lab, "client.example", node, 81) == ("narrow", lab.private("nlb.a"))
    hears_nothing(lab, "client.example", node, 82, (node, 81))


def test_LB_14_health_checks_come_from_the_node(lab: Lab) -> None:
    """Health checks come from the node's private address, and the target's groups must admit it."""
    seen = Tap(lab, "narrow")
    check_of = seen.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags == "S", "a health check")
    assert check_of["IP"].src in (lab.private("nlb.a"), lab.private("nlb.c"))
    assert health(lab)["kept", "narrow"].state == "healthy"


def test_NLB_03_inbound_rules_filter_clients(lab: Lab) -> None:
    """The load balancer's inbound rules filter clients, and not its health checks."""
    node = lab.public("guarded.a")
    assert call(lab, "client.example", node).node == "hidden"
    hears_nothing(lab, "other.example", node, 80, (lab.public("nlb.a"), 80))
    assert health(lab)["hidden", "hidden"].state == "healthy"


def test_NLB_04_a_target_names_the_load_balancers_group(lab: Lab) -> None:
    """A target's rule for the load balancer's group admits what comes by it, whatever the client's address."""
    assert call(lab, "client.example", lab.public("guarded.a")) == ("hidden", CLIENT)
    check(lab, drops("caller", "hidden", "tcp", 80), passes("caller", "a1", "tcp", 80))


def test_NLB_03_outbound_rules_filter_targets(lab: Lab) -> None:
    """Its outbound rules filter what goes to targets, health checks too: nobody is healthy, and nothing gets there."""
    found = eventually(lambda: [held for held in [health(lab)["mute", "a2"]] if held.state == "unhealthy"], within=40)
    assert found == [("unhealthy", "Target.Timeout")]
    hears_nothing(lab, "client.example", lab.public("muted.a"), 80, (lab.public("nlb.a"), 80))


def test_NLB_02_without_groups_everything_is_accepted(lab: Lab) -> None:
    """Without groups the load balancer accepts every client, on its listeners' ports."""
    for source in ("client.example", "other.example"):
        assert call(lab, source, lab.public("nlb.a")).node in ("a1", "a2")


def test_NLB_08_a_target_beyond_the_vpc(lab: Lab) -> None:
    """Targets of a peer and beyond a transit gateway are reached, and lost where the client's address is kept."""
    node = lab.public("nlb.a")
    assert call(lab, "client.example", node, 89) == ("yonder", lab.private("nlb.a"))
    assert call(lab, "client.example", lab.public("nlb.c"), 89) == ("yonder", lab.private("nlb.c"))
    assert call(lab, "client.example", node, 86) == ("there", lab.private("nlb.a"))
    hears_nothing(lab, "client.example", node, 87, (node, 86))
    hears_nothing(lab, "caller", lab.private("nlb.a"), 87, (lab.private("nlb.a"), 86))


def test_NLB_12_a_flow_stays_with_its_target(lab: Lab) -> None:
    """A flow of UDP stays with one target; another flow of the same client may have another one."""
    servers = {held.socket.fileno(): held for held in lab.servers}
    seen: list[list[str]] = []
    for _ in range(4):
        made = lab.open_socket("client.example", kind=socket.SOCK_DGRAM)
        made.connect((lab.public("nlb.a"), 53))
        targets = []
        for _ in range(3):
            made.send(b"word")
            chosen = eventually(lambda: [held for held in servers.values() if held.socket.readable(0)], "a datagram")
            _, source = chosen[0].socket.recvfrom(100)
            assert source[0] == CLIENT
            chosen[0].socket.sendto(b"answer", source)
            assert made.readable(10)
            assert made.recv(100) == b"answer"
            targets.append(chosen[0].node)
        seen.append(targets)
        made.close()
    assert all(len(set(targets)) == 1 for targets in seen)
    assert {targets[0] for targets in seen} == {"a1", "a2"}


def test_CT_06_a_targets_interface_remembers_udp_for_longer(lab: Lab) -> None:
    """A target may take 120 s (here: 6) to answer a datagram that has come by a node; others are given 30 (here: 2)."""

    def seconds() -> int:
        with lab.open_socket("client.example", kind=socket.SOCK_DGRAM) as made:
            made.connect((lab.public("nlb.a"), 53))
            made.send(b"one way")
            own = made.getsockname()[1]
            return max(remembered(lab, "udp", "client.example", target, own) or 0 for target in ("a1", "a2"))

    assert eventually(lambda: 2 < seconds() <= 6)


def test_NLB_13_stickiness(lab: Lab) -> None:
    """With stickiness all flows of a client go to one target."""
    assert len(set(answering(lab, "client.example", lab.public("nlb.a"), 6, 83))) == 1


def test_LB_15_what_a_health_check_asks(lab: Lab) -> None:
    """An HTTP health check names the node's address and the listener's port as its host."""
    seen = Tap(lab, "a1")
    asked = seen.wait_for(lambda packet: b"GET /ok" in bytes(packet), "an HTTP health check")
    assert f"Host: {asked['IP'].src}:88\r\n".encode() in bytes(asked)


def test_NLB_01_one_address_in_each_zone(lab: Lab) -> None:
    """A node has one private address of its subnet; one of an internet-facing load balancer has a public one, too."""
    assert {name: lab.private(name) for name in ("cross.a", "cross.c")} == {"cross.a": NODE_A, "cross.c": NODE_C}
    assert "cross.a" not in lab.addresses.public
    assert lab.public("nlb.a") != lab.public("nlb.c")
    for node in ("nlb.a", "nlb.c"):
        assert call(lab, "client.example", lab.public(node)) != SILENCE


def test_NLB_05_a_call_that_waits(lab: Lab) -> None:
    """A connection through the load balancer carries words both ways, for as long as it is used."""
    made = Call(lab, "client.example", lab.public("nlb.a"), 84)
    assert made.answer().node == "a1"
    for _ in range(3):
        made.socket.send(b"word")
        assert made.socket.readable(10)
        assert made.socket.recv(10) == b"word"
    made.socket.close()
