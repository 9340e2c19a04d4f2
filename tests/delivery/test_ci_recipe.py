"""The recipes of docs/ci.md, run as they stand but for the lab's name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.support.lab import edited

REPOSITORY = Path(__file__).parent.parent.parent


def recipe(language: str) -> str:
    [text] = re.findall(
        rf"^```{language}\n(.*?)^```", (REPOSITORY / "docs" / "ci.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return str(text)


@pytest.fixture
def workspace(tmp_path: Path, lab_name: str) -> Path:
    """What the runner has after the two checkouts, with the lab under a name of our own."""
    checkout = tmp_path / "vpcemu"
    shutil.copytree(REPOSITORY, checkout, ignore=shutil.ignore_patterns("__pycache__", ".*", "tests"))
    topology = checkout / "topologies" / "nat.yaml"
    topology.write_text(topology.read_text().replace("name: nat\n", f"name: {lab_name}\n"))
    return tmp_path


def run_workflow(workspace: Path) -> "subprocess.CompletedProcess[str]":
    """The only step that runs anything, as the runner does it."""
    [job] = yaml.safe_load(recipe("yaml"))["jobs"].values()
    [script] = [step["run"] for step in job["steps"] if "run" in step]
    env = os.environ | {
        "VPCEMU": job["env"]["VPCEMU"].removeprefix("sudo "),
        "GITHUB_STEP_SUMMARY": str(workspace / "summary.md"),
    }
    argv = ["bash", "-e", "-c", script]
    return subprocess.run(argv, cwd=workspace, env=env, capture_output=True, text=True, timeout=300)


def test_workflow(workspace: Path, lab_name: str) -> None:
    done = run_workflow(workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"## ✅ vpcemu test: {lab_name}" in (workspace / "summary.md").read_text()
    suite = ElementTree.parse(workspace / "network.xml").getroot()
    assert suite.attrib["failures"] == suite.attrib["errors"] == "0" < suite.attrib["tests"]
    assert not os.path.exists(f"/run/vpcemu/{lab_name}")


def test_workflow_notices_a_public_private_instance(workspace: Path, lab_name: str) -> None:
    """The point of the recipe: with a group that admits everybody and a public address, its check fails."""
    topology = workspace / "vpcemu" / "topologies" / "nat.yaml"
    text = topology.read_text()
    changes = {
        "route_table: private}": "route_table: public}",
        "dev: {subnet: private,": "dev: {subnet: private, elastic_ip: 52.195.125.185,",
        "dev: {ingress: []}": "dev: {ingress: [{protocol: all, from: 0.0.0.0/0}]}",
    }
    topology.write_text(edited(text, changes))
    done = run_workflow(workspace)
    assert done.returncode == 1, done.stdout + done.stderr
    summary = (workspace / "summary.md").read_text()
    assert "❌ **attacker to dev, tcp 80**" in summary
    assert "security group dev, ingress rule 1" in summary
    failures = list(ElementTree.parse(workspace / "network.xml").getroot().iter("failure"))
    assert any("allowed by security group dev" in (failure.text or "") for failure in failures)


def test_pytest_recipe(workspace: Path) -> None:
    (workspace / "test_network.py").write_text(recipe("python"))
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "emulator.testing.plugin"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [*argv, "test_network.py"], cwd=workspace, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
