"""rtnetlink messages, packed by hand: what the kernel is asked, as bytes. Pure; `channel.py` sends, `decode.py` reads.

Why not pyroute2: importing it takes 100-200 ms, and it spends some 100 us on each message where the kernel needs 5.
A lab of 1,000 instances needs about 12,000 messages. `tests/unit/test_wire.py` has pyroute2 read every message back,
and `python -m benchlib.messages` measures both.
"""

from socket import AF_INET, AF_INET6, inet_aton
from struct import Struct
from typing import Final, NamedTuple

from emulator.compile.state import Address, Neighbour, PolicyRule, Route, Veth

HEADER: Final = Struct("=IHHII")  # length, type, flags, sequence number, port
ATTRIBUTE: Final = Struct("=HH")  # length, type
LINK: Final = Struct("=BxHiII")  # family, hardware type, index, flags, change mask
ADDRESS: Final = Struct("=BBBBi")  # family, prefix length, flags, scope, link index
ROUTE: Final = Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags
NEIGHBOUR: Final = Struct("=BxxxiHBB")  # family, link index, state, flags, type
U32: Final = Struct("=I")
U64: Final = Struct("=Q")

ERROR, DONE = 2, 3
NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_NEIGHBOUR, DEL_NEIGHBOUR, GET_NEIGHBOUR = 28, 29, 30
NEW_RULE, DEL_RULE, GET_RULE = 32, 33, 34
GET_NEIGHBOUR_TABLE, SET_NEIGHBOUR_TABLE = 66, 67
GET_NSID = 90

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
CREATE, EXCLUSIVE, REPLACE, APPEND = 0x400, 0x200, 0x100, 0x800

UP, RUNNING, LOWER_UP = 0x1, 0x40, 0x10000
OPER_UP = 6
PERMANENT = 0x80
LEARNT: Final = 0x02 | 0x04 | 0x08 | 0x10  # reachable, stale, delayed, probed
ONLINK, CLONED = 0x4, 0x200
TABLE_LOCAL = 255
PROTO_KERNEL, PROTO_STATIC = 2, 4
SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_NOWHERE = 0, 253, 255
ROUTE_KINDS: Final = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}
LO: Final = 1  # the index of `lo`, in every namespace


class Request(NamedTuple):
    """A netlink message without its header's length and sequence number."""

    type: int
    flags: int
    body: bytes


_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_CREATE_FLAGS: Final = {"add": CREATE | EXCLUSIVE, "replace": CREATE | REPLACE}


def attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + _PADDING[length & 3]


def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, U32.pack(value))


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


# --- links -----------------------------------------------------------------------------------------------------

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK = 1, 3, 4, 5
IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC = 16, 18, 20, 26
IFLA_GROUP, IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_LINK_NETNSID, IFLA_TARGET_NETNSID = 27, 28, 29, 37, 46
IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES, IFLA_INET6_ADDR_GEN_MODE = 31, 32, 8
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
_SKIP_STATISTICS: Final = _number(IFLA_EXT_MASK, 1 << 3)  # a third of the bytes of a dump
KIND_VETH: Final = _text(IFLA_INFO_KIND, "veth")
_NO_LINK: Final = LINK.pack(0, 0, 0, 0, 0)
# Unasked, the kernel makes a queue for each processor and uses the first alone: with two, 0.1 ms and 6 KiB a pair.
_ONE_QUEUE: Final = _number(IFLA_NUM_TX_QUEUES, 1) + _number(IFLA_NUM_RX_QUEUES, 1)
_NO_IPV6_ADDRESS: Final = attribute(IFLA_AF_SPEC, attribute(AF_INET6, attribute(IFLA_INET6_ADDR_GEN_MODE, b"\1")))


def veth(pair: Veth, peer_namespace: int) -> Request:
    """A veth pair with each end in its final namespace: moving an end afterwards takes the kernel 16 ms."""
    peer = _NO_LINK + _end(pair.peer_link, pair.peer_mac, pair.mtu) + _number(IFLA_NET_NS_FD, peer_namespace)
    info = KIND_VETH + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
    body = _NO_LINK + _end(pair.link, pair.mac, pair.mtu) + attribute(IFLA_LINKINFO, info)
    return Request(NEW_LINK, CREATE | EXCLUSIVE, body)


def _end(name: str, mac: str, mtu: int) -> bytes:
    return _text(IFLA_IFNAME, name) + attribute(IFLA_ADDRESS, mac_bytes(mac)) + _number(IFLA_MTU, mtu) + _ONE_QUEUE


