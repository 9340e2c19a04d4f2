"""Hand-packed messages, read back by pyroute2: another author's reading of the same headers."""

import struct
from typing import Any

import pytest
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.ndtmsg import ndtmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from emulator.compile.state import Address, Neighbour, PolicyRule, Route, Veth
from emulator.kernel import wire

PAIR = Veth("main.router", "eni-dev", "0a:00:00:00:00:01", "dev", "eth0", "0a:00:00:00:00:02", 9001)


def read(kind: Any, request: wire.Request) -> Any:
    """The message as pyroute2 understands it."""
    length = 16 + len(request.body)
    message = kind(wire.HEADER.pack(length, request.type, request.flags, 1, 0) + request.body)
    message.decode()
    assert message["header"]["type"] == request.type
    return message


def test_a_veth_names_both_ends_and_the_namespace_of_the_far_one() -> None:
    request = wire.veth(PAIR, peer_namespace=77)
    assert request.flags == 0x600  # create, and only create
    message = read(ifinfmsg, request)
    assert message.get_attr("IFLA_IFNAME") == "eni-dev"
    assert message.get_attr("IFLA_ADDRESS") == "0a:00:00:00:00:01"
    assert message.get_attr("IFLA_MTU") == 9001
    info = message.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert peer.get_attr("IFLA_IFNAME") == "eth0"
    assert peer.get_attr("IFLA_ADDRESS") == "0a:00:00:00:00:02"
    assert peer.get_attr("IFLA_MTU") == 9001
    assert peer.get_attr("IFLA_NET_NS_FD") == 77
    for end in (message, peer):
        assert (end.get_attr("IFLA_NUM_TX_QUEUES"), end.get_attr("IFLA_NUM_RX_QUEUES")) == (1, 1)


@pytest.mark.parametrize(("up", "flags"), [(True, 1), (False, 0)])
def test_a_link_goes_up_and_down(up: bool, flags: int) -> None:
    message = read(ifinfmsg, wire.link_state(5, up))
    assert (message["index"], message["flags"], message["change"]) == (5, flags, 1)


def test_a_link_is_told_to_give_itself_no_ipv6_address() -> None:
    request = wire.no_ipv6_address(5)
    message = read(ifinfmsg, request)
    assert (message["index"], message["change"]) == (5, 0)
    (family,) = message.get_attr("IFLA_AF_SPEC")["attrs"]
    assert family[0] == "AF_INET6"
    assert family[1].get_attr("IFLA_INET6_ADDR_GEN_MODE") == 1  # IN6_ADDR_GEN_MODE_NONE
    assert wire.is_no_ipv6_address(request)
    assert not wire.is_no_ipv6_address(wire.link_state(5, True))


def test_links_carry_alias_and_group() -> None:
    assert read(ifinfmsg, wire.link_alias(1, "vpcemu:t1:dev")).get_attr("IFLA_IFALIAS") == "vpcemu:t1:dev"
    assert read(ifinfmsg, wire.link_group(9, 4711)).get_attr("IFLA_GROUP") == 4711


def test_deletions_say_which() -> None:
    one = read(ifinfmsg, wire.delete_link(9))
    assert one["index"] == 9
    assert one.get_attr("IFLA_GROUP") is None
    group = read(ifinfmsg, wire.delete_group(4711))
    assert group["index"] == 0
    assert group.get_attr("IFLA_GROUP") == 4711


def test_one_link_of_another_namespace() -> None:
    message = read(ifinfmsg, wire.get_link(3, 12))
    assert message["index"] == 3
    assert message.get_attr("IFLA_IF_NETNSID") == 12  # its older name
    assert message.get_attr("IFLA_EXT_MASK") == 8


def test_the_number_of_a_namespace() -> None:
    assert read(nsidmsg, wire.get_namespace_id(12)).get_attr("NETNSA_FD") == 12


@pytest.mark.parametrize(("verb", "type_", "flags"), [("add", 20, 0x600), ("replace", 20, 0x500), ("remove", 21, 0)])
def test_an_address(verb: str, type_: int, flags: int) -> None:
    request = wire.address(verb, Address("eth0", "10.0.10.4", 24), 2)
    assert (request.type, request.flags) == (type_, flags)
    message = read(ifaddrmsg, request)
    assert (message["family"], message["prefixlen"], message["index"], message["scope"]) == (2, 24, 2, 0)
    assert message.get_attr("IFA_LOCAL") == message.get_attr("IFA_ADDRESS") == "10.0.10.4"


def test_a_lent_address_has_a_label() -> None:
    message = read(ifaddrmsg, wire.address("add", Address("eth0", "10.0.10.5", 32, "eth0:eni"), 2))
    assert (message["prefixlen"], message.get_attr("IFA_LABEL")) == (32, "eth0:eni")


