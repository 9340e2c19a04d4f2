"""What is a lab's, and what is a stranger's: the marks, and that nobody else's namespace is ever touched."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import names
from emulator.compile.state import Netns, State, Step
from emulator.errors import KernelError
from emulator.kernel import netns, process, syscalls
from emulator.kernel.host import Host
from tests.conftest import LabNames
from tests.support.leaks import traces
from tests.support.small_lab import LEFT, plan, small_lab


def ip(*argv: str) -> str:
    return subprocess.run(("ip", *argv), check=True, capture_output=True, text=True).stdout


@pytest.fixture
def up(lab_name: str) -> State:
    wanted = small_lab(lab_name)
    host = Host()
    host.execute(plan(host.observe(lab_name, wanted), wanted), lab_name)
    return wanted


@pytest.fixture
def stranger(lab_name: str) -> Iterator[str]:
    """A namespace that somebody else made under a name like ours, with a process and a link in it."""
    name = f"{lab_name}.stranger"
    ip("netns", "add", name)
    ip("-n", name, "link", "add", "theirs", "type", "bridge")
    child = subprocess.Popen(["ip", "netns", "exec", name, "sleep", "60"])
    yield name
    child.kill()
    child.wait()
    ip("netns", "delete", name)


def test_ip_netns_knows_every_node_and_shows_the_mark(up: State) -> None:
    listed = ip("netns", "list")
    for node in up.namespaces:
        name = names.netns(up.lab, node)
        assert name in listed
        assert f"alias {names.mark(up.lab, node)}" in ip("-n", name, "link", "show", "lo")


def test_a_strangers_namespace_is_never_seen_nor_touched(up: State, stranger: str) -> None:
    host = Host()
    before = ip("-n", stranger, "link")
    assert "stranger" not in host.observe(up.lab, up).namespaces
    assert "stranger" not in host.labs()[up.lab]
    host.execute([Step("remove", "stranger", Netns("instance"), "")], up.lab)
    removed = host.destroy(up.lab, ["stranger", stranger])
    assert f"the namespace {up.lab}.a" in removed
    assert not [line for line in removed if "stranger" in line or "process" in line]
    assert ip("-n", stranger, "link") == before
    assert ip("netns", "pids", stranger).strip()


def test_a_strangers_name_cannot_be_had(up: State, stranger: str) -> None:
    with pytest.raises(KernelError, match="exists already"):
        Host().execute([Step("add", "stranger", Netns("instance"), "")], up.lab)
    assert "theirs" in ip("-n", stranger, "link")


def test_a_strangers_lab_is_no_lab(stranger: str) -> None:
    assert stranger.partition(".")[0] not in Host().labs()


def test_a_namespace_made_again_by_hand_is_a_strangers(up: State) -> None:
    name = names.netns(up.lab, "a")
    ip("netns", "delete", name)
    ip("netns", "add", name)
    try:
        assert "a" not in Host().observe(up.lab, up).namespaces
        Host().destroy(up.lab)
        assert name in ip("netns", "list")
    finally:
        ip("netns", "delete", name)


def test_a_guests_root_cannot_make_it_a_strangers(up: State) -> None:
    ip("-n", names.netns(up.lab, "a"), "link", "set", "lo", "alias", "mine")
    assert "a" in Host().observe(up.lab, up).namespaces
    assert f"the namespace {up.lab}.a" in Host().destroy(up.lab)
    assert traces(up.lab) == []


def test_the_alias_alone_proves_it_too(up: State) -> None:
    """Should the file's text be lost."""
    held = names.netns(up.lab, "a")
    namespace = netns.open_namespace(held)
    netns.remove([held], lambda what: None)
    Path(netns.path(held)).touch()
    syscalls.mount(f"/proc/self/fd/{namespace}", netns.path(held), "none", syscalls.BIND)
    os.close(namespace)
    assert "a" in Host().labs()[up.lab]
    assert f"the namespace {held}" in Host().destroy(up.lab)


def test_a_name_whose_namespace_never_came_is_ours(up: State) -> None:
    """As a kill between the two system calls leaves it: the file, with nothing mounted."""
    held = netns.path(names.netns(up.lab, "a"))
    process.run(("umount", held))
    assert os.path.exists(held)
    host = Host()
    seen = host.observe(up.lab, up)
    assert "a" not in seen.namespaces
    assert host.labs()[up.lab] == sorted(up.namespaces)
    host.execute([Step("add", "a", Netns("instance"), "")], up.lab)  # `up` repairs it
    assert "a" in host.observe(up.lab, up).namespaces
    process.run(("umount", held))
    assert f"the namespace {up.lab}.a" in host.destroy(up.lab)  # and `down` removes it
    assert traces(up.lab) == []


def test_an_empty_file_is_removed_if_the_record_lists_it(lab_name: str) -> None:
    netns.prepare_directory()
    held = Path(netns.path(f"{lab_name}.x"))
    held.touch()
    assert Host().destroy(lab_name) == []
    assert held.exists()
    assert Host().destroy(lab_name, ["x"]) == [f"the namespace {lab_name}.x"]
    assert not held.exists()


