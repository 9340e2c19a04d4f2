"""What every test may rely on: who needs root, a lab name that cleans up after itself, a host left as it was.

Everything outside tests/unit builds real networks and needs root. Where CI=true a test that would be skipped fails, so
a missing tool cannot pass for a green run.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import host

# `pytester` runs pytest inside of tests; the plugin is our own, for tests that use it as its users do.
pytest_plugins = ["pytester", "emulator.testing.plugin"]

REPOSITORY = Path(__file__).parent.parent
UNIT = REPOSITORY / "tests" / "unit"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# No deadline: the machine may be busy. In CI always the same examples, so a red run can be repeated.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if IN_CI else "here")


def is_root() -> bool:
    """Root of the machine, or of a user namespace (`unshare -rmn`)."""
    return os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever is not pure needs root, and is watched."""
    for item in items:
        if UNIT in item.path.parents and "root" not in item.keywords:
            continue
        if not is_root():
            item.add_marker(pytest.mark.skip(reason="needs root: sudo scripts/test"))
        elif isinstance(item, pytest.Function):
            item.fixturenames.insert(0, "host_unchanged")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure; an expected failure stays one."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, and CI=true allows no skip: {call.excinfo and call.excinfo.value}"
        )
    return report


@pytest.fixture(scope="session")
def host_unchanged() -> Iterator[host.Host]:
    """The machine's own network, before the first test that could touch it; asserted to be the same after the last."""
    before = host.snapshot()
    yield before
    changed = host.changes(before, host.snapshot())
    assert not changed, f"the tests changed the host:\n{changed}"


@pytest.fixture
def lab_name() -> Iterator[str]:
    """A lab name nobody else has. Whatever is left of the lab when the test ends is removed."""
    name = f"t{secrets.token_hex(4)}"
    yield name
    sweep(name)


@pytest.fixture
def lab_names() -> Iterator["LabNames"]:
    """Several lab names: call it for each."""
    names = LabNames()
    yield names
    for name in names.given:
        sweep(name)


class LabNames:
    """Gives out lab names and remembers them."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self) -> str:
        self.given.append(f"t{secrets.token_hex(4)}")
        return self.given[-1]


def sweep(lab: str) -> None:
    """`down`, in a process of its own so that no test's state is in its way; nothing if there is no such lab."""
    named = [f for f in os.listdir("/run/netns") if f.startswith(f"{lab}.")] if os.path.isdir("/run/netns") else []
    if named or os.path.exists(f"/run/vpcemu/{lab}"):
        argv = [sys.executable, "-m", "emulator", "down", lab]
        done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
        assert not done.returncode, f"could not clean up {lab}: {done.stdout}{done.stderr}"


@pytest.fixture
def need() -> "Need":
    """`need("tcpdump")`: skip (in CI: fail) where the tool is missing."""
    return Need()


class Need:
    """Skips a test for want of a tool."""

    def __call__(self, *commands: str) -> None:
        missing = [command for command in commands if not shutil.which(command)]
        if missing:
            pytest.skip(f"needs {', '.join(missing)}")