def link_state(index: int, up: bool) -> Request:
    return Request(NEW_LINK, 0, LINK.pack(0, 0, index, UP if up else 0, UP))


def no_ipv6_address(index: int) -> Request:
    """The link will give itself no link-local address when it comes up, and so it will send no IPv6 packet.

    A message of its own: in one message the kernel raises the link first.
    """
    return Request(NEW_LINK, 0, LINK.pack(0, 0, index, 0, 0) + _NO_IPV6_ADDRESS)


def is_no_ipv6_address(request: Request) -> bool:
    return request.type == NEW_LINK and request.body.endswith(_NO_IPV6_ADDRESS)


def link_alias(index: int, alias: str) -> Request:
    # No terminating NUL: the kernel keeps exactly these bytes.
    return Request(NEW_LINK, 0, LINK.pack(0, 0, index, 0, 0) + attribute(IFLA_IFALIAS, alias.encode()))


def link_group(index: int, group: int) -> Request:
    return Request(NEW_LINK, 0, LINK.pack(0, 0, index, 0, 0) + _number(IFLA_GROUP, group))


def delete_link(index: int) -> Request:
    return Request(DEL_LINK, 0, LINK.pack(0, 0, index, 0, 0))


def delete_group(group: int) -> Request:
    """All links of the group at once: one wait for the network stack instead of one for each (16 ms)."""
    return Request(DEL_LINK, 0, _NO_LINK + _number(IFLA_GROUP, group))


def get_link(index: int, target: int | None = None) -> Request:
    """One link; `target`: in the namespace that has this id in the asked one."""
    there = b"" if target is None else attribute(IFLA_TARGET_NETNSID, U32.pack(target))
    return Request(GET_LINK, 0, LINK.pack(0, 0, index, 0, 0) + _SKIP_STATISTICS + there)


def get_links() -> Request:
    return Request(GET_LINK, DUMP, _NO_LINK + _SKIP_STATISTICS)


def get_namespace_id(namespace: int) -> Request:
    """Which id has the namespace behind this file descriptor in the asked one? (-1: none yet)"""
    return Request(GET_NSID, 0, b"\0\0\0\0" + _number(3, namespace))


# --- addresses, neighbours, routes, rules ----------------------------------------------------------------------

IFA_ADDRESS, IFA_LOCAL, IFA_LABEL = 1, 2, 3
NDA_DST, NDA_LLADDR = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_TABLE = 1, 4, 5, 6, 7, 8, 15
RTAX_MTU = 2
FRA_SRC, FRA_PRIORITY, FRA_FWMARK, FRA_TABLE, FRA_FWMASK, FRA_PROTOCOL = 2, 6, 10, 15, 16, 21


def address(verb: str, item: Address, index: int) -> Request:
    ip = inet_aton(item.ip)
    body = ADDRESS.pack(AF_INET, item.prefixlen, 0, SCOPE_UNIVERSE, index)
    body += attribute(IFA_LOCAL, ip) + attribute(IFA_ADDRESS, ip)
    if item.label:
        body += _text(IFA_LABEL, item.label)
    if verb == "remove":
        return Request(DEL_ADDRESS, 0, body)
    return Request(NEW_ADDRESS, _CREATE_FLAGS[verb], body)


def neighbour(verb: str, item: Neighbour, index: int) -> Request:
    """Permanent. "add" replaces, too: traffic may have put an entry for the same address there before."""
    body = NEIGHBOUR.pack(AF_INET, index, PERMANENT, 0, 0) + attribute(NDA_DST, inet_aton(item.ip))
    if verb == "remove":
        return Request(DEL_NEIGHBOUR, 0, body)
    return Request(NEW_NEIGHBOUR, CREATE | REPLACE, body + attribute(NDA_LLADDR, mac_bytes(item.mac)))


def forget_neighbour(ip: str, index: int) -> Request:
    body = NEIGHBOUR.pack(AF_INET, index, 0, 0, 0)
    return Request(DEL_NEIGHBOUR, 0, body + attribute(NDA_DST, inet_aton(ip)))


