"""Random topologies by the hundred: each comes up, is asked its flows in all ways at once, and goes.

Hypothesis makes the examples, always the same for a seed. It does not shrink them: `shrink` does, on the document.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from emulator.errors import TopologyError
from emulator.topology.addresses import assign
from emulator.topology.load import load
from tests.differential import cases, neighbours
from tests.differential.compare import FLOWS, Disagreement, disagreements, flows_of
from tests.differential.documents import Document, document, text
from tests.differential.questions import BITS
from tests.differential.shrink import pinned, shrink
from tests.differential.tally import Tally
from tests.support import lab as labs

Visit = Callable[[Document, list[int]], None]


def explore(seed: int, topologies: int, visit: Visit, within: bool = False) -> None:
    """Call `visit` with so many random documents, and the numbers of their flows. within: see `document`."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=topologies,
        database=None,
        deadline=None,
        derandomize=False,  # the seed says it all
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.randoms(use_true_random=True))
    def run(chances: random.Random) -> None:
        # One draw, and all choices from that: given every choice to draw, Hypothesis varies a little of what it has
        # already, and 300 examples were 90 topologies.
        dice = random.Random(f"{seed} {chances.getrandbits(64)}")  # its first examples are the same for every seed
        visit(document(dice, within), [dice.getrandbits(BITS) for _ in range(FLOWS)])

    run()


def examine(held: Document, numbers: Sequence[int], tally: Tally) -> list[Disagreement]:
    """Bring the document up and ask. What seems to disagree is asked again, with patience and in a new lab."""
    with labs.up(text(held)) as lab:
        found = disagreements(lab, flows_of(lab, numbers), tally)
    if not found:
        return []

    def ask() -> list[Disagreement]:
        with labs.up(text(held)) as lab:
            return disagreements(lab, flows_of(lab, numbers), patient=True)

    again = neighbours.with_room(ask)
    if not again:
        tally.slow += [str(each) for each in found]
    return again


def reduce(held: Document, found: Disagreement, seconds: float = 45.0) -> tuple[Document, Disagreement]:
    """The smallest document in which the views still disagree about this flow in the same way."""
    line = cases.record(found.flow, next(iter(found.views.values())))
    last = [found]

    def fails(candidate: Document) -> bool:
        again = _about(candidate, line)
        if again is not None and again.field == found.field and again.views.keys() == found.views.keys():
            last.append(again)
            return True
        return False

    topology, _ = load(text(held))
    assert topology is not None
    fixed = pinned(held, assign(topology)[0])
    if fails(fixed):
        held = fixed
    held = shrink(held, fails, seconds)
    return held, last[-1]


def _about(held: Document, line: dict[str, object]) -> Disagreement | None:
    """The disagreement about one flow; None if there is none, or no such flow or topology."""
    topology, _ = load(text(held))
    if topology is None:
        return None
    addresses, missing = assign(topology)
    if missing or cases.flow_of(line, topology, addresses) is None:
        return None
    try:
        with labs.up(text(held)) as lab:
            flow = cases.flow_of(line, lab.topology, lab.addresses)
            assert flow is not None
            return next(iter(disagreements(lab, [flow], patient=True)), None)
    except TopologyError:  # what only `up` refuses
        return None


def keep(held: Document, found: Disagreement, directory: Path) -> Path:
    """Make it small and write it down, as a case whose expectation is what the model says: judge it by hand."""
    small, found = reduce(held, found)
    directory.mkdir(parents=True, exist_ok=True)
    number = sum(1 for _ in directory.glob("*.yaml"))
    path = directory / f"{number:02}-{found.field}.yaml"
    cases.write(path, small, found.flow, next(iter(found.views.values())), str(found))
    return path
