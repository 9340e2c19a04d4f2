"""`reaches` as its users meet it: what counts as a yes, as a no and as neither, and what a failure tells."""

import re

from tests.support import leaks
from tests.support.inner import NAT, VPC, Inner

REACHES = """
import pytest
from emulator.errors import VpcemuError

def test_passes(vpc):
    assert vpc.reaches("dev", "8.8.8.8", tcp=443, seen_as="52.195.125.184")
    assert not vpc.reaches("attacker", "web", tcp=22)

def test_is_dropped(vpc):
    assert vpc.reaches("dev", "web", tcp=80)
    assert vpc.reaches("attacker", "web", tcp=22)

def test_gets_through(vpc):
    assert not vpc.reaches("attacker", "web", tcp=80)

def test_comes_from_elsewhere(vpc):
    assert vpc.reaches("dev", "8.8.8.8", udp=53, seen_as="web")

def test_answer_of_its_own(vpc):
    answer = vpc.reaches("dev", "web.example", icmp=True)
    assert answer.result == "drop"

def test_nothing_was_asked(vpc):
    vpc["dev"].run("ping -c1 -W2 8.8.8.8", check=True)
    raise ValueError
"""


def test_reaches(inner: Inner) -> None:
    """A failure names rule, file and line; its report and its artifact have the trace, and nobody else's."""
    result = inner.run("--vpcemu-artifacts=here", "--junit-xml=report.xml", conftest=VPC, test_it=REACHES)
    result.assert_outcomes(passed=1, failed=5)
    text = NAT.read_text()
    line = text[: text.index("web: {ingress")].count("\n") + 1
    said = result.stdout.str()
    told = dict(re.findall(r"^_+ (test_\w+) _+$(.*?)(?=^_+ test_|^=)", said, re.M | re.S))
    refused = "no ingress rule of security group web allows tcp 22"
    assert f"attacker -> web tcp 22: dropped at security group web, ingress (nat.yaml:{line}): {refused}" in said
    assert f"{NAT}:{line}: {refused}" in told["test_is_dropped"]
    assert re.search(r"DROP +security group web, ingress", told["test_is_dropped"])
    assert "tcp 80" not in told["test_is_dropped"]  # the question before was answered as it should be
    assert "reached web, seen as 45.83.64.9" in told["test_gets_through"]
    assert re.search("allow +security group web, ingress rule 1", told["test_gets_through"])
    assert "seen as 52.195.125.184 and not as 10.0.10.5 or 203.0.113.1" in told["test_comes_from_elsewhere"]
    assert "reached web.example" in told["test_answer_of_its_own"]
    assert refused in (inner.folder / "report.xml").read_text()
    written = {path.parent.name.split("-")[1]: path.read_text() for path in (inner.folder / "here").rglob("trace.txt")}
    assert "vpcemu: packets" in told["test_nothing_was_asked"]
    assert "vpcemu: trace" not in told.pop("test_nothing_was_asked")
    assert sorted(written) == sorted(told)
    assert "DROP " in written["test_is_dropped"]
    assert (inner.folder / "here").exists()
    assert len(list((inner.folder / "here").rglob("*.pcapng"))) == 5
    leaks.assert_nothing_left(inner.labs()[0])


def test_a_failure_within_an_edit_is_told_as_it_was_then(inner: Inner) -> None:
    """The report is written when the lab is what its file says again; the trace is of before that."""
    result = inner.run(
        conftest=VPC,
        test_it="""
def test_it(vpc):
    with vpc.edited({"port: 80, from": "port: 8080, from"}):
        assert not vpc.reaches("attacker", "web", tcp=8080)
""",
    )
    result.assert_outcomes(failed=1)
    said = result.stdout.str()
    assert re.search("allow +security group web, ingress rule 1", said)
    assert "arrives" in said
    assert "DROP" not in said


