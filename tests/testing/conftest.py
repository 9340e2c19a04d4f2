"""For the tests of the pytest plugin."""

from collections.abc import Iterator

import pytest

from tests.support.inner import Inner
from tests.support.lab import TOPOLOGIES


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inner]:
    monkeypatch.setenv("PYTHONPATH", str(TOPOLOGIES.parent))
    for variable in ("CI", "PYTEST_XDIST_WORKER"):  # an inner run is no part of ours
        monkeypatch.delenv(variable, raising=False)
    made = Inner(pytester)
    yield made
    made.sweep()
