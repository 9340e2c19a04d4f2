"""What can go wrong, as values: a Problem for each mistake, an exception for each kind of failure.

This is the lowest layer: it knows no other module of vpcemu and prints nothing.
"""

from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """What a script may rely on."""

    OK = 0
    FAILED = 1  # it was tried and did not work
    BAD_INPUT = 2  # the file or the command line is wrong; nothing was touched
    INCONCLUSIVE = 3  # a check could not be decided
    UNSUPPORTED = 4  # this machine cannot do it (not root, no nft, a kernel without namespaces)


class Where(NamedTuple):
    """A place in the user's file. Lines and columns count from 1; 0 means unknown."""

    line: int = 0
    column: int = 0
    path: str = ""  # vpcs.main.subnets.public.cidr_block


class Problem(NamedTuple):
    """One mistake (or one warning) in the user's words.

    `code` is AWS's own error code where one exists (`InvalidSubnet.Conflict`), else "".
    `hint` is one sentence that says what to do, or "".
    """

    where: Where
    what: str
    hint: str = ""
    code: str = ""
    warning: bool = False

    def render(self, file: str) -> str:
        """`file:line:column: path: what [Code]`, and the hint on a line of its own."""
        place = f"{file}:{self.where.line}:{self.where.column}" if self.where.line else file
        path = f" {self.where.path}:" if self.where.path else ""
        kind = " warning:" if self.warning else ""
        code = f" [{self.code}]" if self.code else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{place}:{kind}{path} {self.what}{code}{hint}"


class VpcemuError(Exception):
    """An expected failure. `str()` is the sentence for the user; `hint` says what to do next."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class TopologyError(VpcemuError):
    """The file is wrong: every problem found, in the order of the file."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(problem.render(file) for problem in problems))
        self.file = file
        self.problems = problems


class UsageError(VpcemuError):
    """The command names something that does not exist, or leaves open which of several is meant."""

    exit_code = ExitCode.BAD_INPUT


class UnsupportedError(VpcemuError):
    """This machine cannot do it; `hint` is the exact remedy."""

    exit_code = ExitCode.UNSUPPORTED


class KernelError(VpcemuError):
    """The kernel, or a tool that speaks to it, refused a step."""
