"""/etc/resolv.conf of a node, most of all behind an uplink; what cannot be read."""

import threading
from pathlib import Path

import pytest

from emulator.errors import UsageError
from emulator.lab import logs, places, record, view


def resolv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *files: str, dns: str = "", uplink: bool = True) -> str:
    """With the machine's own files as given."""
    paths = []
    for number, text in enumerate(files):
        (tmp_path / str(number)).write_text(text)
        paths.append(str(tmp_path / str(number)))
    monkeypatch.setattr(view, "_RESOLVERS", (*paths, "/nowhere"))
    return view.resolv(view.View("lab", {}, dns, uplink), "web")


def test_without_an_uplink_it_is_the_labs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolv(tmp_path, monkeypatch, dns="8.8.8.8", uplink=False) == "nameserver 8.8.8.8\n"
    assert resolv(tmp_path, monkeypatch, uplink=False).startswith("# this lab has no name server")


def test_behind_an_uplink_it_is_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# by hand\nsearch x.example\nnameserver 9.9.9.9\nnameserver 2620:fe::fe\nnameserver 149.112.112.112\n"
    assert resolv(tmp_path, monkeypatch, text, dns="8.8.8.8") == "nameserver 9.9.9.9\nnameserver 149.112.112.112\n"


def test_a_stub_on_loopback_is_looked_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolv(tmp_path, monkeypatch, "nameserver 127.0.0.53\n", "nameserver 9.9.9.9\n") == "nameserver 9.9.9.9\n"


def test_a_resolver_in_a_private_network_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = "nameserver 192.168.1.1\nnameserver 172.20.0.1\n"
    assert resolv(tmp_path, monkeypatch, private, dns="5.5.5.5") == "nameserver 5.5.5.5\n"
    assert resolv(tmp_path, monkeypatch, private) == "nameserver 8.8.8.8\nnameserver 1.1.1.1\n"


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"file": 1}', '{"addresses": {"private": {"a": "x"}}}'])
def test_a_broken_record_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(places, "RUN", str(tmp_path))
    (tmp_path / "nat").mkdir()
    (tmp_path / "nat" / "record.json").write_text(text)
    assert record.read("nat") is None


def test_without_a_list_of_nodes_the_lab_is_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "RUN", str(tmp_path))
    with pytest.raises(UsageError, match="lab nat is incomplete"):
        view.read("nat")


def test_logs_are_followed_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "http.log"
    path.write_text("one\ntwo\n")
    assert [line.text for line in logs.tail({"http": str(path)}, 1)] == ["two"]
    found = logs.follow({"http": str(path)})
    seen: list[str] = []

    def write(name: str, text: str) -> None:
        with (tmp_path / name).open("a") as file:
            file.write(text)

    def later() -> None:
        write("http.log", "three\nfo")
        (tmp_path / "http.log").rename(tmp_path / "http.log.1")
        write("http.log.1", "ur\n")
        write("http.log", "five\n")

    timer = threading.Timer(0.3, later)
    timer.start()
    for line in found:
        seen.append(line.text)
        if len(seen) == 3:
            break
    timer.join()
    assert seen == ["three", "four", "five"]
    assert [line.text for line in logs.tail({"http": str(path)}, 3)] == ["three", "four", "five"]


def test_a_log_that_is_not_there_yet_is_followed_from_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "http.log"
    assert not list(logs.tail({"http": str(path)}, 5))
    found = logs.follow({"http": str(path)})
    timer = threading.Timer(0.3, lambda: path.write_text("one\n"))
    timer.start()
    assert next(found).text == "one"
    timer.join()


def test_nodes_of_one_name_are_called_in_turn() -> None:
    """LB-02: the name of a load balancer stands for its nodes, and by DNS each is the first one now and then."""

    def node(kind: str, public: str, **more: str) -> view.Seen:
        return view.Seen(netns="", kind=kind, vpc="main", private="", public=public, **more)  # type: ignore[typeddict-item]

    nodes = {
        "web": node("outside_host", "198.51.100.7"),
        "nlb.a": node("network_load_balancer", "203.0.113.1", name="nlb"),
        "other": node("outside_host", "198.51.100.8"),
        "nlb.c": node("network_load_balancer", "203.0.113.2", name="nlb"),
    }
    seen = [view.hosts(view.View("lab", nodes, "", False), "web", turn).splitlines()[2:] for turn in (0, 1, 2)]
    a, c = "203.0.113.1 nlb.a nlb", "203.0.113.2 nlb.c nlb"
    assert seen == [[a, "198.51.100.8 other", c], [c, "198.51.100.8 other", a], [a, "198.51.100.8 other", c]]
