"""HTTP/1.x, just enough to say who is calling. Pure: bytes in, bytes out, no socket.

Whatever a stranger sends is parsed by root, so this stays small: one regular expression finds the end of the header,
three fields are looked at, everything else is skipped. It never raises.
"""

import json
import re
from collections.abc import Callable

from emulator.agent import proxy_protocol

MAX_HEADER = 16 * 1024
MAX_BODY = 1024 * 1024  # a longer one is answered at once and the connection closed
IDLE_SECONDS = 60.0

_END = re.compile(rb"\n\r?\n")
_REQUEST = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8192}) HTTP/1\.([01])")
_REASONS = {200: "OK", 400: "Bad Request", 431: "Request Header Fields Too Large"}


def printable(data: bytes, limit: int = 200) -> str:
    """A line that cannot harm a terminal, a log or a page."""
    text = data[:limit].decode("ascii", "backslashreplace")
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text)


class HttpSession:
    """One connection. `received` returns what to send; with `done` set the connection ends after that."""

    idle_seconds = IDLE_SECONDS
    read_bytes = 4 * 1024

    def __init__(
        self, lab: str, node: str, client: str, port: int, note: Callable[[str], None], proxied: bool = False
    ) -> None:
        """proxied: a header of proxy protocol may stand before the first request, and is shown (NLB-14)."""
        self.done = False
        self._who: dict[str, object] = {"you": client, "port": port, "node": node, "lab": lab}
        self._head = proxied
        self._note = note
        self._buffer = bytearray()
        self._scanned = 0  # no end of the header before this, so that a slow sender does not make us scan again
        self._body_left = 0
        self._answer = b""  # to be sent when the body has been skipped
        self._last = False  # and the connection ends after it

    def opened(self) -> bytes:
        return b""

    def received(self, data: bytes) -> bytes:
        self._buffer += data
        if self._head and not self._told():
            return b""
        out = bytearray()
        while not self.done:
            if self._answer:
                if not self._skip_body():
                    break
                out += self._answer
                self._answer, self.done = b"", self._last
                continue
            end = self._end_of_header()
            if end is None:
                if len(self._buffer) > MAX_HEADER:
                    out += self._refuse(431)
                break
            head = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._scanned = 0
            out += self._refuse(431) if end > MAX_HEADER else self._request(head)
        return bytes(out)

    def _told(self) -> bool:
        """Whether all of the header is there, or there is none: health checks send none."""
        try:
            told = proxy_protocol.parse(bytes(self._buffer[: proxy_protocol.LONGEST]))
        except proxy_protocol.NoHeader:
            told, self._head = None, False
        if told is not None:
            (client, port), self._head = told.client, False
            self._who["proxy_protocol"] = {
                "client": client,
                "port": port,
                "vpc_endpoint": printable(told.endpoint.encode()),
            }
            del self._buffer[: told.size]
        return not self._head

    def _skip_body(self) -> bool:
        count = min(self._body_left, len(self._buffer))
        del self._buffer[:count]
        self._body_left -= count
        return not self._body_left

    def _end_of_header(self) -> int | None:
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        if blank and not self._scanned:
            del self._buffer[:blank]  # RFC 9112, 2.2: empty lines before a request are ignored
        found = _END.search(self._buffer, self._scanned)
        if found:
            return found.end()
        self._scanned = max(0, len(self._buffer) - 3)
        return None

    def _request(self, head: bytes) -> bytes:
        line, *fields = (each.rstrip(b"\r") for each in head.split(b"\n"))
        found = _REQUEST.fullmatch(line)
        if not found:
            return self._refuse(400, line)
        method, target, minor = found.groups()
        keep = minor == b"1"
        length = 0
        interim = b""
        for field in fields:
            name, _, value = field.partition(b":")
            name, value = name.lower(), value.strip().lower()
            if name == b"content-length":
                if not value.isdigit() or len(value) > 15:
                    return self._refuse(400, line)
                length = int(value)
            elif name == b"transfer-encoding":
                length = MAX_BODY + 1  # its end is not looked for
            elif name == b"connection":
                keep = value == b"keep-alive" if minor == b"0" else value != b"close"
            elif name == b"expect" and value == b"100-continue":
                interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        if length > MAX_BODY:
            keep, length = False, 0
        self._note(printable(line))
        answer = self._page(target, line, keep, head_only=method == b"HEAD")
        if length:
            self._body_left, self._answer = length, answer
            self._last = not keep
            return interim
        self.done = not keep
        return answer

    def _page(self, target: bytes, line: bytes, keep: bool, head_only: bool) -> bytes:
        said = printable(line)
        if target.split(b"?", 1)[0] == b"/json":
            body = json.dumps(self._who | {"request": said}) + "\n"
            return _response(200, "application/json", body, keep, head_only)
        who = self._who
        told = who.get("proxy_protocol")
        by = f" by {told['vpc_endpoint']}" if isinstance(told, dict) and told["vpc_endpoint"] else ""
        said = f"{said}\nproxy protocol: {told['client']}:{told['port']}{by}" if isinstance(told, dict) else said
        body = f"you are {who['you']}\nnode {who['node']}\nlab {who['lab']}\nrequest {said}\n"
        return _response(200, "text/plain; charset=utf-8", body, keep, head_only)

    def _refuse(self, status: int, line: bytes = b"") -> bytes:
        self.done = True
        self._buffer.clear()
        self._note(f"{status} {printable(line)}".rstrip())
        return _response(status, "text/plain; charset=utf-8", f"{status} {_REASONS[status]}\n", False, False)


def _response(status: int, kind: str, body: str, keep: bool, head_only: bool) -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        "Server: vpcemu\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else content)
