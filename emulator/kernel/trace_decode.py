"""What the kernel tells of traced packets, and of the rules they met, read by hand. Pure.

An event says: this packet was looked at by this rule (or met the end of this chain), and this was the verdict. The
packet's headers come with the first event of each base chain only.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from emulator.kernel.channel import Part
from emulator.kernel.decode import attributes

ACCEPT, DROP, CONTINUE, JUMP, GOTO, RETURN = "accept", "drop", "continue", "jump", "goto", "return"
_VERDICTS: Final = {
    0: DROP,
    1: ACCEPT,
    2: "stolen",
    3: "queue",
    -1: CONTINUE,
    -2: CONTINUE,
    -3: JUMP,
    -4: GOTO,
    -5: RETURN,
}
_KINDS: Final = {1: "policy", 2: "return", 3: "rule"}
_BE32: Final = Struct(">I")
_SIGNED: Final = Struct(">i")
_BE64: Final = Struct(">Q")
# What may stand between the loading of a key and its lookup without changing what is looked up.
_TRANSPARENT: Final = ("byteorder",)
_LOADS: Final = ("payload", "meta")


class Event(NamedTuple):
    """One step of one packet in one namespace.

    packet: the kernel's number for it, there and then. table and chain: where; family: of the table (1 inet, 2 ip).
    kind: "rule", "policy" (the end of a base chain) or "return" (the end of another). handle: of the rule, else 0.
    verdict: see above. came, leaves: link numbers, 0 for none. mark: of the packet. network, transport: the first bytes
    of its headers, empty but in a base chain's first event.
    """

    packet: int
    family: int
    table: str
    chain: str
    kind: str
    handle: int
    verdict: str
    came: int
    leaves: int
    mark: int
    network: bytes
    transport: bytes


class Load(NamedTuple):
    """A piece of the packet that a rule looks at: base "meta" with its key as offset, or 1 network, 2 transport."""

    base: int | str
    offset: int
    length: int


class Lookup(NamedTuple):
    """A set that a rule asks, and what it asks about."""

    set: str
    key: tuple[Load, ...]


class Rule(NamedTuple):
    """One rule as the kernel has it: its comment, and the sets it asks."""

    family: int
    table: str
    chain: str
    handle: int
    comment: str
    lookups: tuple[Lookup, ...]


def event(part: Part) -> Event:
    got = attributes(part.data, part.start + 4, part.end)
    verdict = attributes(got[5], 0, len(got[5])) if 5 in got else {}
    code = _SIGNED.unpack(verdict[1])[0] if 1 in verdict else _SIGNED.unpack(got[16])[0] if 16 in got else 1
    return Event(
        packet=_number(got, 6),
        family=part.data[part.start],
        table=_text(got, 1),
        chain=_text(got, 2),
        kind=_KINDS.get(_number(got, 4), ""),
        handle=int(_BE64.unpack(got[3])[0]) if 3 in got else 0,
        verdict=_VERDICTS.get(code, DROP if code & 0xFF == 0 else ACCEPT),
        came=_number(got, 10),
        leaves=_number(got, 12),
        mark=_number(got, 14),
        network=got.get(8, b""),
        transport=got.get(9, b""),
    )


def rule(part: Part) -> Rule:
    got = attributes(part.data, part.start + 4, part.end)
    handle = int(_BE64.unpack(got[3])[0])
    comment = user_comment(got.get(7, b""))
    return Rule(part.data[part.start], _text(got, 1), _text(got, 2), handle, comment, tuple(_lookups(got.get(4, b""))))


def element_comment(part: Part) -> str:
    """The comment of the (only) element of an answer."""
    got = attributes(part.data, part.start + 4, part.end)
    elements = attributes(got[3], 0, len(got[3])) if 3 in got else {}
    if 1 not in elements:
        return ""
    held = attributes(elements[1], 0, len(elements[1]))
    return user_comment(held.get(6, b""))


def user_comment(data: bytes) -> str:
    """nft keeps a comment in the user data of tables, rules and elements: type 0, length, text, NUL."""
    at = 0
    while at + 2 <= len(data):
        kind, length = data[at], data[at + 1]
        if kind == 0:
            return data[at + 2 : at + 2 + length].rstrip(b"\0").decode(errors="replace")
        at += 2 + length
    return ""


def _lookups(expressions: bytes) -> Iterable[Lookup]:
    loads: list[Load] = []
    for element in _list(expressions):
        got = attributes(element, 0, len(element))
        name, data = _text(got, 1), attributes(got.get(2, b""), 0, len(got.get(2, b"")))
        if name == "lookup":
            yield Lookup(_text(data, 1), tuple(loads))
        if name in _LOADS and 1 in data:  # into a register, and not out of one
            if name == "meta":
                loads.append(Load("meta", _number(data, 2), 0))
            else:
                loads.append(Load(_number(data, 2), _number(data, 3), _number(data, 4)))
        elif name not in _TRANSPARENT:
            loads = []


def _list(data: bytes) -> Iterable[bytes]:
    """The payloads of nested attributes that all have the same type."""
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 2], "little")
        if length < 4:
            return
        yield data[at + 4 : at + length]
        at += (length + 3) & ~3


def _number(got: dict[int, bytes], kind: int) -> int:
    return int(_BE32.unpack(got[kind])[0]) if kind in got else 0


def _text(got: dict[int, bytes], kind: int) -> str:
    return got.get(kind, b"").rstrip(b"\0").decode(errors="replace")
