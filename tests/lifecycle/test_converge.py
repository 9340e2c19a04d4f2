"""Edit and converge: whatever a file becomes, `up` makes of the old lab what it would have made from nothing."""

import itertools
import os
import random

import pytest

from emulator.compile.state import Netns
from tests.lifecycle.conftest import Fresh, Make
from tests.lifecycle.edits import EDITS as OF_ONE_VPC
from tests.lifecycle.edits import Edit
from tests.lifecycle.edits_endpoints import ENDPOINT_EDITS
from tests.support.lifecycle import Lab, nat
from tests.support.picture import difference

EDITS = (*OF_ONE_VPC, *ENDPOINT_EDITS)
_by_name = pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name.replace(" ", "-"))


@_by_name
def test_an_edit_and_back(edit: Edit, make: Make, fresh: Fresh) -> None:
    lab = make(edit.before)
    lab.up()
    assert edit.probe(lab, edit.was) == edit.was
    for document, expected in ((edit.after, edit.becomes), (edit.before, edit.was)):
        done = lab.up(document)
        assert not done.fresh
        assert not done.complaints
        assert done.plan.steps
        assert done.plan.changes, "what the edit changes is not said in the file's words"
        lab.assert_settled()
        assert edit.probe(lab, expected) == expected
        # Settings are not taken back, so there is nothing to see on the way back, and they take longest to read.
        different = difference(fresh(document), lab.picture(sysctls=document is edit.after))
        assert not different, f"a fresh lab (-), and this one (+):\n{different}"


def test_a_walk_through_all_edits(make: Make, fresh: Fresh) -> None:
    """From each edit to the next: several things change at once, and in another order each time."""
    documents = [edit.after for edit in EDITS]
    random.Random(7).shuffle(documents)
    _walk(make(nat()), documents, fresh)


if "VPCEMU_HEAVY" in os.environ:  # CONTRIBUTING.md

    def test_every_pair_of_edits(make: Make, fresh: Fresh) -> None:
        lab = make(nat())
        for one, other in itertools.permutations(EDITS, 2):
            _walk(lab, [one.after, other.after], fresh)


def _walk(lab: Lab, documents: list[dict[str, object]], fresh: Fresh) -> None:
    for document in documents:
        lab.up(document)
        left = lab.left_to_do()
        assert not left
        different = difference(fresh(document), lab.picture(sysctls=False))
        assert not different, f"a fresh lab (-), and this one (+):\n{different}"


def test_an_edit_touches_only_what_differs(make: Make) -> None:
    """The plan of a changed rule is one ruleset in one namespace."""
    edit = next(edit for edit in EDITS if edit.name == "rule added")
    lab = make(edit.before)
    lab.up()
    steps = lab.up(edit.after).plan.steps
    assert [(step.verb, step.node, type(step.item).__name__) for step in steps] == [
        ("replace", "main.router", "Ruleset")
    ]


def test_a_new_instance_touches_no_other(make: Make) -> None:
    edit = next(edit for edit in EDITS if edit.name == "instance added")
    lab = make(edit.before)
    lab.up()
    steps = lab.up(edit.after).plan.steps
    assert {step.node for step in steps} == {"extra", "main.router"}
    assert [step.node for step in steps if isinstance(step.item, Netns)] == ["extra"]
