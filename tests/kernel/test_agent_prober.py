"""Probes by an agent, between two nodes of the test's own: what is seen at either end, and what is left alone."""

import select
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.agent import client, protocol
from emulator.agent.prober_flow import Answer, Asked, Request
from tests.support.agent import Bench, bench, service
from tests.support.wait import eventually

A, A2, B = "10.9.0.1", "10.9.0.9", "10.9.0.2"
WINDOW = 0.3


@pytest.fixture
def wired() -> Iterator[Bench]:
    with bench() as made:
        made.add_nodes("a", "b")
        made.wire()
        yield made


def tcp(port: int, to: str = B, own: str = A, own_port: int = 0) -> Asked:
    return Asked("a", own, own_port, to, "tcp", port, 0, 0, (("b", port),))


def udp(port: int) -> Asked:
    return tcp(port)._replace(protocol="udp")


def icmp(kind: int = 8, code: int = 0) -> Asked:
    return Asked("a", A, 0, B, "icmp", 0, kind, code, (("b", 0),))


def ask(wired: Bench, *flows: Asked, **said: Any) -> list[Answer]:
    with wired.start() as asked:
        return asked.probe(Request(flows, **{"window": WINDOW, **said}))


def block(wired: Bench, node: str, chain: str, *rules: str) -> None:
    """nft rules in a chain of the node's own."""
    text = "\n".join(
        [
            f"add table ip {chain}s",
            f"add chain ip {chain}s c {{ type filter hook {chain} priority 0 ; }}",
            *(f"add rule ip {chain}s c {rule}" for rule in rules),
        ]
    )
    subprocess.run(["ip", "netns", "exec", f"{wired.lab}.{node}", "nft", "-f", "-"], input=text, text=True, check=True)


def test_tcp_udp_and_icmp_pass_without_any_service(wired: Bench) -> None:
    found = ask(wired, tcp(80), tcp(80, own=A2), udp(53), icmp())
    assert found == [
        Answer("pass", "b", A, "connected, 12 bytes echoed"),
        Answer("pass", "b", A2, "connected, 12 bytes echoed"),
        Answer("pass", "b", A, "12 bytes answered"),
        Answer("pass", "b", A, "answered"),
    ]


def test_without_listening_a_closed_port_refuses(wired: Bench) -> None:
    found = ask(wired, tcp(80), udp(53), icmp(), listen=False)
    assert [each.result for each in found] == ["refused", "refused", "pass"]
    assert [(each.receiver, each.seen_as) for each in found] == [("b", A)] * 3


def test_silence_is_a_drop_and_says_how_far_it_came(wired: Bench) -> None:
    block(wired, "b", "input", "tcp dport 81 drop", "udp dport 54 drop")
    block(wired, "b", "output", "tcp sport 82 drop", "udp sport 55 drop")
    found = ask(wired, tcp(80), tcp(81), tcp(82), udp(53), udp(54), udp(55))
    assert [each.result for each in found] == ["pass", "drop", "drop", "pass", "drop", "drop"]
    # Raw sockets see what is delivered: a packet that the node's own filter drops has not arrived.
    assert [each.receiver for each in found] == ["b", "", "b", "b", "", "b"]
    assert found[1].detail == "no answer within 0.3 s"
    assert found[2].detail == "no answer within 0.3 s, though it arrived at b"


def test_an_icmp_error_is_not_silence(wired: Bench) -> None:
    kinds = "host-unreachable", "admin-prohibited", "port-unreachable"
    block(
        wired,
        "b",
        "input",
        *(f"tcp dport {81 + at} reject with icmp type {kind}" for at, kind in enumerate(kinds)),
        "udp dport 81 reject with icmp type host-unreachable",
        "icmp type echo-request reject with icmp type admin-prohibited",
    )
    found = ask(wired, tcp(80), tcp(81), tcp(82), tcp(83), udp(81))
    assert [each.result for each in found] == ["pass", "error", "error", "refused", "error"]
    assert [found[at].detail for at in (1, 4)] == ["no route to host"] * 2
    (ping,) = ask(wired, icmp())
    assert (ping.result, ping.detail) == ("error", f"prohibited, says {B}")


def test_a_service_that_has_the_port_keeps_it_and_is_used(wired: Bench) -> None:
    with wired.start() as asked:
        assert not asked.apply([("b", service("http", 80)), ("b", service("dns", 53))], [])
        before = asked.services()
    with wired.inside("b"):
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with deaf:
        deaf.bind(("0.0.0.0", 99))
        found = ask(wired, tcp(80), udp(99), udp(53))
        assert found == [
            Answer("pass", "b", A, "connected"),
            Answer("pass", "b", A, "12 bytes answered"),
            Answer("pass", "b", A, "12 bytes answered"),
        ]
        assert deaf.recv(100), "the user's own service heard it as well"
    (talked,) = ask(wired, tcp(80), payload=100)
    assert talked.result == "pass"
    assert talked.detail.endswith("bytes answered")
    with wired.start() as asked:
        assert asked.services() == before


