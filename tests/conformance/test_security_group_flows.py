"""What becomes of a flow when its rule goes: tracked flows live on, untracked ones are cut at once."""

import struct
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.connection import Connection
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import check, drops, passes
from tests.support.wait import eventually

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      front: {cidr_block: 10.0.0.0/24, map_public_ip_on_launch: true, route_table: public}
      back: {cidr_block: 10.0.2.0/24, route_table: private}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    nat_gateways: {nat: {subnet: front}}
    security_groups:
      hq:
        ingress:
          - {protocol: tcp, port: 22, from: 198.51.100.0/24}
          - {protocol: tcp, port: 80, from: 0.0.0.0/0}
          - {protocol: icmp, from: 0.0.0.0/0}
      shut:
        ingress: [{protocol: tcp, port: 81, from: 0.0.0.0/0}]
        egress: [{protocol: tcp, port: all, to: 10.0.0.0/8}]
      open:
        ingress: [{protocol: all, from: 0.0.0.0/0}]
        egress: [{protocol: all, to: 0.0.0.0/0, description: of open}]
      to-one-port:
        ingress: [{protocol: all, from: 0.0.0.0/0}]
        egress: [{protocol: tcp, port: 82, to: 0.0.0.0/0}]
      to-one-block:
        egress: [{protocol: tcp, port: 83, to: 10.0.0.0/16}]
      new: {}
    instances:
      hq: {subnet: front, security_groups: [hq]}
      shut: {subnet: front, security_groups: [shut]}
      open: {subnet: front, security_groups: [open]}
      both: {subnet: front, security_groups: [shut, new]}
      one-port: {subnet: front, security_groups: [to-one-port]}
      one-block: {subnet: front, security_groups: [to-one-block]}
      dev: {subnet: back, security_groups: [open]}
      new: {subnet: front, security_groups: [new]}
      peer: {subnet: front, security_groups: [hq]}
internet:
  hosts:
    client: {ip: 198.51.100.7}
    elsewhere: {ip: 45.83.64.9}
"""

SSH = "          - {protocol: tcp, port: 22, from: 198.51.100.0/24}\n"
HTTP = "          - {protocol: tcp, port: 80, from: 0.0.0.0/0}\n"
ICMP = "          - {protocol: icmp, from: 0.0.0.0/0}\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


changed = partial(labs.changed, TOPOLOGY)


def test_T_43_a_tracked_connection_outlives_its_rule(lab: Lab) -> None:
    """A connection that a rule for 198.51.100.0/24 admitted is tracked: it goes on when the rule is removed."""
    ssh = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {SSH: ""}):
        ssh.lives()
        lab.serve("peer", tcp=(22, 80))  # of the same group
        to = lab.public("peer")
        check(lab, drops("client", to, "tcp", 22), passes("client", to, "tcp", 80))
        ssh.lives()


def test_T_44_an_untracked_connection_is_cut_with_its_rule(lab: Lab) -> None:
    """A connection that a rule for 0.0.0.0/0 admitted, with all egress open, stalls when the rule is removed."""
    http = Connection(lab, "client", "hq", 80, lab.public("hq"))
    inside = Connection(lab, "new", "hq", 80)
    ssh = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {HTTP: ""}):
        http.stalls(ssh)
        inside.stalls(ssh)
    http.lives()  # nobody has reset it
    inside.lives()


def test_CT_02_which_connections_are_tracked(lab: Lab) -> None:
    """From 0.0.0.0/0 with all egress open: not tracked. From a block, or with egress restricted: tracked."""
    to_all = Connection(lab, "client", "hq", 80, lab.public("hq"))
    to_block = Connection(lab, "client", "hq", 22, lab.public("hq"))
    shut = Connection(lab, "client", "shut", 81, lab.public("shut"))
    union = Connection(lab, "client", "both", 81, lab.public("both"))  # SG-02: another of its groups opens egress
    with changed(lab, {HTTP: "", SSH: "", "[{protocol: tcp, port: 81, from: 0.0.0.0/0}]": "[]"}):
        to_all.stalls(to_block, shut)
        union.stalls(to_block, shut)


def test_CT_04_through_a_nat_gateway_all_is_tracked(lab: Lab) -> None:
    """A connection through a NAT gateway is tracked whatever the rules; the same instance's direct one is not."""
    out = Connection(lab, "dev", "elsewhere", 8080)
    direct = Connection(lab, "dev", "open", 8080)
    with changed(lab, {"to: 0.0.0.0/0, description: of open": "to: 192.0.2.0/24"}):
        direct.stalls(out)
    direct.lives()


def test_CT_07_the_callers_own_rule(lab: Lab) -> None:
    """An egress rule for 0.0.0.0/0 that is removed cuts an untracked connection; one for a block does not."""
    untracked = Connection(lab, "one-port", "open", 82)
    tracked = Connection(lab, "one-block", "open", 83)
    with changed(
        lab, {"{protocol: tcp, port: 82, to: 0.0.0.0/0}": "", "{protocol: tcp, port: 83, to: 10.0.0.0/16}": ""}
    ):
        untracked.stalls(tracked)
    untracked.lives()


