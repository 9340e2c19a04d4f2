"""What a lab lets through altogether, and what an edit opens and closes: as values and as text."""

from emulator.analysis import reach
from emulator.report import survey as report
from emulator.topology.addresses import assign
from tests.support.asked import read
from tests.unit.test_analysis_components import BASE


def edited(old: str, new: str) -> reach.Difference:
    one, held = read(old)
    other, _ = read(new)
    return reach.difference((one, held), (other, assign(other, held)[0]))


def lines(old: str, new: str) -> list[str]:
    return [line.strip() for line in report.difference(edited(old, new))]


def pairs(found: tuple[reach.Flows, ...]) -> set[tuple[str, str]]:
    return {(one.name, other.name) for flows in found for one in flows.sources for other in flows.targets}


def test_what_the_internet_reaches_and_what_each_subnet_can() -> None:
    text = BASE.replace("port: 22, from: app", "port: 22, from: [app, 198.51.100.7/32]")
    assert report.survey(reach.survey(*read(text))) == [
        "Reachable from the internet",
        "  instance  address       traffic  from",
        "  web       203.0.113.10  tcp 22   198.51.100.7/32",
        "  web       203.0.113.10  tcp 80   anywhere",
        "",
        "What each subnet can reach",
        "  subnet        who        reaches                   on",
        "  main/public   web        the internet, lone, mute  everything",
        "                web        app, mate                 tcp 8080; ping",
        "  main/private  app, mate  the internet, lone, mute  everything",
        "                app, mate  web                       tcp 22, 80",
        "                mute       nothing",
        "  main/lone     lone       nothing",
    ]


def test_nobody_is_told_to_reach_himself() -> None:
    """mute is alone in its class, and with others in its place."""
    opened = BASE.replace(", egress: []", "")
    assert ("mute", "mute") not in pairs(reach.survey(*read(opened)).inside)
    assert ("mute", "lone") in pairs(reach.survey(*read(opened)).inside)
    assert lines(BASE, opened) == [
        "+ lone to mute: everything",
        "+ lone, mute to web: tcp 80",
        "+ mute to the internet, lone: everything",
    ]


def test_neighbours_that_an_edit_parts_lose_each_other_and_not_themselves() -> None:
    friends = BASE.replace("app: {ingress: [", "app: {ingress: [{protocol: tcp, port: 9000, from: self}, ")
    parted = friends.replace(
        "mate: {subnet: private, security_groups: [app]}", "mate: {subnet: private, security_groups: [web]}"
    )
    assert parted != friends
    assert pairs(edited(friends, parted).closed) >= {("app", "mate"), ("mate", "app")}
    assert not {("app", "app"), ("mate", "mate")} & pairs(edited(friends, parted).closed)


def test_only_the_ports_that_are_asked_about() -> None:
    found = reach.survey(*read(BASE), [("tcp", 80), ("tcp", 443)])
    assert [flows.traffic for flows in found.exposed] == [(reach.Traffic("tcp", ((80, 80),)),)]


def test_a_rule_that_comes_opens_and_one_that_goes_closes() -> None:
    assert lines(BASE, BASE.replace("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0")) == [
        "+ the internet, app, mate to web: tcp 443",
        "- the internet, app, mate to web: tcp 80",
    ]
    assert lines(BASE, BASE) == []


def test_only_what_a_narrower_rule_takes_away_is_closed() -> None:
    narrower = BASE.replace("port: 80, from: 0.0.0.0/0", "port: 80, from: 8.8.0.0/16")
    found = edited(BASE, narrower)
    assert found.opened == ()
    blocks = {block for flows in found.closed for party in flows.sources for block in party.blocks}
    assert "8.8.0.0/16" not in blocks
    assert "8.9.0.0/16" in blocks


def test_an_order_that_does_not_count_changes_nothing() -> None:
    rules = ["{protocol: tcp, port: 80, from: 0.0.0.0/0}", "{protocol: tcp, port: 22, from: app}"]
    turned = BASE.replace(", ".join(rules), ", ".join(reversed(rules)))
    assert turned != BASE
    assert lines(BASE, turned) == []


def test_who_comes_brings_flows_and_who_goes_takes_them_along() -> None:
    without = "\n".join(line for line in BASE.splitlines() if not line.startswith("      mate:"))
    assert "- web to mate: tcp 8080; ping" in lines(BASE, without)
    assert "+ web to mate: tcp 8080; ping" in lines(without, BASE)


def test_a_route_that_goes_closes_what_it_carried() -> None:
    cut = BASE.replace("private: {routes: {0.0.0.0/0: nat}}", "private: {routes: {0.0.0.0/0: blackhole}}")
    assert lines(BASE, cut) == ["- app, mate to the internet: everything"]


def test_a_plan_shows_so_many_and_counts_the_rest() -> None:
    found = edited(BASE, BASE.replace("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0"))
    many = found._replace(opened=tuple(found.opened * 30))
    assert len(report.difference(many, limit=5)) == 5 + 1 + 1
    assert "and 25 more" in report.difference(many, limit=5)[5]


def test_json_says_it_by_name_and_by_block() -> None:
    shape = report.difference_shape(edited(BASE, BASE.replace("port: 80, from: 0.0.0.0/0", "port: 80, from: app")))
    assert shape["opened"] == []
    [closed] = shape["closed"]
    assert closed == {
        "sources": ["0.0.0.0/0"], "targets": ["web"], "traffic": [{"protocol": "tcp", "ports": [[80, 80]]}],
    }  # fmt: skip
