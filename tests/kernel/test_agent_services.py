"""The built-in services, seen from a second namespace over a veth."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from emulator.agent.client import Client
from emulator.compile.state import Service
from tests.support.agent import Bench, bench, service
from tests.support.wait import eventually

A, B = "10.9.0.1", "10.9.0.2"
ALL = (
    service("http", 80),
    service("echo", 7),
    service("dns", 53),
    service("tcp", 5432, "tcp-5432"),
    service("udp", 514, "udp-514"),
)


@pytest.fixture(scope="module")
def made() -> Iterator[Bench]:
    with bench() as made:
        made.add_nodes("a", "b")
        made.wire()
        asked = made.start()
        assert asked.apply([("a", each) for each in ALL], []) == []
        assert asked.zone({"dns.example": "8.8.8.8", "a": A}) == []
        yield made


@pytest.fixture
def agent(made: Bench) -> Iterator[Client]:
    asked = made.connect()
    assert asked is not None
    yield asked
    asked.close()


def call(made: Bench, port: int, data: bytes, to: str = A, node: str = "b") -> bytes:
    """What a TCP service says until it closes, or for as long as it takes to say as much as it will."""
    with made.inside(node):
        connected = socket.create_connection((to, port), timeout=5)
    with connected:
        connected.sendall(data)
        connected.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := connected.recv(65536):
            heard += piece
        return heard


def ask(made: Bench, port: int, data: bytes, to: str = A, source: int = 0) -> tuple[bytes, str]:
    """A UDP service's answer, and whence it came."""
    with made.inside("b"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.bind(("0.0.0.0", source))
        sender.settimeout(2)
        sender.sendto(data, (to, port))
        reply, (address, _) = sender.recvfrom(65536)
        return reply, address


def query(name: str, kind: int = 1) -> bytes:
    wire = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + wire + b"\0" + struct.pack("!HH", kind, 1)


def test_http_says_who_calls(made: Bench) -> None:
    head, _, body = call(made, 80, b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body.decode() == f"you are {B}\nnode a\nlab {made.lab}\nrequest GET /hello HTTP/1.1\n"
    own = call(made, 80, b"GET / HTTP/1.0\r\n\r\n", "127.0.0.1", "a").partition(b"\r\n\r\n")[2]
    assert own.startswith(b"you are 127.0.0.1\n")


def test_http_says_it_in_json(made: Bench) -> None:
    body = call(made, 80, b"GET /json?x=1 HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]
    seen = json.loads(body)
    assert seen.pop("port") > 0
    assert seen == {"you": B, "node": "a", "lab": made.lab, "request": "GET /json?x=1 HTTP/1.0"}


def test_http_keeps_the_connection(made: Bench) -> None:
    with made.inside("b"):
        connected = socket.create_connection((A, 80), timeout=5)
    with connected:
        for count in range(3):
            connected.sendall(f"POST /{count} HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello".encode())
            heard = b""
            while not heard.endswith(f"POST /{count} HTTP/1.1\n".encode()):
                heard += connected.recv(4096)


def test_an_answer_given_early_is_not_lost_to_a_reset(made: Bench) -> None:
    """The body is longer than the agent cares to read; the caller reads the answer when it has sent it all."""
    size = 1024 * 1024 + 1
    reply = call(made, 80, b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"x" * (size - 200_000))
    assert reply.startswith(b"HTTP/1.1 200 OK")


def test_echo_on_tcp_and_udp(made: Bench) -> None:
    large = bytes(range(256)) * 8192  # 2 MiB: more than any buffer holds
    assert call(made, 7, b"hello") == b"hello"
    assert exchange(made, 7, large) == large
    assert ask(made, 7, b"hello") == (b"hello", A)


def exchange(made: Bench, port: int, data: bytes) -> bytes:
    with made.inside("b"):
        connected = socket.create_connection((A, port), timeout=5)
    heard = bytearray()
    with connected:
        connected.setblocking(False)
        left = memoryview(data)
        deadline = time.monotonic() + 10
        while len(heard) < len(data):
            assert time.monotonic() < deadline
            with suppress(BlockingIOError):
                left = left[connected.send(left) :] if left else left
            with suppress(BlockingIOError):
                heard += connected.recv(65536)
    return bytes(heard)


def test_tcp_greets_then_echoes(made: Bench) -> None:
    assert call(made, 5432, b"select 1\n") == f"a tcp/5432: hello {B}\nselect 1\n".encode()


def test_udp_answers_from_the_address_that_was_asked(made: Bench) -> None:
    assert ask(made, 514, b"x") == (b"x", A)
    assert ask(made, 514, b"x", "10.9.0.9") == (b"x", "10.9.0.9")


def test_two_udp_echoes_cannot_be_set_upon_each_other(made: Bench) -> None:
    with pytest.raises(TimeoutError):
        ask(made, 7, b"x", source=514)
    assert ask(made, 7, b"x", source=515) == (b"x", A)


@pytest.mark.parametrize(
    ("name", "kind", "status", "end"),
    [
        ("dns.example", 1, 0, bytes((8, 8, 8, 8))),
        ("DNS.Example", 1, 0, bytes((8, 8, 8, 8))),
        ("1.0.9.10.in-addr.arpa", 12, 0, b"\x01a\0"),
        ("dns.example", 28, 0, None),
        ("nowhere.example", 1, 3, None),
    ],
)
def test_dns(made: Bench, name: str, kind: int, status: int, end: bytes | None) -> None:
    message = query(name, kind)
    answer, _ = ask(made, 53, message)
    over_tcp = call(made, 53, len(message).to_bytes(2, "big") + message)
    assert over_tcp == len(answer).to_bytes(2, "big") + answer
    number, flags, questions, answers, _, _ = struct.unpack_from("!HHHHHH", answer)
    assert (number, flags & 15, questions, answers) == (0x1234, status, 1, int(end is not None))
    assert end is None or answer.endswith(end)


HOSTILE = [
    b"",
    b"\0" * 100_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\x1b[2J HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz",
    b"\xff\xff" + b"\xc0\x0c" * 1000,
    b"\x00\x0c\x12\x34\x81\x80" + b"\xff" * 8,
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_end_at_most_their_own_connection(made: Bench, agent: Client, data: bytes) -> None:
    before = agent.hello()["pid"]
    for each in ALL:
        with suppress(OSError):  # a reset is an answer too
            call(made, each.port, data)
        with made.inside("b"), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.sendto(data[:1400], (A, each.port))
    assert call(made, 80, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    assert ask(made, 53, query("a"))[0].endswith(bytes((10, 9, 0, 1)))
    assert agent.hello()["pid"] == before


def test_a_line_in_the_log_for_each_request_and_no_control_characters(made: Bench) -> None:
    call(made, 80, b"GET /logged\x1b[2J HTTP/1.0\r\n\r\n")
    call(made, 80, b"GET /logged HTTP/1.0\r\n\r\n")
    eventually(lambda: " GET /logged HTTP/1.0\n" in made.log("a", "http"))
    log = made.log("a", "http")
    assert "400 GET /logged\\x1b[2J HTTP/1.0" in log
    assert "\x1b" not in log
    assert B in log


def test_a_slow_caller_holds_up_nobody(made: Bench) -> None:
    with made.inside("b"):
        slow = [socket.create_connection((A, 80), timeout=5) for _ in range(50)]
    try:
        for each in slow:
            each.sendall(b"GET / HT")
        assert call(made, 80, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    finally:
        for each in slow:
            each.close()


def test_apply_twice_changes_nothing(made: Bench, agent: Client) -> None:
    with made.inside("b"):
        connected = socket.create_connection((A, 5432), timeout=5)
    with connected:
        connected.recv(100)
        assert agent.apply([("a", each) for each in ALL], []) == []
        connected.sendall(b"still here")
        assert connected.recv(100) == b"still here"


def test_remove_closes_the_port_and_what_came_through_it(made: Bench, agent: Client) -> None:
    extra = service("tcp", 9000, "extra")
    assert agent.apply([("a", extra)], []) == []
    with made.inside("b"):
        connected = socket.create_connection((A, 9000), timeout=5)
    with connected:
        connected.recv(100)
        assert agent.apply([], [("a", "extra"), ("a", "never-there")]) == []
        assert connected.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        call(made, 9000, b"")
    assert "extra" not in {each["name"] for each in agent.services()["a"]}


def test_a_changed_service_is_replaced_and_ports_can_be_swapped(made: Bench, agent: Client) -> None:
    one, two = service("tcp", 9001, "one"), service("tcp", 9002, "two")
    assert agent.apply([("a", one), ("a", two)], []) == []
    assert agent.apply([("a", one._replace(port=9002)), ("a", two._replace(port=9001))], []) == []
    assert call(made, 9001, b"").startswith(b"a tcp/9001")
    assert agent.apply([], [("a", "one"), ("a", "two")]) == []


def test_errors_are_sentences_about_one_service(made: Bench, agent: Client) -> None:
    with made.inside("a"):
        squatter = socket.create_server(("0.0.0.0", 9100))
    with squatter:
        errors = agent.apply(
            [("a", service("http", 9100, "late")), ("gone", service("http", 80)), ("a", service("tcp", 9101, "fine"))],
            [],
        )
    assert errors == [
        "a: late: port 9100 is in use by another program in the same node",
        "gone: http: its namespace does not exist",
    ]
    assert call(made, 9101, b"").startswith(b"a tcp/9101")
    assert "late" not in {each["name"] for each in agent.services()["a"]}
    assert agent.apply([], [("a", "fine")]) == []


def test_services_are_reported_as_they_were_asked_for(agent: Client) -> None:
    found = {
        Service(each["name"], each["kind"], each["port"], tuple(each["argv"]), each["user"])
        for each in agent.services()["a"]
    }
    assert set(ALL) <= found
    assert {each["state"] for each in agent.services()["a"]} == {"running"}
