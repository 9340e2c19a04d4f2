"""Up twice, down twice: the second time there is nothing to do, and nothing is done."""

import json
import os

from emulator.lab import places, record
from tests.lifecycle.conftest import Make
from tests.support.leaks import assert_nothing_left
from tests.support.lifecycle import Lab, nat, vpcemu
from tests.support.picture import difference, table_comments


def test_a_second_up_changes_nothing(make: Make) -> None:
    lab = make(nat())
    lab.up()
    before, comments, pid, files = lab.picture(), table_comments(lab.name), lab.agent_pid(), _files(lab)
    touched: list[str] = []
    second = lab.up(checkpoint=touched.append)
    assert not touched
    assert not second.plan.steps
    assert not second.plan.changes
    assert not second.fresh
    assert not difference(before, lab.picture())
    assert table_comments(lab.name) == comments  # a commit of the same rules would count in nft's generation
    assert lab.agent_pid() == pid != 0
    assert _files(lab) == files
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"
    lab.assert_settled()


def test_a_second_up_says_so(make: Make) -> None:
    lab = make(nat())
    first = vpcemu("up", lab.file)
    assert first.returncode == 0, first.stderr
    second = vpcemu("up", lab.file)
    assert second.returncode == 0, second.stderr
    assert "nothing to change" in (second.stdout + second.stderr).lower()
    plan = json.loads(vpcemu("plan", lab.file, "--json").stdout)
    assert plan["steps"] == []
    assert plan["changes"] == []


def test_a_comment_in_the_file_changes_only_what_is_remembered(make: Make) -> None:
    lab = make(nat())
    lab.up()
    comments, pid = table_comments(lab.name), lab.agent_pid()
    with open(lab.file, "a", encoding="utf-8") as file:
        file.write("\n# a remark\n")
    from emulator.lab import up

    again = up.up(lab.file)
    assert not again.plan.steps
    assert table_comments(lab.name) == comments
    assert lab.agent_pid() == pid
    remembered = record.read(lab.name)
    assert remembered
    assert "# a remark" in remembered.text
    assert remembered.complete


def test_a_second_down_finds_nothing(make: Make) -> None:
    lab = make(nat())
    lab.up()
    assert lab.down().what
    assert_nothing_left(lab.name)
    second = lab.down()
    assert second.nothing
    assert_nothing_left(lab.name)
    assert not os.path.exists(places.directory(lab.name))
    said = vpcemu("down", lab.name)
    assert "Traceback" not in said.stderr
    assert_nothing_left(lab.name)


def test_up_after_down_is_a_fresh_lab(make: Make) -> None:
    lab = make(nat())
    lab.up()
    before = lab.picture()
    lab.down()
    assert lab.up().fresh
    assert not difference(before, lab.picture())
    assert lab.seen_as("dev", "93.184.216.34") == "52.195.125.184"


def _files(lab: Lab) -> dict[str, tuple[int, int]]:
    """Inode and time of change of everything in the lab's directory, but for the lock, which every run writes."""
    found = {}
    for entry in os.scandir(places.directory(lab.name)):
        if entry.name not in ("lock", "logs"):
            there = entry.stat()
            found[entry.name] = (there.st_ino, there.st_mtime_ns)
    return found
