"""Instances that are stopped: what they keep, what they lose, and what becomes of packets for them."""

import re
import socket
from collections.abc import Iterator

import pytest

from emulator.analysis import analyze
from emulator.lab.probe import probe
from emulator.lab.status import status
from emulator.lab.trace import trace
from emulator.topology.flows import Component, flow
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap
from tests.support.probes import Probe, check, drops, passes

# `fw` is the way to 45.83.64.0/24 alone; the other outside hosts are reached through `nat`.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      hq: {cidr_block: 10.0.1.0/24, route_table: q}
      public: {cidr_block: 10.0.9.0/24, route_table: public, map_public_ip_on_launch: true}
    route_tables:
      q: {routes: {0.0.0.0/0: nat, 45.83.64.0/24: fw}}
      public: {routes: {0.0.0.0/0: igw}}
    nat_gateways: {nat: {subnet: public, elastic_ip: 52.1.1.3}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      apps: {}
      inner: {ingress: [{protocol: tcp, port: 80, from: apps}]}
    instances:
      hq: {subnet: hq, security_groups: [open, apps]}
      db: {subnet: hq, security_groups: [inner]}
      fw:
        {subnet: public, elastic_ip: 52.1.1.1, source_dest_check: false, security_groups: [open], services: [nat, http]}
      web: {subnet: public, security_groups: [open, apps], services: [http]}
      late: {subnet: public, security_groups: [open]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
    rest: {ip: 93.184.216.34}
"""


def stop(*names: str) -> str:
    """The lab with these stopped."""
    text = TOPOLOGY
    for name in names:
        text, count = re.subn(rf"( {name}:\s+{{)subnet", r"\1state: stopped, subnet", text)
        assert count == 1
    return text


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("hq", "db", "far", "rest"):
            up.serve(node, tcp=(80,))
        yield up


def test_RT_42_a_route_to_a_stopped_instance(lab: Lab) -> None:
    """A route to a stopped instance drops what it holds, though a default route is there, until it is started."""
    through_it = [Probe("hq", "far", "tcp", 80, seen_as="52.1.1.1")]
    beside_it = [Probe("hq", "rest", "tcp", 80, seen_as="52.1.1.3")]
    check(lab, through_it, beside_it)
    lab.up(stop("fw"))
    check(lab, drops("hq", "far", "tcp", 80), drops("hq", "far", "icmp"), beside_it)
    lab.up(TOPOLOGY)
    check(lab, through_it, beside_it)


def test_RT_40_it_is_terminated_instead(lab: Lab) -> None:
    """When the instance that a route leads to is terminated the route drops, though a default route is there."""
    beside_it = [Probe("hq", "rest", "tcp", 80, seen_as="52.1.1.3")]
    check(lab, [Probe("hq", "far", "tcp", 80, seen_as="52.1.1.1")], beside_it)
    lab.up(stop("fw").replace("stopped", "terminated"))
    check(lab, drops("hq", "far", "tcp", 80), beside_it)
    assert "fw" not in lab.addresses.private


def test_RT_42_packets_for_a_stopped_instance_vanish(lab: Lab) -> None:
    """Packets for a stopped instance vanish without an answer, whether sent to its private or to its Elastic IP."""
    private = lab.private("fw")
    check(lab, passes("hq", private, "tcp", 80), passes("far", "52.1.1.1", "tcp", 80))
    lab.up(stop("fw"))
    back = Tap(lab, "hq"), Tap(lab, "far")
    lost, done = packets.cookie(), packets.cookie()
    Sender(lab, "hq").send(private, packets.UDP(dport=514) / packets.Raw(lost))
    Sender(lab, "far").send("52.1.1.1", packets.UDP(dport=514) / packets.Raw(lost))
    check(
        lab,
        drops("hq", private, "tcp", 80),
        drops("hq", private, "icmp"),
        drops("far", "52.1.1.1", "tcp", 80),
        passes("hq", "rest", "tcp", 80),
    )
    Sender(lab, "hq").send("rest", packets.UDP(dport=514) / packets.Raw(done))
    back[0].wait(done)
    for tap in back:  # GEN-01: what vanishes is not answered by an ICMP error
        assert not [frame for frame in tap.frames() if not frame.outgoing and lost in frame.data]


def test_RT_42_a_stopped_neighbour_is_silence_too(lab: Lab) -> None:
    """To a stopped instance of its own subnet a sender's kernel gives up asking for a MAC: nobody has refused it."""
    neighbour = lab.private("late")
    check(lab, passes("web", neighbour, "icmp"))
    lab.up(stop("late"))
    lab.run("web", "sysctl", "-qw", "net.ipv4.neigh.eth0.retrans_time_ms=50")  # sooner than the tests do
    lab.run("web", "ip", "neigh", "flush", "dev", "eth0")
    silent = [flow(lab.topology, lab.addresses, "web", "late", what, 80) for what in ("tcp", "udp", "icmp")]
    passing = flow(lab.topology, lab.addresses, "web", "far", "tcp", 80)
    *lost, through = probe(lab.name, [*silent, passing])
    assert through.verdict.result == "pass"
    assert [found.verdict.result for found in lost] == ["drop"] * 3, lost
    for found in trace(lab.name, silent):
        assert (found.verdict.result, found.verdict.dropped_at) == ("drop", Component("instance", "late", "main"))


def test_RT_42_SUB_18_it_keeps_its_addresses(lab: Lab) -> None:
    """A stopped instance keeps its private address and its Elastic IP, and nobody else is given them."""
    private = {node: lab.private(node) for node in ("fw", "web", "hq", "late")}
    newcomer = {"      late: {subnet": "      next: {subnet: public}\n      late: {subnet"}
    lab.up(edited(stop("fw", "web"), newcomer))
    assert {node: lab.private(node) for node in private} == private
    assert lab.private("next") not in private.values()
    assert lab.public("fw") == "52.1.1.1"
    lab.up(edited(TOPOLOGY, newcomer))
    assert {node: lab.private(node) for node in private} == private
    check(lab, passes("far", "52.1.1.1", "tcp", 80), passes("hq", private["web"], "tcp", 80))


def test_SUB_17_an_assigned_public_address_is_released(lab: Lab) -> None:
    """The public IP that an instance was assigned is released when it is stopped, and a start assigns another one."""
    before = lab.public("web")
    check(lab, passes("far", before, "tcp", 80))
    lab.up(stop("web"))
    assert "web" not in lab.addresses.public
    check(lab, drops("far", before, "tcp", 80), passes("far", lab.public("fw"), "tcp", 80))
    lab.up(TOPOLOGY)
    after = lab.public("web")
    assert after not in (before, lab.public("late"))
    check(lab, passes("far", after, "tcp", 80), drops("far", before, "tcp", 80))
    again = lab.up(TOPOLOGY)
    assert lab.public("web") == after
    assert not again.plan.steps


def test_SG_30_a_stopped_instance_is_a_member_of_its_groups(lab: Lab) -> None:
    """Addresses of stopped instances stay in the groups that they carry, and others of the group go on matching."""
    check(lab, passes("hq", "db", "tcp", 80), passes("web", "db", "tcp", 80), drops("late", "db", "tcp", 80))
    lab.up(stop("web"))
    router = lab.state.namespaces["main.router"].ruleset
    assert router is not None
    (members,) = (line for line in router.text.splitlines() if lab.private("web") in line and "eni-web" in line)
    assert lab.private("hq") in router.text
    assert members
    check(lab, passes("hq", "db", "tcp", 80), drops("late", "db", "tcp", 80))


def test_RT_42_SUB_15_what_status_and_plan_say(lab: Lab) -> None:
    """A lab with a stopped instance is healthy, its addresses are in use, and a second `up` changes nothing."""
    outcome = lab.up(stop("web", "fw"))
    said = [change.text for change in outcome.plan.changes]
    assert said == ["state: running -> stopped", "state: running -> stopped", "public_ip: auto -> none"]
    assert {step.reason for step in outcome.plan.steps if step.node == "fw" and step.verb == "remove"} >= {
        "instance fw is stopped"
    }
    facts = status(lab.name)
    assert facts["healthy"], facts["wrong"]
    states = {instance["name"]: instance["state"] for instance in facts["vpcs"][0]["instances"]}
    assert states == {"hq": "running", "db": "running", "fw": "stopped", "web": "stopped", "late": "running"}
    free = {subnet["name"]: subnet["available_ip_address_count"] for subnet in facts["vpcs"][0]["subnets"]}
    assert free == {"hq": 251 - 2, "public": 251 - 4}
    assert not lab.up(stop("web", "fw")).plan.steps


def test_RT_42_the_model_and_a_trace_name_it(lab: Lab) -> None:
    """Of a packet that a stopped instance would have had, the model and a trace say that it ended there."""
    lab.up(stop("web", "fw"))
    flows = [
        flow(lab.topology, lab.addresses, source, target, "tcp", 80)
        for source, target in (("hq", "web"), ("hq", "far"), ("far", "fw"), ("hq", "rest"))
    ]
    ends = [traced.verdict.dropped_at for traced in trace(lab.name, flows)]
    assert [end and end.name for end in ends] == ["web", "fw", "fw", None]
    assert [analyze(lab.topology, lab.addresses, one).verdict.dropped_at for one in flows] == ends


def test_RT_42_somebody_is_still_inside(lab: Lab) -> None:
    """What goes on running inside an instance that is stopped is cut off, and does not stop the next start."""
    inside = lab.open_socket("web", kind=socket.SOCK_DGRAM)
    inside.sendto(b"before", (lab.private("hq"), 514))
    lab.up(stop("web"))
    with pytest.raises(OSError, match="unreachable"):
        inside.sendto(b"after", (lab.private("hq"), 514))
    check(lab, drops("hq", lab.private("web"), "tcp", 80), passes("hq", "db", "tcp", 80))
    lab.up(TOPOLOGY)
    check(lab, passes("hq", "web", "tcp", 80))
