"""For the tests of the pytest plugin."""

from collections.abc import Iterator

import pytest

from tests.support.inner import Inner
from tests.support.lab import TOPOLOGIES


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inner]:
    monkeypatch.setenv("PYTHONPATH", str(TOPOLOGIES.parent))
    monkeypatch.delenv("CI", raising=False)
    made = Inner(pytester)
    yield made
    made.sweep()
