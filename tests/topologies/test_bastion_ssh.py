"""topologies/bastion.yaml with the machine's own OpenSSH: what the admin types works, and works for nobody else."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from emulator import api
from emulator.errors import UnsupportedError
from emulator.lab import places, ssh
from tests.support import lab as labs
from tests.support.lab import Lab, Run

FILE = labs.TOPOLOGIES / "bastion.yaml"
BASTION, APP = "10.0.1.4", "10.0.2.4"
TIMED_OUT = 255


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        ssh.require(api.validate(str(FILE)).topology)
    except UnsupportedError as reason:
        pytest.skip(str(reason))
    with labs.up(FILE) as up:
        yield up


def begin(lab: Lab, node: str, *argv: str) -> "subprocess.Popen[str]":
    """What a person types, under way."""
    command = [sys.executable, "-m", "emulator", "exec", "-l", lab.name, node, "--", *argv]
    root = labs.TOPOLOGIES.parent
    return subprocess.Popen(
        command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def end(process: "subprocess.Popen[str]") -> Run:
    output, _ = process.communicate(timeout=60)
    return Run(process.returncode, output)


def run(lab: Lab, node: str, *argv: str) -> Run:
    return end(begin(lab, node, *argv))


def test_the_admin_jumps_through_the_bastion(lab: Lab) -> None:
    """SG-30: app is called by the bastion's private address, so the rule that names its group matches."""
    said = run(lab, "admin", "ssh", "-J", "bastion", "app", "hostname; echo $SSH_CONNECTION")
    assert said, said.output
    host, connection = said.output.splitlines()
    source, _, target, port = connection.split()
    assert (host, source, target, port) == ("app", BASTION, APP, "22")


def test_a_terminal_and_a_copied_file(lab: Lab) -> None:
    """A login with a terminal, as a person has it, and sftp, which scp uses."""
    said = run(lab, "admin", "ssh", "-tt", "bastion", "tty; id -un")
    assert said, said.output
    assert said.output.split()[:2] == ["/dev/pts/0", "ec2-user"]
    copied = run(lab, "admin", "scp", "-q", "-J", "bastion", "/etc/hosts", "app:/tmp/copied")
    assert copied, copied.output


def test_all_other_ways_are_silent(lab: Lab) -> None:
    """GEN-01: with the same key and the same commands. The way that works is tried in the same moment."""
    short = ("-o", "ConnectTimeout=2")
    control = begin(lab, "admin", "ssh", "-J", "bastion", "app", "hostname")
    others = {
        "the admin straight to app": begin(lab, "admin", "ssh", *short, APP, "hostname"),
        "a stranger to the bastion": begin(lab, "stranger", "ssh", *short, "bastion", "hostname"),
        "web to app": begin(lab, "web", "ssh", *short, "app", "hostname"),
        "web to the bastion": begin(lab, "web", "ssh", *short, "bastion", "hostname"),
        "a stranger through the bastion": begin(lab, "stranger", "ssh", "-J", "bastion", "app", "hostname"),
    }
    ends = {what: end(process) for what, process in others.items()}
    allowed = end(control)
    assert allowed.output == "app\n"
    assert {what: ended.code for what, ended in ends.items()} == dict.fromkeys(others, TIMED_OUT)
    assert not [what for what, ended in ends.items() if "timed out" not in ended.output.lower()], ends


def test_only_the_labs_key_opens_the_door(lab: Lab) -> None:
    wrong = run(lab, "admin", "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                "-o", "UserKnownHostsFile=/dev/null", "-i", "/dev/null", "ec2-user@bastion", "hostname")  # fmt: skip
    assert "Permission denied (publickey)" in wrong.output
    assert run(lab, "admin", "ssh", "bastion", "hostname").output == "bastion\n"


def test_who_has_logged_in_is_confined(lab: Lab) -> None:
    """As a command of the file is: no privileges, none of the machine's /run, no key that opens a door."""
    look = "grep -E 'NoNewPrivs|CapBnd|CapEff' /proc/self/status; id -u; ls /run; ls /run/ssh; touch /etc/x 2>&1"
    said = run(lab, "admin", "ssh", "bastion", look)
    words = said.output.split()
    assert words[:6] == ["CapEff:", "0000000000000000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1"]
    assert int(words[6]) > 60_000
    assert words[7:11] == ["ssh", "authorized_keys", "host_key", "sshd_config"]
    assert "Read-only" in said.output


def test_the_keys_are_roots_and_stay(lab: Lab) -> None:
    folder = places.path(lab.name, "ssh")
    key = f"{folder}/user_key"
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (folder, key)] == [0o700, 0o600]
    before = (os.stat(key).st_ino, os.stat(f"{folder}/host_key").st_ino)
    assert not lab.up(FILE.read_text(encoding="utf-8")).plan.steps
    assert (os.stat(key).st_ino, os.stat(f"{folder}/host_key").st_ino) == before
