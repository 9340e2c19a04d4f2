"""The trace's own nft table as netlink messages. Pure; `watch.py` sends them, `trace_decode.py` reads what comes back.

Packed by hand and not `nft -f -`, because the table must be owned by a socket of ours (NFT_TABLE_F_OWNER): when the
process ends, in whatever way, the kernel removes the table, and nothing has to be cleared up after a kill.

The table matches packets by a tag of three bytes that only a trace's own packets carry, at places that no router or
translator rewrites: a TCP sequence or acknowledgement number, the payload of UDP and ICMP, and both of them inside an
ICMP error.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from emulator import names
from emulator.kernel.wire import CREATE, EXCLUSIVE, U32, Request, attribute

TABLE: Final = "vpcemu-trace"
TAG_LENGTH: Final = 3
TCP, UDP, ICMP = 6, 17, 1

_SUBSYSTEM: Final = 10 << 8
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE = (_SUBSYSTEM | kind for kind in (0, 2, 3, 6))
_GET_RULE, _NEW_ELEMENT, _GET_ELEMENT, _DELETE_ELEMENT = (_SUBSYSTEM | kind for kind in (7, 12, 13, 14))
NEW_RULE, NEW_ELEMENT, TRACE = _NEW_RULE, _NEW_ELEMENT, _SUBSYSTEM | 17
_IPV4: Final = b"\2\0\0\0"
_BATCH: Final = b"\0\0\0\x0a"  # the subsystem, in network order
_APPEND: Final = 0x800
_NESTED: Final = 0x8000
_BE32: Final = Struct(">I")
_BE32_SIGNED: Final = Struct(">i")
_OWNER: Final = 0x2

_FIRST, _LAST = -1000, 1000  # before defragmentation and tracking; after every translation
_PREROUTING, _INPUT, _FORWARD, _OUTPUT, _POSTROUTING = range(5)
# Where a packet is looked at: (chain, hook, priority). Those in which it is recognised come first on its way.
RECOGNISING: Final = (("came", _PREROUTING, _FIRST), ("made", _OUTPUT, _FIRST))
LOOKING: Final = (("arrived", _INPUT, _LAST), ("routed", _FORWARD, _FIRST), ("left", _POSTROUTING, _LAST))
_NF_ACCEPT: Final = 1

_REGISTER: Final = 1
_META_NFTRACE, _META_L4PROTO = 12, 16
_TRANSPORT: Final = 2
_SYN_ONLY: Final = b"\x02"


class Match(NamedTuple):
    """Bytes of a packet: at `offset` of its transport header stands `value`."""

    offset: int
    value: bytes


def matches(tag: bytes, replies: Iterable[tuple[int, int]]) -> list[tuple[int, tuple[Match, ...]]]:
    """(protocol, what must be there) for every kind of packet that a trace follows; any one is enough.

    replies: (source, destination port) of UDP answers that need not carry our payload.
    """
    inner = 8 + 20  # an ICMP error's own header, and the IP header of the packet it quotes
    return [
        (TCP, (Match(4, tag), Match(13, _SYN_ONLY))),
        (TCP, (Match(8, tag),)),
        (UDP, (Match(8, tag),)),
        (ICMP, (Match(8, tag),)),
        (ICMP, (Match(inner + 4, tag),)),
        (ICMP, (Match(inner + 8, tag),)),
        *((UDP, (Match(0, source.to_bytes(2, "big") + to.to_bytes(2, "big")),)) for source, to in replies),
    ]


def install(tag: bytes, replies: Iterable[tuple[int, int]]) -> list[Request]:
    """The table, its chains and rules."""
    table = _text(1, TABLE)
    requests = [Request(_NEW_TABLE, CREATE | EXCLUSIVE, _IPV4 + table + _be32(2, _OWNER))]
    requests += [_chain(*chain) for chain in (*RECOGNISING, *LOOKING)]
    wanted = matches(tag, replies)
    for chain, _, _ in RECOGNISING:
        for protocol, places in wanted:
            body = _meta_load(_META_L4PROTO) + _compare(bytes([protocol]))
            for offset, value in places:
                body += _payload_load(offset, len(value)) + _compare(value)
            body += _expression("immediate", _be32(1, _REGISTER) + _nested(2, attribute(1, b"\1\0\0\0")))
            body += _expression("meta", _be32(2, _META_NFTRACE) + _be32(3, _REGISTER))
            rule = _IPV4 + table + _text(2, chain) + _nested(4, body)
            requests.append(Request(_NEW_RULE, CREATE | _APPEND, rule))
    return requests


def remove() -> list[Request]:
    return [Request(_DELETE_TABLE, 0, _IPV4 + _text(1, TABLE))]


def own_generation(generation: int) -> list[Request]:
    """Write into our table that this generation of the ruleset is our own doing, and no earlier one is."""
    held = _IPV4 + _text(1, names.NFT_TABLE) + _text(2, names.OWN_GENERATION)
    key = _nested(1, attribute(1, U32.pack(generation)))
    return [
        Request(_DELETE_ELEMENT, 0, held),
        Request(_NEW_ELEMENT, CREATE, held + _nested(3, _nested(1, key))),
    ]


def batch(requests: Iterable[Request], generation: int) -> list[Request]:
    """One transaction, refused if the ruleset is no longer of that generation."""
    return [
        Request(_BATCH_BEGIN, 0, _BATCH + _be32(1, generation)),
        *requests,
        Request(_BATCH_END, 0, _BATCH),
    ]


def get_rules(table: str) -> Request:
    """All rules of a table, or of all tables (""); a dump."""
    return Request(_GET_RULE, 0, b"\0\0\0\0" + (_text(1, table) if table else b""))


def get_element(family: int, table: str, name: str, key: bytes) -> Request:
    """The element of a set that holds this key."""
    body = bytes([family, 0, 0, 0]) + _text(1, table) + _text(2, name)
    return Request(_GET_ELEMENT, 0, body + _nested(3, _nested(1, _nested(1, attribute(1, key)))))


def _chain(name: str, hook: int, priority: int) -> Request:
    place = _be32(1, hook) + attribute(2, _BE32_SIGNED.pack(priority))
    body = _IPV4 + _text(1, TABLE) + _text(3, name) + _nested(4, place) + _be32(5, _NF_ACCEPT) + _text(7, "filter")
    return Request(_NEW_CHAIN, CREATE, body)


def _meta_load(key: int) -> bytes:
    return _expression("meta", _be32(1, _REGISTER) + _be32(2, key))


def _payload_load(offset: int, length: int) -> bytes:
    place = _be32(1, _REGISTER) + _be32(2, _TRANSPORT) + _be32(3, offset) + _be32(4, length)
    return _expression("payload", place)


def _compare(value: bytes) -> bytes:
    return _expression("cmp", _be32(1, _REGISTER) + _be32(2, 0) + _nested(3, attribute(1, value)))


def _expression(name: str, data: bytes) -> bytes:
    return _nested(1, _text(1, name) + _nested(2, data))


def _nested(kind: int, payload: bytes) -> bytes:
    return attribute(kind | _NESTED, payload)


def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def _be32(kind: int, value: int) -> bytes:
    return attribute(kind, _BE32.pack(value))
