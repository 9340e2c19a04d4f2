"""Why a flow did not do what was expected, and which way it took."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from emulator.analysis import Analysis, Analyzer, Hop
from emulator.lab.expected import Judged
from emulator.report.tested import Reason
from emulator.topology.flows import Component, Flow
from emulator.topology.model import Addresses, Topology

MOST = 200  # flows that are explained
_FILTERS = ("security_group", "network_acl")
_NO_ONE = Component("vpc", "")


class Path(NamedTuple):
    """The nodes and gateways that a flow meets, in order, and whose word that is."""

    names: tuple[str, ...]
    source: Literal["trace", "model"]


def paths(lab: str, topology: Topology, addresses: Addresses, flows: Sequence[Flow]) -> list[Path]:
    """The way of each flow."""
    analyzer = Analyzer(topology, addresses)
    return [Path(_names(analyzer.analyze(flow).forward), "model") for flow in flows]


def not_via(judged: Judged, path: Path) -> str:
    """What is missing on the way, in words; "" if nothing is."""
    missing = [name for name in judged.expected.expectation.via if name not in path.names]
    if not missing:
        return ""
    return f"it does not go via {' and '.join(missing)}; its way is {' → '.join(path.names) or 'unknown'}"


def reasons(lab: str, topology: Topology, addresses: Addresses, surprises: Sequence[Judged]) -> list[list[Reason]]:
    """For each flow that is not as expected, what decided that."""
    analyzer = Analyzer(topology, addresses)
    found = [_explain(analyzer.analyze(judged.expected.flow), judged) for judged in surprises[:MOST]]
    return found + [[] for _ in surprises[MOST:]]


def _explain(analysis: Analysis, judged: Judged) -> list[Reason]:
    got, want = judged.outcome.verdict, judged.expected.expectation
    if got.result == "drop":
        if analysis.explanations:
            return [
                _reason(each.component, each.sentence, each.where.line, each.hint) for each in analysis.explanations
            ]
        what = "by the file it should get through: something was changed by hand, or a guest's own settings drop it"
        return [_reason(_NO_ONE, what, 0, f"vpcemu status {judged.expected.flow.source}")]
    if want.result == "drop":
        if not analysis.reachable and got.result != "error":
            what = f"by the file it should be dropped: {analysis.explanations[0].sentence}"
            return [_reason(_NO_ONE, what, 0, "something was changed by hand: `vpcemu status` may know what")]
        return [_from_hop(hop, "allowed by ") for hop in _deciding(analysis.forward)]
    if want.seen_as and got.seen_as != want.seen_as:
        translating = [hop for hop in analysis.forward if hop.before.source != hop.after.source]
        if not translating:
            return [_reason(_NO_ONE, "nobody on its way translates the source", 0, "")]
        return [_from_hop(hop, f"{hop.component.name}: ") for hop in translating]
    if want.via:
        return [
            _from_hop(hop, f"route table {hop.component.name}: ")
            for hop in analysis.forward
            if hop.component.kind == "route_table"
        ]
    return []


def _deciding(hops: Iterable[Hop]) -> list[Hop]:
    """Those whose rules a person would change: where an own rule of the file allowed it, else the last one."""
    filters = [hop for hop in hops if hop.component.kind in _FILTERS and hop.action == "pass"]
    return [hop for hop in filters if hop.where.line] or filters[-1:]


def _names(hops: Iterable[Hop]) -> tuple[str, ...]:
    """Nodes: no routes, no filters. A router is not named: every packet of its VPC passes it."""
    found: dict[str, None] = {}
    for hop in hops:
        if hop.component.kind not in (*_FILTERS, "route_table", "vpc", "internet"):
            found[hop.component.name] = None
            if hop.node:
                found[hop.node] = None
    return tuple(found)


def _from_hop(hop: Hop, before: str) -> Reason:
    return _reason(hop.component, f"{before}{hop.sentence}", hop.where.line, "")


def _reason(component: Component, what: str, line: int, hint: str) -> Reason:
    known = component is not _NO_ONE
    return Reason(
        what=what,
        component=component.kind if known else "",
        name=component.name,
        vpc=component.vpc,
        direction=component.direction,
        line=line,
        hint=hint,
        source="model",
    )
