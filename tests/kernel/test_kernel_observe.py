"""What observe() sees of changes that somebody made by hand, and that it is not taken in by look-alikes."""

import os
import subprocess

import pytest
from pyroute2 import IPRoute

from emulator import names
from emulator.compile.state import LinkUp, Netns, PolicyRule, Route, Ruleset, State, Step, Veth
from emulator.kernel import decode, netns, wire
from emulator.kernel.host import Host
from tests.support.small_lab import LEFT, RIGHT, large_lab, plan, small_lab, without_text


@pytest.fixture
def up(lab_name: str) -> State:
    wanted = small_lab(lab_name)
    mend(wanted)
    return wanted


def mend(wanted: State) -> list[Step]:
    host = Host()
    steps = plan(host.observe(wanted.lab, wanted), wanted)
    host.execute(steps, wanted.lab)
    assert Host().observe(wanted.lab, wanted).veths == wanted.veths
    assert plan(host.observe(wanted.lab, wanted), wanted) == []
    return steps


def see(wanted: State) -> State:
    return Host().observe(wanted.lab, wanted)


def run(wanted: State, node: str, words: str) -> None:
    subprocess.run(("ip", "netns", "exec", names.netns(wanted.lab, node), *words.split()), check=True)


@pytest.mark.parametrize(
    "words",
    [
        "nft add rule ip vpcemu forward accept",
        "nft flush ruleset",
        "nft delete table ip vpcemu",
        "nft flush chain ip vpcemu forward",
        "nft add table inet another",
        "nft add set ip vpcemu more { type ipv4_addr; }",
    ],
)
def test_a_changed_ruleset_is_seen_and_put_right(up: State, words: str) -> None:
    run(up, LEFT, words)
    assert see(up).namespaces[LEFT].ruleset in (Ruleset("tampered"), None)
    assert see(up).namespaces[RIGHT].ruleset == Ruleset("aaaa")
    assert [type(step.item) for step in mend(up)] == [Ruleset]
    assert see(up) == without_text(up)
    tables = ("ip", "netns", "exec", names.netns(up.lab, LEFT), "nft", "list", "tables")
    assert subprocess.run(tables, check=True, capture_output=True, text=True).stdout == "table ip vpcemu\n"


def test_a_strangers_table_with_our_name_is_not_ours(up: State) -> None:
    run(up, LEFT, "nft delete table ip vpcemu")
    run(up, LEFT, "nft add table ip vpcemu")
    assert see(up).namespaces[LEFT].ruleset == Ruleset("tampered")


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("ip route add 9.0.0.0/8 dev eni-a", Route(254, "9.0.0.0/8", link="eni-a")),
        ("ip route add blackhole 9.0.0.0/8 table 70000", Route(70000, "9.0.0.0/8", "blackhole")),
        (
            "ip route add 10.1.0.10/32 dev eni-b metric 7",
            Route(254, "10.1.0.10/32 metric 7", link="eni-b"),
        ),
        ("ip rule add pref 5 fwmark 9 lookup 70000", PolicyRule(5, 9, 70000)),
        ("ip rule add pref 6 iif eni-a lookup 70000", PolicyRule(6, 0, 70000)),
    ],
)
def test_what_was_added_to_a_router_is_seen_and_removed(up: State, words: str, seen: Route | PolicyRule) -> None:
    run(up, LEFT, words)
    held = see(up).namespaces[LEFT]
    assert seen in held.routes | held.rules
    assert mend(up) == [Step("remove", LEFT, seen, "not in the topology")]
    assert see(up) == without_text(up)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("a", "ip route add unreachable 9.0.0.0/8"),
        ("a", "ip addr add 9.9.9.9/32 dev lo"),
        ("a", "nft add table ip mine"),
        ("a", "ip link add docker0 type bridge"),
        ("a", "ip link add v0 type veth peer name v1"),
        ("a", "ip rule add pref 5 fwmark 9 lookup 70000"),
    ],
)
def test_what_a_guest_adds_is_its_own(up: State, node: str, words: str) -> None:
    run(up, node, words)
    assert mend(up) == []


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("a", "ip link set eth0 down"),
        ("a", "ip addr flush dev eth0"),
        ("a", "ip route flush table main"),
        ("a", "ip route delete 10.1.0.0/24"),
        ("a", "ip neigh flush dev eth0 nud permanent"),
        ("a", "ip link delete eth0"),
        ("a", "ip link set eth0 mtu 1400"),
        ("a", "ip link set eth0 address 0a:00:00:00:00:77"),
        ("a", "ip link set lo down"),
        ("a", "sysctl -qw net/ipv4/ping_group_range=5"),
        (LEFT, "ip link set eni-a down"),
        (LEFT, "ip link delete eni-a"),
        (LEFT, "ip link delete peer"),
        (LEFT, "sysctl -qw net.ipv4.neigh.eni-a.proxy_delay=80"),
        (LEFT, "sysctl -qw net.ipv4.ip_forward=0"),
        (LEFT, "ip rule delete pref 100"),
        (LEFT, "ip route flush table 70000"),
    ],
)
def test_what_was_taken_away_is_put_back(up: State, node: str, words: str) -> None:
    run(up, node, words)
    assert mend(up)
    assert see(up) == without_text(up)