def test_a_rule_by_source() -> None:
    message = read(fibmsg, wire.rule("add", PolicyRule(10000, 0, 10001, "10.0.2.4")))
    assert (message["src_len"], message.get_attr("FRA_SRC")) == (32, "10.0.2.4")
    assert (message.get_attr("FRA_PRIORITY"), message.get_attr("FRA_TABLE")) == (10000, 10001)
    assert message.get_attr("FRA_FWMARK") is None


def test_a_neighbour_is_permanent_and_replaces_a_learned_one() -> None:
    item = Neighbour("eth0", "10.0.10.1", "0a:00:00:00:00:01")
    request = wire.neighbour("add", item, 2)
    assert (request.type, request.flags) == (28, 0x500)
    message = read(ndmsg, request)
    assert (message["ifindex"], message["state"]) == (2, 0x80)
    assert message.get_attr("NDA_DST") == "10.0.10.1"
    assert message.get_attr("NDA_LLADDR") == "0a:00:00:00:00:01"
    assert wire.neighbour("remove", item, 2).type == 29


@pytest.mark.parametrize(
    ("item", "kind", "scope"),
    [
        (Route(254, "10.0.10.4/32", link="eni-dev"), 1, 253),
        (Route(254, "0.0.0.0/0", link="eth0", via="10.0.10.1"), 1, 0),
        (Route(70000, "0.0.0.0/0", "blackhole"), 6, 0),
        (Route(70000, "10.0.0.0/16", "throw"), 9, 0),
        (Route(70000, "0.0.0.0/0", link="igw", via="169.254.0.1", onlink=True), 1, 0),
        (Route(254, "0.0.0.0/0", link="eth0", via="10.0.10.1", onlink=True, mtu=8500), 1, 0),
    ],
)
def test_a_route(item: Route, kind: int, scope: int) -> None:
    request = wire.route("replace", item, 7 if item.link else 0)
    assert (request.type, request.flags) == (24, 0x500)
    message = read(rtmsg, request)
    prefix, _, length = item.destination.partition("/")
    assert (message["type"], message["scope"], message["proto"], message["dst_len"]) == (kind, scope, 4, int(length))
    assert message["table"] == (254 if item.table == 254 else 0)
    assert message.get_attr("RTA_TABLE") == item.table
    assert message.get_attr("RTA_DST") == prefix
    assert message.get_attr("RTA_GATEWAY") == (item.via or None)
    assert message.get_attr("RTA_OIF") == (7 if item.link else None)
    assert message["flags"] == (4 if item.onlink else 0)
    metrics = message.get_attr("RTA_METRICS")
    assert (metrics.get_attr("RTAX_MTU") if metrics else 0) == item.mtu


def test_routes_of_one_table_or_of_all() -> None:
    assert [read(rtmsg, wire.get_routes(table))["table"] for table in (0, 254)] == [0, 254]


def test_a_route_of_others_is_removed_with_its_metric() -> None:
    request = wire.route("remove", Route(254, "10.0.0.0/8 metric 50", link="eth0"), 2)
    message = read(rtmsg, request)
    assert (request.type, message["proto"], message["scope"]) == (25, 0, 255)
    assert message.get_attr("RTA_PRIORITY") == 50
    assert message.get_attr("RTA_DST") == "10.0.0.0"


def test_a_rule() -> None:
    request = wire.rule("add", PolicyRule(100, 70000, 70001))
    assert (request.type, request.flags) == (32, 0x600)
    message = read(fibmsg, request)
    assert message["action"] == 1
    assert message.get_attr("FRA_PRIORITY") == 100
    assert message.get_attr("FRA_FWMARK") == 70000
    assert message.get_attr("FRA_FWMASK") == 0xFFFFFFFF
    assert message.get_attr("FRA_TABLE") == 70001
    assert read(fibmsg, wire.rule("remove", PolicyRule(5, 0, 9))).get_attr("FRA_FWMARK") is None


def test_proxy_delay() -> None:
    request = wire.proxy_delay(7, 300)
    message = read(ndtmsg, request)
    assert request.type == 67
    assert message.get_attr("NDTA_NAME") == "arp_cache"
    parms = message.get_attr("NDTA_PARMS")
    assert parms.get_attr("NDTPA_IFINDEX") == 7
    assert parms.get_attr("NDTPA_PROXY_DELAY") == 300


def test_attributes_are_padded_to_four_bytes() -> None:
    for size in range(9):
        packed = wire.attribute(1, b"x" * size)
        assert len(packed) % 4 == 0
        assert struct.unpack("=HH", packed[:4]) == (4 + size, 1)
