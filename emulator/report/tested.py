"""`test`: its JSON shape, and the table a person reads. For CI jobs there are `tested_junit` and `tested_markdown`."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict, final

from emulator.report.text import PLAIN, Paint, count, duration, one_line, table

MANY = 60  # flows above which those that are as expected are only counted
_MANY_WRONG = 100
_ALIKE = 10  # flows of which the same is to be said


class Want(TypedDict):
    """What the file says."""

    result: str
    seen_as: str
    via: list[str]
    payload: bool


class Got(TypedDict):
    """What the wire did. detail: in words."""

    result: str
    seen_as: str
    receiver: str
    detail: str


class Reason(TypedDict):
    """Why a flow is not as expected. component, name, direction: where it was decided, "" if nobody did."""

    what: str
    component: str
    name: str
    vpc: str
    direction: str
    line: int  # of the file, where one would change it; 0: unknown
    hint: str
    source: Literal["trace", "model"]  # whose word it is


Outcome = Literal["ok", "differs", "inconclusive"]


Finding = TypedDict(
    "Finding",
    {
        "name": str,
        "from": str,  # this and `to`: as the file calls them
        "to": str,
        "source_ip": str,
        "destination": str,
        "protocol": str,
        "port": int,
        "icmp_type": int,
        "icmp_code": int,
        "line": int,  # of the expectation
        "want": Want,
        "got": Got,
        "outcome": Outcome,
        "why": str,
        "reasons": list[Reason],
    },
)


class Summary(TypedDict):
    flows: int
    ok: int
    differs: int
    inconclusive: int


@final  # so that mypy tells it from NotRun
class Findings(TypedDict):
    """`test --json`."""

    lab: str
    file: str
    brought_up: bool
    seconds: float
    summary: Summary
    flows: list[Finding]


@final
class NotRun(TypedDict):
    """A file or lab of which nothing could be tried. error: why, in words."""

    file: str
    error: str


def all_ok(results: Sequence[Findings | NotRun]) -> bool:
    """Whether everything was tried, and did what was expected."""
    return all("flows" in each and each["summary"]["ok"] == each["summary"]["flows"] for each in results)


def total_text(results: Sequence[Findings | NotRun]) -> str:
    """`3 labs: 1 as expected, 1 not, 1 not tried; 12 flows`"""
    tried = [each for each in results if "flows" in each]
    ok = sum(each["summary"]["ok"] == each["summary"]["flows"] for each in tried)
    numbers = ((len(tried) - ok, "not"), (len(results) - len(tried), "not tried"))
    parts = [f"{ok:,} as expected", *(f"{number:,} {words}" for number, words in numbers if number)]
    return (
        f"{count(len(results), 'lab')}: {', '.join(parts)}; {count(sum(len(each['flows']) for each in tried), 'flow')}"
    )


def text(facts: Findings, paint: Paint = PLAIN) -> list[str]:
    """The table, what is wrong and why, and the sum."""
    wrong = [flow for flow in facts["flows"] if flow["outcome"] != "ok"]
    shown = facts["flows"] if len(facts["flows"]) <= MANY else wrong[:_MANY_WRONG]
    lines = table(
        ("", "from", "to", "flow", "want", "got", "expectation"),
        [
            (
                flow["outcome"],
                one_line(flow["from"]),
                one_line(flow["to"]),
                flow_text(flow),
                want_text(flow["want"]),
                got_text(flow),
                one_line(flow["name"]),
            )
            for flow in shown
        ],
        paint,
    )
    colour = {"ok": paint.good, "differs": paint.bad, "inconclusive": paint.warn}
    coloured = [
        colour[flow["outcome"]](flow["outcome"]) + line[len(flow["outcome"]) :]
        for flow, line in zip(shown, lines[1:], strict=True)
    ]
    lines = [*lines[:1], *coloured]
    for alike in _alike(wrong[:_MANY_WRONG]):
        lines += ["", *_explained(alike, facts["file"], paint)]
    if len(wrong) > _MANY_WRONG:
        lines += ["", f"and {len(wrong) - _MANY_WRONG:,} more (--json lists all)"]
    return [*lines, *([""] if lines else []), _sum(facts, paint)]


def heading(flow: Finding) -> str:
    """`attacker to web, tcp 22`"""
    return one_line(f"{flow['from']} to {flow['to']}, {flow_text(flow)}")


def flow_text(flow: Finding) -> str:
    """`tcp 22`, `icmp`, `icmp 13/0`"""
    if flow["protocol"] != "icmp":
        return f"{flow['protocol']} {flow['port']}"
    numbers = (flow["icmp_type"], flow["icmp_code"])
    return "icmp" if numbers == (8, 0) else f"icmp {numbers[0]}/{numbers[1]}"


def want_text(want: Want) -> str:
    """`pass as 192.0.2.1 via nat, igw`"""
    seen = f" as {want['seen_as']}" if want["seen_as"] else ""
    via = f" via {', '.join(want['via'])}" if want["via"] else ""
    return f"{want['result']}{seen}{via}{' with a payload' if want['payload'] else ''}"


def got_text(flow: Finding) -> str:
    """`pass as 192.0.2.1`: the address only where one was expected."""
    got = flow["got"]
    seen = f" as {got['seen_as'] or 'nobody known'}" if flow["want"]["seen_as"] and got["result"] != "drop" else ""
    return f"{got['result']}{seen}"


def reason_text(reason: Reason, file: str) -> str:
    """`nat.yaml:40: no ingress rule of security group web allows tcp 22`"""
    place = f"{file}:{reason['line']}: " if reason["line"] else ""
    return one_line(f"{place}{reason['what']}")


def sum_text(facts: Findings) -> str:
    """`7 flows: 5 as expected, 1 not, 1 inconclusive`"""
    sums = facts["summary"]
    numbers = ((sums["ok"], "as expected"), (sums["differs"], "not"), (sums["inconclusive"], "inconclusive"))
    parts = [f"{number:,} {words}" for number, words in numbers if number or words == "as expected"]
    return f"{count(sums['flows'], 'flow')}: {', '.join(parts)}"


def _alike(flows: Sequence[Finding]) -> list[list[Finding]]:
    """Those of which the same is to be said stand together."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for flow in flows:
        key = (flow["outcome"], flow["why"], *(reason["what"] for reason in flow["reasons"]))
        found.setdefault(key, []).append(flow)
    return list(found.values())


def _explained(flows: Sequence[Finding], file: str, paint: Paint) -> Iterator[str]:
    first = flows[0]
    colour = paint.bad if first["outcome"] == "differs" else paint.warn
    for flow in flows[:_ALIKE]:
        place = f" ({one_line(file)}:{flow['line']})" if flow["line"] else ""
        yield f"{colour(heading(flow))}{place}"
    if len(flows) > _ALIKE:
        yield f"and {len(flows) - _ALIKE:,} more"
    yield f"  {one_line(first['why'])}"
    for reason in first["reasons"]:
        yield f"  {reason_text(reason, file)}"
        if reason["hint"]:
            yield f"    hint: {one_line(reason['hint'])}"


def _sum(facts: Findings, paint: Paint) -> str:
    sums = facts["summary"]
    colour = paint.bad if sums["differs"] else paint.warn if sums["inconclusive"] else paint.good
    how = "brought up for the test, and down again; " if facts["brought_up"] else ""
    return f"{facts['lab']}: {colour(sum_text(facts))} ({how}{duration(facts['seconds'])})"
