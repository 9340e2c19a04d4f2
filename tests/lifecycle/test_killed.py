"""SIGKILL before every single change that `up` and `down` make, and at moments in between.

After each, a clean `up` makes what a fresh one makes and packets flow, or a clean `down` leaves nothing. The two
children share the work: one takes the even checkpoints, the other the odd ones.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from emulator.errors import VpcemuError
from emulator.lab import gc, listing
from tests.conftest import LabNames
from tests.lifecycle.conftest import Fresh
from tests.support import children
from tests.support.leaks import assert_nothing_left
from tests.support.lifecycle import Document, Lab, edited, nat
from tests.support.picture import Picture, cannot_send, difference

WORKERS = 2
Round = Callable[[Lab, int], str | None]  # kill at that checkpoint, repair, check; None: there is no such checkpoint


@pytest.fixture
def every_checkpoint(lab_names: LabNames) -> Callable[[Document, Round], list[str]]:
    """Play a round at each checkpoint there is; their words."""

    def share(names: str, worker: int, document: Document, play: Round) -> list[str]:
        seen: list[str] = []
        lab = Lab(names, document)
        try:
            for number in range(worker, 1000, WORKERS):
                what = play(lab, number)
                if what is None:
                    return seen
                seen.append(what)
            raise AssertionError("it never ends")
        except BaseException as error:
            error.add_note(f"worker {worker}, after {len(seen)} rounds; the last good one: {seen[-1:]}")
            raise
        finally:
            lab.close()

    def play_all(document: Document, play: Round) -> list[str]:
        names = [lab_names() for _ in range(WORKERS)]
        shares = children.at_once(
            *(lambda name=name, worker=worker: share(name, worker, document, play) for worker, name in enumerate(names))
        )
        return [what for seen in shares for what in seen]

    return play_all


Everywhere = Callable[[Document, Round], list[str]]


def test_up_of_a_new_lab_then_up(every_checkpoint: Everywhere, fresh: Fresh) -> None:
    document = nat()
    reference = fresh(document)

    def play(lab: Lab, number: int) -> str | None:
        what = children.killed_at(number, lambda checkpoint: lab.up(checkpoint=checkpoint))
        _can_be_looked_at(lab)
        lab.up()
        _is_like(lab, reference, what)
        _goes(lab, what)
        return what

    seen = every_checkpoint(document, play)
    # All kinds of change were among them: a checkpoint that goes missing is a moment that is no longer tested.
    for kind in (
        "write the record",
        "make the file",
        "mount the",
        "replace nftables ruleset",
        "settings in",
        "changes in",
    ):
        assert any(kind in what for what in seen), kind
    assert {"start the agent", "finish the record"} <= set(seen)


def test_up_of_a_new_lab_then_down(every_checkpoint: Everywhere) -> None:
    def play(lab: Lab, number: int) -> str | None:
        what = children.killed_at(number, lambda checkpoint: lab.up(checkpoint=checkpoint))
        _goes(lab, what)
        return what

    assert len(every_checkpoint(nat(), play)) > 30


def test_up_of_an_edit_then_up(every_checkpoint: Everywhere, fresh: Fresh) -> None:
    """Forward to the new file, or back to the old one, by turns."""
    old, new = _before(), _edit(_before())
    references = {False: fresh(old), True: fresh(new)}

    def play(lab: Lab, number: int) -> str | None:
        lab.up(old)
        lab.write(new)
        what = children.killed_at(number, lambda checkpoint: lab.up(new, checkpoint=checkpoint))
        _can_be_looked_at(lab)
        forward = number // WORKERS % 2 == 0
        lab.up(new if forward else old)
        _is_like(lab, references[forward], what)
        _goes(lab, what)
        return what

    assert len(every_checkpoint(old, play)) > 15


def test_up_of_an_edit_then_down(every_checkpoint: Everywhere) -> None:
    old, new = _before(), _edit(_before())

    def play(lab: Lab, number: int) -> str | None:
        lab.up(old)
        what = children.killed_at(number, lambda checkpoint: lab.up(new, checkpoint=checkpoint))
        _goes(lab, what)
        return what

    assert len(every_checkpoint(old, play)) > 15


def test_down_then_up(every_checkpoint: Everywhere, fresh: Fresh) -> None:
    document = nat()
    reference = fresh(document)

    def play(lab: Lab, number: int) -> str | None:
        lab.up()
        what = children.killed_at(number, lambda checkpoint: lab.down(checkpoint=checkpoint))
        _can_be_looked_at(lab)
        lab.up()
        _is_like(lab, reference, what)
        _goes(lab, what)
        return what

    seen = every_checkpoint(document, play)
    for kind in ("stop the agent", "remove the namespace", "unlink"):
        assert any(kind in what for what in seen), kind


def test_down_then_down_or_gc(every_checkpoint: Everywhere) -> None:
    def play(lab: Lab, number: int) -> str | None:
        lab.up()
        what = children.killed_at(number, lambda checkpoint: lab.down(checkpoint=checkpoint))
        _can_be_looked_at(lab)
        gc.gc(dry_run=True)
        _goes(lab, what)
        return what

    assert len(every_checkpoint(nat(), play)) > 10


@pytest.mark.parametrize("then", ["up", "down"])
def test_up_killed_at_any_moment(then: str, lab_names: LabNames, fresh: Fresh) -> None:
    """Between checkpoints, too: while a program it started is still at work."""
    document, moments = nat(), 24
    reference = fresh(document)

    def work(name: str, worker: int) -> int:
        lab, killed = Lab(name, document), 0
        try:
            started = time.monotonic()
            lab.up()
            whole = time.monotonic() - started
            lab.down()
            for moment in range(worker, moments, WORKERS):
                killed += children.killed_after(whole * moment / moments, lab.up)
                if then == "up":
                    lab.up()
                    _is_like(lab, reference, f"after {moment}/{moments} of {whole:.3f} s")
                _goes(lab, f"after {moment}/{moments} of {whole:.3f} s")
        finally:
            lab.close()
        return killed

    names = [lab_names() for _ in range(WORKERS)]
    killed = children.at_once(
        *(lambda name=name, worker=worker: work(name, worker) for worker, name in enumerate(names))
    )
    assert sum(killed) > moments / 4  # the rest came to an end before: two at once are slower than the one measured


def _before() -> Document:
    """With an instance that becomes something else in `_edit`, and one that is no router there any more."""
    turning = {"subnet": "public", "security_groups": ["dev"], "private_ip": "10.0.10.50", "services": ["http"]}
    relay = {"subnet": "private", "private_ip": "10.0.20.60", "source_dest_check": False, "services": ["router"]}
    duo = {
        "subnet": "private",
        "private_ip": "10.0.20.61",
        "secondary_private_ips": ["10.0.20.62"],
        "network_interfaces": [{"subnet": "public", "private_ip": "10.0.10.61", "elastic_ip": "52.195.125.192"}],
    }
    more = {"turning": turning, "relay": relay, "duo": duo}
    return edited(nat(), lambda document: document["vpcs"]["main"]["instances"].update(more))


def _edit(document: Document) -> Document:
    """A bit of everything: nodes come and go, rules, routes, addresses and services change."""

    def edit(changed: Document) -> None:
        vpc = changed["vpcs"]["main"]
        vpc["subnets"]["more"] = {"cidr_block": "10.0.30.0/24", "route_table": "more"}
        vpc["route_tables"]["more"] = {"routes": {"0.0.0.0/0": "nat", "198.51.100.0/24": "blackhole"}}
        vpc["route_tables"]["private"]["routes"]["198.51.100.0/24"] = "blackhole"
        vpc["nat_gateways"]["nat"]["elastic_ip"] = "52.195.125.190"
        vpc["security_groups"]["web"]["ingress"].append({"protocol": "tcp", "port": 8080, "from": "dev"})
        vpc["instances"]["web"]["services"] = [{"http": 80}, {"tcp": 9090}]
        vpc["instances"]["dev"]["private_ip"] = "10.0.20.77"
        vpc["instances"]["relay"]["services"] = []
        vpc["instances"]["relay"]["network_interfaces"] = [{"subnet": "public", "private_ip": "10.0.10.62"}]
        vpc["instances"]["duo"]["secondary_private_ips"] = ["10.0.20.63"]
        del vpc["instances"]["duo"]["network_interfaces"]
        del vpc["instances"]["turning"]
        vpc["nat_gateways"]["turning"] = {
            "subnet": "public",
            "private_ip": "10.0.10.50",
            "elastic_ip": "52.195.125.191",
        }
        vpc["instances"]["new"] = {"subnet": "more", "security_groups": ["dev"]}
        del changed["internet"]["hosts"]["attacker"]

    return edited(document, edit)


def _can_be_looked_at(lab: Lab) -> None:
    """A half-made lab may be in any state, but nothing that only looks may fail on it."""
    assert all(found["lab"] != lab.name or found["state"] != "changing" for found in listing.listing())
    with suppress(VpcemuError):  # said in words
        lab.status()


def _is_like(lab: Lab, reference: Picture, what: str | None) -> None:
    late = cannot_send(lab.name)
    assert not late, f"after a kill at `{what}`: {late}"
    different = difference(reference, lab.picture(sysctls=False))
    assert not different, f"after a kill at `{what}`:\n{different}"
    left = lab.left_to_do()
    assert not left, f"after a kill at `{what}`: {left}"
    nat_address = lab.document["vpcs"]["main"]["nat_gateways"]["nat"]["elastic_ip"]
    assert lab.seen_as("dev", "93.184.216.34") == nat_address
    found = lab.status()
    assert found["healthy"], found["wrong"]


def _goes(lab: Lab, what: str | None) -> None:
    lab.down()
    try:
        assert_nothing_left(lab.name)
    except AssertionError as error:
        raise AssertionError(f"after a kill at `{what}`: {error}") from None
