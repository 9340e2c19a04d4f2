"""What verbs say, and how they fail. Without click and other weight: `up` and `exec` in their plain forms come here."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from emulator.errors import ExitCode, TopologyError, UnsupportedError, VpcemuError

_INTERRUPTED = 130


def program() -> str:
    """How to call vpcemu again, for hints. A wrapper says what it is called by VPCEMU_PROG."""
    return os.environ.get("VPCEMU_PROG") or "vpcemu"


def sudo_program() -> str:
    """The same with sudo in front, if that is how it was called or will have to be."""
    return f"sudo {program()}" if os.geteuid() or "SUDO_USER" in os.environ else program()


def need_root() -> None:
    """Exit 4 with the line to type instead."""
    if os.geteuid() == 0:
        return
    import shlex

    called = sys.argv[0]
    if os.environ.get("VPCEMU_PROG"):
        words = [os.environ["VPCEMU_PROG"]]
    elif os.path.basename(called) == "__main__.py":
        words = [sys.executable, "-m", "emulator"]
    else:
        words = [called if "/" in called else "vpcemu"]  # sudo's PATH may not hold it
    raise UnsupportedError("this needs root", f"sudo {shlex.join(words + sys.argv[1:])}")


def colours() -> bool:
    """Only on a terminal, and not where NO_COLOR asks for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def echo(lines: Iterable[str]) -> None:
    """Print lines with one write: a page that is cut by `head` fails once."""
    text = "\n".join(lines)
    if text:
        _write(sys.stdout, text)


def echo_json(value: object) -> None:
    import json

    _write(sys.stdout, json.dumps(value, indent=2))


def echo_aside(text: str) -> None:
    """What is no part of the answer, on stderr."""
    _write(sys.stderr, text)


def echo_error(what: str, hint: str = "") -> None:
    """`vpcemu: what` and the hint on a line of its own, on stderr."""
    echo_aside(f"vpcemu: {what}" + (f"\n    hint: {hint}" if hint else ""))


def report(error: VpcemuError, *, as_json: bool = False) -> int:
    """An expected failure as a sentence, or as an object; its exit code."""
    problems = error.problems if isinstance(error, TopologyError) else ()
    if as_json:
        echo_json({"error": error_shape(error)})
    elif isinstance(error, TopologyError):
        echo_aside(str(error))
        wrong = sum(1 for problem in problems if not problem.warning)
        echo_error(f"{wrong} {'mistake' if wrong == 1 else 'mistakes'} in {error.file}; nothing was touched")
    else:
        echo_error(str(error), error.hint)
    return int(error.exit_code)


def error_shape(error: VpcemuError) -> dict[str, object]:
    """An expected failure as an object (docs/json.md)."""
    from emulator.report import shapes

    topology = error if isinstance(error, TopologyError) else None
    return {
        "what": str(error),
        "hint": error.hint,
        "exit_code": int(error.exit_code),
        "problems": [shapes.problem(problem, topology.file) for problem in topology.problems] if topology else [],
    }


def guarded(work: Callable[[], int]) -> int:
    """The exit code of `work`, however it ends: no expected failure ends in a traceback."""
    try:
        return work()
    except VpcemuError as error:
        return report(error)
    except KeyboardInterrupt:
        echo_error("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # `| head`: whom would one tell?
        return ExitCode.FAILED
    except Exception as error:
        if os.environ.get("VPCEMU_DEBUG"):
            raise
        echo_error(
            f"internal error: {type(error).__name__}: {error}",
            "this is a mistake in vpcemu: run it again with VPCEMU_DEBUG=1 for the traceback, and report it",
        )
        return ExitCode.FAILED


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # it was closed before we began
        return
    try:
        stream.write(f"{text}\n")
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        stream.write(f"{text.encode(stream.encoding, 'replace').decode(stream.encoding)}\n")
    stream.flush()
