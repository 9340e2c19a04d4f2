"""`internet: {uplink: true}`: the lab reaches the real network of the machine, and nothing reaches the lab from there.

The machine is a namespace of ours here, and so is the real network: `wan` leads to a public one, `lan` to a private.
"""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from emulator import names
from emulator.errors import UnsupportedError
from emulator.kernel import netns
from emulator.lab.trace import trace
from emulator.topology.flows import Component, flow
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

REAL = "1.1.1.1"
WAN = "198.51.100.1"  # the machine's own public address
LAN_HOST = "192.168.1.10"
TEXT = edited(
    (labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8"),
    {"internet:\n  hosts:": "internet:\n  uplink: true\n  hosts:"},
)


class Machine:
    """A namespace that plays the machine, and one that plays all that is beyond it."""

    def __init__(self) -> None:
        self.name = f"machine-{secrets.token_hex(4)}"
        self.beyond = f"{self.name}-beyond"

    def build(self) -> None:
        for name in (self.name, self.beyond):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for link, here, there in (
            ("wan", f"{WAN}/24", "198.51.100.254/24"),
            ("lan", "192.168.1.1/24", f"{LAN_HOST}/24"),
        ):
            ip("-n", self.name, "link", "add", link, "type", "veth", "peer", "name", link, "netns", self.beyond)
            for name, address in ((self.name, here), (self.beyond, there)):
                ip("-n", name, "addr", "add", address, "dev", link)
                ip("-n", name, "link", "set", link, "up")
        ip("-n", self.name, "route", "add", "default", "via", "198.51.100.254")
        ip("-n", self.beyond, "addr", "add", f"{REAL}/32", "dev", "lo")
        ip("-n", self.beyond, "addr", "add", "10.77.0.1/32", "dev", "lo")
        # Whoever is beyond takes the machine for a router to everywhere.
        ip("-n", self.beyond, "route", "add", "default", "via", WAN)
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        # A link-local address settles a second after its link is up, and would blur `picture`.
        self.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1")

    def remove(self) -> None:
        for name in (self.name, self.beyond):
            ip("netns", "delete", name)

    def run(self, *argv: str) -> str:
        return subprocess.run(
            ("ip", "netns", "exec", self.name, *argv), check=True, capture_output=True, text=True
        ).stdout

    def picture(self) -> list[str]:
        return [
            self.run(*view.split())
            for view in ("ip -br addr", "ip route show table all", "ip rule", "nft list ruleset")
        ]


def ip(*argv: str) -> None:
    subprocess.run(("ip", *argv), check=True)


@contextmanager
def playing(machine: Machine) -> Iterator[None]:
    """This process takes the machine's namespace for its own."""
    namespace = netns.open_namespace(machine.name)
    with netns.enter(namespace):
        yield


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine()
    made.build()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def lab(machine: Machine) -> Iterator[Lab]:
    with playing(machine), labs.up(TEXT) as up:
        up.stands_for("beyond", netns.path(machine.beyond), REAL)
        up.stands_for("machine", netns.path(machine.name), WAN)
        for node, address in (("beyond", REAL), ("machine", WAN)):
            up.serve(node, tcp=(22, 80), udp=(514,), at=address)
        up.serve("dev", tcp=(22,), udp=(514,))
        yield up


def test_the_lab_reaches_the_real_network(lab: Lab) -> None:
    """A private instance, a public one and an outside host: beyond, all are seen as the machine."""
    check(
        lab,
        [Probe(node, REAL, "tcp", 80, seen_as=WAN) for node in ("dev", "web", "attacker")],
        [Probe(node, REAL, "udp", 514) for node in ("dev", "web", "attacker")],
        [Probe(node, REAL, "icmp") for node in ("dev", "web", "attacker")],
    )


def test_what_the_lab_has_itself_stays_in_it(lab: Lab) -> None:
    """The lab's own outside hosts and public addresses are not looked for in the real network."""
    beyond = Tap(lab, "beyond")
    check(
        lab,
        [Probe("dev", "93.184.216.34", "tcp", 80, seen_as="52.195.125.184")],
        passes("dev", "8.8.8.8", "icmp"),
        passes("attacker", lab.public("web"), "tcp", 80),
        drops("attacker", "52.195.125.184", "icmp"),
    )
    assert not [frame.packet.summary() for frame in beyond.came() if "IP" in frame.packet]


def test_nothing_comes_in_from_there(lab: Lab) -> None:
    """Unsolicited packets of all kinds, to every address that leads to the lab or might: dropped at the uplink."""
    uplink = names.uplink_address(lab.name)
    web, internet = Tap(lab, "web"), Tap(lab, "internet")
    taps = [web, Tap(lab, "dev"), Tap(lab, "nat"), Tap(lab, "igw"), Tap(lab, "attacker")]
    sender = Sender(lab, "beyond", "wan")
    mark = packets.cookie()
    targets = [WAN, str(uplink), str(uplink + 1), "52.195.125.184", lab.public("web"), "8.8.8.8", "45.83.64.9"]
    targets += ["192.0.2.1", lab.private("dev"), lab.private("web"), "10.0.20.1"]
    lab.must("machine", f"ip route add 52.195.125.184 via {uplink + 1}", f"ip route add 10.0.0.0/16 via {uplink + 1}")
    lab.must(
        "machine", f"ip route add {lab.public('web')} via {uplink + 1}", f"ip route add 192.0.2.1 via {uplink + 1}"
    )
    for to in targets:
        for upper in (
            packets.TCP(dport=80, flags="S"),
            packets.TCP(dport=80, flags="A"),
            packets.UDP(dport=53),
            packets.ICMP(),
        ):
            sender.send(to, upper / packets.Raw(mark))
    for held in ("52.195.125.184", "10.0.0.0/16", lab.public("web"), "192.0.2.1"):
        lab.must("machine", f"ip route del {held}")
    check(lab, [Probe("dev", REAL, "tcp", 80, seen_as=WAN)])
    silent(*taps, about=mark)
    assert not [f.packet.summary() for f in internet.left() if f.link == names.UPLINK_LINK and mark in f.data]


def test_a_reply_must_be_one(lab: Lab) -> None:
    """What comes back through the uplink belongs to a flow of the lab's, port by port."""
    beyond, dev = Tap(lab, "beyond"), Tap(lab, "dev")
    out, right, wrong = packets.cookie(), packets.cookie(), packets.cookie()
    Sender(lab, "dev").send(REAL, packets.UDP(sport=4000, dport=9999) / packets.Raw(out))
    seen = beyond.wait(out)
    port = seen["UDP"].sport
    sender = Sender(lab, "beyond", "wan")
    for fields in ({"sport": 9998, "dport": port}, {"sport": 9999, "dport": port ^ 1}):
        sender.send(WAN, packets.UDP(**fields) / packets.Raw(wrong))
    sender.send(WAN, packets.UDP(sport=9999, dport=port) / packets.Raw(wrong), src="1.0.0.1")
    sender.send(WAN, packets.UDP(sport=9999, dport=port) / packets.Raw(right))
    assert dev.wait(right)["UDP"].dport == 4000
    silent(dev, about=wrong)


def test_private_destinations_do_not_pass(lab: Lab) -> None:
    """IGW-08: the machine's own LAN is not the internet: neither for instances nor for outside hosts."""
    beyond, machine = Tap(lab, "beyond"), Tap(lab, "machine")
    mark, done = packets.cookie(), packets.cookie()
    uplink = names.uplink_address(lab.name)
    private = [
        LAN_HOST,
        "192.168.1.1",
        "10.77.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        str(uplink),
        "127.0.0.1",
    ]
    for node in ("dev", "web", "attacker"):
        sender = Sender(lab, node)
        for to in private:
            for upper in (packets.TCP(dport=80, flags="S"), packets.UDP(dport=514), packets.ICMP()):
                sender.send(to, upper / packets.Raw(mark))
        sender.send(REAL, packets.UDP(dport=514) / packets.Raw(done))
        beyond.wait(done)
        beyond.forget()
    silent(beyond, machine, about=mark)


def test_the_machine_itself_is_not_reached(lab: Lab) -> None:
    """A lab may come from a stranger: what listens on the machine is none of its business, whatever the address."""
    check(
        lab,
        [Probe("dev", REAL, "tcp", 80, seen_as=WAN)],
        *(drops(node, WAN, "tcp", 22, 80) for node in ("dev", "web", "attacker")),
        *(drops(node, WAN, "udp", 514) for node in ("dev", "web", "attacker")),
        *(drops(node, WAN, "icmp") for node in ("dev", "attacker")),
    )


def test_it_comes_and_goes(machine: Machine) -> None:
    """One link and one nft table on the machine; `down` takes both away, and so does an edit of the file."""
    before = machine.picture()
    with playing(machine):
        with labs.up(TEXT) as lab:
            link, table = names.uplink(lab.name), names.uplink_table(lab.name)
            assert link in machine.run("ip", "link")
            assert table in machine.run("nft", "list", "tables")
            lab.up(edited(TEXT, {"uplink: true": "uplink: false"}))
            assert machine.picture() == before
            lab.stands_for("beyond", netns.path(machine.beyond), REAL)
            lab.serve("beyond", tcp=(8080,))
            check(lab, drops("dev", REAL, "tcp", 8080), passes("dev", "93.184.216.34", "tcp", 80))
            lab.up(TEXT)
            check(lab, [Probe("dev", REAL, "tcp", 8080, seen_as=WAN)])
        assert machine.picture() == before


def test_a_machine_that_does_not_forward(machine: Machine) -> None:
    """It is its owner's to decide: `up` says what to do and does nothing."""
    machine.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    before = machine.picture()
    try:
        with playing(machine), pytest.raises(UnsupportedError, match="ip_forward"), labs.up(TEXT):
            pass
        assert machine.picture() == before
    finally:
        machine.run("sysctl", "-qw", "net.ipv4.ip_forward=1")


def test_a_trace_follows_to_the_uplink(lab: Lab) -> None:
    """What happens beyond nobody can see, but the answer is seen coming back."""
    beyond, nobody = (flow(lab.topology, lab.addresses, "dev", to, "icmp") for to in (REAL, "198.51.100.77"))
    answered, lost = trace(lab.name, [beyond, nobody])
    assert (answered.verdict.result, answered.dropped_at) == ("pass", None), answered.reason
    assert [hop.node for hop in answered.forward] == ["dev", "main.router", "nat", "main.router", "igw", "internet"]
    assert answered.forward[-1].left == names.UPLINK_LINK
    assert [hop.node for hop in answered.back] == ["internet", "igw", "main.router", "nat", "main.router", "dev"]
    assert lost.verdict.result == "drop"
    assert lost.dropped_at == Component("internet", "internet")
    assert lost.reason == "it left the lab by uplink, and nothing is known of it since"
