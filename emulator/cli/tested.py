"""What `vpcemu test` prints and writes."""

import signal
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from emulator.cli.output import colours, echo, echo_error, echo_json, error_shape, report
from emulator.cli.progress import Progress
from emulator.errors import ExitCode, UsageError, VpcemuError

_WORST = (ExitCode.UNSUPPORTED, ExitCode.BAD_INPUT, ExitCode.FAILED, ExitCode.INCONCLUSIVE, ExitCode.OK)


def run(
    subjects: Sequence[str], *, junit: str | None, as_markdown: bool, as_json: bool, window: float, trust: bool
) -> int:
    """Run the tests of all subjects, of the only lab that is up if there are none; the exit code.

    Of several subjects each is tried, whatever becomes of the others.
    """
    from emulator.lab.test import check, exit_code
    from emulator.report import tested, tested_junit, tested_markdown
    from emulator.report.text import Paint

    if as_markdown and as_json:
        raise UsageError("--json and --markdown exclude each other", "--junit FILE goes with either")
    if junit:
        _write(junit, "")  # known before the lab is up
    signal.signal(signal.SIGTERM, _interrupt)  # how CI systems cancel a job: the lab goes down all the same
    several = len(subjects) > 1
    paint = Paint(colours())
    results: list[tested.Findings | tested.NotRun] = []
    shapes: list[object] = []
    codes: list[int] = []
    ended: BaseException | None = None
    for subject in subjects or (None,):
        try:
            with Progress() as progress:
                facts = check(subject, trust=trust, window=window, progress=progress, say=echo_error)
        except (VpcemuError, KeyboardInterrupt) as error:
            results.append(tested.NotRun(file=subject or "", error=str(error) or "interrupted"))
            if several and isinstance(error, VpcemuError):
                codes.append(error.exit_code)
                shapes.append({"file": subject, "error": error_shape(error)})
                report(error)
                continue
            ended = error
            break
        if not (as_json or as_markdown):
            echo([*([""] if results else []), *tested.text(facts, paint)])
        results.append(facts)
        shapes.append(facts)
        codes.append(exit_code(facts))
    if junit:
        _write(junit, tested_junit.junit(results))
    if as_markdown:
        echo(tested_markdown.markdown(results))
    if ended is not None:
        raise ended
    if as_json:
        echo_json({"ok": tested.all_ok(results), "tests": shapes} if several else shapes[0])
    elif several and not as_markdown:
        colour = paint.good if tested.all_ok(results) else paint.bad
        echo(["", colour(tested.total_text(results))])
    return next(code for code in _WORST if code in codes)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
