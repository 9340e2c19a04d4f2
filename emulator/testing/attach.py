"""What the report of a failed test gets: the trace of what it asked about, and the packets that the routers met."""

import re
from hashlib import blake2b
from pathlib import Path

import pytest

from emulator.errors import VpcemuError
from emulator.lab.tested import Answer
from emulator.report.text import count
from emulator.testing.labs import LabFactory


def attach(report: pytest.TestReport, error: BaseException | None, factory: LabFactory, artifacts: Path) -> Path | None:
    """Write a file of packets for each lab that has seen any, and say in the report where; and the traces.

    Gives the test's folder, if there is anything in it.
    """
    if isinstance(error, VpcemuError) and error.hint:
        say(report, "hint", error.hint)
    folder = artifacts / folder_name(report.nodeid)
    _attach_traces(report, factory, folder)
    told = []
    for held in factory.held.values():
        frames = held.recorder.frames() if held.recorder else []
        if held.recorder and frames:
            path = folder / f"{held.lab.name}.pcapng"
            folder.mkdir(parents=True, exist_ok=True)
            held.recorder.write(path)
            nodes = ", ".join(dict.fromkeys(frame.node for frame in frames))
            told.append(f"{path}: {count(len(frames), 'frame')} at {nodes}")
    if told:
        say(report, f"packets while the test ran ({report.when})", "\n".join(told))
    return folder if folder.exists() else None


def _attach_traces(report: pytest.TestReport, factory: LabFactory, folder: Path) -> None:
    """Of the answers that the message names; a test that has kept one to itself asked for the last one."""
    answers = [answer for held in factory.held.values() for answer in held.lab.answers]
    message = " ".join(str(report.longrepr).split())
    meant = [answer for answer in answers if _squeezed(answer) in message] or answers[-1:]
    texts = [answer.explain() for answer in meant]
    if texts:
        text = "\n\n".join(texts)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trace.txt").write_text(f"{text}\n", encoding="utf-8")
        say(report, "trace", text)


def _squeezed(answer: Answer) -> str:
    """So much of it as pytest surely leaves in a message."""
    return " ".join(answer.question.split())


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
