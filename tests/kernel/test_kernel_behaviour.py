"""What the kernel's door promises, tried on the real one and on the fake that other tests use in its place."""

from collections.abc import Callable

import pytest

from emulator.compile.state import (
    Address,
    FlushConntrack,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    State,
    Step,
    Sysctl,
    Veth,
)
from emulator.errors import KernelError
from emulator.kernel.host import Host
from tests.fake_kernel import FakeKernel
from tests.support.small_lab import LEFT, plan, ruleset, small_lab, without_text

Kernel = Host | FakeKernel


@pytest.fixture(params=["real", "fake"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return Host() if request.param == "real" else FakeKernel()


@pytest.fixture
def lab(kernel: Kernel, lab_name: str) -> str:
    return lab_name


def bring_up(kernel: Kernel, wanted: State) -> None:
    kernel.execute(plan(kernel.observe(wanted.lab, wanted), wanted), wanted.lab)


def test_what_was_asked_for_is_there(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    assert kernel.observe(lab, wanted) == without_text(wanted)
    assert plan(kernel.observe(lab, wanted), wanted) == []
    assert kernel.labs()[lab] == sorted(wanted.namespaces)


def test_nothing_is_there_before_and_after(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    assert kernel.observe(lab, wanted) == State(lab, {}, frozenset())
    bring_up(kernel, wanted)
    removed = kernel.destroy(lab)
    assert len(removed) == len(wanted.namespaces)
    assert kernel.observe(lab, wanted) == State(lab, {}, frozenset())
    assert lab not in kernel.labs()
    assert kernel.destroy(lab) == []


def replaced(node: str, item: object) -> Step:
    return Step("replace", node, item, "again")  # type: ignore[arg-type]


def test_replacing_what_is_there_changes_nothing(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    again = []
    for node, held in wanted.namespaces.items():
        for items in (held.sysctls, held.addresses, held.neighbours, held.routes, held.rules):
            again += [replaced(node, item) for item in items]
        again += [replaced(node, LinkUp(link)) for link in held.up]
        if held.ruleset:
            again.append(replaced(node, held.ruleset))
    for _ in range(2):
        kernel.execute(again, lab)
        assert kernel.observe(lab, wanted) == without_text(wanted)


def test_replacing_changes_what_is_there(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    new = {
        "route": Route(254, "0.0.0.0/0", "unicast", "eni-a", "10.1.0.10", onlink=True),
        "neighbour": Neighbour("eni-a", "10.1.0.10", "0a:00:00:00:00:99"),
        "setting": Sysctl("net/ipv4/ip_forward", "0"),
        "delay": Sysctl("net/ipv4/neigh/eni-a/proxy_delay", "30"),
        "rules": ruleset("bbbb", "drop"),
    }
    kernel.execute([replaced(LEFT, item) for item in new.values()], lab)
    held = kernel.observe(lab, wanted).namespaces[LEFT]
    assert new["route"] in held.routes
    assert len([route for route in held.routes if route.destination == "0.0.0.0/0"]) == 1
    assert new["neighbour"] in held.neighbours
    assert {new["setting"], new["delay"]} <= held.sysctls
    assert held.ruleset == Ruleset("bbbb")


def test_removing_twice(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    left = wanted.namespaces[LEFT]
    # The order of a diff: rules, routes, neighbours, addresses, then links and namespaces.
    gone = [Step("remove", LEFT, item, "") for item in left.rules]
    gone += [Step("remove", LEFT, item, "") for item in left.routes]
    gone += [Step("remove", LEFT, item, "") for item in left.neighbours]
    gone += [Step("remove", LEFT, item, "") for item in left.addresses]
    gone += [Step("remove", veth.node, veth, "") for veth in sorted(wanted.veths)]
    gone += [Step("remove", "c", Netns("instance"), "")]
    for _ in range(2):
        kernel.execute(gone, lab)
        seen = kernel.observe(lab, wanted)
        assert seen.veths == frozenset()
        assert sorted(seen.namespaces) == sorted(wanted.namespaces.keys() - {"c"})
        assert seen.namespaces[LEFT] == left._replace(
            up=frozenset({"lo"}),
            sysctls=frozenset(item for item in left.sysctls if "/eni-" not in item.key),
            addresses=frozenset(),
            neighbours=frozenset(),
            routes=frozenset(),
            rules=frozenset(),
            ruleset=Ruleset("aaaa"),
        )


def test_a_veth_takes_along_what_hangs_on_it(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    (veth,) = [veth for veth in wanted.veths if veth.peer_node == "a"]
    kernel.execute([Step("remove", LEFT, veth, "")], lab)
    seen = kernel.observe(lab, wanted)
    assert seen.veths == wanted.veths - {veth}
    assert not seen.namespaces["a"].addresses
    assert not seen.namespaces["a"].routes
    assert not [route for route in seen.namespaces[LEFT].routes if route.link == "eni-a"]
    bring_up(kernel, wanted)
    assert kernel.observe(lab, wanted) == without_text(wanted)


def test_a_namespace_may_come_back_as_another_at_once(kernel: Kernel, lab: str) -> None:
    """Its links into other namespaces go before it does, so their names are free for the new one's."""
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    (veth,) = [veth for veth in wanted.veths if veth.peer_node == "a"]
    kernel.execute(
        [
            Step("remove", "a", Netns("instance"), ""),
            Step("add", "a", Netns("nat_gateway"), ""),
            Step("add", LEFT, veth, ""),
        ],
        lab,
    )
    assert kernel.observe(lab, wanted).veths == wanted.veths


def test_tracked_connections_can_be_forgotten(kernel: Kernel, lab: str) -> None:
    bring_up(kernel, small_lab(lab))
    kernel.execute([Step("replace", LEFT, FlushConntrack(), "")], lab)


def test_progress_ends_at_the_end(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    steps = plan(kernel.observe(lab, wanted), wanted)
    heard: list[tuple[int, int]] = []
    kernel.execute(steps, lab, lambda done, of: heard.append((done, of)))
    assert heard == sorted(heard)
    assert heard[-1] == (len(steps), len(steps))


VETH = Veth(LEFT, "x", "0a:00:00:00:00:01", "a", "y", "0a:00:00:00:00:02", 1500)
REFUSED: dict[str, tuple[Callable[[], Step], str]] = {
    "a link that is there": (lambda: Step("add", LEFT, VETH._replace(link="eni-a"), "why"), "eni-a"),
    "a far end that is there": (lambda: Step("add", LEFT, VETH._replace(peer_link="eth0"), "why"), "eth0"),
    "a name of 16 letters": (lambda: Step("add", LEFT, VETH._replace(link="x" * 16), "why"), "x" * 16),
    "an unknown far end": (lambda: Step("add", LEFT, VETH._replace(peer_node="nobody"), "why"), "nobody"),
    "an unknown node": (lambda: Step("add", "nobody", Address("eth0", "10.0.0.1", 24), "why"), "nobody"),
    "a namespace that is there": (lambda: Step("add", "a", Netns("instance"), "why"), "a"),
    "an address that is there": (lambda: Step("add", "a", Address("eth0", "10.1.0.10", 24), "why"), "10.1.0.10"),
    "an address on no link": (lambda: Step("add", "a", Address("eth7", "10.0.0.1", 24), "why"), "eth7"),
    "a neighbour on no link": (
        lambda: Step("add", "a", Neighbour("eth7", "10.0.0.1", "0a:" * 5 + "01"), "why"),
        "eth7",
    ),
    "a link that is not": (lambda: Step("replace", "a", LinkUp("eth7"), "why"), "eth7"),
    "a route over no link": (lambda: Step("add", "a", Route(254, "9.0.0.0/8", link="eth7"), "why"), "eth7"),
    "a route that is there": (lambda: Step("add", LEFT, Route(254, "0.0.0.0/0", "blackhole"), "why"), "0.0.0.0/0"),
    "a next hop out of reach": (
        lambda: Step("add", "a", Route(254, "9.0.0.0/8", link="eth0", via="99.0.0.1"), "why"),
        "99.0.0.1",
    ),
    "a rule that is there": (lambda: Step("add", LEFT, PolicyRule(100, 70000, 70000), "why"), "100"),
    "a setting of no link": (
        lambda: Step("replace", LEFT, Sysctl("net/ipv4/neigh/eth7/proxy_delay", "0"), "why"),
        "eth7",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_words(kernel: Kernel, lab: str, case: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    make, word = REFUSED[case]
    step = make()
    with pytest.raises(KernelError) as refusal:
        kernel.execute([step], lab)
    assert word in str(refusal.value)
    assert step.node in str(refusal.value)
    assert kernel.observe(lab, wanted) == without_text(wanted)


def test_a_route_over_a_link_that_is_down_is_refused(kernel: Kernel, lab: str) -> None:
    wanted = small_lab(lab)
    bring_up(kernel, wanted)
    kernel.execute([Step("remove", "a", LinkUp("eth0"), "")], lab)
    assert "eth0" not in kernel.observe(lab, wanted).namespaces["a"].up
    with pytest.raises(KernelError, match=r"9\.0\.0\.0/8"):
        kernel.execute([Step("add", "a", Route(254, "9.0.0.0/8", link="eth0"), "")], lab)
    bring_up(kernel, wanted)
    assert kernel.observe(lab, wanted) == without_text(wanted)
