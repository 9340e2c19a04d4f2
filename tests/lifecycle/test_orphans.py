"""The lab's directory is deleted by hand: the agent cannot be reached any more, and must not stay for ever."""

import shutil
import subprocess

import pytest

from emulator.lab import gc, orphans, places
from tests.lifecycle.conftest import Make
from tests.support.leaks import assert_nothing_left
from tests.support.lifecycle import Lab, nat, small


@pytest.fixture
def orphaned(make: Make) -> Lab:
    lab = make(small())
    lab.up()
    pid = lab.agent_pid()
    shutil.rmtree(places.directory(lab.name))
    assert orphans.find()[lab.name] == [pid]
    return lab


def test_up_replaces_it(orphaned: Lab) -> None:
    orphaned.up()
    assert orphaned.name not in orphans.find()
    assert orphaned.tcp("attacker", orphaned.public_ip("web"), 80) == "pass"
    orphaned.assert_settled()


def test_down_ends_it(orphaned: Lab) -> None:
    assert not orphaned.down().nothing
    assert_nothing_left(orphaned.name)


def test_gc_ends_it(orphaned: Lab) -> None:
    (found,) = [item for item in gc.gc(dry_run=True) if item["lab"] == orphaned.name]
    assert found["why"] == "namespaces without a record"
    for node in places.named_namespaces(orphaned.name):
        subprocess.run(["ip", "netns", "delete", f"{orphaned.name}.{node}"], check=True)
    (found,) = [item for item in gc.gc(dry_run=True) if item["lab"] == orphaned.name]
    assert found["why"] == "an agent without a lab"
    assert orphaned.down().what
    assert_nothing_left(orphaned.name)


def test_a_living_agent_is_none(make: Make) -> None:
    lab = make(nat())
    lab.up()
    assert lab.name not in orphans.find()
    assert orphans.end(lab.name, lambda what: None) == 0
    assert lab.agent_pid()
