"""A zone that is down is a state of the lab: it stays through `up`, faults and kills, and a watch sees what it does."""

import re
from collections.abc import Iterator

import pytest

from emulator import api
from emulator.errors import UsageError
from emulator.lab import places, record, zones
from emulator.lab.watch import Event, Watch
from tests.support import children, two_zones
from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES, Lab, edited
from tests.support.leaks import assert_nothing_left
from tests.support.probes import Probe, check, drops, passes
from tests.support.two_zones import TOPOLOGY
from tests.support.wait import eventually


@pytest.fixture
def lab() -> Iterator[Lab]:
    with two_zones.up() as made:
        yield made


def test_a_zone_stays_down_until_it_is_up_again(lab: Lab) -> None:
    """`up` of the file, edited or not, keeps it; so does a fault, and its end. Twice is once, and status is healthy."""
    done = zones.down("a", lab.name)
    assert (done.affected, done.changed) == (("app-a", "nat", "web-a"), True)
    assert done.unmet == ("tcp 80 from app-a to web.example", "tcp 80 from app-c to web.example")
    again = zones.down("ap-northeast-1a", lab.name)
    assert not again.changed
    assert not again.plan.steps
    lost = [*passes("app-c", "db-c", "tcp", 80), *drops("app-c", "web.example", "tcp", 80)]
    for act in (
        lambda: lab.up(TOPOLOGY),
        lambda: lab.up(edited(TOPOLOGY, {"attacker: {ip: 45.83.64.9}": "attacker: {ip: 45.83.64.10}"})),
        lambda: api.break_(lab.name, "nat-gateway-deleted"),
        lambda: api.undo(lab.name),
    ):
        act()
        check(lab, lost)
        facts = api.status(lab.name)
        assert facts["healthy"], facts["wrong"]
        assert facts["dark_zones"] == ["ap-northeast-1a"]
    assert api.test(lab.name)["summary"]["differs"] == 2
    zones.up("a", lab.name)
    assert api.test(lab.name)["summary"]["ok"] == 4
    with pytest.raises(UsageError, match="is not down"):
        zones.up("a", lab.name)
    with pytest.raises(UsageError, match="no subnet in zone q"):
        zones.down("q", lab.name)


@pytest.mark.parametrize("way", ["down", "up"])
def test_killed_at_any_checkpoint_it_converges(way: str) -> None:
    """A kill before every change: `up` finishes what was meant, or what was before; `down` leaves nothing."""
    with two_zones.up() as made:
        act = zones.down if way == "down" else zones.up
        for number in range(100):
            if way == "up":
                zones.down("a", made.name)
            what = children.killed_at(number, lambda checkpoint: act("a", made.name, checkpoint=checkpoint))
            api.up(made.file)
            facts = api.status(made.name)
            assert facts["healthy"], (what, facts["wrong"])
            result = "drop" if facts["dark_zones"] else "pass"
            asked = Probe("app-c", "web.example", "tcp", 80, result)  # type: ignore[arg-type]
            check(made, passes("app-c", "db-c", "tcp", 80), [asked])
            if what is None:
                break
            if facts["dark_zones"]:
                zones.up("a", made.name)
        assert number > 2, "there are moments at which it can be killed"
        assert bool(facts["dark_zones"]) == (way == "down")
        other = zones.up if way == "down" else zones.down
        assert children.killed_at(2, lambda checkpoint: other("a", made.name, checkpoint=checkpoint))
        api.down(made.name)
        assert_nothing_left(made.name)


def test_a_watch_tells_what_broke_and_for_how_long_it_was_out(lab: Lab) -> None:
    """The flows of zone a break and come back; what stays in zone c is not mentioned."""
    watch = Watch(lab.name)
    watch.first()
    assert not watch.out
    zones.down("a", lab.name)
    seen: list[Event] = []

    def tell(event: Event) -> None:
        seen.append(event)
        if [each.kind for each in seen] == ["broke", "broke"]:
            zones.up("a", lab.name)
        if [each.kind for each in seen].count("back") == 2:
            raise KeyboardInterrupt

    watch.run(30, tell)
    assert [(each.kind, each.expected.source) for each in seen] == [
        ("broke", "app-a"),
        ("broke", "app-c"),
        ("back", "app-a"),
        ("back", "app-c"),
    ]
    assert all(each.seconds > 0 and each.known for each in seen[2:])


def test_a_watch_sees_whose_endpoint_was_in_that_zone_alone() -> None:
    """Both consumers have somebody in zone c; one of them has its endpoint in zone a."""
    with labs.up(TOPOLOGIES / "privatelink-one-zone.yaml") as made:
        watch = Watch(made.name)
        watch.first()

        def out() -> list[tuple[str, str]]:
            for _ in watch.round():
                pass
            return sorted((each.source, each.target) for each in watch.out)

        eventually(lambda: not out(), "all is well")
        done = zones.down("a", made.name)
        assert {"api-1.thrifty-a", "api-2.careful-a", "front.front-a"} <= {*done.affected}
        zonal = ("careful-a", "api-2.careful-a"), ("thrifty-a", "api-1.thrifty-a")
        gone = sorted([*zonal, ("thrifty-c", "api-1.thrifty-a")])
        eventually(lambda: out() == gone, "careful-c does not notice")
        zones.up("a", made.name)
        eventually(lambda: not out(), "all is well again")


def test_a_record_of_an_older_version_has_no_zone_down(lab: Lab) -> None:
    path = places.path(lab.name, record.NAME)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r' "dark_zones": \[\],\n', "", text))
    found = record.read(lab.name)
    assert found is not None
    assert found.dark_zones == ()


def test_a_lab_as_an_object_knows_it_and_restore_ends_it(lab: Lab) -> None:
    """Whoever has let a zone fail in a test leaves nothing of that to the next one."""

    def known() -> tuple[bool, tuple[str, ...]]:
        return lab.changed, lab.topology.dark_zones

    assert known() == (False, ())
    lab.az_down("a")
    assert known() == (True, ("ap-northeast-1a",))
    lab.restore()
    assert known() == (False, ())
    check(lab, passes("app-c", "web.example", "tcp", 80))
    lab.az_down("a")
    lab.az_up("a")
    assert known() == (False, ())
