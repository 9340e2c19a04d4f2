"""exec, shell and logs for real: the command is in the node, and nothing of vpcemu is left around it."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

from tests.conftest import LabNames
from tests.support.lifecycle import REPOSITORY, Lab, nat, start_vpcemu, vpcemu
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    names = LabNames()
    held = Lab(names(), nat())
    held.up()
    try:
        yield held
    finally:
        held.down()
        held.close()


def test_a_command_is_in_the_node(lab: Lab) -> None:
    said = vpcemu("exec", "-l", lab.name, "dev", "--", "ip", "-br", "addr", "show", "dev", "eth0")
    assert "10.0.20.4/24" in said.stdout
    said = vpcemu("exec", "-l", lab.name, "dev", "--", "cat", "/etc/hosts")
    assert "10.0.20.4 dev\n" in said.stdout
    assert os.listdir("/sys/class/net") != ["lo"]  # ours, unchanged
    links = vpcemu("exec", "-l", lab.name, "dev", "--", "ls", "/sys/class/net").stdout.split()
    assert links == ["eth0", "lo"]
    assert vpcemu("exec", "-l", lab.name, "dev", "--", "hostname").stdout == "dev\n"


@pytest.mark.parametrize(
    ("node", "address"),
    [("main.router", "10.0.20.1"), ("nat", "10.0.10.4"), ("web.example", "93.184.216.34"), ("internet", "192.0.2.1")],
)
def test_every_kind_of_node_is_one(lab: Lab, node: str, address: str) -> None:
    assert address in vpcemu("exec", "-l", lab.name, node, "--", "ip", "addr").stdout


def test_the_exit_code_and_the_streams_are_the_commands(lab: Lab) -> None:
    done = vpcemu("exec", "-l", lab.name, "dev", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    missing = vpcemu("exec", "-l", lab.name, "dev", "--", "no-such-command")
    assert missing.returncode == 2
    assert missing.stderr.startswith("vpcemu: no-such-command: no such command")


def test_it_takes_the_place_of_vpcemu(lab: Lab) -> None:
    """No process in between: so signals, Ctrl-C among them, reach the command."""
    running = start_vpcemu("exec", "-l", lab.name, "dev", "--", "sleep", "60")
    try:
        deadline = time.monotonic() + 10
        words = b""
        while b"sleep" not in words[:6] and time.monotonic() < deadline:
            words = Path(f"/proc/{running.pid}/cmdline").read_bytes()
            time.sleep(0.01)
        assert words == b"sleep\x0060\x00"
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == -signal.SIGINT
    finally:
        running.kill()
        running.communicate()


def test_the_names_of_the_lab_work(lab: Lab) -> None:
    done = vpcemu("exec", "-l", lab.name, "dev", "--", "getent", "hosts", "web.example", "web", "attacker")
    web = lab.private_ip("web")
    assert done.stdout.split() == ["93.184.216.34", "web.example", web, "web", "45.83.64.9", "attacker"]


def test_a_shell_at_a_terminal(lab: Lab) -> None:
    """Its prompt, its host name, and Ctrl-C for what runs in it and not for the shell."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(REPOSITORY)
        os.environ["TERM"] = "dumb"
        os.execv(sys.executable, [sys.executable, "-m", "emulator", "shell", "-l", lab.name, "dev"])
    try:
        prompt = f"[dev@{lab.name} 10.0.20.4] # "
        assert prompt in _until(terminal, prompt)
        os.write(terminal, b"hostname; sleep 60\n")
        _until(terminal, "dev\r\n")
        time.sleep(0.2)
        os.write(terminal, b"\x03")
        assert prompt in _until(terminal, prompt)
        os.write(terminal, b"exit 3\n")
        _until(terminal, "\0")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        pid = 0
    finally:
        os.close(terminal)
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _until(terminal: int, text: str) -> str:
    """What is printed, up to and with `text`, or the end."""
    seen = ""
    while text not in seen:
        ready, _, _ = select([terminal], [], [], 10)
        assert ready, f"waited for {text!r} after {seen!r}"
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece.decode(errors="replace")
    return seen


def test_logs_say_who_called(lab: Lab) -> None:
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
    deadline = time.monotonic() + 5
    text = ""
    while "GET" not in text and time.monotonic() < deadline:
        text = vpcemu("logs", "-l", lab.name, "web.example", "http").stdout
    assert re.search(r"52\.195\.125\.184:\d+ GET /", text), text
    wrong = vpcemu("logs", "-l", lab.name, "web.example", "nope")
    assert (wrong.returncode, "web.example has no service called nope" in wrong.stderr) == (2, True)
    assert "it has http" in wrong.stderr
    silent = vpcemu("logs", "-l", lab.name, "attacker")
    assert (silent.returncode, silent.stderr) == (0, "vpcemu: attacker has no services\n")


def test_logs_are_followed_until_interrupted(lab: Lab) -> None:
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
    eventually(lambda: not vpcemu("logs", "-l", lab.name, "web.example", "http").returncode, "there is a log")
    following = start_vpcemu("logs", "-f", "-n", "0", "-l", lab.name, "web.example", "http")
    try:
        assert following.stdout
        deadline = time.monotonic() + 10
        line = ""
        while not line and time.monotonic() < deadline:  # it may not listen yet when the first calls come
            assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
            if select([following.stdout], [], [], 0.5)[0]:
                line = following.stdout.readline()
        assert "52.195.125.184" in line
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=10)
        assert "Traceback" not in err
    finally:
        following.kill()
        following.communicate()


def test_a_reader_that_goes_away_is_no_failure_to_talk_about(lab: Lab) -> None:
    argv = f"{sys.executable} -m emulator plan --as-shell {lab.file} | head -n 1"
    done = subprocess.run(["bash", "-c", argv], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "#!/usr/bin/env bash\n", "")