def test_what_was_opened_for_the_probe_is_closed_after_it(wired: Bench) -> None:
    assert ask(wired, tcp(80))[0].result == "pass"
    with wired.inside("b"), socket.socket() as own:
        own.bind(("0.0.0.0", 80))
        own.listen()
    assert ask(wired, tcp(80), listen=False)[0].result == "refused"


def test_other_icmp_types_are_seen_where_they_arrive(wired: Bench) -> None:
    block(wired, "b", "input", "icmp type timestamp-request drop")
    found = ask(wired, icmp(), icmp(17), icmp(13), icmp(42, 7))
    assert [(each.result, each.seen_as) for each in found] == [("pass", A), ("pass", A), ("drop", ""), ("pass", A)]


def test_the_sender_s_address_and_port_are_as_asked(wired: Bench) -> None:
    block(wired, "b", "input", "tcp dport 80 tcp sport != 4711 drop", f"tcp dport 81 ip saddr != {A2} drop")
    found = ask(wired, tcp(80), tcp(80, own_port=4711), tcp(81), tcp(81, own=A2), tcp(80, own="10.9.0.77"))
    assert [each.result for each in found] == ["drop", "pass", "drop", "pass", "error"]
    assert found[4].detail == "cannot assign requested address"


def test_a_payload_has_to_come_back_whole(wired: Bench) -> None:
    block(wired, "b", "input", "tcp dport 81 meta length > 500 drop")
    found = ask(wired, tcp(80), tcp(81), udp(53), icmp(), payload=9000)
    assert [each.result for each in found] == ["pass", "drop", "pass", "pass"]
    assert [each.detail for each in found] == [
        "connected, 9000 bytes echoed",
        "no data came back, though it connected",
        "1200 bytes answered",
        "answered",
    ]
    assert [each.result for each in ask(wired, tcp(81))] == ["pass"], "without a payload nobody notices"


def test_the_window_begins_after_the_last_answer(wired: Bench) -> None:
    """A flow that answers late (here: TCP's second SYN, after one second) gives the silent ones another window."""
    block(
        wired, "b", "input", "udp dport 54 drop", "tcp dport 80 ct state new limit rate 1/minute burst 1 packets drop"
    )
    began = time.monotonic()
    found = ask(wired, udp(54), tcp(80), window=1.3)
    assert [each.result for each in found] == ["drop", "pass"]
    assert time.monotonic() - began >= 2.3


def test_thousands_in_waves(wired: Bench) -> None:
    """More than one wave, and an answer for each in its place."""
    flows = [tcp(1 + number % 60) if number % 3 else udp(1 + number % 60) for number in range(9000)]
    block(wired, "b", "input", "tcp dport 7 drop", "udp dport 7 drop")
    found = ask(wired, *flows, window=1.5)
    wrong = [
        (flow, answer)
        for flow, answer in zip(flows, found, strict=True)
        if answer.result != ("drop" if flow.port == 7 else "pass")
    ]
    assert not wrong, f"{len(wrong)}, such as {wrong[:3]}"


def test_a_node_that_is_gone_is_an_error_of_its_flows_alone(wired: Bench) -> None:
    gone = Asked("nowhere", A, 0, B, "tcp", 80, 0, 0, (("b", 80),))
    found = ask(wired, gone, tcp(80), tcp(80)._replace(receivers=(("nowhere", 80),)))
    assert [each.result for each in found] == ["error", "pass", "pass"]
    assert found[0].detail == "nowhere: its namespace does not exist"


def test_a_caller_who_leaves_takes_the_listeners_along(wired: Bench) -> None:
    block(wired, "b", "input", "tcp dport 80 drop")
    leaving = wired.start()
    with pytest.raises(client.AgentError, match="does not answer"):
        leaving._ask({**_encoded(tcp(80)), "window": 50.0}, 0.2)

    def free() -> bool:
        with wired.inside("b"), socket.socket() as own:
            try:
                own.bind(("0.0.0.0", 80))
                own.listen()
            except OSError:
                return False
        return True

    eventually(free, "port 80 of b is free again")
    assert ask(wired, tcp(81))[0].result == "pass", "and the agent goes on"


def test_others_are_served_meanwhile(wired: Bench) -> None:
    """A probe that waits keeps nobody else waiting."""
    block(wired, "b", "input", "tcp dport 81 drop")
    with wired.start() as first, wired.start() as second:
        first._socket.sendall(protocol.encode({**_encoded(tcp(81)), "window": 3.0}))
        assert second.hello()["lab"] == wired.lab
        assert [each.result for each in second.probe(Request((tcp(80),), window=0.2))] == ["pass"]
        assert not select.select([first._socket], [], [], 0)[0], "the first is still waiting"
        assert protocol.decode(first._line(time.monotonic() + 10))["answers"][0][0] == "drop"


def _encoded(*flows: Asked) -> dict[str, Any]:
    from emulator.agent.prober_flow import encode

    return encode(Request(flows))
