"""`test --markdown`: a CI job's summary."""

from collections.abc import Sequence

from emulator.report.tested import (
    MANY,
    Findings,
    NotRun,
    all_ok,
    flow_text,
    got_text,
    heading,
    reason_text,
    sum_text,
    total_text,
    want_text,
)

_SIGNS = {"ok": "✅", "differs": "❌", "inconclusive": "⚠️"}
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$"})


def markdown(results: Sequence[Findings | NotRun]) -> list[str]:
    """For each a headline, what is wrong with its reasons, and the table (folded if long); of several, a total."""
    lines = []
    if len(results) > 1:
        sign = _SIGNS["ok" if all_ok(results) else "differs"]
        lines += [f"# {sign} vpcemu test: {total_text(results)}", ""]
    for number, each in enumerate(results):
        lines += [""] if number else []
        lines += _findings(each) if "flows" in each else _not_run(each)
    return lines


def _findings(facts: Findings) -> list[str]:
    sums = facts["summary"]
    sign = _SIGNS["differs" if sums["differs"] else "inconclusive" if sums["inconclusive"] else "ok"]
    lines = [f"## {sign} vpcemu test: {_plain(facts['lab'])}", "", f"{sum_text(facts)} ({_plain(facts['file'])})", ""]
    for flow in facts["flows"]:
        if flow["outcome"] != "ok":
            lines.append(f"- {_SIGNS[flow['outcome']]} **{_plain(heading(flow))}**: {_plain(flow['why'])}")
            lines += [f"  - {_plain(reason_text(reason, facts['file']))}" for reason in flow["reasons"]]
            lines += [f"    - hint: {_code(reason['hint'])}" for reason in flow["reasons"] if reason["hint"]]
    if lines[-1]:
        lines.append("")
    rows = [
        "| | from | to | flow | want | got | expectation |",
        "|---|---|---|---|---|---|---|",
        *(
            "| "
            + " | ".join(
                (
                    _SIGNS[flow["outcome"]],
                    *map(_plain, (flow["from"], flow["to"], flow_text(flow), want_text(flow["want"]))),
                    *map(_plain, (got_text(flow), flow["name"])),
                )
            )
            + " |"
            for flow in facts["flows"]
        ),
    ]
    if len(facts["flows"]) > MANY:
        return [*lines, "<details><summary>All flows</summary>", "", *rows, "", "</details>"]
    return [*lines, *rows]


def _not_run(result: NotRun) -> list[str]:
    words = map(_plain, result["error"].splitlines())
    return [f"## {_SIGNS['differs']} vpcemu test: {_plain(result['file'])} was not tried", "", *words]


def _code(text: str) -> str:
    """As it is to be typed."""
    return f"`` {' '.join(text.split())} ``"


def _plain(text: str) -> str:
    """Words of the user's own, none of which is markup."""
    return " ".join(text.split()).translate(_SPECIAL)