def test_CT_07_the_other_direction_is_judged_too(lab: Lab) -> None:
    """Of an untracked connection the answers need a rule as well, once the one that allows everything is gone."""
    untracked = Connection(lab, "new", "open", 84)
    tracked = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {"[{protocol: all, to: 0.0.0.0/0, description: of open}]": "[]"}):
        untracked.far.send(b"y")
        tracked.lives()
        assert not untracked.near.readable(0.3)
    untracked.lives()


def test_CT_07_the_callers_other_direction(lab: Lab) -> None:
    """An untracked connection is cut for its caller by the ingress rules too, once they do not admit the answers."""
    untracked = Connection(lab, "open", "shut", 81)
    tracked = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {"open:\n        ingress: [{protocol: all, from: 0.0.0.0/0}]": "open:\n        ingress: []"}):
        untracked.far.send(b"y")
        tracked.lives()
        assert not untracked.near.readable(0.3)
    untracked.lives()


def test_CT_10_errors_about_an_untracked_flow_pass(lab: Lab) -> None:
    """An ICMP error about an untracked flow comes in without a rule for ICMP, as for a tracked one."""
    caller, called = Tap(lab, "new"), Tap(lab, "both")
    connection = Connection(lab, "new", "both", 81)
    mark, made_up = packets.cookie(), packets.cookie()
    connection.far.send(mark)
    quoted = bytes(caller.wait(mark)["IP"])
    sender = Sender(lab, "new")
    other = packets.IP(src=lab.private("both"), dst=lab.private("new")) / packets.TCP(sport=81, dport=9) / made_up
    sender.send("both", packets.ICMP(type=3, code=4, nexthopmtu=1400) / other)
    sender.send("both", packets.ICMP(type=3, code=4, nexthopmtu=8000) / packets.IP(quoted))
    called.wait_for(lambda packet: "ICMP" in packet and mark in bytes(packet), "the error")
    silent(called, about=made_up)


def test_CT_13_each_end_tracks_for_itself(lab: Lab) -> None:
    """A connection may be tracked at the caller's interface and untracked at the other, where rules then count."""
    connection = Connection(lab, "one-block", "open", 83)
    control = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {"{protocol: tcp, port: 83, to: 10.0.0.0/16}": ""}):
        connection.lives()
    with changed(lab, {"open:\n        ingress: [{protocol: all, from: 0.0.0.0/0}]": "open:\n        ingress: []"}):
        connection.stalls(control)


def test_CT_14_a_segment_without_syn_is_judged_by_the_rules(lab: Lab) -> None:
    """A TCP segment of a connection that an interface does not know comes in where a rule allows its port."""
    came, sender = Tap(lab, "hq"), Sender(lab, "new")
    right, wrong = packets.cookie(), packets.cookie()
    sender.send("hq", packets.TCP(sport=4000, dport=23, flags="A") / packets.Raw(wrong))
    sender.send("hq", packets.TCP(sport=4000, dport=80, flags="A") / packets.Raw(right))
    came.wait(right)
    silent(came, about=wrong)


def test_CT_07_of_two_rules_one_is_enough(lab: Lab) -> None:
    """An untracked connection that two rules admit goes on when either of them is removed, and is cut with the last."""
    both = f"{HTTP}          - {{protocol: tcp, port: 79-81, from: 0.0.0.0/0}}\n"
    with changed(lab, {HTTP: both}):
        http = Connection(lab, "client", "hq", 80, lab.public("hq"))
    ssh = Connection(lab, "client", "hq", 22, lab.public("hq"))
    with changed(lab, {HTTP: both.removeprefix(HTTP)}):
        http.lives()
    with changed(lab, {HTTP: ""}):
        http.stalls(ssh)


def test_CT_09_CT_16_ssh_and_icmp_are_tracked_and_http_is_not(lab: Lab) -> None:
    """With ssh from one block, http and ICMP from everywhere and all egress, only http is untracked."""
    ssh = Connection(lab, "client", "hq", 22, lab.public("hq"))
    http = Connection(lab, "client", "hq", 80, lab.public("hq"))
    answers = Tap(lab, "client")
    ping, other = Sender(lab, "client"), packets.cookie()

    def echo(identity: int) -> bytes:
        mark: bytes = packets.cookie()
        ping.send(lab.public("hq"), packets.ICMP(id=identity, seq=1) / packets.Raw(mark))
        return mark

    answers.wait(echo(7))
    with changed(lab, {SSH: "", HTTP: "", ICMP: "          - {protocol: udp, port: 9, from: 10.0.0.0/8}\n"}):
        http.stalls(ssh)
        other = echo(8)  # CT-09: another ping is another flow
        answers.wait(echo(7))
        silent(answers, about=other)


def test_CT_17_a_changed_rule_counts_as_removed(lab: Lab) -> None:
    """A rule changed so that it admits an untracked connection no more cuts it; one that still admits it does not."""
    http = Connection(lab, "client", "hq", 80, lab.public("hq"))
    near = Connection(lab, "new", "hq", 80)
    with changed(lab, {HTTP: HTTP.replace("0.0.0.0/0", "10.0.0.0/8")}):
        http.stalls(near)
    with changed(lab, {HTTP: HTTP.replace("80", "79-81")}):
        http.lives()
        near.lives()


