"""Labs that go down by themselves, and what a fresh one looks like."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import LabNames
from tests.support.lifecycle import Document, Lab
from tests.support.picture import Picture

Make = Callable[[Document], Lab]
Fresh = Callable[[Document], Picture]


@pytest.fixture
def make(lab_names: LabNames) -> Iterator[Make]:
    """`make(document)`: a lab, not up yet. It goes down at the end of the test."""
    made: list[Lab] = []

    def one(document: Document) -> Lab:
        made.append(Lab(lab_names(), document))
        return made[-1]

    yield one
    for lab in made:
        lab.close()
        lab.down()


_pictures: dict[str, Picture] = {}


@pytest.fixture
def fresh(make: Make) -> Fresh:
    """`fresh(document)`: what a lab looks like that was made from nothing. Made once for each document."""

    def one(document: Document) -> Picture:
        key = json.dumps(document)
        if key not in _pictures:
            lab = make(document)
            lab.up()
            _pictures[key] = lab.picture()
            lab.down()
        return _pictures[key]

    return one
