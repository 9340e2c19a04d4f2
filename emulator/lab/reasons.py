"""Why a flow did not do what was expected, and which way it took: a trace says what happened, the model by which line.

Where the kernel cannot be listened to, the model alone is asked, and every reason says whose word it is.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from emulator.analysis import Analysis, Analyzer, Hop
from emulator.errors import KernelError, UnsupportedError
from emulator.lab import serving
from emulator.lab.expected import Judged
from emulator.report.tested import Reason
from emulator.topology.flows import Component, Flow
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.traces import Trace
from emulator.topology.zonal import aliases

MOST = 200  # flows that are explained
BY_HAND = "something was changed by hand: `vpcemu status` may know what"
_FILTERS = ("security_group", "network_acl")
_NODES = ("instance", "outside_host", "nat_gateway", "internet_gateway", "network_load_balancer", "vpc_endpoint")
_NO_ONE = Component("vpc", "")
_WORDS = {"outside_host": "outside host", "nat_gateway": "NAT gateway", "network_acl": "network ACL"}
_WORDS |= {"vpc_peering_connection": "VPC peering connection", "network_load_balancer": "load balancer node"}
_WORDS |= {"vpc_endpoint": "VPC endpoint"}


class Path(NamedTuple):
    """The nodes that a flow met on its way there, in order: no routers, which every packet passes.

    of: the load balancers and endpoints that have these nodes.
    """

    names: tuple[str, ...]
    source: Literal["trace", "model"]
    of: tuple[str, ...] = ()


def paths(lab: str, topology: Topology, addresses: Addresses, flows: Sequence[Flow]) -> list[Path]:
    """The way of each flow."""
    traces = _traces(lab, flows)
    if traces is not None:
        ways = [
            Path(tuple(hop.node for hop in found.forward if hop.kind not in ("router", "internet")), "trace")
            for found in traces
        ]
    else:
        analyzer = Analyzer(topology, addresses, serving.of(lab, topology))
        ways = [Path(_nodes(analyzer.analyze(flow).forward), "model") for flow in flows]
    whose = {node: name for name, nodes in aliases(topology).items() for node in nodes}
    return [way._replace(of=tuple(whose[name] for name in way.names if name in whose)) for way in ways]


def not_via(judged: Judged, path: Path) -> str:
    """What is missing on the way, in words; "" if nothing is."""
    missing = [name for name in judged.expected.expectation.via if name not in path.names + path.of]
    if not missing:
        return ""
    return f"it does not go via {' and '.join(missing)}; its way is {' → '.join(path.names) or 'unknown'}"


def reasons(lab: str, topology: Topology, addresses: Addresses, surprises: Sequence[Judged]) -> list[list[Reason]]:
    """For each flow that is not as expected, what decided that."""
    explained = surprises[:MOST]
    analyzer = Analyzer(topology, addresses, serving.of(lab, topology))
    traces = _traces(lab, [judged.expected.flow for judged in explained])
    found = [
        _explain(topology, judged, analyzer.analyze(judged.expected.flow), traces[index] if traces else None)
        for index, judged in enumerate(explained)
    ]
    return found + [[] for _ in surprises[MOST:]]


def _traces(lab: str, flows: Sequence[Flow]) -> list[Trace] | None:
    """None: this machine does not say what its kernel does."""
    if not flows:
        return []
    from emulator.lab.trace import trace

    try:
        return trace(lab, flows)
    except (KernelError, UnsupportedError):
        return None


def _explain(topology: Topology, judged: Judged, analysis: Analysis, trace: Trace | None) -> list[Reason]:
    got, want = judged.outcome.verdict, judged.expected.expectation
    if got.result == "drop":
        return _dropped(analysis, trace)
    if want.result == "drop":
        return _allowed(analysis, trace) if got.result != "error" else []
    if want.seen_as and got.seen_as != want.seen_as:
        return _translated(analysis, trace)
    if want.result == "refused" and got.result == "pass":
        return _served(topology, judged)
    if want.via and got.result == want.result:
        return [
            _reason(hop.component, f"route table {hop.component.name}: {hop.sentence}", hop.where.line)
            for hop in analysis.forward
            if hop.component.kind == "route_table"
        ]
    return []


def _dropped(analysis: Analysis, trace: Trace | None) -> list[Reason]:
    known = [(each.component, each.sentence, each.where.line, each.hint) for each in analysis.explanations]
    if trace is None:
        return [_reason(*each) for each in known] or [_reason(_NO_ONE, "by the file it should get through", 0, BY_HAND)]
    where = trace.verdict.dropped_at
    if where is None:
        what = "a single packet gets through, and is answered: larger ones, or later ones, do not"
        return [_reason(*each) for each in known] or [_reason(_NO_ONE, what, 0, "", "trace")]
    back = "the answer is dropped at " if trace.verdict.on_the_way_back else "dropped at "
    seen = _reason(where, f"{back}{_place(where)}: {trace.reason}", 0, "" if known else BY_HAND, "trace")
    # The model knows the line; what it names elsewhere would stop the flow as well.
    same = [_reason(*each, "trace") for each in known if each[0] == where]
    return (same or [seen]) + [_reason(*each) for each in known if each[0] != where]


def _allowed(analysis: Analysis, trace: Trace | None) -> list[Reason]:
    if analysis.reachable:
        return [
            _reason(hop.component, f"allowed by {hop.sentence}", hop.where.line) for hop in _deciding(analysis.forward)
        ]
    what = f"by the file it should be dropped: {analysis.explanations[0].sentence}"
    found = [_reason(_NO_ONE, what, analysis.explanations[0].where.line, BY_HAND)]
    met = [met for hop in trace.forward for met in hop.rules if met.decision == "allow"] if trace else []
    return found + [_reason(each.component or _NO_ONE, f"allowed by {each.words}", 0, "", "trace") for each in met]


def _translated(analysis: Analysis, trace: Trace | None) -> list[Reason]:
    if trace is not None:
        found = [
            _reason(_NO_ONE, f"{hop.node}: {rewrite}", 0, "", "trace")
            for hop in trace.forward
            for rewrite in hop.rewrites
            if rewrite.startswith("source")
        ]
    else:
        changing = [hop for hop in analysis.forward if hop.before.source != hop.after.source]
        found = [_reason(hop.component, f"{hop.component.name}: {hop.sentence}", hop.where.line) for hop in changing]
    return found or [_reason(_NO_ONE, "nobody on its way translates the source", 0)]


def _served(topology: Topology, judged: Judged) -> list[Reason]:
    """Who listens there."""
    flow, receiver = judged.expected.flow, judged.outcome.verdict.receiver
    held = {instance.name: instance.services for vpc in topology.vpcs for instance in vpc.instances}
    held |= {host.name: host.services for host in topology.internet.hosts}
    return [
        _reason(_NO_ONE, f"service {service.name} of {receiver} listens there", service.where.line)
        for service in held.get(receiver, ())
        if service.port == flow.port
    ]


def _deciding(hops: Iterable[Hop]) -> list[Hop]:
    """Those whose rules a person would change: where a rule of the file allowed it, else the last one."""
    filters = [hop for hop in hops if hop.component.kind in _FILTERS and hop.action == "pass"]
    return [hop for hop in filters if hop.where.line] or filters[-1:]


def _nodes(hops: Iterable[Hop]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for hop in hops:
        if hop.component.kind in _NODES:
            found[hop.component.name] = None
        elif hop.node:
            found[hop.node] = None
    return tuple(found)


def _place(component: Component) -> str:
    """`security group of web, ingress`"""
    kind = _WORDS.get(component.kind, component.kind.replace("_", " "))
    of = " of" if component.kind == "security_group" else ""
    return f"{kind}{of} {component.name}{f', {component.direction}' if component.direction else ''}"


def _reason(
    component: Component, what: str, line: int, hint: str = "", source: Literal["trace", "model"] = "model"
) -> Reason:
    known = component is not _NO_ONE
    return Reason(
        what=what,
        component=component.kind if known else "",
        name=component.name,
        vpc=component.vpc,
        direction=component.direction,
        line=line,
        hint=hint,
        source=source,
    )
