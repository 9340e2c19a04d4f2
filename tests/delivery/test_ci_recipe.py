"""The recipes of docs/ci.md, run as they stand but for the lab's name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

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


def run(step: dict[str, Any], workspace: Path, lab: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    script = re.sub(r"(-l|status|down) nat\b", rf"\1 {lab}", step["run"])
    assert "nat " not in script.replace(lab, "")
    argv = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]  # as the runner does
    return subprocess.run(argv, cwd=workspace, env=env, capture_output=True, text=True, timeout=300)


def test_workflow(workspace: Path, lab_name: str) -> None:
    [job] = yaml.safe_load(recipe("yaml"))["jobs"].values()
    env = os.environ | {"VPCEMU": job["env"]["VPCEMU"].removeprefix("sudo ")}
    steps = [step for step in job["steps"] if "run" in step]
    for step in steps:
        done = run(step, workspace, lab_name, env)
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    assert len(steps) >= 5


def test_workflow_notices_a_public_private_instance(workspace: Path, lab_name: str) -> None:
    """The point of the recipe: with a group that admits everybody and a public address, its check fails."""
    [job] = yaml.safe_load(recipe("yaml"))["jobs"].values()
    env = os.environ | {"VPCEMU": job["env"]["VPCEMU"].removeprefix("sudo ")}
    topology = workspace / "vpcemu" / "topologies" / "nat.yaml"
    text = topology.read_text()
    opened = text.replace("dev: {subnet: private,", "dev: {subnet: public, elastic_ip: 52.195.125.185,").replace(
        "dev: {ingress: []}", "dev: {ingress: [{protocol: all, from: 0.0.0.0/0}]}"
    )
    assert opened != text
    topology.write_text(opened)
    steps = {step["name"]: step for step in job["steps"] if "name" in step}
    assert run(steps["Bring the network up"], workspace, lab_name, env).returncode == 0
    check = steps["Nothing from outside reaches the private instance"]
    check = check | {"run": check["run"].replace("10.0.20.4", "52.195.125.185")}
    done = run(check, workspace, lab_name, env)
    assert done.returncode == 1
    assert "::error::the attacker reached 52.195.125.185" in done.stdout


def test_pytest_recipe(workspace: Path) -> None:
    (workspace / "test_network.py").write_text(recipe("python"))
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "emulator.testing.plugin"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [*argv, "test_network.py"], cwd=workspace, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
