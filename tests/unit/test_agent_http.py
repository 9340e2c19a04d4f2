"""The HTTP conversation as values: what a caller sends, what it hears, and that nothing it sends does harm."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.agent import http
from emulator.agent.http import MAX_BODY, MAX_HEADER, HttpSession, printable


def session(notes: list[str] | None = None) -> HttpSession:
    return HttpSession("nat", "web", "52.195.125.184", 4242, ([] if notes is None else notes).append)


def page(request: str) -> bytes:
    return f"you are 52.195.125.184\nnode web\nlab nat\nrequest {request}\n".encode()


def test_the_page() -> None:
    notes: list[str] = []
    made = session(notes)
    head, _, body = made.received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Server: vpcemu",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Cache-Control: no-store",
        b"X-Content-Type-Options: nosniff",
        b"Connection: keep-alive",
    ]
    assert body == page("GET / HTTP/1.1")
    assert notes == ["GET / HTTP/1.1"]
    assert not made.done


def test_json() -> None:
    body = session().received(b"GET /json HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert json.loads(body) == {
        "you": "52.195.125.184",
        "port": 4242,
        "node": "web",
        "lab": "nat",
        "request": "GET /json HTTP/1.0",
    }


def test_head_has_no_body() -> None:
    reply = session().received(b"HEAD / HTTP/1.1\r\n\r\n")
    assert reply.endswith(b"\r\n\r\n")
    assert b"Content-Length: 0" not in reply


@pytest.mark.parametrize(
    ("request_", "done"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nCONNECTION:CLOSE\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", False),
        (b"GET / HTTP/1.0\n\n", True),  # as typed into nc
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), True),
        (b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", True),
    ],
)
def test_it_is_answered_and_the_connection_is_kept_or_not(request_: bytes, done: bool) -> None:
    made = session()
    reply = made.received(request_)
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"Connection: close" in reply) is done
    assert made.done is done


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\n\n", 400),  # TLS
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEADER + b"\r\n\r\n", 431),
        (b"x" * (MAX_HEADER + 1), 431),
    ],
)
def test_it_is_refused_and_the_connection_ends(request_: bytes, status: int) -> None:
    made = session()
    reply = made.received(request_)
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert made.done


def test_bodies_are_skipped_and_the_next_request_answered() -> None:
    made = session()
    assert made.received(b"POST /1 HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /no HTTP") == b""
    reply = made.received(b"/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    assert reply.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert page("POST /1 HTTP/1.1") in reply
    assert reply.endswith(page("GET /2 HTTP/1.1"))


def test_a_caller_that_waits_for_leave_gets_it() -> None:
    made = session()
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert made.received(head) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert made.received(b"ab").startswith(b"HTTP/1.1 200 OK")


def test_what_is_shown_and_logged_cannot_harm_a_terminal() -> None:
    notes: list[str] = []
    made = session(notes)
    made.received(b"GET /\x1b[2J\xff HTTP/1.1\r\n\r\n")
    assert notes == ["400 GET /\\x1b[2J\\xff HTTP/1.1"]
    made = session(notes)
    made.received(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n")
    assert len(notes[1]) == 200
    assert printable(bytes(range(256)), 1000).isprintable()
    assert len(printable(b"x" * 10_000)) == 200


REQUEST = st.sampled_from(
    [b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.0\n", b"Content-Length: 5\r\n", b"\r\n", b"\n", b"hello", b"Connection:"]
)


@given(st.lists(st.one_of(REQUEST, st.binary(max_size=40)), max_size=30))
def test_however_it_is_cut_the_answer_is_the_same(pieces: list[bytes]) -> None:
    whole, bytewise = session(), session()
    reply = whole.received(b"".join(pieces))
    parts = b""
    for piece in b"".join(pieces):
        if bytewise.done:
            break
        parts += bytewise.received(bytes((piece,)))
    assert parts == reply
    assert bytewise.done == whole.done
    assert set(reply.split(b"HTTP/1.1 ")[0]) == set()


def test_a_drip_does_not_make_it_scan_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = 0

    class Counting:
        def search(self, data: bytearray, start: int) -> None:
            nonlocal scanned
            scanned += len(data) - start

    monkeypatch.setattr(http, "_END", Counting())
    made = session()
    for _ in range(MAX_HEADER):
        made.received(b"x")
    assert scanned < 5 * MAX_HEADER
