"""The machine's own network: a lab leaves it alone, and it leaves the lab alone."""

import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.lifecycle.conftest import Make
from tests.support import host
from tests.support.lifecycle import REPOSITORY, Document, edited, nat, small

WEB_OUTSIDE, NAT_ADDRESS = "93.184.216.34", "52.195.125.184"


@pytest.mark.alone
def test_the_host_is_the_same_before_during_and_after(make: Make) -> None:
    """Links, addresses, routes, rules, neighbours, nft, sysctls; `tests/support/host.py` says what is left out."""
    warm_up = make(nat())
    warm_up.up()  # loads the kernel's modules, whose knobs then are there
    warm_up.down()
    before = host.snapshot()
    lab = make(nat())
    lab.up()
    _same(before, "during")
    lab.up(edited(nat(), lambda document: document["vpcs"]["main"]["instances"].pop("web")))
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    lab.status()
    _same(before, "after an edit")
    lab.down()
    _same(before, "after")


def _same(before: host.Host, when: str) -> None:
    changed = host.changes(before, host.snapshot())
    assert not changed, f"{when}:\n{changed}"


@pytest.mark.alone
def test_nothing_of_the_lab_is_in_the_hosts_namespace(make: Make) -> None:
    """Not for a moment: no link passes through it on its way."""
    lab = make(nat())
    with _heard() as heard:
        for _ in range(2):
            lab.up()
            lab.down()
    assert not heard, heard


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What the kernel tells of links, addresses, routes and rules of this namespace, meanwhile."""
    groups = [1, 5, 7, 8]  # RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE
    heard: list[str] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as monitor:
        monitor.bind((0, 0))
        for group in groups:
            monitor.setsockopt(270, 1, group)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        yield heard
        monitor.setblocking(False)
        with suppress(BlockingIOError):
            while message := monitor.recv(65536):
                heard.append(repr(message))


# --- a host of our own -----------------------------------------------------------------------------------------

# A network and mount namespace that plays the machine: own links, own nft, own /run.
_OUTER = """
import os, sys
sys.path.insert(0, {repository!r})
from emulator.kernel import syscalls
syscalls.unshare(syscalls.NEW_NETWORK | syscalls.NEW_MOUNTS)
syscalls.mount("", "/", "none", syscalls.SLAVE | syscalls.RECURSIVE)
syscalls.mount("tmpfs", "/run", "tmpfs", 0)
syscalls.mount("sysfs", "/sys", "sysfs", 0)
import subprocess
# Without IPv6, whose addresses would come a while after the links.
quiet = "sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
subprocess.run(["sh", "-ec", quiet + "\\n" + {setup!r}], check=True)
from tests.support import host
from tests.support.lifecycle import Lab, edited, vpcemu
from tests.support.leaks import assert_nothing_left
from emulator import names
before = host.snapshot()
lab = Lab({name!r}, {document!r})
try:
{body}
finally:
    lab.close()
    lab.down()
