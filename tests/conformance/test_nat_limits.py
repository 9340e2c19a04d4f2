"""How many connections a NAT gateway holds to one destination: 55,000 per address on AWS, here three."""

import json
import socket
from collections.abc import Iterator

import pytest

from emulator.lab.metrics import metrics
from tests.support import lab as labs
from tests.support import packets
from tests.support.connections import Connection
from tests.support.lab import Held, Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import check, drops, passes
from tests.support.wait import eventually

DOC = labs.TOPOLOGIES.parent / "docs" / "json.md"
LIMIT = 3
WEB_EXAMPLE = "93.184.216.34"
SETTINGS = f"name: nat\nsettings: {{nat_gateway_connections: {LIMIT}}}\n"
SECOND = "elastic_ip: 52.195.125.184, secondary_elastic_ips: [52.195.125.185]"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    text = (labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8")
    with labs.up(labs.edited(text, {"name: nat\n": SETTINGS})) as up:
        up.serve("web.example", tcp=(9000, 9001, 9002), udp=(9000, 9001))
        up.serve("dns.example", tcp=(9000,))
        yield up


def refused_allocations(lab: Lab) -> int:
    return told(lab)["ErrorPortAllocation"]


def told(lab: Lab) -> dict[str, int]:
    """What `vpcemu metrics` tells of the one NAT gateway."""
    (held,) = metrics(lab.name, "nat")["nat_gateways"]
    return held["metrics"]


def test_T_34_one_connection_too_many(lab: Lab) -> None:
    """The connection that exceeds 55,000 to one address, port and protocol times out; another port or address works."""
    before = refused_allocations(lab)
    held = [Connection(lab, "dev", WEB_EXAMPLE, 9000) for _ in range(LIMIT)]
    check(
        lab,
        drops("dev", WEB_EXAMPLE, "tcp", 9000),
        passes("dev", WEB_EXAMPLE, "tcp", 9001),
        passes("dev", WEB_EXAMPLE, "udp", 9000),
        passes("dev", "8.8.8.8", "tcp", 9000),
    )
    assert refused_allocations(lab) > before
    for connection in held:
        connection.carries()


def test_NAT_50_NAT_51_metrics_tell_attempts_that_nobody_answered(lab: Lab) -> None:
    """Every SYN is an attempt, and only what is answered is established; bytes are counted at both sides."""
    before = told(lab)
    made = Connection(lab, "dev", WEB_EXAMPLE, 9001)
    made.carries()
    check(lab, drops("dev", "203.0.113.77", "tcp", 80), passes("dev", "8.8.8.8", "tcp", 9000))
    check(lab, drops("attacker", "52.195.125.184", "icmp"), passes("dev", "8.8.8.8", "icmp"))
    after = told(lab)
    grown = {name: after[name] - before[name] for name in after}
    assert grown["ConnectionAttemptCount"] >= 3
    assert grown["ConnectionEstablishedCount"] == 2
    assert grown["PacketsDropCount"] >= 1
    assert grown["ErrorPortAllocation"] == 0
    assert after["ActiveConnectionCount"] >= 1
    for way in ("InFromSource", "OutToDestination", "InFromDestination", "OutToSource"):
        assert grown[f"Packets{way}"] >= 3
        assert grown[f"Bytes{way}"] > 20 * grown[f"Packets{way}"]
    made.reset()
    sample = DOC.read_text().partition("## metrics\n")[2].partition("```json\n")[2].partition("```")[0]
    (shown,) = json.loads(sample)["nat_gateways"]
    assert shown.keys() == metrics(lab.name)["nat_gateways"][0].keys()
    assert shown["metrics"].keys() == after.keys()


def test_NAT_24_a_connection_that_ends_makes_room(lab: Lab) -> None:
    """A NAT gateway counts simultaneous connections: when one has ended, another one fits."""
    held = [Connection(lab, "dev", WEB_EXAMPLE, 9002) for _ in range(LIMIT)]
    check(lab, drops("dev", WEB_EXAMPLE, "tcp", 9002), passes("dev", "8.8.8.8", "icmp"))
    held.pop().close()

    def fits() -> bool:
        client = lab.open_socket("dev")
        client.connect_ex((WEB_EXAMPLE, 9002))
        client.readable(0.2)
        with client:
            return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and _is_connected(client)

    eventually(fits, "another connection")


def _is_connected(client: Held) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("protocol", ["udp", "icmp"])
def test_NAT_24_udp_and_icmp_are_counted_by_flow(lab: Lab, protocol: str) -> None:
    """UDP flows and ICMP queries are counted like TCP connections, and however many packets of one flow count once."""
    outside = Tap(lab, "web.example")
    sender = Sender(lab, "dev")

    def send(flow: int) -> bytes:
        mark = packets.cookie()
        upper = packets.ICMP(type=8, id=flow) if protocol == "icmp" else packets.UDP(sport=40000 + flow, dport=9001)
        sender.send(WEB_EXAMPLE, upper / packets.Raw(mark))
        return mark

    for flow in range(LIMIT):
        for _ in range(2 * LIMIT):
            outside.wait(send(flow))
    refused = send(LIMIT)
    outside.wait(send(0))
    silent(outside, about=refused)


def test_NAT_25_each_address_has_its_own_limit(lab: Lab) -> None:
    """A NAT gateway with two addresses spreads connections over them, and holds twice as many to one destination."""
    text = (labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8")
    changed = {"name: nat\n": SETTINGS, "elastic_ip: 52.195.125.184": SECOND}
    with labs.up(labs.edited(text, changed)) as two:
        two.serve("web.example", tcp=(9000,))
        held = [Connection(two, "dev", WEB_EXAMPLE, 9000) for _ in range(2 * LIMIT)]
        callers = [connection.seen_as for connection in held]
        assert {caller: callers.count(caller) for caller in callers} == {
            "52.195.125.184": LIMIT,
            "52.195.125.185": LIMIT,
        }
        for connection in held:
            connection.carries()
        check(
            two,
            drops("dev", WEB_EXAMPLE, "tcp", 9000),
            passes("dev", WEB_EXAMPLE, "tcp", 80),
            drops("attacker", "52.195.125.185", "icmp"),
            drops("web", two.private("nat+1"), "icmp"),
        )
        nothing_unsolicited(two, "52.195.125.185")


def _ended(lab: Lab, port: int) -> bool:
    """Whether the NAT gateway has seen the reset of the connection from that port.

    The entry must be seen closed. That none is seen open proves nothing: the file is read in pieces from a table that
    all namespaces share, and one that shrinks meanwhile hides entries.
    """
    entries = lab.run("nat", "cat", "/proc/net/nf_conntrack").output.splitlines()
    return any(" CLOSE " in entry and f"sport={port} " in entry for entry in entries)


def test_NAT_25_a_full_address_makes_way_for_another() -> None:
    """A connection that finds one address of a NAT gateway full gets another that has room, whoever's turn it is."""
    text = (labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8")
    changed = {"name: nat\n": SETTINGS, "elastic_ip: 52.195.125.184": SECOND}
    with labs.up(labs.edited(text, changed)) as two:
        two.serve("web.example", tcp=(9000,))
        held = [Connection(two, "dev", WEB_EXAMPLE, 9000) for _ in range(2 * LIMIT)]
        for address in ("52.195.125.185", "52.195.125.184", "52.195.125.185"):
            gone = next(connection for connection in held if connection.seen_as == address)
            held.remove(gone)
            port = gone.client.getsockname()[1]
            gone.reset()
            eventually(lambda port=port: _ended(two, port), "the reset")  # type: ignore[misc]
            held.append(Connection(two, "dev", WEB_EXAMPLE, 9000))
            assert not refused_allocations(two)
        check(two, drops("dev", WEB_EXAMPLE, "tcp", 9000), passes("dev", WEB_EXAMPLE, "tcp", 80))


def test_NAT_10_an_address_comes_and_goes() -> None:
    """Connections end with the address of the NAT gateway that they have; those of its other addresses go on."""
    text = labs.edited((labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8"), {"name: nat\n": SETTINGS})
    both = labs.edited(text, {"elastic_ip: 52.195.125.184": SECOND})
    with labs.up(text) as lab:
        lab.serve("web.example", tcp=(9000,))
        first = Connection(lab, "dev", WEB_EXAMPLE, 9000)
        lab.up(both)
        first.carries()  # an address that comes cuts nobody
        more = [Connection(lab, "dev", WEB_EXAMPLE, 9000) for _ in range(2)]
        on = {connection.seen_as: connection for connection in more}
        assert sorted(on) == ["52.195.125.184", "52.195.125.185"]
        lab.up(text)
        first.carries()
        on["52.195.125.184"].carries()
        gone = on["52.195.125.185"].client
        gone.sendall(b"word")
        assert gone.readable(10)
        with pytest.raises(ConnectionResetError):
            gone.recv(16)


def nothing_unsolicited(lab: Lab, elastic_ip: str) -> None:
    """NAT-23 at a further address: what comes unasked gets to the NAT gateway and ends there, without a word."""
    nat, attacker = Tap(lab, "nat"), Tap(lab, "attacker")
    sender = Sender(lab, "attacker")
    marks = [packets.cookie() for _ in range(3)]
    for mark, upper in zip(
        marks,
        (
            packets.TCP(sport=80, dport=40000, flags="A"),
            packets.TCP(sport=80, dport=40000, flags="S"),
            packets.UDP(sport=53, dport=40000),
        ),
        strict=True,
    ):
        sender.send(elastic_ip, upper / packets.Raw(mark))
        nat.wait(mark)
    check(lab, passes("attacker", lab.public("web"), "tcp", 80))
    # Others' connections may still be closing.
    caused = [frame for frame in nat.left() if any(mark in frame.data for mark in marks)]
    answers = [f for f in nat.left() if "IP" in f.packet and f.packet["IP"].dst == sender.ip]
    assert not [frame.packet.summary() for frame in caused + answers]
    assert not [frame for frame in attacker.came() if frame.packet["IP"].src == elastic_ip]
