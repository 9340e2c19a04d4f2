"""`down` and `gc` with what has been lost: the file, the record, half of the lab. And what only looks like ours."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from emulator import names
from emulator.errors import KernelError
from emulator.lab import gc, listing, places, record
from tests.lifecycle.conftest import Fresh, Make
from tests.support import children
from tests.support.leaks import assert_nothing_left, traces
from tests.support.lifecycle import Lab, nat, vpcemu
from tests.support.picture import difference, nodes

pytestmark = pytest.mark.usefixtures("own_run")  # `gc` is not for others' labs


def test_down_with_the_file_gone(make: Make) -> None:
    lab = make(nat())
    lab.up()
    lab.close()
    assert not os.path.exists(lab.file)
    assert lab.status()["healthy"]  # it is remembered
    done = vpcemu("down", lab.name)
    assert done.returncode == 0, done.stderr
    assert_nothing_left(lab.name)


def test_down_with_the_file_edited_beyond_recognition(make: Make) -> None:
    lab = make(nat())
    lab.up()
    with open(lab.file, "w", encoding="utf-8") as file:
        file.write("name: [this is no topology\n")
    assert vpcemu("down", lab.name).returncode == 0
    assert_nothing_left(lab.name)


@pytest.mark.parametrize("what", ["record.json", "nodes.json", "everything but the lock", "the directory"])
def test_with_the_record_gone(what: str, make: Make) -> None:
    """`ls` shows that there is something, `status` says in words what it misses, `down` removes all of it."""
    lab = make(nat())
    lab.up()
    _lose(lab, what)
    assert lab.name in {found["lab"] for found in listing.listing()}
    status = vpcemu("status", lab.name)
    assert "Traceback" not in status.stderr
    if what != "nodes.json":
        assert status.returncode
    done = vpcemu("down", lab.name)
    assert done.returncode == 0, done.stderr
    assert_nothing_left(lab.name)


@pytest.mark.alone  # gc sweeps the whole machine
@pytest.mark.parametrize("what", ["record.json", "everything but the lock", "the directory"])
def test_gc_finds_what_has_no_record(what: str, make: Make) -> None:
    """And it leaves a lab alone that has one."""
    lost, kept = make(nat()), make(nat())
    lost.up()
    kept.up()
    _lose(lost, what)
    only_named = {found["lab"]: found for found in gc.gc(dry_run=True)}
    assert lost.name in only_named
    assert kept.name not in only_named
    assert nodes(lost.name)
    done = vpcemu("gc", "--json")
    assert done.returncode == 0, done.stderr
    assert lost.name in done.stdout
    assert kept.name not in done.stdout
    assert_nothing_left(lost.name)
    kept.assert_settled()


def test_up_with_the_record_gone(make: Make, fresh: Fresh) -> None:
    """It takes over what is there."""
    lab = make(nat())
    lab.up()
    pid = lab.agent_pid()
    os.unlink(places.path(lab.name, record.NAME))
    lab.up()
    assert not difference(fresh(nat()), lab.picture())
    assert lab.agent_pid() == pid
    lab.assert_settled()
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"


def test_up_with_the_directory_gone(make: Make, fresh: Fresh) -> None:
    """An agent that nobody can speak to any more ends, and another one serves."""
    lab = make(nat())
    lab.up()
    shutil.rmtree(places.directory(lab.name))
    lab.up()
    assert not difference(fresh(nat()), lab.picture())
    lab.assert_settled()
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
    lab.down()
    assert_nothing_left(lab.name)


def test_a_broken_record_is_no_record(make: Make) -> None:
    lab = make(nat())
    for content in ("", "{", "[]", '{"lab": 3}', json.dumps({"addresses": {"private": {"dev": "not an address"}}})):
        lab.up()
        with open(places.path(lab.name, record.NAME), "w", encoding="utf-8") as file:
            file.write(content)
        assert lab.name in {found["lab"] for found in listing.listing()}
        assert "Traceback" not in vpcemu("status", lab.name).stderr
        lab.up()
        lab.assert_settled()
    with open(places.path(lab.name, record.NAME), "w", encoding="utf-8") as file:
        file.write("{")
    lab.down()
    assert_nothing_left(lab.name)


def test_what_is_kept_beside_the_record_is_only_a_shortcut(make: Make) -> None:
    """Whatever becomes of the other files, `up` and `status` do without them, and write them anew."""
    lab = make(nat())
    lab.up()
    kept = [entry.name for entry in os.scandir(places.directory(lab.name)) if entry.is_file(follow_symlinks=False)]
    others = sorted({*kept} - {record.NAME, "lock", "agent.lock", "agent.log"})
    assert "nodes.json" in others
    for content in (None, b"", b"garbage\n", b"[]", b"\x80\x05."):
        for name in others:
            path = places.path(lab.name, name)
            os.unlink(path)
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
        assert "Traceback" not in vpcemu("status", lab.name).stderr
        assert "Traceback" not in vpcemu("exec", "-l", lab.name, "dev", "--", "true").stderr
        lab.up()
        lab.assert_settled()
        done = vpcemu("exec", "-l", lab.name, "dev", "--", "true")
        assert done.returncode == 0, done.stderr


def test_down_after_namespaces_were_deleted_by_hand(make: Make) -> None:
    lab = make(nat())
    for gone in (["dev"], ["main.router"], ["internet", "igw", "nat"], nodes(lab.name)):
        lab.up()
        for node in gone or nodes(lab.name):
            _ip("netns", "del", names.netns(lab.name, node))
        lab.down()
        assert_nothing_left(lab.name)


def test_down_with_files_in_the_place_of_namespaces(make: Make) -> None:
    """Unmounted, but the file is still there: what a killed `ip netns del` leaves."""
    lab = make(nat())
    lab.up()
    for node in ("dev", "web"):
        subprocess.run(["umount", "-l", f"{places.NETNS}/{lab.name}.{node}"], check=True)
    assert not lab.status()["healthy"]
    lab.up()
    lab.assert_settled()
    subprocess.run(["umount", "-l", f"{places.NETNS}/{lab.name}.dev"], check=True)
    lab.down()
    assert_nothing_left(lab.name)


def test_a_half_made_lab_with_its_record_gone(make: Make) -> None:
    """The worst of both: killed in the middle of `up`, and then nobody remembers."""
    lab = make(nat())
    for number in (3, 9, 15, 20, 25):
        what = children.killed_at(number, lambda checkpoint: lab.up(checkpoint=checkpoint))
        assert what
        shutil.rmtree(places.directory(lab.name), ignore_errors=True)
        if traces(lab.name):
            found = {found["lab"]: found for found in gc.gc()}
            assert lab.name in found, what
        assert_nothing_left(lab.name)


@pytest.mark.parametrize("node", ["dev", "main.router", "nat", "stranger"])
def test_a_foreign_namespace_is_never_touched(node: str, make: Make) -> None:
    """Called like one of ours and without our mark: `up` says so, `down` and `gc` go around it."""
    lab = make(nat())
    with _foreign(lab, node) as inode:
        if node == "stranger":
            lab.up()
        else:
            with pytest.raises(KernelError) as refusal:
                lab.up()
            assert names.netns(lab.name, node) in str(refusal.value)
        assert _inode(lab, node) == inode
        gc.gc()
        assert _inode(lab, node) == inode
        lab.down()
        assert _inode(lab, node) == inode
        assert [trace for trace in traces(lab.name) if node not in trace] == []
        # It does not even make a lab.
        assert lab.name not in {found["lab"] for found in listing.listing()}
        gc.gc()
        lab.down()
        assert _inode(lab, node) == inode
        assert subprocess.run(
            ["ip", "netns", "exec", names.netns(lab.name, node), "true"], check=False
        ).returncode == 0  # fmt: skip


def test_a_process_of_ours_in_a_foreign_namespace_lives(make: Make) -> None:
    """`down` ends what lives in the lab, and nothing that lives beside it."""
    lab = make(nat())
    with _foreign(lab, "stranger"):
        lab.up()
        beside = subprocess.Popen(["ip", "netns", "exec", names.netns(lab.name, "stranger"), "sleep", "60"])
        within = subprocess.Popen(["ip", "netns", "exec", names.netns(lab.name, "dev"), "sleep", "60"])
        try:
            lab.down()
            assert within.wait(10)
            assert beside.poll() is None
        finally:
            for process in (beside, within):
                process.kill()
                process.wait()


def test_a_foreign_file_is_never_touched(make: Make) -> None:
    """A file with content, where a namespace's name should be."""
    lab = make(nat())
    lab.up()
    lab.down()
    path = f"{places.NETNS}/{lab.name}.dev"
    with open(path, "w", encoding="utf-8") as file:
        file.write("somebody's\n")
    try:
        with pytest.raises(KernelError):
            lab.up()
        lab.down()
        gc.gc()
        with open(path, encoding="utf-8") as file:
            assert file.read() == "somebody's\n"
    finally:
        os.unlink(path)
    assert_nothing_left(lab.name)


