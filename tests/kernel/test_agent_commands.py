"""The users' commands: what they are, what they see, what they cannot reach, and that nothing survives the agent."""

import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from emulator.agent import client, sandbox
from emulator.agent.client import Client
from emulator.compile.state import Service
from tests.support.agent import Bench, bench, command, processes_with, service
from tests.support.wait import eventually

FOREVER = "; while :; do sleep 1000; done"


@pytest.fixture
def made() -> Iterator[Bench]:
    with bench() as made:
        made.add_nodes("a")
        yield made


@pytest.fixture
def agent(made: Bench) -> Client:
    return made.start()


def output(made: Bench, agent: Client, script: str, user: str = "", hosts: str = "", resolv: str = "") -> str:
    """What a script says, when it has said all of it."""
    name = f"c{secrets.token_hex(4)}"
    texts = ({"a": hosts} if hosts else {}, {"a": resolv} if resolv else {})
    assert agent.apply([("a", command(name, f"{{ {script}\n}} 2>&1; echo END{FOREVER}", user))], [], *texts) == []
    text = eventually(lambda: _until_end(made.log("a", name)), name)
    assert agent.apply([], [("a", name)]) == []
    return text


def _until_end(text: str) -> str:
    head, end, _ = text.partition("END\n")
    return (head or " ") if end else ""


def test_it_is_nobody_in_particular(made: Bench, agent: Client) -> None:
    status = output(made, agent, "cat /proc/self/status")
    fields = {key: value.split() for key, _, value in (line.partition(":") for line in status.splitlines())}
    assert len(set(fields["Uid"] + fields["Gid"])) == 1
    assert sandbox.FIRST_UID <= int(fields["Uid"][0]) <= sandbox.LAST_UID
    assert fields["Groups"] == []
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[kind][0], 16) == 0, kind
    assert fields["NoNewPrivs"] == ["1"]


