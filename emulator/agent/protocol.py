"""The control protocol: one JSON object a line, a request and its answer in turn.

    {"op": "hello"}                                   {"ok": true, "version": 2, "pid": 4711, "lab": "nat", ...}
    {"op": "services"}                                {"ok": true, "services": {node: [{...}]}}
    {"op": "apply", "add": [[node, service]], "remove": [[node, name]], "hosts": {node: text}, "resolv": {...}}
                                                      {"ok": true, "errors": ["..."]}
    {"op": "zone", "names": {name: ip}}               {"ok": true, "errors": ["..."]}
    {"op": "probe", "flows": [[...]], "listen": true, "window": 1.5, "payload": 0}
                                                      {"ok": true, "answers": [[...]]} once all are known (prober_flow)
    {"op": "stop"}                                    {"ok": true}, and the agent ends

A request that cannot be understood is answered by {"ok": false, "error": "..."}.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from emulator.compile.state import Service

VERSION = 2
EXIT_HAS_ONE = 75  # of `python -m emulator.agent`: the lab has an agent already
KINDS = frozenset({"http", "echo", "dns", "tcp", "udp", "ssh", "command", "health", "relay"})
MAX_LINE = 64 * 1024 * 1024  # 4,000 services are 0.5 MB

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class BadRequest(ValueError):
    """The sentence that goes back."""


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("not a JSON object") from None
    if not isinstance(message, dict):
        raise BadRequest("not a JSON object")
    return message


class Apply(NamedTuple):
    """What `apply` asks for, checked."""

    add: list[tuple[str, Service]]
    remove: list[tuple[str, str]]
    hosts: dict[str, str]  # /etc/hosts for commands, by node
    resolv: dict[str, str]  # /etc/resolv.conf likewise


def apply_request(
    add: Sequence[tuple[str, Service]],
    remove: Sequence[tuple[str, str]],
    hosts: Mapping[str, str],
    resolv: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "op": "apply",
        "add": [(node, service._asdict()) for node, service in add],
        "remove": list(remove),
        "hosts": dict(hosts),
        "resolv": dict(resolv),
    }


def parse_apply(request: Mapping[str, Any]) -> Apply:
    """BadRequest for anything but what `apply_request` makes."""
    add = [(_name(node), _service(service)) for node, service in _pairs(request, "add")]
    remove = [(_name(node), _name(service)) for node, service in _pairs(request, "remove")]
    return Apply(add, remove, texts(request, "hosts"), texts(request, "resolv"))


def texts(request: Mapping[str, Any], key: str) -> dict[str, str]:
    """An object of strings; empty if it is left out."""
    found = request.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise BadRequest(f"{key}: expected an object of strings")
    return found


def _pairs(request: Mapping[str, Any], key: str) -> list[Any]:
    found = request.get(key, [])
    if not isinstance(found, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        raise BadRequest(f"{key}: expected a list of pairs")
    return found


def _name(value: object) -> str:
    """Names become file names: no slash, no leading dot."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BadRequest(f"{value!r} is not a name")
    return value


def _service(value: object) -> Service:
    match value:
        case {"name": name, "kind": str(kind), "port": int(port), "argv": list(argv), "user": str(user)}:
            if kind not in KINDS:
                raise BadRequest(f"there is no service called {kind!r}")
            if (kind in ("command", "health", "relay") and not argv) or not all(isinstance(word, str) for word in argv):
                raise BadRequest(f"{name}: a command needs a list of words")
            if kind not in ("command", "health") and not 0 < port < 65536:
                raise BadRequest(f"{name}: {port} is not a port")
            return Service(_name(name), kind, port, tuple(argv), user)
    raise BadRequest(f"{value!r} is not a service")
