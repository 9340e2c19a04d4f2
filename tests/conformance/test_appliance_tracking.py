"""What passes an appliance passes the router twice: each network interface keeps its own memory of the flow."""

from tests.support import lab as labs
from tests.support import packets, probes
from tests.support.connection import Connection
from tests.support.lab import changed, edited
from tests.support.packets import Tap
from tests.support.probes import drops, passes
from tests.support.views import agree

# `fw` would be untracked by its own rules. `b` answers only because its group knows the flow: it may send nothing.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, route_table: a}
      b: {cidr_block: 10.0.2.0/24, route_table: b}
      inspection: {cidr_block: 10.0.3.0/24}
    route_tables:
      a: {routes: {10.0.2.0/24: fw}}
      b: {routes: {10.0.1.0/24: fw}}
    security_groups:
      caller: {egress: [{protocol: tcp, port: 80, to: 10.0.0.0/16}]}
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      called: {ingress: [{protocol: tcp, port: 80, from: 10.0.0.0/16}], egress: []}
    instances:
      a: {subnet: a, security_groups: [caller]}
      fw: {subnet: inspection, source_dest_check: false, security_groups: [open], services: [router]}
      b: {subnet: b, security_groups: [called]}
"""


def test_CT_13_tracking_is_on_each_interface_separately() -> None:
    """Each interface on a flow's way keeps its own state: an appliance's open group changes nothing for the others."""
    with labs.up(TOPOLOGY) as lab:
        lab.serve("b", tcp=(80, 81))
        appliance = Tap(lab, "fw")
        probes.check(lab, passes("a", "b", "tcp", 80), drops("a", "b", "tcp", 81), drops("b", "a", "tcp", 80))
        # It really went through the appliance, both ways.
        reply = appliance.wait_for(lambda p: packets.TCP in p and p[packets.TCP].sport == 80, "b's reply")
        assert reply[packets.IP].src == lab.private("b")


# `fw` lets a's questions through and nobody else's. c's questions reach a directly: only a's answers pass it.
ONE_WAY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, route_table: a}
      b: {cidr_block: 10.0.2.0/24, route_table: b}
      c: {cidr_block: 10.0.4.0/24}
      inspection: {cidr_block: 10.0.3.0/24}
    route_tables:
      a: {routes: {10.0.2.0/24: fw, 10.0.4.0/24: fw}}
      b: {routes: {10.0.1.0/24: fw}}
    security_groups:
      open: {ingress: [{protocol: all, from: 10.0.0.0/16}]}  # tracked
      inspected:
        ingress: [{protocol: tcp, port: 80, from: 10.0.1.0/24}, {protocol: udp, port: 53, from: 10.0.1.0/24}]
        egress: [{protocol: tcp, port: 80, to: 10.0.0.0/16}, {protocol: udp, port: 53, to: 10.0.0.0/16}]
    instances:
      a: {subnet: a, security_groups: [open]}
      b: {subnet: b, security_groups: [open]}
      c: {subnet: c, security_groups: [open]}
      fw: {subnet: inspection, source_dest_check: false, security_groups: [inspected], services: [router]}
"""


def test_CT_13_an_appliance_knows_the_flows_that_it_has_seen_and_no_others() -> None:
    """The answer to what an appliance has let through passes its groups; an answer to what went past it does not."""
    with labs.up(ONE_WAY) as lab:
        lab.serve("a", tcp=(80,))
        lab.serve("b", tcp=(80,), udp=(53,))
        lab.serve("c", tcp=(80,))
        appliance = Tap(lab, "fw")
        probes.check(
            lab,
            passes("a", "b", "tcp", 80),
            passes("a", "b", "udp", 53),  # asked once: the first answer comes through
            passes("b", "c", "tcp", 80),  # past the appliance, both ways
            drops("b", "a", "tcp", 80),  # its group lets nobody but a ask
            drops("c", "a", "tcp", 80),
        )
        answered = [frame.packet for frame in appliance.came() if packets.TCP in frame.packet]
        assert {packet[packets.IP].src for packet in answered} == {lab.private("a"), lab.private("b")}


def test_CT_13_CT_07_an_appliance_remembers_the_answers_that_it_has_let_through() -> None:
    """An answer may be the first that an appliance sees of a flow: it tracks that as well, so its rule may go."""
    rule = "{protocol: tcp, port: 1024-65535, from: 10.0.1.0/24}"
    answers = f"[{{protocol: tcp, port: 80, from: 10.0.1.0/24}}, {rule}]"
    before = edited(
        ONE_WAY,
        {
            "[{protocol: tcp, port: 80, from: 10.0.1.0/24}, {protocol: udp, port: 53, from: 10.0.1.0/24}]": answers,
            "[{protocol: tcp, port: 80, to: 10.0.0.0/16}, ": "[{protocol: tcp, port: all, to: 10.0.0.0/16}, ",
        },
    )
    with labs.up(before) as lab:
        lab.serve("c", tcp=(81,))
        running = Connection(lab, "c", "a", 80)
        running.lives()
        lab.up(edited(before, {answers: answers.replace(f", {rule}", "")}))
        running.lives()
        lab.serve("a", tcp=(80,))
        probes.check(lab, drops("c", "a", "tcp", 80), passes("b", "c", "tcp", 81))


# Routes lead what is for `two` to its second interface. It answers from its first one, which has seen no question.
TWO_INTERFACES = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      client: {cidr_block: 10.0.1.0/24, route_table: client}
      first: {cidr_block: 10.0.2.0/24}
      second: {cidr_block: 10.0.3.0/24}
    route_tables:
      client: {routes: {10.0.2.0/24: two.eth1}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      mute: {ingress: [{protocol: all, from: 0.0.0.0/0}], egress: []}
    instances:
      client: {subnet: client, security_groups: [open]}
      two:
        subnet: first
        security_groups: [mute]
        network_interfaces: [{subnet: second, security_groups: [mute], source_dest_check: false}]
"""


def test_CT_13_an_answer_by_an_interface_that_was_not_asked() -> None:
    """An answer is one for the interface that has seen the question; any other asks its groups."""
    with labs.up(TWO_INTERFACES) as lab:
        agree(lab, drops("client", "two", "icmp"), passes("client", lab.private("two.eth1"), "icmp"))
        opened = {"security_groups: [mute]\n        network": "security_groups: [open]\n        network"}
        with changed(TWO_INTERFACES, lab, opened):
            agree(lab, passes("client", "two", "icmp"))
