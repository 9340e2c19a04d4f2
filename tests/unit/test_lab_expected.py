"""What `test` says of a flow that is not as expected, in words."""

from ipaddress import IPv4Address

import pytest

from emulator.lab.expected import difference
from emulator.lab.probe import Outcome
from emulator.topology.expand import Expected
from emulator.topology.expectations import Expectation
from emulator.topology.flows import Flow, Verdict

_FLOW = Flow("dev", IPv4Address("10.0.0.4"), IPv4Address("10.0.0.5"), "tcp", 80)


@pytest.mark.parametrize(
    ("receiver", "detail", "words"),
    [
        ("", "no answer within 1.5 s", "there is no answer within 1.5 s"),
        (
            "web",
            "no answer within 1.5 s, though it arrived at web",
            "there is no answer within 1.5 s, though it arrived at web",
        ),
        ("", "no data came back, though it connected", "no data came back, though it connected"),
    ],
)
def test_a_drop_is_told_in_a_sentence(receiver: str, detail: str, words: str) -> None:
    expected = Expected(_FLOW, "dev", "web", Expectation((), (), "tcp", (80,), "pass"))
    outcome = Outcome(_FLOW, Verdict("drop", receiver=receiver), detail)
    assert difference(expected, outcome) == f"an answer was expected, but {words}"
