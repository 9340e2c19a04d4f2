"""The file's own expectations as something to assert: `assert vpc.test()`."""

from typing import Protocol

from emulator.lab.test import check
from emulator.report import tested
from emulator.report.tested import Finding, Findings
from emulator.report.text import count


class Answer(Protocol):
    """What a test asserted on, and can explain itself."""

    @property
    def question(self) -> str: ...

    def explain(self) -> str: ...


class Tested:
    """True if every flow did what the file expects. repr() names the first that did not, explain() all, with reasons.

    facts: what `vpcemu test --json` says.
    """

    def __init__(self, lab: str) -> None:
        self.facts: Findings = check(lab)
        self.question = f"what {self.facts['file'].rpartition('/')[2]} expects"

    @property
    def wrong(self) -> list[Finding]:
        """The flows that did something else, and those that cannot be told."""
        return [flow for flow in self.facts["flows"] if flow["outcome"] != "ok"]

    def __bool__(self) -> bool:
        return not self.wrong

    def __repr__(self) -> str:
        flows = self.facts["summary"]["flows"]
        if not self.wrong:
            return f"{self.question}: all {count(flows, 'flow')}"
        first = self.wrong[0]
        return (
            f"{self.question}: {len(self.wrong)} of {count(flows, 'flow')} otherwise: line {first['line']}: "
            f"{tested.heading(first)}: want {tested.want_text(first['want'])}, got {tested.got_text(first)}"
        )

    def explain(self) -> str:
        """The table of `vpcemu test`, with reasons."""
        return "\n".join(tested.text(self.facts))
