"""What the report of a failed test gets: where the packets are that the lab's routers met while it ran."""

import re
from hashlib import blake2b
from pathlib import Path

import pytest

from emulator.report.text import count
from emulator.testing.labs import LabFactory


def attach(report: pytest.TestReport, factory: LabFactory, artifacts: Path) -> None:
    """Write the packets, one file for each lab that has seen any, and say in the report where."""
    told = []
    for held in factory.held.values():
        frames = held.recorder.frames() if held.recorder else []
        if held.recorder and frames:
            path = artifacts / folder_name(report.nodeid) / f"{held.lab.name}.pcapng"
            path.parent.mkdir(parents=True, exist_ok=True)
            held.recorder.write(path)
            nodes = ", ".join(dict.fromkeys(frame.node for frame in frames))
            told.append(f"{path}: {count(len(frames), 'frame')} at {nodes}")
    if told:
        say(report, f"packets while the test ran ({report.when})", "\n".join(told))


def say(report: pytest.TestReport, title: str, text: str) -> None:
    """In the message itself where it has sections, so that it gets into a JUnit file too."""
    add = getattr(report.longrepr, "addsection", None)
    if add:
        add(f"vpcemu: {title}", text, "-")
    else:
        report.sections.append((f"vpcemu: {title}", text))


def folder_name(nodeid: str) -> str:
    """A folder for the test: readable, and no other test's."""
    readable = re.sub(r"[^\w.-]+", "-", nodeid.replace("/", "-")).strip("-.")
    if len(readable) > 120 or readable != nodeid:
        readable = f"{readable[-110:].lstrip('-.')}-{blake2b(nodeid.encode(), digest_size=3).hexdigest()}"
    return readable
