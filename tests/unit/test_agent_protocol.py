"""The control protocol: what the client makes the agent understands, and nothing else."""

import json
from typing import Any

import pytest

from emulator.agent import protocol
from emulator.agent.places import Places
from emulator.agent.protocol import BadRequest, apply_request, decode, encode, parse_apply, texts
from emulator.compile.state import Service

HTTP = Service("http", "http", 80, (), "")
COMMAND = Service("worker", "command", 0, ("/bin/sh", "-c", "echo ö"), "root")


def test_there_and_back() -> None:
    request = apply_request([("web", HTTP), ("dns.example", COMMAND)], [("old", "tcp-1")], {"web": "a\nb\n"}, {})
    line = encode(request)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse_apply(decode(line)) == (
        [("web", HTTP), ("dns.example", COMMAND)],
        [("old", "tcp-1")],
        {"web": "a\nb\n"},
        {},
    )


def changed(**fields: Any) -> dict[str, Any]:
    return {"add": [["web", {**HTTP._asdict(), "argv": [], **fields}]]}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (changed(kind="ftp"), "there is no service called 'ftp'"),
        (changed(port=0), "http: 0 is not a port"),
        (changed(port=65536), "http: 65536 is not a port"),
        (changed(name="../../x"), "'../../x' is not a name"),
        (changed(name=".."), "'..' is not a name"),
        (changed(name="a\n"), "'a\\n' is not a name"),
        (changed(kind="command", argv=[]), "http: a command needs a list of words"),
        (changed(kind="command", argv=["a", 7]), "http: a command needs a list of words"),
        ({"add": [["../x", HTTP._asdict()]]}, "'../x' is not a name"),
        ({"add": {}}, "add: expected a list of pairs"),
        ({"add": [["web"]]}, "add: expected a list of pairs"),
        ({"remove": [["web", 7]]}, "7 is not a name"),
        ({"hosts": []}, "hosts: expected an object of strings"),
        ({"resolv": {"a": 1}}, "resolv: expected an object of strings"),
    ],
)
def test_what_is_refused(request_: dict[str, Any], error: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_apply(json.loads(json.dumps(request_)))
    assert str(caught.value) == error


@pytest.mark.parametrize("line", [b"", b"7", b"[]", b"{", b"\xff", b"[" * 1_000_000])
def test_a_line_that_is_no_object(line: bytes) -> None:
    with pytest.raises(BadRequest, match="not a JSON object"):
        decode(line)


def test_nothing_asked_is_nothing_done() -> None:
    assert parse_apply({}) == ([], [], {}, {})
    assert texts({}, "names") == {}
    assert protocol.VERSION == 2


def test_places() -> None:
    places = Places("nat")
    assert places.socket == "/run/vpcemu/nat/agent.sock"
    assert places.log("dns.example", "http") == "/run/vpcemu/nat/logs/dns.example/http.log"
    assert places.netns("main.router") == "/run/netns/nat.main.router"