def route(verb: str, item: Route, index: int) -> Request:
    """`index` is that of `item.link`, 0 if there is none.

    A destination may end in " metric N": observe() reports routes of others that way, so that they can be removed.
    """
    prefix, _, metric = item.destination.partition(" metric ")
    ip, _, length = prefix.partition("/")
    if verb == "remove":
        scope = SCOPE_NOWHERE
    else:
        scope = SCOPE_LINK if item.kind == "unicast" and not item.via else SCOPE_UNIVERSE
    kind = ROUTE_KINDS[item.kind]
    protocol = 0 if verb == "remove" else PROTO_STATIC
    flags = ONLINK if item.onlink else 0
    table = item.table if item.table < 256 else 0
    body = ROUTE.pack(AF_INET, int(length), 0, 0, table, protocol, scope, kind, flags)
    body += attribute(RTA_DST, inet_aton(ip)) + _number(RTA_TABLE, item.table)
    if metric:
        body += _number(RTA_PRIORITY, int(metric))
    if index:
        body += _number(RTA_OIF, index)
    if item.via:
        body += attribute(RTA_GATEWAY, inet_aton(item.via))
    if item.mtu:
        body += attribute(RTA_METRICS, _number(RTAX_MTU, item.mtu))
    if verb == "remove":
        return Request(DEL_ROUTE, 0, body)
    return Request(NEW_ROUTE, _CREATE_FLAGS[verb], body)


def subnet_route(item: Address, index: int) -> Request:
    """The route that the kernel itself makes for an address, exactly."""
    mask = (0xFFFFFFFF << (32 - item.prefixlen)) & 0xFFFFFFFF
    ip = inet_aton(item.ip)
    subnet = (int.from_bytes(ip, "big") & mask).to_bytes(4, "big")
    body = ROUTE.pack(AF_INET, item.prefixlen, 0, 0, 254, PROTO_KERNEL, SCOPE_LINK, 1, 0)
    body += attribute(RTA_DST, subnet) + _number(RTA_OIF, index) + attribute(RTA_PREFSRC, ip)
    return Request(NEW_ROUTE, CREATE | APPEND, body)  # two ENIs in one subnet have two that differ in the link only


def rule(verb: str, item: PolicyRule) -> Request:
    """One with neither mark nor source is state.MAIN_RULE, or somebody else's, seen by observe() and to be removed."""
    body = ROUTE.pack(
        AF_INET, 0, 32 if item.source else 0, 0, item.table if item.table < 256 else 0, 0, 0, 1, 0
    )  # 1: look up a table
    body += _number(FRA_PRIORITY, item.priority) + _number(FRA_TABLE, item.table)
    if item.mark:
        body += _number(FRA_FWMARK, item.mark) + _number(FRA_FWMASK, 0xFFFFFFFF)
    if item.source:
        body += attribute(FRA_SRC, inet_aton(item.source))
    if verb == "remove":
        return Request(DEL_RULE, 0, body)
    protocol = PROTO_STATIC if item.mark or item.source else PROTO_KERNEL
    return Request(NEW_RULE, CREATE | EXCLUSIVE, body + attribute(FRA_PROTOCOL, bytes([protocol])))


def get_addresses() -> Request:
    return Request(GET_ADDRESS, DUMP, ADDRESS.pack(AF_INET, 0, 0, 0, 0))


def get_neighbours() -> Request:
    return Request(GET_NEIGHBOUR, DUMP, NEIGHBOUR.pack(AF_INET, 0, 0, 0, 0))


def get_neighbour(ip: str, index: int) -> Request:
    """One entry. A dump walks the entries of all namespaces of the machine, for each namespace again."""
    return Request(GET_NEIGHBOUR, 0, NEIGHBOUR.pack(AF_INET, index, 0, 0, 0) + attribute(NDA_DST, inet_aton(ip)))


def get_routes(table: int = 0) -> Request:
    """Of one table below 256, or of all (0). A table that never held a route gives none."""
    return Request(GET_ROUTE, DUMP, ROUTE.pack(AF_INET, 0, 0, 0, table, 0, 0, 0, 0))


def get_rules() -> Request:
    return Request(GET_RULE, DUMP, ROUTE.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0))


# --- a link's proxy_delay without /proc ------------------------------------------------------------------------

NDTA_NAME, NDTA_PARMS, NDTPA_IFINDEX, NDTPA_PROXY_DELAY = 1, 6, 1, 13
_ARP: Final = _text(NDTA_NAME, "arp_cache")


def proxy_delay(index: int, milliseconds: int) -> Request:
    """net/ipv4/neigh/<link>/proxy_delay, a third of the cost of the file. The file counts in 1/100 s."""
    parms = _number(NDTPA_IFINDEX, index) + attribute(NDTPA_PROXY_DELAY, U64.pack(milliseconds))
    return Request(SET_NEIGHBOUR_TABLE, 0, b"\2\0\0\0" + _ARP + attribute(NDTA_PARMS, parms))


def get_neighbour_tables() -> Request:
    return Request(GET_NEIGHBOUR_TABLE, DUMP, b"\2\0\0\0")
