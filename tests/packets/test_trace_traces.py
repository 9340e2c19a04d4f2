"""`trace` leaves nothing: no table, no tampering, no broken flow; not even when it is killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.errors import KernelError, UsageError
from emulator.kernel import nftables
from emulator.kernel.channel import Channel
from emulator.kernel.watch import close_all, watch
from emulator.lab.status import status
from emulator.lab.trace import trace
from emulator.topology.flows import Component, Flow, flow
from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES, Lab
from tests.support.wait import eventually

REPOSITORY = Path(__file__).parent.parent.parent
TABLE = "vpcemu-trace"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGIES / "nat.yaml") as up:
        yield up


def flows(lab: Lab) -> list[Flow]:
    return [flow(lab.topology, lab.addresses, "dev", "web.example", "tcp", 80)]


def tables(lab: Lab) -> dict[str, str]:
    """What `nft list tables` says in every namespace."""
    return {node: lab.run(node, "nft", "list", "tables").output for node in lab.state.namespaces}


def tampered(lab: Lab) -> list[str]:
    return [wrong["node"] for wrong in status(lab.name)["wrong"]]


def test_nothing_is_left(lab: Lab) -> None:
    before = tables(lab)
    for _ in range(3):
        assert trace(lab.name, flows(lab))[0].verdict.result == "pass"
    assert tables(lab) == before
    assert tampered(lab) == []
    assert not lab.up(lab.text).plan.steps


def test_tampering_is_seen_before_and_after_a_trace(lab: Lab) -> None:
    """A trace excuses its own doing alone."""
    trace(lab.name, flows(lab))
    lab.must("main.router", "nft add rule ip vpcemu sender counter")
    assert tampered(lab) == ["main.router"]
    trace(lab.name, flows(lab))
    assert tampered(lab) == ["main.router"]
    assert lab.up(lab.text).plan.steps
    assert tampered(lab) == []
    trace(lab.name, flows(lab))
    assert tampered(lab) == []


def test_a_killed_trace_leaves_nothing(lab: Lab) -> None:
    """Killed while its tables are there: they go with the process."""
    script = (
        "import sys, time; from emulator.observe import tracer; from emulator.lab.trace import question, trace\n"
        "def wait(self): print('now', flush=True); time.sleep(60)\n"
        "tracer._Listening.to_the_end = wait\n"
        f"trace({lab.name!r}, [question({lab.name!r}, 'dev', 'web.example', 'tcp', 80)[1]])\n"
    )
    before = tables(lab)
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        said, under_way = child.stdout.readline(), tables(lab)
        child.kill()
    assert said == b"now\n"
    assert all(TABLE in under_way[node] for node in ("main.router", "igw", "nat", "dev", "web.example", "internet"))
    assert child.returncode == -signal.SIGKILL
    eventually(lambda: tables(lab) == before)
    assert tampered(lab) == []
    assert trace(lab.name, flows(lab))[0].verdict.result == "pass"


def test_other_flows_go_on(lab: Lab) -> None:
    """A connection that is open stays open, and is not taken for the trace's."""
    lab.serve("web.example", tcp=(7777,))
    client = lab.open_socket("dev")
    client.connect_ex(("93.184.216.34", 7777))
    server = lab.servers[-1].socket
    assert server.readable(10)
    connection, caller = server.accept()
    with connection:
        found = trace(lab.name, flows(lab) * 20)
        assert {each.verdict.result for each in found} == {"pass"}
        assert caller[1] not in {each.forward[0].entered.source_port for each in found}
        client.send(b"still here")
        connection.settimeout(10)
        assert connection.recv(100) == b"still here"


def test_a_source_port_in_use_is_not_touched(lab: Lab) -> None:
    """Its connection would take our packets for its own."""
    lab.serve("web.example", tcp=(7777,))
    client = lab.open_socket("dev")
    client.connect_ex(("93.184.216.34", 7777))
    (asked,) = flows(lab)
    port = client.getsockname()[1]
    with pytest.raises(UsageError, match=f"tcp port {port} of dev is in use"):
        trace(lab.name, [replace(asked, source_port=port)])
    twice = trace(lab.name, [replace(asked, source_port=1234), replace(asked, port=81, source_port=1234)])
    assert [found.forward[0].entered.source_port for found in twice] == [1234, 1234]
    assert {found.verdict.result for found in twice} == {"pass"}


