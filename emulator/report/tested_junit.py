"""`test --junit FILE`: one test case for each flow, as CI systems show them."""

from xml.etree import ElementTree

from emulator.report.tested import Finding, Findings, flow_text, heading, reason_text, want_text


def junit(facts: Findings) -> str:
    """The XML document."""
    sums = facts["summary"]
    numbers = {
        "tests": str(sums["flows"]),
        "failures": str(sums["differs"]),
        "errors": str(sums["inconclusive"]),
        "time": f"{facts['seconds']:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "vpcemu", **numbers})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(facts["lab"]), "skipped": "0", **numbers})
    for flow in facts["flows"]:
        _case(suite, flow, facts)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def not_run(file: str, what: str) -> str:
    """The document of a run that came to nothing: one case in error, so that nobody takes it for a green one."""
    numbers = {"tests": "1", "failures": "0", "errors": "1", "time": "0"}
    root = ElementTree.Element("testsuites", {"name": "vpcemu", **numbers})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(file), "skipped": "0", **numbers})
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": "vpcemu", "name": _clean(f"test {file}"), "time": "0"}
    )
    found = ElementTree.SubElement(case, "error", {"message": _clean(what.partition("\n")[0]), "type": "not run"})
    found.text = _clean(what)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


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
