"""The pytest plugin as its users meet it: pytest runs inner test files, which bring real labs up."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.lab import places
from tests.support import leaks
from tests.support.inner import NAT, VPC, Inner
from tests.support.lab import TOPOLOGIES
from tests.support.wait import eventually


def test_a_lab_for_the_whole_session(inner: Inner) -> None:
    """Brought up once for two files, under a name of its own; nothing is left."""
    uses = """
def test_node(vpc):
    done = vpc["dev"].run(["curl", "-sS", "http://web.example"], check=True)
    assert "you are 52.195.125.184" in done.stdout
    assert vpc["dev"].private_ip == "10.0.20.4"
    assert vpc["web.example"].public_ip == "93.184.216.34"

def test_again(vpcemu_lab, vpc):
    assert vpcemu_lab(PATH) is vpc
""".replace("PATH", repr(str(NAT)))
    result = inner.run(conftest=VPC, test_one=uses, test_two=uses)
    result.assert_outcomes(passed=4)
    [name] = inner.labs()
    assert re.fullmatch(r"nat-[0-9a-f]{8}", name)
    leaks.assert_nothing_left(name)


def test_packets(inner: Inner) -> None:
    """Scapy's packets out of a node, and what another node met."""
    result = inner.run(
        conftest=VPC,
        test_packets="""
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.utils import rdpcap

def test_two_translations(vpc):
    with vpc["nat"].sniff("tcp port 80") as at_nat, vpc["web.example"].sniff("tcp port 80") as at_web:
        vpc["dev"].send(IP(dst="93.184.216.34") / TCP(sport=1234, dport=80, flags="S"))
        seen = at_web.wait_for(lambda packet: packet[TCP].flags == "S")
    assert seen[IP].src == vpc["nat"].public_ip == "52.195.125.184"
    assert {packet[IP].src for packet in at_nat if packet.outgoing and packet[TCP].flags == "S"} == {"10.0.10.4"}
    at_web.write("web.pcapng")
    assert any(packet[IP].src == "52.195.125.184" for packet in rdpcap("web.pcapng"))

def test_an_answer_and_none(vpc):
    assert vpc["dev"].sr1(IP(dst="8.8.8.8") / ICMP())[ICMP].type == 0
    assert vpc["attacker"].sr1(IP(dst="52.195.125.184") / ICMP(), timeout=0.3) is None
    refused = vpc["dev"].sr1(IP(dst="8.8.8.8") / UDP(dport=9999))
    assert (refused[ICMP].type, refused[ICMP].code) == (3, 3)
""",
    )
    result.assert_outcomes(passed=2)


