"""The uplink, tried in a namespace that plays the machine: nothing of the real one is touched."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from emulator.kernel import netns, process
from tests.support.leaks import traces

PRELUDE = """
import json, subprocess
from emulator import names
from emulator.compile.diff import diff
from emulator.compile.state import *
from emulator.errors import VpcemuError
from emulator.kernel.host import Host
lab = "{lab}"
table = '''table ip vpcemu\\ndelete table ip vpcemu\\ntable ip vpcemu {{\\n\\tcomment "@COMMENT@"\\n}}\\n'''
uplink = Uplink(names.uplink(lab), names.UPLINK_LINK, "198.18.255.0", "198.18.255.1", names.uplink_table(lab))
wanted = State(lab, {{"internet": Namespace(
    "internet",
    up=frozenset({{"lo", names.UPLINK_LINK}}),
    addresses=frozenset({{Address(names.UPLINK_LINK, uplink.peer_ip, 31)}}),
    routes=frozenset({{Route(254, "0.0.0.0/0", "unicast", names.UPLINK_LINK, uplink.ip)}}),
    ruleset=Ruleset("cccc", table),
)}}, frozenset(), uplink)
alone = Namespace("internet", up=frozenset({{"lo"}}), ruleset=Ruleset("cccc", table))
without = wanted._replace(uplink=None, namespaces={{"internet": alone}})
host = Host()
def mend(wish=wanted):
    steps = diff(host.observe(lab, wish), wish)
    host.execute(steps, lab)
    left = diff(host.observe(lab, wish), wish)
    assert not left, left
    return [(step.verb, type(step.item).__name__) for step in steps]
def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
def machine():
    # Counters and index apart, what the machine's own view shows.
    return run("ip", "-br", "addr"), run("ip", "route"), run("nft", "list", "ruleset")
"""


@pytest.fixture
def machine() -> Iterator[int]:
    """A namespace that stands for the machine: it forwards, and is nobody's lab."""
    name = f"machine-{os.getpid()}"
    subprocess.run(("ip", "netns", "add", name), check=True)
    namespace = netns.open_namespace(name)
    process.run(("sysctl", "-qw", "net.ipv4.ip_forward=1"), namespace)
    yield namespace
    os.close(namespace)
    subprocess.run(("ip", "netns", "delete", name), check=True)


def play(machine: int, lab: str, script: str) -> None:
    code = PRELUDE.format(lab=lab) + textwrap.dedent(script)
    done = process.run((sys.executable, "-c", code), machine)
    assert done.code == 0, done.stderr


def test_it_comes_and_goes_and_leaves_the_machine_as_it_was(machine: int, lab_name: str) -> None:
    play(
        machine,
        lab_name,
        """
        before = machine()
        assert ("add", "Uplink") in mend()
        assert mend() == []
        seen = host.observe(lab, wanted)
        assert seen.uplink == uplink and seen.veths == frozenset(), seen
        assert "masquerade" in run("nft", "list", "table", "ip", uplink.table)
        run("ip", "netns", "exec", f"{lab}.internet", "ping", "-c1", "-W2", uplink.ip)
        mend(without)
        assert machine() == before
        mend()
        removed = host.destroy(lab)
        assert f"the link {uplink.link}" in removed and f"the nftables table {uplink.table}" in removed, removed
        assert machine() == before
        assert host.destroy(lab) == []
        """,
    )
    assert traces(lab_name) == []


@pytest.mark.parametrize(
    "damage",
    [
        'run("ip", "link", "delete", uplink.link)',
        'run("nft", "delete", "table", "ip", uplink.table)',
        'run("ip", "addr", "flush", "dev", uplink.link)',
        'run("ip", "link", "set", uplink.link, "down")',
        'run("ip", "netns", "exec", f"{lab}.internet", "ip", "link", "delete", "uplink")',
        'run("ip", "netns", "exec", f"{lab}.internet", "ip", "link", "set", "uplink", "down")',
        'run("ip", "netns", "delete", f"{lab}.internet")',
    ],
)
def test_what_was_damaged_is_mended(machine: int, lab_name: str, damage: str) -> None:
    play(machine, lab_name, f"mend()\n{damage}\nassert mend()\nassert mend() == []\nhost.destroy(lab)")


def test_a_machine_that_does_not_forward_is_told_how_and_not_changed(machine: int, lab_name: str) -> None:
    process.run(("sysctl", "-qw", "net.ipv4.ip_forward=0"), machine)
    play(
        machine,
        lab_name,
        """
        from emulator.errors import UnsupportedError
        before = machine()
        try:
            mend()
        except UnsupportedError as reason:
            assert "sysctl -w net.ipv4.ip_forward=1" in reason.hint
        else:
            raise AssertionError("it was accepted")
        assert run("sysctl", "-n", "net.ipv4.ip_forward") == "0\\n"
        host.destroy(lab)
        assert machine() == before
        """,
    )


def test_a_strangers_link_and_table_of_the_same_name_stay(machine: int, lab_name: str) -> None:
    play(
        machine,
        lab_name,
        """
        run("ip", "link", "add", uplink.link, "type", "bridge")
        run("nft", "add", "table", "ip", uplink.table)
        before = machine()
        try:
            mend()
        except VpcemuError:
            pass
        else:
            raise AssertionError("it was accepted")
        host.destroy(lab)
        assert machine() == before
        """,
    )


def test_chains_that_would_drop_it_are_named(machine: int, lab_name: str) -> None:
    """Docker's FORWARD policy: doctor says which chain it is. One that accepts or sits elsewhere is no matter."""
    play(
        machine,
        lab_name,
        """
        from emulator.kernel.uplink import forward_drops
        assert forward_drops() == []
        run("nft", "add table ip filter")
        run("nft", "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }")
        run("nft", "add chain ip filter INPUT { type filter hook input priority 0; policy drop; }")
        run("nft", "add chain ip filter OTHER { type filter hook forward priority 1; policy accept; }")
        assert forward_drops() == ["ip filter FORWARD"]
        """,
    )
