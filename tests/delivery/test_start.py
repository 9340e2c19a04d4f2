"""A newcomer's first start, in a clone of somebody else's that root runs."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
NOBODY = 65534
FIRST = "first start: installing Python packages"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this file's environments go."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that belongs to another user, and has never been run."""
    made = tmp_path / "clone"
    unwanted = shutil.ignore_patterns("__pycache__", ".*", "tests")
    shutil.copytree(REPOSITORY, made, ignore=unwanted)
    for path in (made, *made.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return made


@pytest.fixture
def without_python_settings(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """As in a terminal: none of what scripts/test sets for itself."""
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VPCEMU_VENVS", str(home))


def start(clone: Path, *arguments: str) -> "subprocess.Popen[str]":
    argv = [str(clone / "scripts" / "vpcemu"), *arguments]
    return subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process: "subprocess.Popen[str]") -> tuple[str, str]:
    said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.mark.usefixtures("without_python_settings")
def test_first_starts_at_once_install_once_and_later_ones_not_at_all(clone: Path, home: Path) -> None:
    together = [output(process) for process in [start(clone, "--version"), start(clone, "--version")]]
    assert [said.startswith("vpcemu ") for said, _ in together] == [True, True]
    assert sum(FIRST in errors for _, errors in together) == 1

    assert output(start(clone, "--version"))[1] == ""

    [stamp] = home.glob("venv-*/ready")
    stamp.unlink()  # what an interrupted installation looks like
    assert FIRST in output(start(clone, "--version"))[1]
    assert output(start(clone, "--version"))[1] == ""


@pytest.mark.usefixtures("without_python_settings")
def test_root_leaves_nothing_in_the_clone(clone: Path, lab_name: str) -> None:
    before = set(clone.rglob("*"))
    topology = clone / "topologies" / "nat.yaml"
    topology.write_text(topology.read_text().replace("name: nat", f"name: {lab_name}"))
    for arguments in (["up", str(topology)], ["exec", "-l", lab_name, "dev", "--", "true"], ["down", lab_name]):
        output(start(clone, *arguments))
    assert set(clone.rglob("*")) == before


@pytest.mark.usefixtures("without_python_settings")
def test_the_callers_directory_and_python_settings_decide_nothing(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    for module in ("click", "json", "yaml", "emulator", "sitecustomize"):
        (trap / f"{module}.py").write_text("raise SystemExit('imported from the wrong place')")
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.chdir(trap)
    link = tmp_path / "vpcemu"
    link.symlink_to(clone / "scripts" / "vpcemu")
    done = subprocess.run([link, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "vpcemu"), done.stderr


def test_it_is_an_ordinary_package(clone: Path, tmp_path: Path) -> None:
    subprocess.run(["python3", "-m", "venv", tmp_path / "package"], check=True)
    pip = [str(tmp_path / "package" / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(clone)], check=True)
    [wheel] = tmp_path.glob("vpcemu-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        [entry_points] = [name for name in held if name.endswith("entry_points.txt")]
        told = archive.read(entry_points).decode()
        assert "vpcemu = emulator.cli:console" in told
        assert "[pytest11]\nemulator.testing.plugin = emulator.testing.plugin" in told
        assert "emulator/py.typed" in held
    assert {str(path.relative_to(clone)) for path in (clone / "emulator").rglob("*.py")} <= held
    assert any(name.endswith("LICENSE") for name in held)
    assert not [name for name in held if name.startswith(("tests", "scripts"))]
