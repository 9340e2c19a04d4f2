"""200 times up and down: nothing is left that was not there before, not even what has no name."""

import os
from contextlib import suppress

import pytest

from emulator.errors import TopologyError
from tests.lifecycle.conftest import Make
from tests.support.leaks import Census, assert_nothing_left, census, memory
from tests.support.lifecycle import Document, Lab, edited, small
from tests.support.wait import eventually

pytestmark = pytest.mark.alone

CYCLES = int(os.environ.get("VPCEMU_CYCLES", "200"))
WARM = 5  # the first ones import, compile and fill caches


def test_200_cycles_leave_nothing(make: Make) -> None:
    """A router, an internet gateway, an instance, an outside host; every fourth time with a service and so an agent."""
    lab = make(small())
    for _ in range(WARM):
        _cycle(lab, small())
    before, held = census(), memory()
    for number in range(CYCLES):
        _cycle(lab, small(service=number % 4 == 0))
    assert_nothing_left(lab.name)
    # The kernel frees a closed namespace in its own time.
    eventually(lambda: _no_more(before, census()), f"{before} again", within=20, every=0.2)
    # 200 labs of five namespaces hold some 300 MB. A tenth of that would be a leak.
    per_cycle = (memory() - held) / CYCLES
    assert per_cycle < 150_000, f"{per_cycle:.0f} bytes a cycle"


def test_edits_back_and_forth_leave_nothing(make: Make) -> None:
    """A lab that stays up while instances come and go: its agent and we hold no more than before."""
    lab = make(small())
    more = edited(small(), _add_an_instance)
    for document in (more, small(), more, small()):
        lab.up(document)
    pid = lab.agent_pid()
    before, open_files = census(), len(os.listdir(f"/proc/{pid}/fd"))
    for _ in range(25):
        lab.up(more)
        lab.up(small())
    assert lab.agent_pid() == pid
    # One more while it still hears that the last caller has hung up, now or when it was counted before.
    eventually(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= open_files, "the agent's descriptors")
    assert census().own == before.own
    lab.assert_settled()


def test_failures_leave_nothing(make: Make) -> None:
    """An `up` that is refused, or that breaks in the middle, keeps no descriptor either."""
    lab = make(small())
    wrong = make(edited(small(), lambda document: document["vpcs"]["main"].update(cidr_block="10.0.0.0/8")))

    class Break(Exception):
        pass

    def broken(at: int) -> None:
        left = at

        def checkpoint(what: str) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Break(what)

        with pytest.raises(Break):
            lab.up(checkpoint=checkpoint)
        lab.down()

    for at in (9, 9):
        broken(at)
    before = census()
    for at in range(1, 20):
        broken(at)
        with suppress(TopologyError):
            wrong.up()
    assert census().own == before.own
    assert_nothing_left(lab.name)
    assert_nothing_left(wrong.name)


def _cycle(lab: Lab, document: Document) -> None:
    lab.up(document)
    lab.down()


def _add_an_instance(document: Document) -> None:
    document["vpcs"]["main"]["instances"]["extra"] = {
        "subnet": "public",
        "security_groups": ["web"],
        "services": ["http", {"tcp": 9000}],
    }


def _no_more(before: Census, now: Census) -> bool:
    """Of ours, exactly as much; of the machine's, less than one more for every eighth cycle: others work there, too."""
    return now.own == before.own and all(
        has - had < CYCLES / 8 for had, has in zip(before.machine, now.machine, strict=True)
    )
