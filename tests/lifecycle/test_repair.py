"""Damage: somebody takes a part of a lab away by hand. `status` says what is wrong, `up` puts it back, and flows that
do not go through it are not cut.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

import pytest

from emulator import names
from emulator.agent import client
from emulator.errors import KernelError
from emulator.lab import places
from tests.lifecycle.conftest import Fresh, Make
from tests.support.leaks import assert_nothing_left, processes
from tests.support.lifecycle import Lab, edited, nat, vpcemu
from tests.support.picture import difference, run_in
from tests.support.transfer import Transfer
from tests.support.wait import eventually

WEB_OUTSIDE, NAT_ADDRESS = "93.184.216.34", "52.195.125.184"
PORT = 5001
PATHS = {
    # dev to web in the VPC; dev through the NAT gateway; web through the internet gateway alone
    "direct": ("dev", "web", "10.0.10.10", PORT),
    "nat": ("dev", "web.example", WEB_OUTSIDE, PORT),
    "public": ("web", "attacker", "45.83.64.9", PORT),
}
DOCUMENT = edited(
    nat(),
    lambda document: document["vpcs"]["main"]["security_groups"]["web"]["ingress"].append(
        {"protocol": "tcp", "port": PORT, "from": "dev"}
    ),
)


class Damage(NamedTuple):
    name: str
    do: Callable[[Lab], object]
    node: str  # which `status` must name
    word: str  # and a word that it must say of it
    spares: tuple[str, ...]  # paths whose transfers must not be cut


def _inside(node: str, *argv: str) -> Callable[[Lab], object]:
    return lambda lab: run_in(lab.name, node, *argv)


def _delete(node: str) -> Callable[[Lab], object]:
    return lambda lab: subprocess.run(["ip", "netns", "del", names.netns(lab.name, node)], check=True)


def _table(name: str) -> str:
    return str(names.route_table(name))


ALL = ("direct", "nat", "public")
DAMAGE = (
    # TCP lives through an interruption; what is gone with its end is gone.
    Damage("namespace of an instance deleted", _delete("web"), "web", "", ("nat",)),
    Damage("namespace of the NAT gateway deleted", _delete("nat"), "nat", "", ("direct", "public")),
    Damage("namespace of the internet gateway deleted", _delete("igw"), "igw", "", ALL),
    Damage("namespace of the router deleted", _delete("main.router"), "main.router", "", ()),
    Damage("namespace of the internet deleted", _delete("internet"), "internet", "", ("direct",)),
    Damage("namespace of an outside host deleted", _delete("attacker"), "attacker", "", ("direct", "nat")),
    Damage(
        "route of a route table removed",
        _inside("main.router", "ip", "route", "del", "default", "table", _table("private")),
        "main.router",
        "route",
        ALL,
    ),
    Damage(
        "route changed to somewhere else",
        _inside("main.router", "ip", "route", "replace", "blackhole", "default", "table", _table("private")),
        "main.router",
        "route",
        ALL,
    ),
    Damage(
        "route to an ENI removed",
        _inside("main.router", "ip", "route", "del", "10.0.10.10/32"),
        "main.router",
        "route",
        ALL,
    ),
    Damage(
        "route added",
        _inside("main.router", "ip", "route", "add", "198.51.100.0/24", "dev", "eni-dev", "table", _table("public")),
        "main.router",
        "route",
        ALL,
    ),
    Damage(
        "rule removed",
        _inside("main.router", "ip", "rule", "del", "fwmark", _table("private")),
        "main.router",
        "rule",
        ALL,
    ),
    # `ip rule flush` takes it along, and without it the main table is nobody's.
    Damage(
        "kernel's rule removed",
        _inside("main.router", "ip", "rule", "del", "pref", "32766"),
        "main.router",
        "rule",
        ALL,
    ),
    Damage(
        "rule added",
        _inside("main.router", "ip", "rule", "add", "pref", "50", "from", "10.0.20.4", "lookup", "main"),
        "main.router",
        "rule",
        ALL,
    ),
    Damage(
        "nft table of the router deleted",
        _inside("main.router", "nft", "delete", "table", "ip", "vpcemu"),
        "main.router",
        "rules",
        ALL,
    ),
    Damage("nft of the router flushed", _inside("main.router", "nft", "flush", "ruleset"), "main.router", "rules", ALL),
    Damage("nft of the NAT gateway flushed", _inside("nat", "nft", "flush", "ruleset"), "nat", "rules", ALL),
    Damage("nft of the internet gateway flushed", _inside("igw", "nft", "flush", "ruleset"), "igw", "rules", ALL),
    Damage(
        "nft rule added in front",
        _inside("main.router", "nft", "insert", "rule", "ip", "vpcemu", "vpc", "accept"),
        "main.router",
        "rules",
        ALL,
    ),
    Damage(
        "nft table of somebody else's added",
        _inside("main.router", "nft", "add", "table", "inet", "theirs"),
        "main.router",
        "rules",
        ALL,
    ),
    Damage(
        "link set down in the router",
        _inside("main.router", "ip", "link", "set", "eni-web", "down"),
        "main.router",
        "eni-web",
        ALL,
    ),
    Damage("link set down in an instance", _inside("web", "ip", "link", "set", "eth0", "down"), "web", "eth0", ALL),
    Damage("link deleted", _inside("main.router", "ip", "link", "del", "eni-web"), "main.router", "eni-web", ALL),
    Damage(
        "address of an instance removed",
        _inside("dev", "ip", "addr", "flush", "dev", "eth0"),
        "dev",
        "10.0.20.4",
        ("public",),
    ),
    Damage(
        "default route of an instance removed",
        _inside("dev", "ip", "route", "del", "default"),
        "dev",
        "route",
        ALL,
    ),
    Damage(
        "neighbour of the router removed",
        _inside("main.router", "ip", "neigh", "del", "10.0.10.10", "dev", "eni-web"),
        "main.router",
        "10.0.10.10",
        ALL,
    ),
    Damage(
        "address added to the router",
        _inside("main.router", "ip", "addr", "add", "10.0.99.1/24", "dev", "lo"),
        "main.router",
        "10.0.99.1",
        ALL,
    ),
    Damage(
        "forwarding switched off",
        _inside("main.router", "sysctl", "-q", "-w", "net.ipv4.ip_forward=0"),
        "main.router",
        "forward",
        ALL,
    ),
    Damage(
        "proxy ARP switched off",
        _inside("main.router", "sysctl", "-q", "-w", "net.ipv4.conf.all.proxy_arp=0"),
        "main.router",
        "proxy_arp",
        ALL,
    ),
)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.name.replace(" ", "-"))
def test_damage_is_said_and_repaired(damage: Damage, make: Make, fresh: Fresh) -> None:
    lab = make(DOCUMENT)
    lab.up()
    pid = lab.agent_pid()
    with ExitStack() as stack:
        transfers = {path: stack.enter_context(Transfer(lab, *PATHS[path])) for path in damage.spares}
        damage.do(lab)

        found = lab.status()
        assert not found["healthy"]
        assert found["state"] == "broken"
        said = [each for each in found["wrong"] if each["node"] == damage.node]
        assert said, found["wrong"]
        assert any(damage.word in each["what"] for each in said), said
        assert all(lab.file in each["remedy"] for each in said)

        lab.up()
        lab.assert_settled()
        different = difference(fresh(DOCUMENT), lab.picture())
        assert not different, different
        assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
        assert lab.tcp("attacker", lab.public_ip("web"), 80) == "pass"
        assert lab.tcp("dev", "10.0.10.10", 80) == "pass"
        assert lab.tcp("attacker", lab.public_ip("web"), 8080, "drop") == "drop"
        for transfer in transfers.values():
            transfer.lives()
    assert lab.agent_pid() == pid


def test_status_exits_with_1(make: Make) -> None:
    lab = make(DOCUMENT)
    lab.up()
    assert vpcemu("status", lab.name).returncode == 0
    run_in(lab.name, "main.router", "ip", "link", "set", "eni-web", "down")
    status = vpcemu("status", lab.name)
    assert status.returncode == 1
    assert "eni-web" in status.stdout
    assert lab.file in status.stdout
    assert json.loads(vpcemu("status", lab.name, "--json").stdout)["healthy"] is False
    repaired = vpcemu("up", lab.file)
    assert repaired.returncode == 0, repaired.stderr
    assert vpcemu("status", lab.name).returncode == 0


def test_a_guest_keeps_what_its_owner_adds(make: Make) -> None:
    """An instance is its owner's: an address, a route, rules of its own are not damage, and `up` leaves them."""
    lab = make(DOCUMENT)
    lab.up()
    run_in(lab.name, "dev", "ip", "addr", "add", "192.0.2.77/32", "dev", "lo")
    run_in(lab.name, "dev", "ip", "route", "add", "blackhole", "203.0.113.0/24")
    run_in(lab.name, "dev", "nft", "add", "table", "inet", "mine")
    assert lab.status()["healthy"]
    assert not lab.up().plan.steps
    lab.up(edited(DOCUMENT, lambda document: document["vpcs"]["main"]["instances"].pop("web")))
    assert "192.0.2.77" in run_in(lab.name, "dev", "ip", "addr")
    assert "203.0.113.0/24" in run_in(lab.name, "dev", "ip", "route")
    assert "mine" in run_in(lab.name, "dev", "nft", "list", "tables")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_agent_is_killed(number: signal.Signals, make: Make, fresh: Fresh) -> None:
    lab = make(DOCUMENT)
    lab.up()
    pid = lab.agent_pid()
    # What no service is needed for goes on.
    with Transfer(lab, "dev", "web.example", WEB_OUTSIDE, PORT) as transfer:
        lab.signal_agent(number)
        eventually(lambda: pid not in processes(lab.name), "the agent is gone")
        status = vpcemu("status", lab.name)
        assert status.returncode == 1
        assert "agent" in status.stdout
        assert "dead" in status.stdout
        assert lab.tcp("dev", "10.0.10.10", 80) == "refused"
        transfer.lives()
        lab.up()
        transfer.lives()
    assert lab.agent_pid() not in (0, pid)
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    assert not difference(fresh(DOCUMENT), lab.picture())
    lab.assert_settled()
    lab.signal_agent(number)
    lab.down()
    assert_nothing_left(lab.name)


