"""What the kernel answers, read by hand: links, addresses, neighbours, routes, rules. Pure.

A dump of a lab of 1,000 instances has some 30,000 messages, so each reader looks at the fixed header first and skips
a message that is of no interest before it looks at any attribute.
"""

from collections.abc import Container, Iterable, Iterator
from socket import inet_ntoa
from struct import Struct
from typing import Final, NamedTuple

from emulator.compile.state import Address, Neighbour, PolicyRule, Route
from emulator.kernel import wire
from emulator.kernel.channel import Part, Refusal
from emulator.names import LENT

_ATTRIBUTE: Final = Struct("=HH")
_U32: Final = Struct("=I")
_S32: Final = Struct("=i")
_U64: Final = Struct("=Q")
_KIND_NAMES: Final = {number: name for name, number in wire.ROUTE_KINDS.items()}
_LENT: Final = f":{LENT}\0".encode()
_DEFAULT_RULES: Final = frozenset({(0, 255), (32767, 253)})  # priority, table


class Link(NamedTuple):
    """One link.

    number: its index. peer: the index of a veth's other end (0: none). peer_namespace: the id of the other end's
    namespace in this one (-1: it is the same one).
    """

    number: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    peer: int
    peer_namespace: int
    alias: str


_OF_LINK: Final = frozenset(
    {
        wire.IFLA_ADDRESS,
        wire.IFLA_IFNAME,
        wire.IFLA_MTU,
        wire.IFLA_LINK,
        wire.IFLA_LINKINFO,
        wire.IFLA_IFALIAS,
        wire.IFLA_LINK_NETNSID,
    }
)
_OF_DELAY: Final = frozenset({wire.NDTPA_IFINDEX, wire.NDTPA_PROXY_DELAY})
_OF_SUBNET: Final = frozenset({wire.RTA_OIF, wire.RTA_PREFSRC})
_LO_UP: Final = Link(wire.LO, "lo", "", "", 65536, True, 0, -1, "")
_LO_DOWN: Final = _LO_UP._replace(up=False)