def test_a_lab_whose_name_begins_like_another(make: Make) -> None:
    """`a` and `a-b`: neither `down` nor `gc` takes one for the other."""
    lab, longer = make(nat()), make(nat())
    longer.name = f"{lab.name}-more"
    try:
        longer.up()
        lab.up()
        lab.down()
        assert not nodes(lab.name)
        longer.assert_settled()
        gc.gc()
        longer.assert_settled()
    finally:
        longer.down()
    assert_nothing_left(longer.name)


def _lose(lab: Lab, what: str) -> None:
    directory = places.directory(lab.name)
    if what == "the directory":
        shutil.rmtree(directory)
    elif what == "everything but the lock":
        for name in os.listdir(directory):
            if name != "lock":
                path = f"{directory}/{name}"
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    else:
        os.unlink(f"{directory}/{what}")


@contextmanager
def _foreign(lab: Lab, node: str) -> Iterator[int]:
    """A namespace that somebody has made with `ip netns`."""
    _ip("netns", "add", names.netns(lab.name, node))
    try:
        yield _inode(lab, node)
    finally:
        _ip("netns", "del", names.netns(lab.name, node))


def _inode(lab: Lab, node: str) -> int:
    return os.stat(f"{places.NETNS}/{names.netns(lab.name, node)}").st_ino


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)
