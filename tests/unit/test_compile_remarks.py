"""Comments of rules: written in AWS's words, and understood again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.compile import remarks
from emulator.compile.lab import compile_lab
from emulator.compile.remarks import Remark
from emulator.compile.state import State
from emulator.topology.addresses import assign
from emulator.topology.load import load

TOPOLOGIES = sorted((Path(__file__).parent.parent.parent / "topologies").glob("*.yaml"))


@pytest.mark.parametrize(
    ("comment", "remark"),
    [
        (remarks.group("web", "ingress"), Remark("security_group", "web", "ingress")),
        (remarks.members("web", "egress", "db", {3, 1}), Remark("security_group", "web", "egress")),
        (remarks.no_rule("ingress", ("a", "b")), Remark("security_group", "", "ingress")),
        (remarks.no_rule("egress", ("web",)), Remark("security_group", "", "egress")),
        (remarks.no_rule("egress", tuple(f"{n}{'x' * 60}" for n in range(5))), Remark("security_group", "", "egress")),
        (remarks.acl("in-and-out", "egress", "*", "deny"), Remark("network_acl", "in-and-out", "egress")),
        (remarks.acl("x" * 63, "ingress", "32766", "allow"), Remark("network_acl", "x" * 63, "ingress")),
        (remarks.FOREIGN_SOURCE, Remark("network_interface", "", "egress")),
        (remarks.FOREIGN_DESTINATION, Remark("network_interface", "", "ingress")),
        (remarks.OWN_SOURCE, Remark("network_interface", "", "")),
        (remarks.KNOWN_FLOW, Remark("security_group", "", "")),
        (remarks.NO_INTERFACE, Remark("vpc", "", "")),
        ("firewall: blocked port", None),
        ("", None),
    ],
)
def test_a_comment_is_understood(comment: str, remark: Remark | None) -> None:
    assert len(comment) <= 126
    assert remarks.read(comment) == remark


def test_an_element_ends_the_sentence() -> None:
    assert remarks.complete("security group web, ingress", "rule 2") == "security group web, ingress rule 2"
    several = remarks.members("web", "ingress", "dev", {2, 4})
    assert remarks.complete(several, "rule 4") == "security group web, ingress rule 4: members of dev"
    assert remarks.complete(several, "") == "security group web, ingress rule 2, 4: members of dev"
    assert remarks.complete("NAT gateway: outbound", "something else") == "NAT gateway: outbound"


def drops(state: State) -> Iterator[tuple[str, str]]:
    """(node, line) of every rule of ours that drops."""
    for node, held in state.namespaces.items():
        for line in held.ruleset.text.splitlines() if held.ruleset else ():
            if re.search(r"\bdrop( comment|$)", line) and "policy" not in line:
                yield node, line.strip()


@pytest.mark.parametrize("file", TOPOLOGIES, ids=lambda file: file.stem)
def test_every_rule_that_drops_says_whose_it_is(file: Path) -> None:
    topology, _ = load(file.read_text(), file.name)
    assert topology is not None
    state = compile_lab(topology, assign(topology)[0])
    found = list(drops(state))
    assert found
    for node, line in found:
        comment = re.search(r'comment "(.*)"$', line)
        assert comment, f"{node}: {line}"
        if state.namespaces[node].kind in ("router", "internet_gateway", "nat_gateway"):
            assert remarks.read(comment[1]) or "no hop" in comment[1], f"{node}: {line}"