def test_it_has_no_group_of_the_one_who_started_the_agent(made: Bench) -> None:
    groups = os.getgroups()
    os.setgroups([4242])
    try:
        agent = made.start()
    finally:
        os.setgroups(groups)
    for user in ("", "daemon", "root"):
        assert output(made, agent, "grep Groups: /proc/self/status", user).split() == ["Groups:"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of a system call")
def test_it_does_not_hold_the_keys_of_the_one_who_started_the_agent(made: Bench, agent: Client) -> None:
    script = _perl("print 'key ', syscall(250, 0, -3, 0)")  # KEYCTL_GET_KEYRING_ID of the session's
    keys = {output(made, agent, script, user) for user in ("", "daemon", "root")}
    keys.add(subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout)
    assert len(keys) == 4
    assert all(re.fullmatch(r"key \d+\n?", key) for key in keys), keys


def test_it_is_in_the_node(made: Bench, agent: Client) -> None:
    text = output(
        made, agent, "hostname; pwd; echo $$; umask; env | sort; ls /sys/class/net; readlink /proc/self/ns/net"
    )
    environment = {
        "HOME=/tmp", "LANG=C.UTF-8", f"PATH={sandbox.PATH}", "PWD=/", "VPCEMU_NODE=a", f"VPCEMU_LAB={made.lab}",
    }  # fmt: skip
    lines = text.splitlines()
    assert lines[:4] == ["a", "/", "1", "0022"]
    assert {line for line in lines if "=" in line} <= environment | {"OLDPWD=/", "SHLVL=0", "SHLVL=1", "_=/usr/bin/env"}
    assert "lo" in lines
    assert f"net:[{os.stat(f'/run/netns/{made.lab}.a').st_ino}]" in lines


def test_it_sees_its_own_processes_only(made: Bench, agent: Client) -> None:
    seen = output(made, agent, "for p in /proc/[0-9]*; do echo ${p#/proc/}; done").split()
    assert "1" in seen
    assert len(seen) <= 3


def test_it_reads_the_hosts_and_resolver_files_it_was_given(made: Bench, agent: Client) -> None:
    resolv = "nameserver 127.0.0.1\noptions attempts:1 timeout:2\n"
    assert agent.apply([("a", service("dns", 53))], []) == []
    assert agent.zone({"dns.example": "8.8.8.8"}) == []
    text = output(
        made,
        agent,
        "cat /etc/hosts /etc/resolv.conf; getent hosts db dns.example no.example",
        hosts="10.0.0.7 db\n",
        resolv=resolv,
    )
    assert text.startswith("10.0.0.7 db\n" + resolv)
    assert [line.split() for line in text.splitlines()[3:]] == [["10.0.0.7", "db"], ["8.8.8.8", "dns.example"]]
    eventually(lambda: "no.example A NXDOMAIN" in made.log("a", "dns"))


def test_it_has_no_mount_of_what_is_hidden(made: Bench, agent: Client) -> None:
    """A plain copy of our mount namespace would have a thousand in /run/netns, for each of a thousand commands."""
    mounts = output(made, agent, "cat /proc/self/mountinfo")
    assert " /run " in mounts
    assert " /run/" not in mounts


def test_it_keeps_no_other_namespace_alive(made: Bench, agent: Client) -> None:
    made.add_nodes("b", "c")
    made.wire()
    assert agent.apply([("c", command("long", f"echo up{FOREVER}"))], []) == []
    eventually(lambda: "up" in made.log("c", "long"))
    made.remove_nodes("b")
    with made.inside("a"):
        eventually(lambda: {name for _, name in socket.if_nameindex()} == {"lo"}, "b's namespace is gone")


def test_it_starts_in_a_lab_with_thousands_of_descriptors(made: Bench, agent: Client) -> None:
    """Its own limit is lower than the numbers of the agent's descriptors."""
    many = [service("tcp", port, f"tcp-{port}") for port in range(1000, 2200)]
    assert agent.apply([("a", each) for each in many], []) == []
    assert output(made, agent, "ulimit -n").strip() == str(sandbox.MAX_FILES[0])


def test_it_may_bind_a_low_port(made: Bench, agent: Client) -> None:
    assert "ok" in output(made, agent, _perl("socket(S,2,1,0); bind(S,pack('Sna4x8',2,80,'')) or die $!; print 'ok'"))


def _perl(script: str) -> str:
    return f'/usr/bin/perl -e "{script}"'


@pytest.mark.parametrize("user", ["", "daemon"])
def test_what_it_cannot_reach(made: Bench, agent: Client, user: str) -> None:
    """Each attempt has its control: root outside can do the same."""
    with tempfile.TemporaryDirectory(dir="/var") as folder:
        os.chmod(folder, 0o777)
        secret = Path(folder, "secret")
        secret.write_text("hunter2")
        secret.chmod(0o600)
        public = Path(folder, "public")
        public.write_text("for all")
        public.chmod(0o666)
        door = socket.socket(socket.AF_UNIX)
        door.bind("/run/vpcemu-test-" + made.lab)  # open to all, as D-Bus is
        os.chmod("/run/vpcemu-test-" + made.lab, 0o777)
        try:
            text = output(
                made,
                agent,
                f"""cat {public}; echo
                cat {secret} /etc/shadow
                echo more >> {public}
                touch {folder}/new ~root/new /etc/new /usr/new /var/tmp/mine /tmp/mine /dev/shm/mine
                ls -A /run /dev /tmp
                ls {made.base} /run/vpcemu /run/netns
                echo 1 > /proc/sys/net/ipv4/ip_forward
                echo 1 > /sys/class/net/lo/mtu
                mknod /tmp/disk b 259 0
                mount -t tmpfs none /mnt
                kill -9 -1
                echo alive""",
                user,
            )
        finally:
            door.close()
            os.unlink("/run/vpcemu-test-" + made.lab)
        assert sorted(os.listdir(folder)) == ["public", "secret"]
        assert public.read_text() == "for all"
    lines = text.splitlines()
    assert lines[0] == "for all"
    assert "hunter2" not in text
    assert "root:" not in text
    assert f"cat: {secret}: Permission denied" in text
    assert sum("Read-only file system" in line for line in lines) >= 4
    for path in (made.base, "/run/vpcemu", "/run/netns"):
        assert f"'{path}': No such file" in text, path
    listing = text.partition("/dev:\n")[2].partition("\n\n")[0].split()
    assert set(listing) == {*sandbox.DEVICES, "fd", "ptmx", "pts", "shm", "stdin", "stdout", "stderr"}
    assert text.partition("/tmp:\n")[2].splitlines()[0] == "mine"
    assert "vpcemu-test" not in text
    assert lines[-1] == "alive"
    assert not os.path.exists("/var/tmp/mine")
    assert not os.path.exists("/tmp/mine")
    assert not os.path.exists("/dev/shm/mine")


def test_a_setuid_program_gives_nothing(made: Bench, agent: Client) -> None:
    with tempfile.TemporaryDirectory(dir="/var") as folder:
        os.chmod(folder, 0o755)
        program = Path(folder, "id")
        program.write_bytes(Path("/usr/bin/id").read_bytes())
        program.chmod(0o4755)
        assert "euid=0" not in output(made, agent, f"{program}")


def test_root_is_root_if_asked_for(made: Bench, agent: Client) -> None:
    text = output(made, agent, "id -u; hostname; echo $HOME; ls /run/vpcemu; cat /etc/shadow | head -c 5", "root")
    assert text.splitlines()[:3] == ["0", "a", "/root"]
    assert "No such file" in text
    assert "root:" in text


def test_no_descriptor_of_the_agent_leaks(made: Bench, agent: Client) -> None:
    assert agent.apply([("a", service("http", 80))], []) == []
    # Neither a redirection nor a listing, each of which would open one more.
    script = f"n=0; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done; echo END{FOREVER}"
    assert agent.apply([("a", command("fds", script))], []) == []
    assert eventually(lambda: _until_end(made.log("a", "fds"))).split() == ["0", "1", "2"]


def test_it_is_started_again_with_a_pause_that_grows(made: Bench, agent: Client) -> None:
    began = time.monotonic()
    assert agent.apply([("a", command("brief", "echo going; echo gone wrong >&2; exit 3"))], []) == []
    first = eventually(lambda: _backoff(made, agent, 0))
    assert first
    assert first["detail"] == "exit status 3; last line: gone wrong"
    assert first["pid"] == 0
    eventually(lambda: _backoff(made, agent, 2), within=15)
    assert time.monotonic() - began >= 1 + 2
    eventually(lambda: "(vpcemu) exit status 3; starts again in 4 s" in made.log("a", "brief"))
    assert made.log("a", "brief").count("going\ngone wrong\n") == 3


def _backoff(made: Bench, agent: Client, restarts: int) -> dict[str, object] | None:
    entry = made.entry(agent, "a", "brief")
    return entry if entry["state"] == "backoff" and entry["restarts"] >= restarts else None


def test_a_signal_that_killed_it_is_named(made: Bench, agent: Client) -> None:
    assert agent.apply([("a", command("victim", f"echo up{FOREVER}"))], []) == []
    eventually(lambda: "up" in made.log("a", "victim"))
    entry = made.entry(agent, "a", "victim")
    assert entry["state"] == "running"
    os.kill(entry["pid"], signal.SIGKILL)  # the pid is the machine's
    eventually(lambda: made.entry(agent, "a", "victim")["detail"] == "killed by SIGKILL; last line: up")


@pytest.mark.parametrize(
    ("argv", "user", "problem"),
    [
        (("no-such-program",), "", "cannot run no-such-program: No such file or directory"),
        (("/etc/passwd",), "", "cannot run /etc/passwd: Permission denied"),
        (("true", "a\0b"), "", "cannot run true: embedded null byte"),
        (("true",), "no-such-user", "this machine has no user 'no-such-user'"),
    ],
)
def test_what_cannot_start_says_why_and_is_not_tried_for_ever(
    made: Bench, agent: Client, argv: tuple[str, ...], user: str, problem: str
) -> None:
    wrong = Service("wrong", "command", 0, argv, user)
    assert agent.apply([("a", wrong)], []) == [f"a: wrong: {problem}"]
    entry = made.entry(agent, "a", "wrong")
    assert (entry["state"], entry["detail"], entry["restarts"]) == ("failed", problem, 0)
    assert agent.apply([("a", wrong)], []) == [f"a: wrong: {problem}"]


def test_a_command_in_a_namespace_that_is_not_there(agent: Client) -> None:
    assert agent.apply([("gone", command("x", "true"))], []) == ["gone: x: its namespace does not exist"]


def test_it_can_write_more_than_the_log_takes(made: Bench, agent: Client) -> None:
    assert agent.apply([("a", command("loud", "yes 0123456789012345678901234567890123456789"))], []) == []
    folder = Path(made.places.log("a", "loud")).parent
    eventually((folder / "loud.log.1").exists, within=20)
    assert agent.apply([("a", command("quiet", f"echo hello{FOREVER}"))], []) == []  # the agent lives, and promptly
    eventually(lambda: "hello" in made.log("a", "quiet"), within=3)
    assert sum(each.stat().st_size for each in folder.glob("loud*")) <= 2 * 1024 * 1024 + 4096


def _family(made: Bench, agent: Client) -> str:
    """A command with a grandchild in a session of its own that ignores what can be ignored. Its word to look for."""
    word = f"{time.time_ns()}"[-9:]
    script = f"trap '' HUP TERM; setsid sh -c 'trap \"\" HUP TERM INT; sleep {word}' & sleep {word}; wait"
    assert agent.apply([("a", command("family", script))], []) == []
    eventually(lambda: len(processes_with(word)) >= 3)
    return word


def test_remove_kills_it_and_its_descendants(made: Bench, agent: Client) -> None:
    word = _family(made, agent)
    assert agent.apply([], [("a", "family")]) == []
    assert processes_with(word) == []


def test_stop_kills_it_and_its_descendants(made: Bench, agent: Client) -> None:
    word = _family(made, agent)
    agent.stop()
    assert processes_with(word) == []
    assert client.connect(made.lab, made.base) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_the_agent(made: Bench, agent: Client, number: signal.Signals) -> None:
    word = _family(made, agent)
    os.kill(made.pid, number)
    eventually(lambda: not processes_with(word), within=5)


def test_a_changed_command_is_replaced_and_an_unchanged_one_is_not(made: Bench, agent: Client) -> None:
    one = command("one", f"echo one{FOREVER}")
    assert agent.apply([("a", one)], []) == []
    pid = made.entry(agent, "a", "one")["pid"]
    assert agent.apply([("a", one)], []) == []
    assert made.entry(agent, "a", "one")["pid"] == pid
    assert agent.apply([("a", command("one", f"echo two{FOREVER}"))], []) == []
    assert made.entry(agent, "a", "one")["pid"] != pid
    eventually(lambda: "two" in made.log("a", "one"))
    with suppress(FileNotFoundError):
        assert Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_a_deleted_namespace_is_let_go_though_a_command_ran_in_it(made: Bench, agent: Client) -> None:
    word = _family(made, agent)
    made.remove_nodes("a")
    assert agent.services() == {}
    assert processes_with(word) == []