def test_the_agent_hangs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, it holds its sockets and answers nobody: `status` and `up` do not hang with it, `down` ends it."""
    monkeypatch.setattr(client, "HELLO_SECONDS", 0.5)
    lab = make(DOCUMENT)
    lab.up()
    lab.signal_agent(signal.SIGSTOP)
    found = lab.status()
    assert not found["healthy"]
    assert found["agent"] == "dead"
    lab.up()
    lab.assert_settled()
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    lab.signal_agent(signal.SIGSTOP)
    lab.down()
    assert_nothing_left(lab.name)


def test_the_agents_socket_is_deleted(make: Make) -> None:
    lab = make(DOCUMENT)
    lab.up()
    os.unlink(places.path(lab.name, "agent.sock"))
    assert vpcemu("status", lab.name).returncode == 1
    lab.up()
    lab.assert_settled()
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    lab.down()
    assert_nothing_left(lab.name)


def test_everything_at_once(make: Make, fresh: Fresh) -> None:
    lab = make(DOCUMENT)
    lab.up()
    lab.signal_agent(signal.SIGKILL)
    for damage in DAMAGE:
        # An earlier one may have taken what this one would damage.
        with suppress(AssertionError, subprocess.CalledProcessError, KernelError):
            damage.do(lab)
    assert not lab.status()["healthy"]
    lab.up()
    lab.assert_settled()
    assert not difference(fresh(DOCUMENT), lab.picture())
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
