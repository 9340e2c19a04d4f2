"""What `vpcemu test` prints and writes."""

import signal
from types import FrameType
from typing import NoReturn

from emulator.cli.output import colours, echo, echo_error, echo_json
from emulator.cli.progress import Progress
from emulator.errors import UsageError, VpcemuError


def run(subject: str | None, *, junit: str | None, as_markdown: bool, as_json: bool, window: float, trust: bool) -> int:
    """Run the test; the exit code."""
    from emulator.lab.test import check, exit_code
    from emulator.report import tested, tested_junit, tested_markdown
    from emulator.report.text import Paint

    if as_markdown and as_json:
        raise UsageError("--json and --markdown exclude each other", "--junit FILE goes with either")
    if junit:
        _write(junit, "")  # known before the lab is up
    signal.signal(signal.SIGTERM, _interrupt)  # how CI systems cancel a job: the lab goes down all the same
    try:
        with Progress() as progress:
            facts = check(subject, trust=trust, window=window, progress=progress, say=echo_error)
    except (VpcemuError, KeyboardInterrupt) as error:
        what = str(error) or "interrupted"
        if junit:
            _write(junit, tested_junit.not_run(subject or "", what))
        if as_markdown:
            echo(tested_markdown.not_run(subject or "", what))
        raise
    if junit:
        _write(junit, tested_junit.junit(facts))
    if as_json:
        echo_json(facts)
    elif as_markdown:
        echo(tested_markdown.markdown(facts))
    else:
        echo(tested.text(facts, Paint(colours())))
    return exit_code(facts)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