def test_a_failure_has_the_packets(inner: Inner) -> None:
    """The routers' record of the one test that failed, where it was asked to be, readable, and told in the message."""
    result = inner.run(
        "--vpcemu-artifacts=here",
        "--junit-xml=report.xml",
        conftest=VPC,
        test_web="""
from scapy.layers.inet import ICMP, IP

def test_passes(vpc):
    assert vpc["dev"].sr1(IP(dst="8.8.8.8") / ICMP(id=77))

def test_fails(vpc):
    assert vpc["dev"].sr1(IP(dst="8.8.8.8") / ICMP(id=78)) is None
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    [written] = (inner.folder / "here").rglob("*.pcapng")
    assert written.stem == inner.labs()[0]
    result.stdout.fnmatch_lines([f"*{written}: * frames at *"])
    xml = (inner.folder / "report.xml").read_text()
    assert str(written) in xml
    assert f'name="vpcemu-artifacts" value="{written.parent}"' in xml
    from emulator.lab.scapy_packets import module

    read = module("scapy.all").rdpcap(str(written))
    assert {packet["ICMP"].id for packet in read if "ICMP" in packet} == {78}  # and nothing of the test before
    assert {packet.sniffed_on.split()[0] for packet in read} >= {"main.router", "nat", "igw", "internet"}
    leaks.assert_nothing_left(inner.labs()[0])


def test_keep(inner: Inner) -> None:
    """The lab stays, its name is told, and a run that names it finds it again."""
    named = "keep-" + inner.folder.name[-12:].replace("_", "-").strip("-")
    tests = f"""
def test_it(vpcemu_lab):
    vpc = vpcemu_lab({str(NAT)!r}, name={named!r})
    with open("labs", "a") as file:
        file.write(vpc.name + "\\n")
    print(vpc["dev"].namespace, "is", __import__("os").stat(vpc["dev"].namespace).st_ino)
"""
    first = inner.run("--vpcemu-keep", "-s", test_keep=tests)
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines([f"{named} * `vpcemu down {named}`"])
    assert named in places.recorded()
    refused = inner.run("-s", test_keep=tests)
    refused.assert_outcomes(failed=1)
    refused.stdout.fnmatch_lines(["*is up already, and not of this session*"])
    again = inner.run("--vpcemu-keep", "-s", test_keep=tests)
    again.assert_outcomes(passed=1)
    told = [re.findall(r"namespace is \d+|dev is \d+", "\n".join(run.outlines)) for run in (first, again)]
    assert told[0]
    assert told[0] == told[1]
    inner.sweep()
    leaks.assert_nothing_left(named)


@pytest.mark.parametrize(
    ("ini", "ci", "outcome"),
    [("auto", "", "skipped"), ("auto", "true", "errors"), ("fail", "", "errors"), ("skip", "true", "skipped")],
)
def test_not_root(inner: Inner, monkeypatch: pytest.MonkeyPatch, ini: str, ci: str, outcome: str) -> None:
    """Skipped with the reason and the remedy; where nobody would notice a skip, a failure."""
    monkeypatch.setenv("CI", ci)
    inner.pytester.makeini(f"[pytest]\nvpcemu_without_root = {ini}\n")
    as_somebody = "import os\nos.geteuid = lambda: 1000\n"
    result = inner.run("-rs", conftest=as_somebody + VPC, test_it="def test_it(vpc):\n    raise SystemExit\n")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*needs root*"])
    assert "sudo" in result.stdout.str()


def test_two_labs_at_once(inner: Inner) -> None:
    """Of one file under two names, and of a text: three labs whose packets do not meet."""
    result = inner.run(
        conftest=VPC,
        test_labs=f"""
import os

SMALL = \"\"\"
name: small
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets: {{one: {{cidr_block: 10.0.20.0/24}}}}
    instances: {{dev: {{subnet: one}}}}
\"\"\"

def test_labs(vpcemu_lab, vpc):
    mine = f"two-{{os.getpid()}}"
    other, small = vpcemu_lab({str(NAT)!r}, name=mine), vpcemu_lab(SMALL)
    with open("labs", "a") as file:
        file.write(f"{{other.name}} {{small.name}}\\n")
    assert other.name == mine
    assert small is vpcemu_lab(SMALL)
    assert "main" in small.text
    with other["dev"].sniff("icmp") as there, small["dev"].sniff("icmp") as third:
        vpc["dev"].run("ping -c1 -W2 8.8.8.8", check=True)
    assert (len(there), len(third)) == (0, 0)
    assert vpc["dev"].private_ip == other["dev"].private_ip
""",
    )
    result.assert_outcomes(passed=1)
    for name in inner.labs():
        leaks.assert_nothing_left(name)


def test_workers_of_xdist_do_not_meet(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a test gives is everybody's, so each worker's lab has the worker's id behind it."""
    named = f"x{os.getpid()}"
    tests = f"""
def test_it(vpcemu_lab):
    vpc = vpcemu_lab({str(NAT)!r}, name={named!r}, keep=True)
    with open("labs", "a") as file:
        file.write(vpc.name + "\\n")
"""
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        inner.run(test_it=tests).assert_outcomes(passed=1)
    assert inner.labs() == [f"{named}-gw0", f"{named}-gw1"]
    assert set(inner.labs()) <= set(places.recorded())


def test_a_change_does_not_reach_the_next_test(inner: Inner) -> None:
    """`edited` ends with its block; whatever else was changed ends when the lab is asked for again."""
    result = inner.run(
        conftest=VPC,
        test_edits=f"""
def get(vpc, port):
    return vpc["attacker"].run(f"curl -sS -o /dev/null --max-time 1 http://{{vpc['web'].public_ip}}:{{port}}").returncode

def test_block(vpc):
    assert get(vpc, 80) == 0
    with vpc.edited({{"port: 80, from": "port: 8080, from"}}):
        assert get(vpc, 80) == 28
    assert get(vpc, 80) == 0

def test_change(vpc):
    vpc.up(vpc.text.replace("port: 80, from", "port: 8080, from"))
    assert get(vpc, 80) == 28

def test_next(vpcemu_lab):
    vpc = vpcemu_lab({str(NAT)!r})
    assert not vpc.changed
    assert get(vpc, 80) == 0
""",
    )
    result.assert_outcomes(passed=3)


def test_a_wrong_file_is_told_as_the_command_line_tells_it(inner: Inner) -> None:
    """file:line of the user's own file, the hint, and no traceback; found beside the file that asks."""
    (inner.folder / "deep").mkdir()
    wrong = NAT.read_text().replace("subnet: private, security", "subnet: privat, security")
    (inner.folder / "deep" / "wrong.yaml").write_text(wrong)
    line = wrong[: wrong.index("subnet: privat,")].count("\n") + 1
    (inner.folder / "deep" / "test_wrong.py").write_text(
        "def test_it(vpcemu_lab):\n    vpcemu_lab('wrong.yaml')\n\n"
        "def test_none(vpcemu_lab):\n    vpcemu_lab('nowhere.yaml')\n\n"
        "def test_slip(vpcemu_lab):\n    vpcemu_lab('wrnog.yaml')\n"
    )
    result = inner.run()
    result.assert_outcomes(failed=3)
    said = result.stdout.str()
    assert re.search(rf"deep/wrong\.yaml:{line}:\d+: .*privat", said)
    assert "did you mean `private`" in said
    assert "there is no topology nowhere.yaml" in said
    assert re.search(r"hint: did you mean .*deep/wrong\.yaml", said)
    assert "Traceback" not in said


def test_a_slip_is_shown_at_the_callers_line(inner: Inner) -> None:
    """And not somewhere in vpcemu, through which it went: nobody wants to read that. A trace prints as text."""
    result = inner.run(
        conftest=VPC,
        test_slips="""
def test_sender(vpc):
    vpc.reaches("deb", "web", tcp=80)

def test_block(vpc):
    with vpc.broken("default-route-mising"):
        pass

def test_print(vpc):
    shown = str(vpc.trace("attacker", "web", tcp=22))
    assert "DROP      security group web, ingress: no rule allows it" in shown
""",
    )
    result.assert_outcomes(passed=1, failed=2)
    said = result.stdout.str()
    assert "nobody in this lab sends from deb" in said
    assert "did you mean web?" in said
    assert "default-route-missing" in said
    assert "test_slips.py:2: UsageError" in said
    assert "test_slips.py:5: UsageError" in said
    assert "raise UsageError" not in said


def test_a_command_that_hangs_is_ended_with_all_it_started(inner: Inner) -> None:
    result = inner.run(
        conftest=VPC,
        test_run="""
import pytest
from emulator import api

def test_hangs(vpc):
    with pytest.raises(api.CommandFailed, match="not done within 0.5 s") as late:
        vpc["dev"].run(["sh", "-c", "echo begun; sleep 1000 & sleep 1000"], timeout=0.5)
    assert late.value.run.stdout == "begun\\n"
    assert vpc["dev"].run("ip netns pids x").returncode
    import os
    inode = os.stat(vpc["dev"].namespace).st_ino
    living = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            there = os.stat(f"/proc/{entry}/ns/net").st_ino == inode
            if there and b"sleep" in open(f"/proc/{entry}/cmdline", "rb").read():
                living.append(entry)
        except OSError:
            pass
    assert not living

def test_fails(vpc):
    with pytest.raises(api.CommandFailed, match="exit code 3\\noh"):
        vpc["dev"].run(["sh", "-c", "echo oh >&2; exit 3"], check=True)
    assert vpc["dev"].run(["sh", "-c", "exit 3"]).returncode == 3
    with pytest.raises(api.UsageError, match="no such command"):
        vpc["dev"].run("no-such-command")
    with pytest.raises(api.UsageError, match="has no node called deb"):
        vpc["deb"]
""",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(inner: Inner, how: signal.Signals) -> None:
    """Ctrl-C, or a CI system that cancels, in the middle of a test takes the lab down."""
    inner.pytester.makepyfile(
        conftest=VPC,
        test_long="""
import os, time

def test_long(vpc):
    open("running", "w").close()
    time.sleep(60)
""",
    )
    argv = [sys.executable, "-m", "pytest", "-p", "emulator.testing.plugin", "-q"]
    running = subprocess.Popen(argv, cwd=inner.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        eventually((inner.folder / "running").exists, "the test runs", within=60)
        running.send_signal(how)
        said, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert "KeyboardInterrupt" in said
    leaks.assert_nothing_left(inner.labs()[0])


def test_a_machine_without_scapy(inner: Inner) -> None:
    """Commands work, packets say what is missing."""
    hidden = "import sys\nsys.modules['scapy'] = None\n"
    result = inner.run(
        conftest=hidden + VPC,
        test_it="""
import pytest
from emulator import api

def test_it(vpc):
    with vpc["nat"].sniff("icmp") as seen:
        vpc["dev"].run("ping -c1 -W2 8.8.8.8", check=True)
    assert len(seen) >= 4
    with pytest.raises(api.UnsupportedError, match="Scapy") as reason:
        seen.wait_for()
    assert "pip install scapy" in reason.value.hint
""",
    )
    result.assert_outcomes(passed=1)


def test_importing_the_plugin_loads_nothing_of_vpcemus() -> None:
    """It is imported by every pytest run on the machine."""
    code = (
        "import sys, pytest, emulator.testing.plugin\n"
        "print([m for m in sys.modules if m.startswith(('emulator.', 'scapy', 'yaml')) and 'testing' not in m])"
    )
    env = os.environ | {"PYTHONPATH": str(TOPOLOGIES.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_entry_point_is_the_plugin() -> None:
    import tomllib

    project = tomllib.loads((Path(TOPOLOGIES).parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"emulator.testing.plugin": "emulator.testing.plugin"}
