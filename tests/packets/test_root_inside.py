"""Root inside an instance cannot undo enforcement: it is done outside of it. nft, addresses, routes, links."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support import hostile, packets
from tests.support import lab as labs
from tests.support.hostile import MALLORY, Watch, check_as_ever, try_everything
from tests.support.lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up(hostile.TOPOLOGY) as up:
        hostile.serve(up)
        yield up


class Attack(NamedTuple):
    """Commands of mallory's, and how she undoes them."""

    commands: list[str]
    undo: list[str]


# What the instance was given, for attacks that lose it.
RESTORE = [
    "ip addr replace {own}/24 dev eth0",
    "ip neigh replace 10.0.1.1 dev eth0 lladdr {router_mac} nud permanent",
    "ip route replace default via 10.0.1.1 dev eth0",
]

ATTACKS = {
    "flushes nft": Attack(["nft flush ruleset", "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0"], []),
    "brings rules of her own": Attack(
        [
            "nft add table ip vpcemu",
            "nft 'add chain ip vpcemu vpc {{ type filter hook forward priority -500; policy accept; }}'",
            "nft 'add chain ip vpcemu out {{ type nat hook postrouting priority 100; }}'",
            "nft add rule ip vpcemu out ip daddr {db} snat to {ally}",
            "nft add rule ip vpcemu out ip daddr {neighbour} snat to {db}",
            "nft 'add chain ip vpcemu raw {{ type filter hook output priority -300; }}'",
            "nft add rule ip vpcemu raw notrack",
        ],
        ["nft flush ruleset"],
    ),
    "takes a neighbour's address": Attack(
        ["ip addr add {ally}/24 dev eth0", "ip route replace default via 10.0.1.1 src {ally}"],
        ["ip addr del {ally}/24 dev eth0", *RESTORE],
    ),
    "becomes a neighbour": Attack(
        ["ip addr flush dev eth0", "ip addr add {ally}/24 dev eth0", "ip route replace default via 10.0.1.1"],
        ["ip addr flush dev eth0", *RESTORE],
    ),
    "takes an address of another subnet": Attack(
        ["ip addr add {db}/24 dev eth0", "ip route replace 10.0.1.0/24 dev eth0 src {db}"],
        ["ip addr del {db}/24 dev eth0", "ip route replace 10.0.1.0/24 dev eth0 src {own}"],
    ),
    "takes an address that nobody has": Attack(
        ["ip addr add 10.0.1.99/24 dev eth0", "ip route replace default via 10.0.1.1 src 10.0.1.99"],
        ["ip addr del 10.0.1.99/24 dev eth0", *RESTORE],
    ),
    "takes the router's addresses": Attack(
        ["ip addr add 10.0.1.1/24 dev eth0", "ip addr add 10.0.2.1/24 dev eth0", "ip addr add 169.254.0.1/32 dev eth0"],
        [
            "ip addr del 10.0.1.1/24 dev eth0",
            "ip addr del 10.0.2.1/24 dev eth0",
            "ip addr del 169.254.0.1/32 dev eth0",
            *RESTORE,
        ],
    ),
    "adds routes": Attack(
        [
            "ip route add 10.0.2.0/24 dev eth0",
            "ip route add 10.0.9.0/24 via {ally} dev eth0 onlink",
            "ip route add 198.51.100.0/24 via 10.0.9.4 dev eth0 onlink",
            "ip route add 10.0.0.0/8 via 169.254.0.1 dev eth0 onlink",
        ],
        [
            "ip route del 10.0.2.0/24",
            "ip route del 10.0.9.0/24",
            "ip route del 198.51.100.0/24",
            "ip route del 10.0.0.0/8",
        ],
    ),
    "uses a neighbour as her router": Attack(
        [
            "ip neigh replace {ally} dev eth0 lladdr {ally_mac} nud permanent",
            "ip route replace default via {ally} dev eth0",
            "ip route replace 10.0.2.0/24 via {ally} dev eth0",
        ],
        ["ip route del 10.0.2.0/24", "ip neigh del {ally} dev eth0", *RESTORE],
    ),
    "takes a neighbour's MAC": Attack(
        ["ip link set eth0 address {ally_mac}"], ["ip link set eth0 address {own_mac}", *RESTORE]
    ),
    "takes the router's MAC": Attack(
        ["ip link set eth0 address {router_mac}"], ["ip link set eth0 address {own_mac}", *RESTORE]
    ),
    "is promiscuous and forwards": Attack(
        [
            "ip link set eth0 promisc on",
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1 net.ipv4.conf.eth0.proxy_arp=1",
            "sysctl -qw net.ipv4.conf.all.accept_source_route=1 net.ipv4.conf.eth0.proxy_arp_pvlan=1",
        ],
        ["ip link set eth0 promisc off"],
    ),
    "makes a bridge": Attack(
        [
            "ip link add br0 type bridge",
            "ip link set br0 up",
            "ip link set eth0 master br0",
            "ip addr add {ally}/24 dev br0",
        ],
        ["ip link del br0", *RESTORE],
    ),
    "makes a macvlan": Attack(
        [
            "ip link add mv0 link eth0 address {ally_mac} type macvlan mode bridge",
            "ip addr add {ally}/24 dev mv0",
            "ip link set mv0 up",
        ],
        ["ip link del mv0"],
    ),
    "unplugs": Attack(["ip link set eth0 down"], ["ip link set eth0 up", *RESTORE]),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_mallory(lab: Lab, attack: str) -> None:
    """SDC-01, SDC-04, L2-02, SG-02: before, meanwhile and after: everybody else is served as ever, she reaches nobody
    whom she may not, and no packet of others comes to her. What she may do works again once she has undone it.
    """
    veth = lab.veth(MALLORY)
    words = {node: lab.private(node) for node in ("ally", "neighbour", "db")} | {
        "own": lab.private(MALLORY),
        "own_mac": veth.peer_mac,
        "router_mac": veth.mac,
        "ally_mac": lab.veth("ally").peer_mac,
    }
    check_as_ever(lab)
    watch = Watch(lab)
    lab.must(MALLORY, *(command.format(**words) for command in ATTACKS[attack].commands))
    mark = packets.cookie()
    through_her_kernel(lab, mark)
    if attack != "unplugs":
        try_everything(lab, mark)
    watch.nobody_got(mark)
    lab.must(MALLORY, *(command.format(**words) for command in ATTACKS[attack].undo))
    check_as_ever(lab)


def through_her_kernel(lab: Lab, mark: bytes) -> None:
    """Ordinary sockets, from every address that the instance has now, to everybody she may not reach."""
    addresses = [
        line.split()[3].partition("/")[0]
        for line in lab.run(MALLORY, "ip", "-o", "-4", "addr", "show", "scope", "global").output.splitlines()
    ]
    for source in ("0.0.0.0", *addresses):
        client = lab.open_socket(MALLORY, kind=2)
        client.bind((source, 0))
        for to in ("ally", "neighbour", "db", "front", "10.0.3.50"):
            try:
                client.sendto(mark, (lab.resolve(to), 5432))
            except OSError:
                continue  # her own kernel knows no way


def test_an_instance_that_destroys_its_interface_harms_itself_alone(lab: Lab) -> None:
    """Both ends of the ENI are gone; everybody else goes on, and `up` puts it back."""
    lab.must(MALLORY, "ip link del eth0")
    Watch(lab).nobody_got(packets.cookie())
    lab.up(hostile.TOPOLOGY)
    check_as_ever(lab)


def test_what_root_left_behind_survives_an_up_and_changes_nothing(lab: Lab) -> None:
    """An instance is its owner's: `up` leaves her rules and addresses alone, and they are as useless as before."""
    lab.must(MALLORY, "nft add table ip hers", f"ip addr add {lab.private('ally')}/32 dev eth0")
    lab.up(hostile.TOPOLOGY)
    assert "hers" in lab.run(MALLORY, "nft", "list", "tables").output
    watch, mark = Watch(lab), packets.cookie()
    through_her_kernel(lab, mark)
    watch.nobody_got(mark)
