"""Proxy protocol: the bytes of its header, and the HTTP service that reads one."""

import json

import pytest

from emulator.agent.http import HttpSession
from emulator.agent.proxy_protocol import NoHeader, header, parse

CLIENT, SERVER = ("10.0.1.5", 43210), ("10.0.1.9", 80)
HEADER = header(CLIENT, SERVER, "vpce-0123456789abcdef0")


def test_the_bytes_are_those_of_the_specification() -> None:
    assert HEADER[:16] == bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 0026".replace(" ", ""))
    assert HEADER[16:28] == bytes([10, 0, 1, 5, 10, 0, 1, 9]) + (43210).to_bytes(2) + (80).to_bytes(2)
    assert HEADER[28:] == b"\xea\x00\x17\x01vpce-0123456789abcdef0"  # PL-25


def test_what_is_said_is_understood() -> None:
    told = parse(HEADER + b"GET /")
    assert told is not None
    assert told == (CLIENT, SERVER, "vpce-0123456789abcdef0", len(HEADER))
    plain = parse(header(CLIENT, SERVER))
    assert plain is not None
    assert plain.endpoint == ""


def test_a_part_of_a_header_is_waited_for() -> None:
    assert all(parse(HEADER[:size]) is None for size in range(len(HEADER)))


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\r\n\r\n\0\r\nQUIX\n....", HEADER[:12] + b"\x20" + HEADER[13:]]
)
def test_anything_else_is_no_header(data: bytes) -> None:
    with pytest.raises(NoHeader):
        parse(data)


def session(*, proxied: bool = True) -> HttpSession:
    return HttpSession("lab", "web", "10.9.0.4", 1234, lambda _: None, proxied)


def test_the_page_shows_whom_the_header_names() -> None:
    held = session()
    answers = [held.received(bytes([byte])) for byte in HEADER + b"GET / HTTP/1.1\r\n\r\n"]
    assert b"you are 10.9.0.4\n" in answers[-1]
    assert b"proxy protocol: 10.0.1.5:43210 by vpce-0123456789abcdef0\n" in answers[-1]
    body = session().received(HEADER + b"GET /json HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")[2]
    told = {"client": "10.0.1.5", "port": 43210, "vpc_endpoint": "vpce-0123456789abcdef0"}
    assert json.loads(body)["proxy_protocol"] == told


def test_without_a_header_it_is_a_request_like_any_other() -> None:
    answer = session().received(b"GET / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"proxy protocol" not in answer


def test_who_expects_no_header_refuses_one() -> None:
    assert session(proxied=False).received(HEADER + b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_an_endpoint_cannot_say_what_a_terminal_obeys() -> None:
    answer = session().received(header(CLIENT, SERVER, "\x1b[2J") + b"GET / HTTP/1.1\r\n\r\n")
    assert b"\x1b" not in answer