def attributes(data: bytes, start: int, end: int, wanted: Container[int] = range(1 << 14)) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    unpack = _ATTRIBUTE.unpack_from
    while start + 4 <= end:
        length, kind = unpack(data, start)
        if length < 4:
            break
        kind &= 0x3FFF
        if kind in wanted:
            found[kind] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def link(part: Part) -> Link:
    _, data, start, end = part
    _, _, index, flags, _ = wire.LINK.unpack_from(data, start)
    got = attributes(data, start + 16, end, _OF_LINK)
    info = got.get(wire.IFLA_LINKINFO)
    kind = ""
    if info:
        if info.startswith(wire.KIND_VETH):  # nearly all are
            kind = "veth"
        else:
            kind = attributes(info, 0, len(info)).get(wire.IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    mac, alias = got.get(wire.IFLA_ADDRESS, b""), got.get(wire.IFLA_IFALIAS)
    peer, there = got.get(wire.IFLA_LINK), got.get(wire.IFLA_LINK_NETNSID)
    return Link(
        number=index,
        name=got[wire.IFLA_IFNAME].rstrip(b"\0").decode(),
        kind=kind,
        mac=mac.hex(":"),
        mtu=_U32.unpack(got[wire.IFLA_MTU])[0],
        up=bool(flags & wire.UP),
        peer=_S32.unpack(peer)[0] if peer else 0,
        peer_namespace=_S32.unpack(there)[0] if there else -1,
        alias=alias.rstrip(b"\0").decode(errors="replace") if alias else "",
    )


def can_send(part: Part) -> bool:
    """Is the link's carrier on, and has the kernel acted on that? Before it has, it drops what is sent.

    The flag RUNNING does not tell: it is set, too, while the operational state is unknown.
    """
    _, data, start, end = part
    if not wire.LINK.unpack_from(data, start)[3] & wire.LOWER_UP:
        return False
    start += 16
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if kind == wire.IFLA_OPERSTATE:  # among the first
            return data[start + 4] == wire.OPER_UP
        start += (length + 3) & ~3 or 4
    return False


def links(parts: Iterable[Part]) -> list[Link]:
    """All of a dump. Of lo only whether it is up: every namespace has one, and they are half of all links."""
    found = []
    for part in parts:
        if part.type == wire.NEW_LINK:
            _, _, index, flags, _ = wire.LINK.unpack_from(part.data, part.start)
            found.append(_LO_UP if flags & wire.UP else _LO_DOWN) if index == wire.LO else found.append(link(part))
    return found


def namespace_id(part: Part | Refusal) -> int:
    """-1: the namespace has no id here."""
    got = attributes(part.data, part.start + 4, part.end).get(1) if isinstance(part, Part) else None
    return int(_S32.unpack(got)[0]) if got else -1


def addresses(parts: Iterable[Part], names: dict[int, str]) -> Iterator[Address]:
    """All but lo's own 127.0.0.1. A label is only told where it is ours."""
    for kind, data, start, end in parts:
        if kind != wire.NEW_ADDRESS:
            continue
        _, length, _, _, index = wire.ADDRESS.unpack_from(data, start)
        if index == wire.LO and data[start + 12 : start + 16] == b"\x7f\0\0\1":  # the first attribute's payload
            continue
        got = attributes(data, start + 8, end)
        ip = got.get(wire.IFA_LOCAL) or got[wire.IFA_ADDRESS]
        link, label = names.get(index, ""), got.get(wire.IFA_LABEL, b"")
        lent = label.endswith(_LENT)
        yield Address(link, inet_ntoa(ip), length, label.rstrip(b"\0").decode() if lent else "")


def neighbours(parts: Iterable[Part], names: dict[int, str]) -> Iterator[Neighbour]:
    """The permanent ones: the rest is the kernel's to learn and to forget."""
    for kind, data, start, end in parts:
        if kind != wire.NEW_NEIGHBOUR:
            continue
        _, index, state, flags, _ = wire.NEIGHBOUR.unpack_from(data, start)
        if not state & wire.PERMANENT or flags & 0x08:  # 0x08: a proxy entry has no MAC
            continue
        got = attributes(data, start + 12, end)
        yield Neighbour(names.get(index, ""), inet_ntoa(got[wire.NDA_DST]), got.get(wire.NDA_LLADDR, b"").hex(":"))


def learnt(parts: Iterable[Part]) -> Iterator[tuple[str, int]]:
    """The other ones: address, and index of the link."""
    for kind, data, start, end in parts:
        if kind == wire.NEW_NEIGHBOUR:
            _, index, state, _, _ = wire.NEIGHBOUR.unpack_from(data, start)
            if state & wire.LEARNT:
                yield inet_ntoa(attributes(data, start + 12, end)[wire.NDA_DST]), index


def routes(parts: Iterable[Part], names: dict[int, str]) -> Iterator[Route]:
    """All tables but `local`; neither what the kernel derived from an address nor cached ones."""
    unpack = wire.ROUTE.unpack_from
    for message, data, start, end in parts:
        if message != wire.NEW_ROUTE:
            continue
        _, length, _, _, table, protocol, _, kind, flags = unpack(data, start)
        if protocol == wire.PROTO_KERNEL or table == wire.TABLE_LOCAL or flags & wire.CLONED:
            continue
        got = attributes(data, start + 12, end)
        number = got.get(wire.RTA_TABLE)
        out, via, ip = got.get(wire.RTA_OIF), got.get(wire.RTA_GATEWAY), got.get(wire.RTA_DST)
        metric = got.get(wire.RTA_PRIORITY)
        destination = f"{inet_ntoa(ip) if ip else '0.0.0.0'}/{length}"
        if metric:  # never one of ours; the suffix tells it apart and lets it be removed
            destination += f" metric {_U32.unpack(metric)[0]}"
        yield Route(
            table=_U32.unpack(number)[0] if number else table,
            destination=destination,
            kind=_KIND_NAMES.get(kind, "unicast"),  # type: ignore[arg-type]  # of others: "unreachable", "prohibit"
            link=names.get(_U32.unpack(out)[0], "") if out else "",
            via=inet_ntoa(via) if via else "",
            onlink=bool(flags & wire.ONLINK),
            mtu=_mtu(got.get(wire.RTA_METRICS)),
        )


def _mtu(metrics: bytes | None) -> int:
    held = attributes(metrics, 0, len(metrics)) if metrics else {}
    mtu: int = _U32.unpack(held[wire.RTAX_MTU])[0] if wire.RTAX_MTU in held else 0
    return mtu


def subnets(parts: Iterable[Part], names: dict[int, str]) -> set[tuple[str, str]]:
    """(link, address) of every address whose subnet's route is there, as the kernel made it."""
    found = set()
    for message, data, start, end in parts:
        if message == wire.NEW_ROUTE and data[start + 5] == wire.PROTO_KERNEL and data[start + 4] != wire.TABLE_LOCAL:
            got = attributes(data, start + 12, end, _OF_SUBNET)
            out, source = got.get(wire.RTA_OIF), got.get(wire.RTA_PREFSRC)
            if out and source:
                found.add((names.get(_U32.unpack(out)[0], ""), inet_ntoa(source)))
    return found


def rules(parts: Iterable[Part]) -> Iterator[PolicyRule]:
    """All but the local and the default table's, which every namespace is born with; MAIN_RULE among them."""
    for kind, data, start, end in parts:
        if kind != wire.NEW_RULE:
            continue
        got = attributes(data, start + 12, end)
        priority = _U32.unpack(got.get(wire.FRA_PRIORITY, b"\0\0\0\0"))[0]
        table = _U32.unpack(got[wire.FRA_TABLE])[0] if wire.FRA_TABLE in got else data[start + 4]
        mark = _U32.unpack(got.get(wire.FRA_FWMARK, b"\0\0\0\0"))[0]
        if (priority, table) in _DEFAULT_RULES and not mark:
            continue
        source = got.get(wire.FRA_SRC) if data[start + 2] == 32 else None  # ours are of one address
        yield PolicyRule(priority, mark, table, inet_ntoa(source) if source else "")


def proxy_delays(parts: Iterable[Part], names: dict[int, str]) -> dict[str, int]:
    """The ARP table's proxy_delay of each link, in the 1/100 s of its sysctl file."""
    found: dict[str, int] = {}
    for kind, data, start, end in parts:
        if kind != 64 or data[start] != 2:
            continue
        got = attributes(data, start + 4, end)
        parms = got.get(wire.NDTA_PARMS)
        if parms is None or got.get(wire.NDTA_NAME) != b"arp_cache\0":
            continue
        inner = attributes(parms, 0, len(parms), _OF_DELAY)
        index, delay = inner.get(wire.NDTPA_IFINDEX), inner.get(wire.NDTPA_PROXY_DELAY)
        if index and delay:
            found[names.get(_U32.unpack(index)[0], "")] = _U64.unpack(delay)[0] // 10
    return found