def _sctp(source: int, destination: int) -> bytes:
    """The head of an INIT, which opens an association."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65535, 10, 10, 1)
    return struct.pack("!HHII", source, destination, 0, 0) + chunk


def _pptp(call: int) -> bytes:
    return struct.pack("!HHHHI", 0x3001, 0x880B, 18, call, 1)


# What goes out, and what then comes in: another flow, were ports and calls looked at.
BY_ADDRESS = {
    "ESP": (50, b"", b""),
    "GRE with a key": (47, struct.pack("!HHI", 0x2000, 0x0800, 1), struct.pack("!HHI", 0x2000, 0x0800, 2)),
    "GRE of PPTP": (47, _pptp(1), _pptp(2)),
    "SCTP": (132, _sctp(1000, 2000), _sctp(3000, 4000)),
    "UDP-Lite": (136, struct.pack("!HHHH", 1, 2, 8, 0), struct.pack("!HHHH", 3, 4, 8, 0)),
}


@pytest.mark.parametrize("name", BY_ADDRESS)
def test_CT_03_other_protocols_are_tracked_by_address(name: str) -> None:
    """After a packet that is neither TCP, UDP nor ICMP went out, all of its protocol comes in from that host alone."""
    protocol, out, back = BY_ADDRESS[name]
    with labs.up(TOPOLOGY) as lab:
        came, asked = Tap(lab, "new"), Tap(lab, "open")
        first, right, wrong = packets.cookie(), packets.cookie(), packets.cookie()
        Sender(lab, "open").send("new", packets.Raw(back + wrong), proto=protocol)
        Sender(lab, "new").send("open", packets.Raw(out + first), proto=protocol)
        asked.wait(first)
        Sender(lab, "one-port").send("new", packets.Raw(back + wrong), proto=protocol)
        Sender(lab, "dev").send("new", packets.Raw(back + wrong), proto=protocol)
        Sender(lab, "open").send("new", packets.Raw(wrong), proto=51)
        Sender(lab, "open").send("new", packets.Raw(back + right), proto=protocol)
        came.wait(right)
        silent(came, about=wrong)
        # CT-13: the called one's own interface knows its caller as well, and lets out what its groups would not.
        asked, back_again = Tap(lab, "one-port"), packets.cookie()
        Sender(lab, "new").send("one-port", packets.Raw(out + first), proto=protocol)
        asked.wait(first)
        Sender(lab, "one-port").send("new", packets.Raw(back + back_again), proto=protocol)
        came.wait(back_again)


def test_CT_03_a_peer_is_forgotten() -> None:
    """After 600 s (here: 2 s) without a packet of the protocol nothing comes in from the host any more."""
    protocol, out, back = BY_ADDRESS["SCTP"]

    with labs.up("settings: {time_scale: 300}\n" + TOPOLOGY) as lab:

        def nobody_remembered() -> bool:
            return "expires" not in lab.run("main.router", "nft", "list", "set", "ip", "vpcemu", "peers").output

        came, asked = Tap(lab, "new"), Tap(lab, "open")
        first, wrong, again, right = (packets.cookie() for _ in range(4))
        Sender(lab, "new").send("open", packets.Raw(out + first), proto=protocol)
        asked.wait(first)
        assert not nobody_remembered()
        assert eventually(nobody_remembered)
        Sender(lab, "open").send("new", packets.Raw(back + wrong), proto=protocol)
        Sender(lab, "new").send("open", packets.Raw(out + again), proto=protocol)
        asked.wait(again)
        Sender(lab, "open").send("new", packets.Raw(back + right), proto=protocol)
        came.wait(right)
        silent(came, about=wrong)


def test_CT_03_CT_13_an_acl_is_asked_all_the_same() -> None:
    """What an ENI knows by address is asked by the network ACLs like any other packet."""
    protocol, out, back = BY_ADDRESS["SCTP"]
    deny = "{rule_no: 50, action: deny, protocol: 132, cidr_block: 10.0.2.0/24}"
    everything = "{rule_no: 100, action: allow, protocol: all, cidr_block: 0.0.0.0/0}"
    acl = f"    network_acls: {{default: {{ingress: [{deny}, {everything}], egress: [{everything}]}}}}\n"
    with labs.up(edited(TOPOLOGY, {"    security_groups:\n": f"{acl}    security_groups:\n"})) as lab:
        came, asked, near = Tap(lab, "new"), Tap(lab, "dev"), Tap(lab, "open")
        first, right, wrong = packets.cookie(), packets.cookie(), packets.cookie()
        Sender(lab, "new").send("dev", packets.Raw(out + first), proto=protocol)
        Sender(lab, "new").send("open", packets.Raw(out + first), proto=protocol)
        asked.wait(first)
        near.wait(first)
        Sender(lab, "dev").send("new", packets.Raw(back + wrong), proto=protocol)
        Sender(lab, "open").send("new", packets.Raw(back + right), proto=protocol)
        came.wait(right)
        silent(came, about=wrong)
