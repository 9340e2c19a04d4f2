"""docs/testing.md, run as it stands: its tests, its script, its workflow, and the failure it shows."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support import leaks
from tests.support.inner import Inner
from tests.support.lab import TOPOLOGIES

REPOSITORY = TOPOLOGIES.parent
DOC = (REPOSITORY / "docs" / "testing.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DOC, re.DOTALL | re.MULTILINE)
    return [text for which, text in found if which == language]


def files() -> dict[str, str]:
    """The Python blocks that say how their file is called."""
    named = [(re.match(r"# (\w+)\.py\n", block), block) for block in blocks("python")]
    return {name[1]: block for name, block in named if name}


@pytest.fixture
def folder(inner: Inner) -> Path:
    """Beside the tests of a reader lie the topologies, as in the examples. The first example's fixture is for all."""
    shutil.copytree(TOPOLOGIES, inner.folder / "topologies")
    fixture, _, _ = files()["test_network"].partition("\ndef test_")
    (inner.folder / "conftest.py").write_text(fixture)
    return inner.folder


def test_every_example_passes(inner: Inner, folder: Path) -> None:
    examples = {name: text for name, text in files().items() if name != "test_fails"}
    assert {"test_network", "test_reaches", "test_nodes", "test_packets", "test_edits"} <= set(examples)
    tests = sum(text.count("\ndef test_") for text in examples.values())
    result = inner.run("-v", **examples)
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] >= tests


def test_the_failure_that_is_shown(inner: Inner, folder: Path) -> None:
    [shown] = [block for block in blocks("") if "def test_ssh" in block]
    result = inner.run("--vpcemu-artifacts=artifacts", test_fails=files()["test_fails"].split("\n", 1)[1])
    result.assert_outcomes(failed=1)
    said = without_names(result.stdout.str())
    missing = [line for line in without_names(shown).splitlines() if line.strip() and line not in said]
    assert not missing


def without_names(text: str) -> str:
    """Less what is different in every run."""
    return re.sub(
        r"nat-[0-9a-f]{8}|\S*/artifacts/|^artifacts/|\d+ frames|(?<=45.83.64.9):\d+|(?<=nat.yaml):\d+",
        "",
        text,
        flags=re.MULTILINE,
    )


def test_the_script(folder: Path) -> None:
    [script] = [block for block in blocks("python") if "api.lab(" in block]
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "you are 52.195.125.184" in done.stdout
    assert "dropped at security group web, ingress" in done.stdout


def test_the_workflow(inner: Inner, folder: Path) -> None:
    """Its test step, with a test that passes and then one that fails; what it installs is what there is to install."""
    [job] = yaml.safe_load(blocks("yaml")[0])["jobs"].values()
    steps = {step["name"]: step for step in job["steps"] if "name" in step}
    [extra] = re.findall(r"vpcemu\[(\w+)\]", steps["Install"]["run"])
    assert extra in tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    network = folder / "network"
    network.mkdir()
    (folder / "topologies").rename(network / "topologies")
    (network / "test_network.py").write_text(files()["test_network"])
    plain = steps["Test the network"]["run"].removeprefix("sudo ").replace("venv/bin/python", sys.executable)
    command = plain + " -p emulator.testing.plugin"  # what the installed package's entry point does
    assert run(command, folder).returncode == 0
    (network / "conftest.py").write_text((folder / "conftest.py").read_text())
    (network / "test_fails.py").write_text(files()["test_fails"])
    done = run(command, folder)
    assert done.returncode == 1, done.stdout
    kept = steps["Keep the packets and traces of what failed"]["with"]["path"].split()
    assert all((folder / path).exists() for path in kept)
    assert list((folder / "artifacts").rglob("*.pcapng"))
    for name in set(re.findall(r"nat-[0-9a-f]{8}", done.stdout)):
        leaks.assert_nothing_left(name)


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    argv = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", command]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120)


def test_options_are_told(inner: Inner) -> None:
    """Each option and setting of the plugin is in the document, and none that it has not."""
    told = inner.run("--help").stdout.str()
    group = told[told.index("labs of vpcemu:") :].split("\n\n")[0]
    assert set(re.findall(r"--vpcemu-[\w-]+", DOC)) == set(re.findall(r"--vpcemu-[\w-]+", group))
    assert set(re.findall(r"`(vpcemu_(?!lab)\w+)`", DOC)) == set(re.findall(r"^  (vpcemu_\w+) \(", told, re.MULTILINE))
