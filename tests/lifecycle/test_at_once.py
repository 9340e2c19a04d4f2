"""Several at once: the lock lets one `up` or `down` of a lab work at a time; other labs are none of its business."""

import json
import time
from collections.abc import Callable

import pytest

from emulator.lab import lock, record, up
from tests.lifecycle.conftest import Fresh, Make
from tests.support import children
from tests.support.leaks import assert_nothing_left
from tests.support.lifecycle import Lab, edited, first_word, get, nat, start_vpcemu, vpcemu
from tests.support.picture import difference, nodes
from tests.support.transfer import Transfer
from tests.support.wait import eventually

NAT_ADDRESS, WEB_OUTSIDE = "52.195.125.184", "93.184.216.34"


def _other() -> dict[str, object]:
    """A file that says something else of the same lab."""

    def edit(document: dict[str, object]) -> None:
        vpc = document["vpcs"]["main"]  # type: ignore[index]
        vpc["nat_gateways"]["nat"]["elastic_ip"] = "52.195.125.190"
        vpc["instances"]["extra"] = {"subnet": "private", "security_groups": ["dev"], "private_ip": "10.0.20.50"}
        vpc["instances"]["web"]["services"] = [{"http": 81}]

    return edited(nat(), edit)


def test_two_ups_of_one_file(make: Make, fresh: Fresh) -> None:
    """One does the work, the other waits and then finds nothing to do."""
    lab = make(nat())
    running = [start_vpcemu("up", lab.file) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sum("nothing to change" in (out + err).lower() for out, err in said) == 2, said
    assert not difference(fresh(nat()), lab.picture())
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    lab.assert_settled()


def test_two_ups_of_different_files(make: Make, fresh: Fresh) -> None:
    """Whichever comes last has its way, and it has all of it."""
    documents = [nat(), _other()]
    for first_is_there in (False, True, False):
        labs = [make(documents[0]), make(documents[1])]
        one, other = labs[0], labs[1]
        other.name = one.name
        other.write()
        if first_is_there:
            one.up()
        children.at_once(*(_without_result(lab.up) for lab in (one, other)))
        remembered = record.read(one.name)
        assert remembered
        assert remembered.complete
        last = one if remembered.file == one.file else other
        assert not difference(fresh(last.document), last.picture())
        last.assert_settled()
        assert last.seen_as("dev", WEB_OUTSIDE) == last.document["vpcs"]["main"]["nat_gateways"]["nat"]["elastic_ip"]
        last.down()
        assert_nothing_left(one.name)


@pytest.mark.parametrize("there", [False, True], ids=["nothing-there", "lab-there"])
@pytest.mark.parametrize("late", [0.0, 0.01, 0.04, 0.1])
def test_up_and_down_at_once(there: bool, late: float, make: Make, fresh: Fresh) -> None:
    """The lab is there, whole, or it is gone, whole."""
    lab = make(nat())
    if there:
        lab.up()

    def down() -> None:
        time.sleep(late)  # not a wait: it is where in `up` the `down` comes
        lab.down()

    children.at_once(_without_result(lab.up), _without_result(down))
    if record.read(lab.name) is None:
        assert_nothing_left(lab.name)
        lab.up()
    assert not difference(fresh(nat()), lab.picture(sysctls=False))
    lab.assert_settled()
    assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    lab.down()
    assert_nothing_left(lab.name)


def test_many_ups_and_downs_at_once(make: Make) -> None:
    """Whatever the order was, it can be taken away afterwards, and the lock file is the last to go."""
    lab = make(nat())

    def go_up() -> object:
        return up.up(lab.file)  # without writing it, as `lab.up` would: all read the one file

    children.at_once(*(_without_result(lab.down if number % 3 == 2 else go_up) for number in range(9)))
    lab.up()
    lab.assert_settled()
    lab.down()
    assert_nothing_left(lab.name)


def test_two_tests_of_one_file(make: Make) -> None:
    """Each has the lab for itself, one after the other: neither is taken down while it is tried."""
    lab = make(_tried())
    running = [start_vpcemu("test", lab.file) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert_nothing_left(lab.name)


def test_a_test_after_one_that_was_killed(make: Make) -> None:
    """What it left is nobody's: the next one takes it down, and its own after that. An `up` makes it somebody's."""
    lab = make(_tried())
    for then in ("test", "up"):
        eventually(lambda: _killed_under_way(lab), "a test is killed while its lab is up", within=120)
        if then == "up":
            lab.up()
        done = vpcemu("test", lab.file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert bool(nodes(lab.name)) == (then == "up")


def _killed_under_way(lab: Lab) -> bool:
    """Kills a `vpcemu test` once its lab is up; False: it was done before this looked."""

    def is_up() -> bool:
        return (found := record.read(lab.name)) is not None and found.complete

    running = start_vpcemu("test", lab.file)
    eventually(lambda: is_up() or running.poll() is not None, within=60)
    running.kill()
    running.communicate(timeout=60)
    return bool(nodes(lab.name))


def _tried() -> dict[str, object]:
    """A file that expects something."""

    def edit(document: dict[str, object]) -> None:
        document["expect"] = [{"from": "dev", "to": WEB_OUTSIDE, "port": 80, "result": "pass"}]

    return edited(nat(), edit)


def test_who_waits_says_for_whom(make: Make) -> None:
    lab = make(nat())
    with lock.hold(lab.name):
        waiting = start_vpcemu("up", lab.file)
        assert waiting.stderr
        said = waiting.stderr.readline()
        assert "waiting" in said
        assert lab.name in said
        assert not nodes(lab.name)
    _, rest = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, rest
    lab.assert_settled()


def test_looking_never_waits(make: Make) -> None:
    """`ls` and `status` of a lab that is being changed answer at once, and say so."""
    lab = make(nat())
    lab.up()
    with lock.hold(lab.name):
        found = json.loads(vpcemu("ls", "--json").stdout)
        listed = found if isinstance(found, list) else found["labs"]
        assert next(each for each in listed if each["lab"] == lab.name)["state"] == "changing"
        status = vpcemu("status", lab.name, "--json")
        assert json.loads(status.stdout)["state"] == "changing"
        assert vpcemu("exec", "-l", lab.name, "dev", "--", "true").returncode == 0


def test_two_labs_with_the_same_addresses(make: Make) -> None:
    """The same file under two names: same blocks, same node names. Each meets only its own."""
    one, other = make(nat()), make(nat())
    one.up()
    before = one.picture()
    other.up(
        edited(nat(), lambda document: document["vpcs"]["main"]["instances"]["web"].update(services=[{"tcp": 80}]))
    )
    assert not difference(before, one.picture())
    # The same address and port answers with something else in each.
    assert first_word(one, "dev", "10.0.10.10", 80) == "HTTP/1.1"
    assert first_word(other, "dev", "10.0.10.10", 80) == "web"
    assert f"lab {one.name}" in get(one, "dev", WEB_OUTSIDE)
    assert f"lab {other.name}" in get(other, "dev", WEB_OUTSIDE)
    with other.listener("web.example", 7000), one.listener("attacker", 7001):
        assert other.tcp("dev", WEB_OUTSIDE, 7000) == "pass"
        assert one.tcp("dev", WEB_OUTSIDE, 7000) == "refused"
        assert one.tcp("dev", "45.83.64.9", 7001) == "pass"
        assert other.tcp("dev", "45.83.64.9", 7001) == "refused"
    # What happens to one is not felt in the other.
    with Transfer(one, "dev", "web.example", WEB_OUTSIDE, 7002) as transfer:
        pid = one.agent_pid()
        other.up(_other())
        transfer.lives()
        other.down()
        transfer.lives()
        other.up(nat())
        transfer.lives()
        assert one.agent_pid() == pid
    assert not difference(before, one.picture())
    assert not difference(one.picture(), other.picture())
    one.assert_settled()
    one.down()
    assert_nothing_left(one.name)
    assert other.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
    other.assert_settled()


def test_two_labs_come_and_go_at_once(make: Make) -> None:
    labs = [make(nat()) for _ in range(4)]

    def cycle(lab: Lab) -> Callable[[], None]:
        def work() -> None:
            for _ in range(3):
                lab.up()
                lab.down()
            lab.up()

        return work

    children.at_once(*(_without_result(cycle(lab)) for lab in labs))
    for lab in labs:
        lab.assert_settled()
        assert lab.seen_as("dev", WEB_OUTSIDE) == NAT_ADDRESS
        lab.down()
        assert_nothing_left(lab.name)


def test_interrupted_by_control_c(make: Make, fresh: Fresh) -> None:
    """SIGINT in the middle: a sentence, exit code 1, and a lab that `up` finishes."""
    import signal

    lab = make(nat())
    with lock.hold(lab.name):
        running = start_vpcemu("up", lab.file)
        assert running.stderr
        assert "waiting" in running.stderr.readline()
    eventually(lambda: len(nodes(lab.name)) > 1, "namespaces", every=0.001)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert "Traceback" not in said
    if running.returncode:  # else it was quicker
        assert running.returncode in (1, 130)
        assert "incomplete" in said
    assert vpcemu("up", lab.file).returncode == 0
    assert not difference(fresh(nat()), lab.picture())
    lab.assert_settled()


def _without_result(action: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        action()

    return work