def test_a_half_that_leads_elsewhere_is_no_pair(up: State) -> None:
    """Same names, same MACs, same indices: but the other end is in a stranger's namespace."""
    other = f"{up.lab}x"  # not the lab's: no dot
    subprocess.run(("ip", "netns", "add", other), check=True)
    try:
        (veth,) = [veth for veth in up.veths if veth.peer_node == "a"]
        run(up, LEFT, "ip link delete eni-a")
        run(
            up,
            LEFT,
            f"ip link add eni-a address {veth.mac} mtu {veth.mtu} type veth "
            f"peer name eth0 address {veth.peer_mac} mtu {veth.mtu} netns {other}",
        )
        run(up, "a", f"ip link add eth0 address {veth.peer_mac} type bridge")
        seen = see(up).veths
        assert veth not in seen
        assert Veth(LEFT, "eni-a", veth.mac, "", "", "", veth.mtu) in seen
        assert Veth("a", "eth0", veth.peer_mac, "", "", "", 1500) in seen
        mend(up)
        assert see(up) == without_text(up)
    finally:
        subprocess.run(("ip", "netns", "delete", other), check=True)


def test_links_swapped_between_two_hosts_are_seen(up: State) -> None:
    """eni-a leads to b and eni-b to a: every name is there, and nothing is right."""
    pairs = {veth.peer_node: veth for veth in up.veths if veth.node == LEFT and veth.peer_node in "ab"}
    swapped = {
        pairs["a"]._replace(peer_node="b", peer_mac=pairs["b"].peer_mac),
        pairs["b"]._replace(peer_node="a", peer_mac=pairs["a"].peer_mac),
    }
    steps = [Step("remove", LEFT, veth, "") for veth in pairs.values()]
    Host().execute([*steps, *(Step("add", LEFT, veth, "") for veth in swapped)], up.lab)
    assert see(up).veths & set(pairs.values()) == set()
    assert swapped <= see(up).veths
    mend(up)


def test_without_a_wish_all_is_seen(up: State) -> None:
    seen = Host().observe(up.lab, None)
    assert seen.veths == up.veths
    for node, held in up.namespaces.items():
        assert seen.namespaces[node].addresses == held.addresses
        assert seen.namespaces[node].routes == held.routes
        assert seen.namespaces[node].neighbours == held.neighbours
        assert seen.namespaces[node].rules == held.rules
        assert seen.namespaces[node].up == held.up


def test_every_link_can_send_at_once(lab_name: str) -> None:
    """With hundreds of new links the kernel is late with the carrier of some: execute() returns when all are ready."""
    wanted = large_lab(lab_name, 200)
    host = Host()
    host.execute(plan(host.observe(lab_name, wanted), wanted), lab_name)
    late = [f"{node}: {link}" for node in wanted.namespaces for link in without_carrier(names.netns(lab_name, node))]
    assert late == []
    assert host.observe(lab_name, wanted) == without_text(wanted)
    assert len(host.destroy(lab_name)) == 201


def without_carrier(name: str) -> list[str]:
    """By a dump, which does not make the kernel decide, as asking for a single link does."""
    namespace = netns.open_namespace(name)
    try:
        with netns.channel_in(namespace) as channel:
            parts = channel.dump(wire.get_links())
            return [decode.link(part).name for part in parts[1:] if not decode.can_send(part)]
    finally:
        os.close(namespace)


def test_a_link_whose_far_end_is_down_is_not_waited_for(up: State) -> None:
    run(up, "a", "ip link set eth0 down")
    run(up, LEFT, "ip link set eni-a down")
    Host().execute([Step("replace", LEFT, LinkUp("eni-a"), "")], up.lab)
    assert "eni-a" in see(up).namespaces[LEFT].up


def test_pyroute2_reads_the_same(up: State) -> None:
    """Another author's decoder on the same kernel."""
    for node, held in see(up).namespaces.items():
        namespace = netns.open_namespace(names.netns(up.lab, node))
        with netns.enter(namespace), IPRoute() as other:
            titles = {link["index"]: link.get_attr("IFLA_IFNAME") for link in other.get_links()}
            addresses = {
                (titles[item["index"]], item.get_attr("IFA_LOCAL"), item["prefixlen"])
                for item in other.get_addr(family=2)
            }
            routes = {
                (item.get_attr("RTA_TABLE"), f"{item.get_attr('RTA_DST') or '0.0.0.0'}/{item['dst_len']}", item["type"])
                for item in other.get_routes(family=2)
                if item["proto"] != 2
            }
            up_links = {titles[link["index"]] for link in other.get_links() if link["flags"] & 1}
        os.close(namespace)
        assert {item[:3] for item in held.addresses} == addresses - {("lo", "127.0.0.1", 8)}
        assert {(item.table, item.destination, wire.ROUTE_KINDS[item.kind]) for item in held.routes} == routes
        assert held.up == up_links


def test_a_second_look_sees_what_is_wrong_where_it_looks(up: State) -> None:
    """After an edit only the touched nodes are looked at: damage there is seen, and the rest is taken as wanted."""
    host = Host()

    def again(*nodes: str) -> State:
        return host.observe_again(up.lab, up, nodes)

    assert without_text(again(LEFT)) == without_text(up)
    subprocess.run(("ip", "-n", names.netns(up.lab, LEFT), "route", "flush", "table", "all"), check=True)
    assert again(LEFT).namespaces[LEFT].routes < up.namespaces[LEFT].routes
    assert again(RIGHT).namespaces[LEFT].routes == up.namespaces[LEFT].routes
    subprocess.run(("ip", "netns", "del", names.netns(up.lab, LEFT)), check=True)
    assert LEFT not in again(LEFT).namespaces


def test_a_guest_that_never_had_a_route(lab_name: str) -> None:
    """It has no routing table yet, which the kernel refuses to dump."""
    wanted = State(lab_name, {"a": small_lab(lab_name).namespaces["a"]}, frozenset())
    host = Host()
    host.execute([Step("add", "a", Netns("instance"), "")], lab_name)
    found = host.observe(lab_name, wanted).namespaces["a"]
    assert (found.routes, found.addresses, found.up) == (frozenset(), frozenset(), frozenset())