def test_silence_is_no_answer(inner: Inner) -> None:
    """Neither `assert` nor `assert not` passes where nothing was sent, or where the receiver itself is to blame."""
    result = inner.run(
        conftest=VPC,
        test_it="""
import pytest
from emulator import api

@pytest.fixture
def deaf(vpc):
    vpc["web"].run(["nft", "add table ip own; add chain ip own in { type filter hook input priority 0; policy drop; }"],
                   check=True)
    yield
    vpc["web"].run("nft delete table ip own", check=True)

@pytest.fixture
def mute(vpc):
    vpc["web"].run("ip route del default", check=True)
    yield
    vpc["web"].run("ip route add default via 10.0.10.1", check=True)

def test_receiver_drops(vpc, deaf):
    with pytest.raises(api.Inconclusive, match="it arrived at web, so the network let it through"):
        vpc.reaches("attacker", "web", tcp=80)

def test_sender_sends_nothing(vpc, mute):
    with pytest.raises(api.Inconclusive, match="no packet has left the sender"):
        vpc.reaches("web", "8.8.8.8", tcp=80)

def test_afterwards(vpc):
    assert vpc.reaches("web", "8.8.8.8", tcp=80)
    assert vpc.reaches("attacker", "web", tcp=80)

def test_refused(vpc):
    vpc["web"].run(["nft", "add table ip own; add chain ip own in { type filter hook input priority 0; }; "
                    "add rule ip own in tcp dport 80 reject with tcp reset"], check=True)
    try:
        with pytest.raises(api.Inconclusive, match="the answer was a refusal"):
            vpc.reaches("attacker", "web", tcp=80)
    finally:
        vpc["web"].run("nft delete table ip own", check=True)

@pytest.mark.parametrize("question", [{}, {"tcp": 1, "udp": 1}, {"tcp": 0}, {"udp": 65536}, {"tcp": 80, "icmp": True}])
def test_no_question(vpc, question):
    with pytest.raises(api.UsageError):
        vpc.reaches("dev", "web", **question)

@pytest.mark.parametrize("ends", [("deb", "web"), ("dev", "wob"), ("nat", "web")])
def test_nobody(vpc, ends):
    with pytest.raises(api.UsageError):
        vpc.reaches(*ends, tcp=80)

def test_unknown_seen_as(vpc):
    with pytest.raises(api.UsageError, match="seen_as"):
        vpc.reaches("dev", "web", tcp=80, seen_as="wob")

def test_inconclusive_fails(vpc, deaf):
    assert not vpc.reaches("attacker", "web", tcp=80)
""",
    )
    result.assert_outcomes(passed=13, failed=1)
    result.stdout.fnmatch_lines(["*Inconclusive: attacker -> web tcp 80: cannot be told: *", "look at the receiver*"])


def test_a_service_that_takes_its_time(inner: Inner) -> None:
    """`within` asks again until the answer is yes."""
    result = inner.run(
        conftest=VPC,
        test_it="""
import threading, time

def test_it(vpc):
    vpc["web"].run("ip route del default", check=True)
    back = threading.Timer(1.0, lambda: vpc["web"].run("ip route add default via 10.0.10.1", check=True))
    back.start()
    assert vpc.reaches("attacker", "web", tcp=80, within=30)
    back.join()
""",
    )
    result.assert_outcomes(passed=1)


def test_the_file_s_own_expectations(inner: Inner) -> None:
    """All of them hold; one that does not is named with its line, and the report has its reason."""
    result = inner.run(
        conftest=VPC,
        test_it="""
from emulator import api
import pytest

def expecting(vpc, *lines):
    everything = vpc.text[vpc.text.index("expect:"):]
    return vpc.edited({everything: "\\n  - ".join(("expect:", *lines)) + "\\n" if lines else ""})

def test_all(vpc):
    assert vpc.test()

def test_one_is_wrong(vpc):
    with expecting(vpc, "{from: dev, to: web, port: 80, result: pass}",
                   "{from: attacker, to: web, protocol: tcp, port: 80, result: drop}"):
        assert vpc.test()

def test_without_any(vpc):
    with expecting(vpc), pytest.raises(api.UsageError, match="expects nothing"):
        vpc.test()
""",
    )
    result.assert_outcomes(passed=2, failed=1)
    line = NAT.read_text().partition("expect:")[0].count("\n") + 3
    told = f"1 of 2 flows otherwise: line {line}: attacker to web, tcp 80: want drop, got pass"
    result.stdout.fnmatch_lines([f"E *: {told}*"])
    result.stdout.fnmatch_lines(["differs *attacker *web *"])
