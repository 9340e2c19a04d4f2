"""`test --junit FILE`: one test case for each flow, as CI systems show them."""

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from emulator.report.tested import Finding, Findings, NotRun, flow_text, heading, reason_text, want_text


def junit(results: Sequence[Findings | NotRun]) -> str:
    """The XML document, a suite for each. What was not tried is a case in error: nobody takes it for a green one."""
    root = ElementTree.Element("testsuites", {"name": "vpcemu"})
    total = Counter[str]()
    seconds = 0.0
    for each in results:
        suite = _suite(root, each) if "flows" in each else _not_run(root, each)
        total.update({name: int(suite.attrib[name]) for name in ("tests", "failures", "errors")})
        seconds += each["seconds"] if "flows" in each else 0
    root.attrib |= {**{name: str(number) for name, number in total.items()}, "time": f"{seconds:.3f}"}
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(root: ElementTree.Element, facts: Findings) -> ElementTree.Element:
    sums = facts["summary"]
    numbers = {
        "tests": str(sums["flows"]),
        "failures": str(sums["differs"]),
        "errors": str(sums["inconclusive"]),
        "time": f"{facts['seconds']:.3f}",
    }
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(facts["lab"]), "skipped": "0", **numbers})
    for flow in facts["flows"]:
        _case(suite, flow, facts)
    return suite


def _not_run(root: ElementTree.Element, result: NotRun) -> ElementTree.Element:
    file, error = _clean(result["file"]), _clean(result["error"])
    numbers = {"tests": "1", "failures": "0", "errors": "1", "time": "0"}
    suite = ElementTree.SubElement(root, "testsuite", {"name": file, "skipped": "0", **numbers})
    case = ElementTree.SubElement(suite, "testcase", {"classname": "vpcemu", "name": f"test {file}", "time": "0"})
    found = ElementTree.SubElement(case, "error", {"message": error.partition("\n")[0], "type": "not run"})
    found.text = error
    return suite


def _case(suite: ElementTree.Element, flow: Finding, facts: Findings) -> None:
    title = f"{flow['name']}: " if flow["name"] else ""
    case = ElementTree.SubElement(
        suite,
        "testcase",
        {
            "classname": _clean(f"vpcemu.{facts['lab']}"),
            "name": _clean(f"{title}{heading(flow)}: {want_text(flow['want'])}"),
            "file": _clean(facts["file"]),
            "line": str(flow["line"]),
            "time": "0",
        },
    )
    if flow["outcome"] == "ok":
        return
    kind = "failure" if flow["outcome"] == "differs" else "error"
    found = ElementTree.SubElement(case, kind, {"message": _clean(flow["why"]), "type": flow["outcome"]})
    reasons = [reason_text(reason, facts["file"]) for reason in flow["reasons"]]
    hints = [f"hint: {reason['hint']}" for reason in flow["reasons"] if reason["hint"]]
    lines = [f"{flow['from']} ({flow['source_ip']}) to {flow['to']} ({flow['destination']}), {flow_text(flow)}"]
    lines += [f"want {want_text(flow['want'])}", f"got {flow['got']['result']}: {flow['got']['detail']}"]
    found.text = _clean("\n".join([*lines, *reasons, *hints]))


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold, escaped or not; the rest is escaped by the writer."""
    return "".join(
        sign
        for sign in text
        if sign in "\t\n" or "\x20" <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"
    )
