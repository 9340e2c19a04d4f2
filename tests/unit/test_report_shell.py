"""The shell script of `plan --as-shell`: every command, quoting, and what a script cannot do."""

import subprocess

import pytest

from emulator.compile.diff import diff
from emulator.compile.state import (
    Address,
    FlushConntrack,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Step,
    Sysctl,
    Uplink,
    Veth,
)
from emulator.report import shell
from tests.support import samples

A, B = "0a:00:00:00:00:01", "0a:00:00:00:00:02"
QUEUES = "numtxqueues 1 numrxqueues 1"


def commands(*steps: Step) -> list[str]:
    """The script without its top, comments and blank lines."""
    text = shell.script("nat", "nat.yaml", steps, {1000: "route table private"})
    lines = text.partition("LAB=")[2].splitlines()[1:]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (
            Step("add", "a", Veth("a", "eni-b", A, "b", "eth0", B, 9), "new"),
            (
                f'ip -n "$LAB.a" link add eni-b address {A} mtu 9 {QUEUES} type veth peer eth0 netns "$LAB.b"'
                f" address {B} mtu 9 {QUEUES}"
            ),
        ),
        (
            Step("replace", "a", Sysctl("net/ipv4/neigh/eni-b/proxy_delay", "0"), "setting"),
            'ip netns exec "$LAB.a" sysctl -qw "net/ipv4/neigh/eni-b/proxy_delay=0"',
        ),
        (Step("add", "a", Address("eth0", "10.0.0.4", 24), "new"), 'ip -n "$LAB.a" address add 10.0.0.4/24 dev eth0'),
        (Step("replace", "a", LinkUp("lo"), "new"), 'ip -n "$LAB.a" link set lo up'),
        (
            Step("replace", "a", Neighbour("eth0", "10.0.0.1", A), "new"),
            f'ip -n "$LAB.a" neighbour replace 10.0.0.1 lladdr {A} dev eth0 nud permanent',
        ),
        (
            Step("replace", "a", Route(254, "0.0.0.0/0", "unicast", "eth0", "10.0.0.1"), "new"),
            'ip -n "$LAB.a" route replace 0.0.0.0/0 via 10.0.0.1 dev eth0 proto static',
        ),
        (
            Step("replace", "a", Route(1000, "10.0.0.0/16", "throw"), "new"),
            'ip -n "$LAB.a" route replace throw 10.0.0.0/16 table 1000 proto static  # route table private',
        ),
        (
            Step("replace", "a", Route(9, "0.0.0.0/0", "unicast", "igw", "169.254.0.1", onlink=True), "x: 0/0: new"),
            'ip -n "$LAB.a" route replace 0.0.0.0/0 via 169.254.0.1 dev igw table 9 proto static onlink  # x: 0/0',
        ),
        (
            Step("add", "a", PolicyRule(100, 1000, 1000), "new"),
            'ip -n "$LAB.a" rule add pref 100 fwmark 1000 lookup 1000 protocol static  # route table private',
        ),
    ],
)
def test_one_command_for_each_kind(step: Step, command: str) -> None:
    assert commands(step) == [command]


def test_a_link_gets_no_ipv6_address_when_it_is_raised() -> None:
    assert commands(Step("replace", "a", LinkUp("eth0"), "new")) == [
        'ip -n "$LAB.a" link set eth0 addrgenmode none 2>/dev/null || :',
        'ip -n "$LAB.a" link set eth0 up',
    ]


def test_a_namespace_gets_its_mark() -> None:
    assert commands(Step("add", "main.router", Netns("router"), "router of VPC main: new")) == [
        'ip netns add "$LAB.main.router"  # router of VPC main',
        'ip -n "$LAB.main.router" link set lo alias "vpcemu:$LAB:main.router"',
    ]


def test_a_ruleset_is_a_here_document_with_its_comment() -> None:
    text = 'table ip vpcemu {\n\tcomment "@COMMENT@"\n}\n'
    assert commands(Step("replace", "a", Ruleset("d1", text), "before its links are up")) == [
        'ip netns exec "$LAB.a" nft -f - <<EOF',
        "table ip vpcemu {",
        '\tcomment "vpcemu $LAB d1 gen 2"',
        "}",
        "EOF",
    ]


def test_a_strangers_words_are_not_run() -> None:
    """A rule's description ends up in a here-document that root feeds to bash."""
    evil = 'x $(touch /tmp/evil) `touch /tmp/evil` \\$LAB ${LAB} "quoted"\nEOF\nEOFF\ntouch /tmp/evil'
    script = shell.script("nat", "nat.yaml\ntouch /tmp/evil", [Step("replace", "a", Ruleset("d", evil), "why\nnot")])
    program = script.replace('ip netns exec "$LAB.a" nft -f -', "cat")
    done = subprocess.run(
        ["bash", "-c", f"touch() {{ echo RUN; }}\n{program}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == evil + "\n"


def test_uplink() -> None:
    steps = [
        Step("add", "internet", Netns("internet"), "new"),
        Step("add", "internet", Uplink("vpcemu-nat", "uplink", "100.127.0.2", "100.127.0.3", "vpcemu-nat"), "uplink"),
    ]
    script = shell.script("nat", "nat.yaml", steps)
    assert "LAB=nat # the uplink's names" in script
    assert "#     ip link delete vpcemu-nat; nft delete table ip vpcemu-nat\n" in script
    assert commands(*steps)[2:] == [
        '[ "$(sysctl -n net.ipv4.ip_forward)" = 1 ] || { echo "net.ipv4.ip_forward is 0 here" >&2; exit 4; }',
        "nft -f - <<EOF",
        "table ip vpcemu-nat {",
        '\tcomment "vpcemu:$LAB:uplink"',
        "\tchain translate {",
        "\t\ttype nat hook postrouting priority srcnat; policy accept;",
        '\t\tip saddr 100.127.0.3 oifname != "vpcemu-nat" masquerade',
        "\t}",
        "}",
        "EOF",
        'ip link add vpcemu-nat type veth peer uplink netns "$LAB.internet"',
        'ip link set vpcemu-nat alias "vpcemu:$LAB:uplink"',
        "ip address add 100.127.0.2/31 dev vpcemu-nat",
        "ip link set vpcemu-nat up",
    ]


def test_services_are_named_but_not_run() -> None:
    script = shell.script("nat", "f", [Step("add", "web", Service("http", "http", 80, (), ""), "service")])
    assert "# Not in this script: services, which the lab's agent runs.\n#   web: service http on port 80\n" in script


@pytest.mark.parametrize(
    "step",
    [Step("remove", "a", Netns("router"), "gone"), Step("replace", "a", FlushConntrack(), "new rules")],
)
def test_a_script_only_builds(step: Step) -> None:
    with pytest.raises(ValueError, match="script"):
        shell.script("nat", "nat.yaml", [step])


def test_a_whole_lab_is_a_script_that_bash_understands() -> None:
    script = shell.script("sample", "sample.yaml", diff(samples.EMPTY, samples.state()))
    assert script.startswith("#!/usr/bin/env bash\n# Builds the lab sample by hand")
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    phases = [line for line in script.splitlines() if line[:3] in ("# 1", "# 2", "# 3", "# 4", "# 5")]
    assert [line[2] for line in phases] == ["1", "2", "3", "4", "5"]
