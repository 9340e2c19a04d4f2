"""What was seen of a lab while somebody changed it says nothing of the lab before, nor of the one after."""

from collections.abc import Iterator
from contextlib import contextmanager

from emulator.errors import ExitCode, VpcemuError
from emulator.lab import record


class Disturbed(VpcemuError):
    """The lab was changed meanwhile."""

    exit_code = ExitCode.INCONCLUSIVE


@contextmanager
def undisturbed(lab: str) -> Iterator[None]:
    """Disturbed, if anybody has changed the lab, or taken it down, before the end of the block."""
    before = record.read(lab)
    try:
        yield
    except VpcemuError as error:
        _compare(lab, before, error)
        raise
    _compare(lab, before, None)


def _compare(lab: str, before: record.Record | None, error: VpcemuError | None) -> None:
    if record.read(lab) != before:
        raise Disturbed(f"lab {lab} was changed while it was tried", "try again when nobody changes it") from error