def test_labs_are_told_apart_though_one_name_begins_like_the_other(lab_names: LabNames) -> None:
    short = lab_names()
    long = f"{short}-b"
    lab_names.given.append(long)
    host = Host()
    for lab in (short, long):
        host.execute([Step("add", "x", Netns("instance"), "")], lab)
    assert host.destroy(short) == [f"the namespace {short}.x"]
    assert host.labs()[long] == ["x"]
    host.destroy(long)


def test_processes_in_the_lab_die_with_it_and_others_live(up: State) -> None:
    inside = subprocess.Popen(["ip", "netns", "exec", names.netns(up.lab, "a"), "sleep", "60"])
    outside = subprocess.Popen(["sleep", "60"])
    try:
        wait_until_in(inside.pid, names.netns(up.lab, "a"))
        assert "1 processes" in Host().destroy(up.lab)
        assert inside.wait(5) == -9
        assert outside.poll() is None
    finally:
        for child in (inside, outside):
            child.kill()
            child.wait()


def wait_until_in(process_id: int, name: str) -> None:
    there = os.stat(netns.path(name)).st_ino
    for _ in range(1000):
        if os.stat(f"/proc/{process_id}/ns/net").st_ino == there:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{process_id} never came to {name}")


def test_no_descriptor_leaks(up: State) -> None:
    host = Host()
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        host.observe(up.lab, up)
        host.execute(plan(host.observe(up.lab, up), up), up.lab)
        host.labs()
        with pytest.raises(KernelError):
            host.execute([Step("add", "a", Netns("instance"), "")], up.lab)
    host.destroy(up.lab)
    assert os.listdir("/proc/self/fd") == before


# --- there and back --------------------------------------------------------------------------------------------


def here() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def test_one_comes_home_from_an_error(up: State) -> None:
    home = here()
    namespace = netns.open_namespace(names.netns(up.lab, "a"))
    try:
        with pytest.raises(ZeroDivisionError), netns.enter(namespace):
            assert 1 / (here() - os.fstat(namespace).st_ino)
        assert here() == home
        with netns.enter(namespace):
            assert here() == os.fstat(namespace).st_ino
        assert here() == home
    finally:
        os.close(namespace)


def test_only_the_thread_that_enters_is_moved(up: State) -> None:
    namespace = netns.open_namespace(names.netns(up.lab, "a"))
    seen: list[int] = []
    try:
        with netns.enter(namespace):
            away = here()
        entered, looked = threading.Event(), threading.Event()

        def go() -> None:
            with netns.enter(namespace):
                seen.append(here())
                entered.set()
                looked.wait(5)
            seen.append(here())

        thread = threading.Thread(target=go)
        thread.start()
        assert entered.wait(5)
        home = here()
        looked.set()
        thread.join()
        assert seen == [away, home]
        assert home != away
    finally:
        os.close(namespace)


def test_who_cannot_go_home_dies(up: State) -> None:
    """On the spot, whatever the code around would have caught."""
    script = f"""
import os
from emulator.kernel import netns, syscalls
namespace = netns.open_namespace("{names.netns(up.lab, "a")}")
def broken(*_):
    raise OSError(1, "no way back")
try:
    with netns.enter(namespace):
        syscalls.setns = broken
except BaseException:
    print("went on")
print("went on")
"""
    done = process.run((sys.executable, "-c", script))
    assert done.code == 70
    assert "went on" not in done.stdout
    assert "cannot leave" in done.stderr


def test_without_root_it_says_so(up: State) -> None:
    script = f"""
import os
from emulator.errors import UnsupportedError
from emulator.compile.state import Netns, Step
from emulator.kernel.host import Host
os.setgid(65534)
os.setuid(65534)
add = Step("add", "x", Netns("instance"), "")
for work in (Host().labs, lambda: Host().observe("{up.lab}"), lambda: Host().execute([add], "{up.lab}")):
    try:
        work()
    except UnsupportedError as reason:
        print("root" in str(reason), reason.hint)
"""
    done = process.run((sys.executable, "-c", script))
    assert done.stdout.splitlines() == ["True run it with sudo"] * 3, done.stderr


def test_an_interrupt_never_finds_us_away(up: State) -> None:
    """Ctrl-C before each single line of going there and coming back, one run for each: it is heard at home."""
    script = f"""
import os, signal, sys
from emulator.kernel import netns
namespace = netns.open_namespace("{names.netns(up.lab, "a")}")
home = os.stat("/proc/thread-self/ns/net").st_ino

def visit():
    with netns.enter(namespace):
        os.stat("/proc/thread-self/ns/net")

heard = 0
for moment in range(10000):
    left = moment
    def trace(frame, event, argument):
        global left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return trace
    kept = None
    try:
        sys.settrace(trace)
        visit()
    except KeyboardInterrupt as interrupt:
        sys.settrace(None)
        kept = interrupt  # and with it the frames of the visit
        heard += 1
    finally:
        sys.settrace(None)
    assert os.stat("/proc/thread-self/ns/net").st_ino == home, f"away after {{moment}}"
    if left > 0:
        break
assert heard > 20, heard
"""
    done = process.run((sys.executable, "-c", script))
    assert done.code == 0, done.stderr


def test_the_router_is_not_the_machine(up: State) -> None:
    """Settings are written while inside: the machine forwards as before."""
    router = netns.open_namespace(names.netns(up.lab, LEFT))
    try:
        with netns.enter(router):
            assert forwarding() == "1"
    finally:
        os.close(router)


def forwarding() -> str:
    return Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()
