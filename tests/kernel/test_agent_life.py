"""The agent's own life: one per lab, started and ended cleanly, and in step with namespaces that come and go."""

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.agent import client, protocol
from emulator.agent.client import AgentError, Client
from tests.support.agent import Bench, bench, processes_with, service
from tests.support.wait import eventually


@pytest.fixture
def made() -> Iterator[Bench]:
    with bench() as made:
        yield made


def http_works(made: Bench, node: str, port: int = 80) -> bool:
    with made.inside(node):
        connected = socket.create_connection(("127.0.0.1", port), timeout=5)
    with connected:
        connected.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return f"node {node}\n".encode() in connected.recv(4096)


def is_refused(made: Bench, node: str, port: int = 80) -> bool:
    try:
        return not http_works(made, node, port)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was listening still, and is ending
        return False


def test_no_agent(made: Bench) -> None:
    assert made.connect() is None
    assert client.kill(made.lab, made.base) is False


def test_hello_names_the_lab_and_the_process(made: Bench) -> None:
    hello = made.start().hello()
    assert hello["version"] == protocol.VERSION
    assert hello["lab"] == made.lab
    assert hello["pid"] == made.pid
    assert abs(hello["started"] - time.time()) < 60
    assert Path(f"/proc/{hello['pid']}/comm").read_text() == "vpcemu-agent\n"


def test_a_second_start_finds_the_first_agent(made: Bench) -> None:
    first = made.start().hello()
    assert made.start().hello() == first
    assert len(processes_with(made.lab)) == 1


def test_it_leaves_nothing_of_its_starter(made: Bench) -> None:
    made.start()
    process = Path(f"/proc/{made.pid}")
    assert os.readlink(process / "cwd") == "/"
    assert os.readlink(process / "fd/0") == "/dev/null"
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    assert fields[3:5] == [str(made.pid), "0"]  # a session of its own, no terminal
    assert os.stat(made.places.run).st_mode & 0o777 == 0o700
    assert os.stat(made.places.socket).st_mode & 0o077 == 0


def test_one_that_cannot_start_says_why_at_once(made: Bench) -> None:
    Path(made.places.run).write_text("in the way")
    began = time.monotonic()
    with pytest.raises(AgentError, match=r"did not start: .*File exists"):
        made.start()
    assert time.monotonic() - began < 5
    Path(made.places.run).unlink()


def test_the_current_directory_is_not_trusted(made: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger ran this as root')")
    monkeypatch.chdir(tmp_path)
    assert made.start().hello()["ok"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_as_stop_does(made: Bench, number: signal.Signals) -> None:
    made.add_nodes("a")
    agent = made.start()
    assert agent.apply([("a", service("http", 80))], []) == []
    os.kill(made.pid, number)
    eventually(lambda: not os.path.exists(made.places.socket))
    eventually(lambda: is_refused(made, "a"))


def test_after_a_kill_a_new_one_starts(made: Bench) -> None:
    made.add_nodes("a")
    agent = made.start()
    assert agent.apply([("a", service("http", 80))], []) == []
    os.kill(made.pid, signal.SIGKILL)
    with pytest.raises(AgentError, match=f"the agent of lab {made.lab} broke off"):
        agent.services()
    again = made.start()
    assert again.services() == {}
    assert again.apply([("a", service("http", 80))], []) == []
    assert http_works(made, "a")


def test_one_that_does_not_answer_is_reported_and_can_be_killed(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HELLO_SECONDS", 0.2)
    made.start()
    os.kill(made.pid, signal.SIGSTOP)
    with pytest.raises(AgentError, match="does not answer within"):
        made.connect()
    assert client.kill(made.lab, made.base) is True
    assert made.connect() is None
    assert made.start().services() == {}


def test_stop_is_quick_and_final(made: Bench) -> None:
    made.add_nodes("a")
    agent = made.start()
    assert agent.apply([("a", service("http", 80))], []) == []
    pid = made.pid
    agent.stop()
    assert is_refused(made, "a")
    assert not os.path.exists(made.places.socket)
    eventually(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text())


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"op": "nonsense"}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        b'{"op": "apply", "add": [["../../etc", {}]]}\n',
        b'{"op": "apply", "remove": [["a", "../x"]]}\n',
        b'{"op": "apply", "add": 7}\n',
        b'{"op": "zone", "names": {"a": 7}}\n',
    ],
)
def test_a_request_it_does_not_understand_is_answered(made: Bench, line: bytes) -> None:
    agent = made.start()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(made.places.socket)
        raw.settimeout(5)
        for _ in range(2):
            raw.sendall(line)
            reply = protocol.decode(raw.recv(65536))
            assert reply["ok"] is False
            assert reply["error"]
    assert agent.hello()["ok"]


