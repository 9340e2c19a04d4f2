"""A trace as a person reads it: hop by hop, what each node did with the packet, then the answer's way back."""

from collections.abc import Iterable, Sequence

from emulator.compile.words import KIND
from emulator.report.flows import flow_text
from emulator.report.text import PLAIN, Paint, one_line
from emulator.topology.traces import Ends, Met, Trace, TraceHop

_ACTIONS = {"allow": "allow", "deny": "DROP", "note": "note"}


def render(found: Trace, paint: Paint = PLAIN, target: str = "") -> list[str]:
    """All of it: the flow, both ways, and the verdict as the last line. target: as the user called it."""
    lines = [paint.bold(one_line(flow_text(found.flow, target or str(found.flow.to))))]
    for title, hops in (("there", found.forward), (f"and back: {found.answer}", found.back)):
        if hops:
            lines += ["", paint.bold(title)]
        for before, hop in zip((None, *hops), hops, strict=False):
            lines += _hop(hop, before.departed if before else None, found.reason, paint)
    return [*lines, "", _verdict(found, paint)]


def _hop(hop: TraceHop, before: Ends | None, reason: str, paint: Paint) -> Iterable[str]:
    """before: the packet's addresses as they were told last. reason: what became of the packet, and why."""
    ways = [f"in {hop.came}" if hop.came else "", f"out {hop.left}" if hop.left else ""]
    where = ", ".join(filter(None, (KIND[hop.kind] if hop.kind != "internet" else "", *ways)))
    yield f"  {paint.bold(hop.node)}  {paint.dim(where)}"
    if hop.entered != before:
        yield f"    {'packet':10}{_ends(hop.entered)}"
    for met in hop.rules[: hop.before_route]:
        yield _rule(met, paint)
    if hop.route:
        action = paint.bad(f"{'DROP':10}") if hop.route == reason else f"{'route':10}"  # RT-41 and the like
        yield f"    {action}{one_line(hop.route)}"
    for met in hop.rules[hop.before_route :]:
        yield _rule(met, paint)
    for rewrite in hop.rewrites:
        yield f"    {paint.warn('rewrite')}   {rewrite}"
    if hop.arrived:
        yield f"    {paint.good('arrives')}"


def _rule(met: Met, paint: Paint) -> str:
    colour = {"allow": paint.good, "deny": paint.bad, "note": paint.dim}[met.decision]
    return f"    {colour(_ACTIONS[met.decision].ljust(10))}{one_line(met.words)}"


def _ends(ends: Ends) -> str:
    if ends.source_port or ends.destination_port:
        return f"{ends.source}:{ends.source_port} to {ends.destination}:{ends.destination_port}"
    return f"{ends.source} to {ends.destination}"


def _verdict(found: Trace, paint: Paint) -> str:
    verdict, reason = found.verdict, one_line(found.reason)
    seen = f"; {verdict.receiver} saw {verdict.seen_as}" if verdict.receiver and verdict.seen_as else ""
    if verdict.result == "pass":
        return f"{paint.good('pass')}: {reason}{seen}"
    if verdict.result == "refused":
        return f"{paint.warn('refused')}: {reason}{seen}"
    way = " on the way back" if verdict.on_the_way_back else ""
    at = found.dropped_at
    # Groups are judged together, and those of the other end may be called the same.
    where = f" at the interface {at.name}" if at and at.kind in ("security_group", "network_interface") else ""
    return f"{paint.bad('dropped' + way + where)}: {reason}{seen}"


# --- as JSON ---------------------------------------------------------------------------------------------------


def shape(found: Trace, lab: str) -> dict[str, object]:
    """docs/json.md, `trace`."""
    flow, verdict = found.flow, found.verdict
    return {
        "lab": lab,
        "source": flow.source,
        "source_ip": str(flow.source_ip),
        "to": str(flow.to),
        "protocol": flow.protocol,
        "port": flow.port,
        "icmp_type": flow.icmp_type if flow.protocol == "icmp" else 0,
        "icmp_code": flow.icmp_code,
        "result": verdict.result,
        "dropped_at": verdict.dropped_at._asdict() if verdict.dropped_at else {},
        "on_the_way_back": verdict.on_the_way_back,
        "receiver": verdict.receiver,
        "seen_as": str(verdict.seen_as or ""),
        "reason": found.reason,
        "answer": found.answer,
        "forward": _hops(found.forward),
        "back": _hops(found.back),
    }


def _hops(hops: Sequence[TraceHop]) -> list[dict[str, object]]:
    return [
        {
            "node": hop.node,
            "kind": hop.kind,
            "in": hop.came,
            "out": hop.left,
            "entered": hop.entered._asdict(),
            "departed": hop.departed._asdict(),
            "rewrites": list(hop.rewrites),
            "route": hop.route,
            "rules": [
                {
                    "component": met.component._asdict() if met.component else {},
                    "words": met.words,
                    "decision": met.decision,
                }
                for met in hop.rules
            ],
            "arrived": hop.arrived,
        }
        for hop in hops
    ]
