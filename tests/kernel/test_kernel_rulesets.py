"""Many rulesets, of which several are loaded at once."""

import pytest

from emulator.compile.state import Namespace, Ruleset, State, Sysctl
from emulator.errors import KernelError
from emulator.kernel.host import Host
from tests.support.small_lab import plan, ruleset, without_text

MANY = 20


def many(lab: str, wrong: str = "") -> State:
    held = {f"r{number:02}": ruleset(f"{number:04}") for number in range(MANY)}
    if wrong:
        held[wrong] = Ruleset("ffff", "table ip nonsense {\n\tchain forward { accept if you like; }\n}\n")
    forwarding = frozenset({Sysctl("net/ipv4/ip_forward", "1")})
    return State(
        lab,
        {node: Namespace(kind="router", sysctls=forwarding, ruleset=one) for node, one in held.items()},
        frozenset(),
    )


def test_every_one_is_in_place_when_up_returns(lab_name: str) -> None:
    """Each with the generation that its own commit made: none is taken for tampered with, and nothing is left to do."""
    wanted, kernel = many(lab_name), Host()
    kernel.execute(plan(kernel.observe(lab_name, wanted), wanted), lab_name)
    assert kernel.observe(lab_name, wanted) == without_text(wanted)


def test_one_that_is_refused_is_named_and_the_next_run_repairs(lab_name: str) -> None:
    kernel, wrong = Host(), many(lab_name, "r13")
    with pytest.raises(KernelError, match="r13"):
        kernel.execute(plan(kernel.observe(lab_name, wrong), wrong), lab_name)
    wanted = many(lab_name)
    kernel.execute(plan(kernel.observe(lab_name, wanted), wanted), lab_name)
    assert kernel.observe(lab_name, wanted) == without_text(wanted)