def test_the_connection_of_a_trace_is_closed(lab: Lab) -> None:
    """The receiver is left with no half-open connection: the sender resets what it never asked for."""
    lab.serve("web.example", tcp=(7777,))
    assert trace(lab.name, [flow(lab.topology, lab.addresses, "dev", "web.example", "tcp", 7777)])[0].back

    def half_open() -> bool:
        return "SYN-RECV" in lab.run("web.example", "ss", "-tan").output

    eventually(lambda: not half_open())
    with pytest.raises(BlockingIOError):
        lab.servers[-1].socket.accept()


def test_a_batch(lab: Lab) -> None:
    """Fifty flows and more at once, of all protocols, each with its own answer; more than fit into one tag."""
    ends = [
        ("dev", "web.example", "pass"),
        ("dev", "attacker", "pass"),
        ("attacker", "web", "drop"),
        ("web", "dev", "drop"),
        ("web.example", "dev", "drop"),
        ("web", "dns.example", "pass"),
    ]
    asked: list[Flow] = []
    wanted: list[str] = []
    for source, to, result in ends * 6:
        for protocol, port in (("tcp", 1000 + len(asked)), ("udp", 1000 + len(asked)), ("icmp", 0)):
            asked.append(flow(lab.topology, lab.addresses, source, to, protocol, port))  # type: ignore[arg-type]
            wanted.append(result)
    found = trace(lab.name, asked)
    assert len(found) == 108
    assert [each.verdict.result for each in found] == wanted
    assert [each.flow for each in found] == asked
    assert all(
        each.forward[-1].entered.destination_port in (0, one.port) for each, one in zip(found, asked, strict=True)
    )
    assert tampered(lab) == []


def test_two_traces_wait_for_each_other(lab: Lab) -> None:
    """They hold the lab's lock, so both get their answer."""
    command = [sys.executable, "-m", "emulator", "trace", "-l", lab.name, "dev", "web.example", "--port", "80"]
    children = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]


def test_a_port_that_somebody_holds_is_left_alone(lab: Lab) -> None:
    """A listener of the guest's own gets the packet; the trace opens none beside it, and so there is no answer."""
    held = lab.open_socket("attacker", kind=socket.SOCK_DGRAM)
    held.bind(("0.0.0.0", 4444))
    free, taken = (flow(lab.topology, lab.addresses, "dev", "attacker", "udp", port) for port in (4443, 4444))
    answered, silent = trace(lab.name, [free, taken])
    assert (answered.verdict.result, silent.verdict.result) == ("pass", "drop")
    assert silent.dropped_at == Component("outside_host", "attacker")
    assert silent.verdict.receiver == "attacker"
    assert b"vpcemu" in held.recv(100)


def test_a_namespace_is_traced_by_one_at_a_time(lab: Lab) -> None:
    """Beside the lock, the kernel sees to it: the second is refused, and is told so."""
    one, other = (watch(lab.name, ["main.router", "dev"]) for _ in range(2))
    try:
        for held in one.values():
            held.begin(b"one", [], exact=held.node == "main.router")
        with pytest.raises(KernelError, match="dev is being traced already"):
            other["dev"].begin(b"two", [], exact=False)
    finally:
        close_all([*one.values(), *other.values()])
    assert tampered(lab) == []


def test_rules_that_change_between_reading_and_writing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses the transaction, and what another did meanwhile is not excused with our own doing."""
    real, calls = nftables.generation, 0

    def disturbed(channel: Channel) -> int:
        nonlocal calls
        calls += 1
        found = real(channel)
        if calls == 1:
            lab.must("main.router", "nft add rule ip vpcemu sender counter")
        return found

    held = watch(lab.name, ["main.router"])
    monkeypatch.setattr(nftables, "generation", disturbed)
    try:
        held["main.router"].begin(b"tag", [], exact=True)
    finally:
        close_all(held.values())
    assert calls == 2
    assert tampered(lab) == ["main.router"]
