"""pytest's side of the plugin: options, the fixture, and what a failed test's report gets.

Imported by every pytest run on a machine where vpcemu is installed, so the rest of vpcemu is loaded when a test asks
for a lab.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from emulator.testing.labs import LabFactory, Options

_FACTORY: "pytest.StashKey[LabFactory]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--vpcemu-keep, --vpcemu-artifacts; vpcemu_without_root, vpcemu_record in the ini file."""
    group = parser.getgroup("vpcemu", "labs of vpcemu")
    group.addoption("--vpcemu-keep", action="store_true", help="leave the labs up at the end, and say their names")
    group.addoption(
        "--vpcemu-artifacts",
        metavar="DIR",
        help="where failed tests leave packets and traces (default: vpcemu-artifacts in pytest's temporary folder)",
    )
    parser.addini(
        "vpcemu_without_root",
        "what becomes of a test where no lab can be had: skip, fail, or auto (fail where CI=true, else skip)",
        default="auto",
    )
    parser.addini("vpcemu_record", "record the routers' packets for failed tests", type="bool", default=True)


@pytest.fixture(scope="session")
def vpcemu_lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["LabFactory"]:
    """Brings labs up, each once per session: `vpc = vpcemu_lab("topologies/nat.yaml")`."""
    from emulator.testing.labs import LabFactory

    config = request.config
    factory = config.stash[_FACTORY] = LabFactory(_options(config, tmp_path_factory.mktemp("vpcemu")))
    before = signal.getsignal(signal.SIGTERM)
    handle = before is signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    if handle:  # how CI systems cancel a job; by itself it would leave the labs up
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield factory
    finally:
        factory.finish()
        if handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _options(config: pytest.Config, folder: Path) -> "Options":
    from emulator.testing.labs import Options

    without_root = str(config.getini("vpcemu_without_root"))
    if without_root not in ("auto", "skip", "fail"):
        raise pytest.UsageError(f"vpcemu_without_root is auto, skip or fail, and not {without_root}")
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    return Options(
        keep=bool(config.getoption("vpcemu_keep")),
        fail_without_root=without_root == "fail" or (without_root == "auto" and in_ci),
        record=bool(config.getini("vpcemu_record")),
        rootdir=config.rootpath,
        folder=folder,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test's record begins with it, and not with what others did."""
    factory = item.config.stash.get(_FACTORY, None)
    if factory is not None:
        factory.begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test's report gets the trace and the packets; an expected failure shows the caller's lines alone."""
    if call.excinfo is not None:
        from emulator.errors import VpcemuError

        if isinstance(call.excinfo.value, VpcemuError):
            _cut(call.excinfo.tb)
    report = yield
    factory = item.config.stash.get(_FACTORY, None)
    if factory is not None and report.failed:
        from emulator.testing.attach import attach

        folder = attach(report, call.excinfo and call.excinfo.value, factory, _artifacts(item.config))
        if folder is not None:
            item.user_properties.append(("vpcemu-artifacts", str(folder)))
    return report


def _cut(entry: TracebackType | None) -> None:
    """Let the traceback end with the last line that is the caller's."""
    last = None
    while entry is not None:
        if not _ours(Path(entry.tb_frame.f_code.co_filename)):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _ours(file: Path) -> bool:
    """Whether it is of no interest to who has misspelt a name: vpcemu's own, and what its `with` blocks go through."""
    return Path(__file__).parents[1] in file.parents or file == Path(contextlib.__file__)


def _artifacts(config: pytest.Config) -> Path:
    told = config.getoption("vpcemu_artifacts")
    if told:
        return Path(config.invocation_params.dir, str(told))
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    return factory.getbasetemp() / "vpcemu-artifacts"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Which labs were left up."""
    factory = config.stash.get(_FACTORY, None)
    kept = [held.lab.name for held in factory.held.values() if held.keep] if factory else []
    if kept:
        terminalreporter.section("labs of vpcemu that are still up")
        for name in kept:
            terminalreporter.line(f"{name}    `vpcemu status {name}`, `vpcemu down {name}`")
