"""The pins and what they pin say the same thing."""

import re
import tomllib
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def pins(file: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (REPOSITORY / file).read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}


def test_everything_asked_for_is_pinned() -> None:
    assert names(PROJECT["dependencies"]) <= set(pins("requirements.txt"))
    assert names(PROJECT["optional-dependencies"]["test"]) <= set(pins("requirements-test.txt"))


def test_the_suite_tests_the_versions_that_people_run() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-test.txt").items()


def test_every_pin_has_hashes_and_no_pin_names_a_server() -> None:
    for file in ("requirements.txt", "requirements-test.txt"):
        text = (REPOSITORY / file).read_text()
        assert "://" not in text
        blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
        assert blocks
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_workflows_are_yaml_and_call_what_exists() -> None:
    for workflow in (REPOSITORY / ".github" / "workflows").iterdir():
        jobs = yaml.safe_load(workflow.read_text())["jobs"]
        commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        called = re.findall(r"(?<![\w/])(?:scripts|\.ci)/\w+", "\n".join(commands))
        assert called
        assert [path for path in called if not (REPOSITORY / path).exists()] == []
