"""Becoming a program inside a node, starting daemons, ending what lives in a namespace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator import names
from emulator.compile.state import Netns, State, Step
from emulator.errors import KernelError, UsageError
from emulator.kernel import enter, netns, nftables, process
from emulator.kernel.host import Host
from tests.support.small_lab import plan, small_lab

EXEC = """
import os, sys
from emulator.kernel.enter import enter_and_exec
enter_and_exec(sys.argv[1], sys.argv[2:], dict(os.environ, GREETING="hello"), hostname="dev",
               hosts_text="127.0.0.1 localhost\\n10.9.9.9 neighbour\\n", resolv_text="nameserver 10.9.9.2\\n")
"""


@pytest.fixture
def node(lab_name: str) -> str:
    """A namespace with nothing in it."""
    Host().execute([Step("add", "dev", Netns("instance"), "")], lab_name)
    return names.netns(lab_name, "dev")


def inside(node: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-c", EXEC, netns.path(node), *argv), capture_output=True, text=True, check=False
    )


def test_the_program_sees_its_node(node: str) -> None:
    done = inside(node, "sh", "-c", "hostname; cat /etc/hosts /etc/resolv.conf; ls /sys/class/net; echo $GREETING")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "dev",
        "127.0.0.1 localhost",
        "10.9.9.9 neighbour",
        "nameserver 10.9.9.2",
        "lo",
        "hello",
    ]


def test_it_is_the_same_process_and_its_exit_code_is_kept(node: str) -> None:
    child = subprocess.Popen(
        (sys.executable, "-c", EXEC, netns.path(node), "sh", "-c", "echo $$; exit 7"), stdout=subprocess.PIPE
    )
    out, _ = child.communicate()
    assert int(out) == child.pid
    assert child.returncode == 7
    assert inside(node, "sh", "-c", "kill -9 $$").returncode == -signal.SIGKILL


def test_the_machine_notices_nothing(node: str) -> None:
    before = machine()
    assert inside(node, "mount", "-t", "tmpfs", "tmpfs", "/mnt").returncode == 0
    assert machine() == before


def test_mounts_stay_inside_even_where_the_machine_shares_them(node: str) -> None:
    """systemd makes / shared: without a change of that, our /etc/hosts would be everybody's."""
    script = 'mount | grep -vc netns; "$@"; mount | grep -vc netns; grep -c neighbour /etc/hosts'  # labs come and go
    argv = ("unshare", "--mount", "--propagation", "shared", "sh", "-c", script, "sh")
    done = process.run((*argv, sys.executable, "-c", EXEC, netns.path(node), "grep", "-c", "neighbour", "/etc/hosts"))
    before, inside_node, after, outside = done.stdout.split()
    assert (inside_node, outside) == ("1", "0")
    assert before == after


def machine() -> tuple[object, ...]:
    """Without /run/netns, where other tests may be at work."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return (
        Path("/etc/hosts").read_text(),
        os.uname().nodename,
        os.listdir("/sys/class/net"),
        [line for line in mounts if "/run/netns" not in line],
    )


def test_arguments_reach_the_program_as_they_are(node: str) -> None:
    words = ("a b", "$HOME", "*", "", "'", "ü")
    done = inside(node, "printf", "%s|", *words)
    assert done.stdout == "".join(f"{word}|" for word in words)


def test_an_unknown_command_is_refused_before_anything_is_done(node: str) -> None:
    here = os.stat("/proc/thread-self/ns/net").st_ino
    with pytest.raises(UsageError, match="no such command"):
        enter.enter_and_exec(netns.path(node), ["no-such-program"], {"PATH": "/bin"}, hostname="dev")
    assert os.stat("/proc/thread-self/ns/net").st_ino == here


def test_a_namespace_that_is_gone(node: str) -> None:
    done = inside(f"{node}x", "true")
    assert done.returncode == 1
    assert f"enter {netns.path(node)}x: [Errno 2] No such file" in done.stderr


def test_run_inside_a_namespace(node: str) -> None:
    namespace = netns.open_namespace(node)
    try:
        done = process.run(("readlink", "/proc/self/ns/net"), namespace)
        assert done.stdout.strip() == f"net:[{os.fstat(namespace).st_ino}]"
        assert process.run(("cat",), namespace, "text\n") == process.Done(0, "text\n", "")
        assert process.run(("sh", "-c", "echo no >&2; exit 3"), namespace) == process.Done(3, "", "no\n")
        with pytest.raises(FileNotFoundError):
            process.run(("no-such-program",), namespace)
    finally:
        os.close(namespace)


def test_start_inside_a_namespace_as_somebody_else(node: str) -> None:
    namespace = netns.open_namespace(node)
    try:
        child = process.start(("sh", "-c", "id -u; id -G"), namespace, user=65534, group=65534, stdout=subprocess.PIPE)
        out, _ = child.communicate()
        assert out.split() == [b"65534", b"65534"]
    finally:
        os.close(namespace)


def test_a_program_started_there_hears_every_signal(node: str) -> None:
    namespace = netns.open_namespace(node)
    try:
        done = process.run(("grep", "SigBlk", "/proc/self/status"), namespace)
        assert done.stdout.split() == ["SigBlk:", "0" * 16]
    finally:
        os.close(namespace)


def test_everything_in_a_namespace_is_killed_even_what_forks(node: str) -> None:
    namespace = netns.open_namespace(node)
    inode = os.fstat(namespace).st_ino
    script = "while :; do sleep 0.01 & done"
    children = [
        process.start(("sh", "-c", script), namespace),
        process.start(("sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"), namespace),
    ]
    bystander = process.start(("sleep", "60"))
    try:
        killed = process.kill_in({inode})
        assert {child.pid for child in children} <= set(killed)
        assert process.living_in({inode}) == {}
        assert bystander.poll() is None
        assert process.kill_in({inode}) == []
        assert process.kill_in(set()) == []
    finally:
        os.close(namespace)
        for child in (*children, bystander):
            child.kill()
            child.wait()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("table ip x {", "syntax error"),
        ("add rule ip nowhere y accept\n", "No such file"),
        ('table ip x {\n\tchain c {\n\t\tiifname "a" jump nowhere\n\t}\n}\n', "line 3"),
    ],
)
def test_nft_says_what_is_wrong(node: str, script: str, words: str) -> None:
    namespace = netns.open_namespace(node)
    try:
        for door in (nftables.check, nftables.run):
            with pytest.raises(KernelError, match=words):
                door(namespace, script)
    finally:
        os.close(namespace)


def test_a_bad_ruleset_leaves_the_old_one(lab_name: str) -> None:
    wanted: State = small_lab(lab_name)
    host = Host()
    host.execute(plan(host.observe(lab_name, wanted), wanted), lab_name)
    namespace = netns.open_namespace(names.netns(lab_name, "left.router"))
    try:
        with pytest.raises(KernelError):
            nftables.run(namespace, "delete table ip vpcemu\ntable ip vpcemu {\n\tchain c { jump nowhere; }\n}\n")
    finally:
        os.close(namespace)
    assert plan(host.observe(lab_name, wanted), wanted) == []