def test_only_root_is_listened_to_even_if_the_directory_were_open(made: Bench) -> None:
    made.start()
    os.chmod(made.base, 0o755)
    os.chmod(made.places.run, 0o755)
    os.chmod(made.places.socket, 0o777)
    script = (
        "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0);"
        f"connect(S, pack_sockaddr_un('{made.places.socket}')) or die $!;"
        ' syswrite(S, qq({"op": "hello"}\n)); print sysread(S, $reply, 1000) ? "answered" : "closed"'
    )
    for user, expected in ((0, "answered"), (65534, "closed")):
        argv = ["/usr/bin/perl", "-e", f"$SIG{{PIPE}} = 'IGNORE'; {script}"]
        done = subprocess.run(argv, user=user, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (expected, "")


def test_a_namespace_that_went_is_let_go(made: Bench) -> None:
    made.add_nodes("a", "b")
    agent = made.start()
    assert agent.apply([("a", service("http", 80)), ("b", service("http", 80))], []) == []
    made.remove_nodes("a")
    assert set(agent.services()) == {"b"}
    assert http_works(made, "b")


def test_a_namespace_that_came_back_is_served_again(made: Bench) -> None:
    made.add_nodes("a")
    agent = made.start()
    assert agent.apply([("a", service("http", 80))], []) == []
    made.remove_nodes("a")
    made.add_nodes("a")
    assert is_refused(made, "a")
    assert agent.apply([("a", service("http", 80))], []) == []
    assert http_works(made, "a")


def test_a_name_without_a_namespace(made: Bench) -> None:
    agent = made.start()
    half_made = Path(made.places.netns("half"))
    half_made.touch()
    try:
        assert agent.apply([("half", service("http", 80))], []) == [
            "half: http: its namespace is broken: the name is there, the namespace is not"
        ]
    finally:
        half_made.unlink()


def test_three_hundred_nodes(made: Bench) -> None:
    nodes = [f"n{number}" for number in range(300)]
    made.add_nodes(*nodes)
    agent = made.start()
    began = time.monotonic()
    assert agent.apply([(node, service("http", 80)) for node in nodes], []) == []
    assert time.monotonic() - began < 2
    assert all(http_works(made, node) for node in nodes)
    status = Path(f"/proc/{made.pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0])
    assert resident < 40_000, "kB"
    assert "Threads:\t1\n" in status
    began = time.monotonic()
    agent.stop()
    assert time.monotonic() - began < 2


def test_more_callers_than_one_service_takes(made: Bench) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made.add_nodes("a")
    agent = made.start()
    assert agent.apply([("a", service("tcp", 9000)), ("a", service("http", 80))], []) == []
    callers = []
    try:
        for _ in range(600):
            with made.inside("a"):
                callers.append(socket.create_connection(("127.0.0.1", 9000), timeout=5))
        heard = []
        for each in callers:
            try:
                heard.append(each.recv(100))
            except ConnectionResetError:
                heard.append(b"")
        assert sum(text.startswith(b"a tcp/9000") for text in heard) == 512
        assert heard[511]
        assert not heard[512]
        assert http_works(made, "a")
    finally:
        for each in callers:
            each.close()


def test_idle_agent_uses_no_cpu(made: Bench) -> None:
    made.add_nodes("a")
    agent: Client = made.start()
    assert agent.apply([("a", service("http", 80))], []) == []
    assert http_works(made, "a")
    stat = Path(f"/proc/{made.pid}/stat")
    eventually(lambda: " /" in made.log("a", "http"))

    def ticks() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, deadline = ticks(), time.monotonic() + 1
    eventually(lambda: time.monotonic() > deadline, every=0.1)
    assert ticks() - before <= 1