changed = host.changes(before, host.snapshot())
assert not changed, changed
assert_nothing_left(lab.name)
print("all is well")
"""

_WORKS = """
lab.up()
assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
assert lab.tcp("attacker", lab.public_ip("web"), 80) == "pass"
assert lab.tcp("dev", "10.0.10.10", 80) == "pass"
assert lab.tcp("attacker", lab.public_ip("web"), 8080, "drop") == "drop"
lab.assert_settled()
during = host.changes(before, host.snapshot())
assert not during, during
"""

# What Docker, firewalld and a careful administrator leave on a machine.
_DOCKER = """
ip link set lo up
ip link add docker0 type bridge
ip addr add 172.17.0.1/16 dev docker0
ip link set docker0 up
sysctl -q -w net.ipv4.ip_forward=1
nft -f - <<'END'
table ip filter {
    chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
    chain DOCKER-USER { drop; }
    chain INPUT { type filter hook input priority filter; policy drop; iifname "lo" accept; }
    chain OUTPUT { type filter hook output priority filter; policy drop; oifname "lo" accept; }
}
table ip nat {
    chain POSTROUTING { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 masquerade; }
}
table inet firewalld {
    chain forward { type filter hook forward priority 10; policy drop; }
    chain prerouting { type filter hook prerouting priority -300; policy accept; fib saddr . iif oif missing drop; }
}
table bridge filter { chain forward { type filter hook forward priority 0; policy drop; }; }
table arp filter { chain input { type filter hook input priority 0; policy drop; }; }
END
"""
# The labs' own blocks and outside addresses are already somewhere else on the machine.
_SAME_ADDRESSES = """
ip link set lo up
ip link add lan0 type veth peer name lan1
ip link set lan0 up
ip link set lan1 up
ip addr add 10.0.10.1/16 dev lan0
ip addr add 93.184.216.34/32 dev lan0
ip addr add 169.254.0.1/32 dev lan0
ip route add 45.83.64.0/24 dev lan0
ip route add 203.0.113.0/24 via 10.0.10.99
ip link add eni-web type veth peer name igw
ip rule add pref 100 fwmark 0x1234 lookup 4660
"""
_FORWARDING = "ip link set lo up; sysctl -q -w net.ipv4.ip_forward={value}"
_STRICT = """
ip link set lo up
sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1
sysctl -q -w net.ipv4.conf.all.arp_ignore=2 net.ipv4.conf.default.arp_ignore=2
sysctl -q -w net.ipv4.conf.all.log_martians=1
"""
HOSTS = {
    "a plain one": "ip link set lo up",
    "one with nothing up": "true",
    "one with Docker's rules, and stricter": _DOCKER,
    "one with the same addresses and names": _SAME_ADDRESSES,
    "one that forwards": _FORWARDING.format(value=1),
    "one that does not forward": _FORWARDING.format(value=0),
    "a strict one": _STRICT,
}


@pytest.mark.parametrize("setup", HOSTS.values(), ids=[name.replace(" ", "-") for name in HOSTS])
def test_a_lab_works_on(setup: str, lab_name: str) -> None:
    _run_outside(lab_name, setup, _WORKS)


def test_the_commands_work_on_a_host_with_dockers_rules(lab_name: str) -> None:
    body = """
    assert vpcemu("up", lab.file).returncode == 0
    said = vpcemu("exec", "-l", lab.name, "dev", "--", "ping", "-c1", "-W2", "93.184.216.34")
    assert said.returncode == 0, said
    assert vpcemu("status", lab.name).returncode == 0
    assert vpcemu("down", lab.name).returncode == 0
    """
    _run_outside(lab_name, _DOCKER, body)


def test_a_host_that_changes_under_a_lab(lab_name: str) -> None:
    """Forwarding off, rules flushed, links gone: the host's, not the lab's."""
    body = """
    lab.up()
    for change in ("sysctl -q -w net.ipv4.ip_forward=0", "nft flush ruleset", "ip link del docker0"):
        subprocess.run(change.split(), check=True)
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
    lab.assert_settled()
    before = host.snapshot()
    """
    _run_outside(lab_name, _DOCKER, body)


# A machine with a way out: `world.net` stands for all that is behind it.
_WAY_OUT = """
ip link set lo up
ip netns add world.net
ip link add wan type veth peer name eth0 netns world.net
ip addr add 198.18.7.1/24 dev wan
ip link set wan up
ip -n world.net addr add 198.18.7.2/24 dev eth0
ip -n world.net link set eth0 up
ip route add default via 198.18.7.2
sysctl -q -w net.ipv4.ip_forward=1
"""


def test_an_uplink_is_one_link_and_one_table(lab_name: str) -> None:
    """The one exception: both are called after the lab, and gone after it."""
    body = """
    lab.up()
    for line in host.changes(before, host.snapshot()).splitlines():
        assert line.startswith(("---", "+++", "@@")) or not line.startswith("-"), line
    added = host.snapshot()
    links = [line for line in added["ip link"].splitlines() if line not in before["ip link"].splitlines()]
    assert len(links) == 1 and names.uplink(lab.name) in links[0], links
    tables = [line for line in added["nft"].splitlines() if line.startswith("table")]
    assert tables == [f"table ip vpcemu-{lab.name} {{"], tables
    for view in ("ip addr", "ip route"):
        for line in added[view].splitlines():
            assert line in before[view].splitlines() or names.uplink(lab.name) in line, line
    assert added["ip rule"] == before["ip rule"]
    from tests.support.lifecycle import socket_in
    with socket_in("world", "net") as listener, lab.open_socket("dev") as calling:
        listener.bind(("0.0.0.0", 80))
        listener.listen(1)
        calling.settimeout(5)
        calling.connect(("198.18.7.2", 80))
        accepted, (address, _) = listener.accept()
        accepted.close()
        assert address == "198.18.7.1", address
    lab.assert_settled()
    subprocess.run(["ip", "link", "del", names.uplink(lab.name)], check=True)
    assert not lab.status()["healthy"]
    lab.up()
    lab.assert_settled()
    subprocess.run(["nft", "delete", "table", "ip", f"vpcemu-{lab.name}"], check=True)
    assert not lab.status()["healthy"]
    lab.up()
    lab.assert_settled()
    lab.up(edited(lab.document, lambda document: document["internet"].pop("uplink")))
    assert not host.changes(before, host.snapshot())
    lab.up(edited(lab.document, lambda document: document["internet"].update(uplink=True)))
    """
    _run_outside(lab_name, _WAY_OUT, body, uplink=True)


def test_an_uplink_killed_at_every_checkpoint(lab_name: str) -> None:
    """Nothing stays on the machine, whether it was being made, unmade or only there."""
    body = """
    from tests.support import children
    def rounds(prepare, action):
        for number in range(1000):
            prepare()
            what = children.killed_at(number, action)
            if number % 4 == 0:
                lab.up()
                lab.assert_settled()
            lab.down()
            assert_nothing_left(lab.name)
            if what is None:
                return
    rounds(lambda: None, lambda checkpoint: lab.up(checkpoint=checkpoint))
    rounds(lab.up, lambda checkpoint: lab.down(checkpoint=checkpoint))
    """
    _run_outside(lab_name, _WAY_OUT, body, small(service=False), uplink=True)


def _run_outside(name: str, setup: str, body: str, document: Document | None = None, *, uplink: bool = False) -> None:
    script = _OUTER.format(
        repository=str(REPOSITORY),
        setup=setup,
        name=name,
        document=edited(document or nat(), lambda document: document["internet"].update(uplink=uplink)),
        body=textwrap.indent(textwrap.dedent(body), "    "),
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "all is well"
