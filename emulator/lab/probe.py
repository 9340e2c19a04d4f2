"""probe: what becomes of flows on the wire. Real packets and connections, sent by the lab's agent from its nodes."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.agent.prober_flow import Answer, Asked, Request
from emulator.errors import UsageError
from emulator.lab import doors, lock, record, running
from emulator.topology.flows import Flow, Verdict, owners
from emulator.topology.model import Addresses, Topology

AT_ONCE = 50_000  # flows of one request
WINDOW = 1.5  # seconds: TCP repeats an unanswered SYN after one


class Outcome(NamedTuple):
    """What became of a flow. detail: what was seen, in words."""

    flow: Flow
    verdict: Verdict
    detail: str


def probe(
    lab: str | None, flows: Sequence[Flow], listen: bool = True, window: float = WINDOW, payload: int = 0
) -> list[Outcome]:
    """Try all flows at the same time; an outcome for each, in their order.

    lab: None for the only one that is up. listen: where nobody listens on a destination port the agent does, for as
    long as the probe lasts; a service that is there stays and is used. Without it a closed port refuses.
    window: seconds without any answer, after the last one, before what is left counts as dropped.
    payload: so many bytes must come back (TCP; of UDP and ICMP what fits into a packet).
    The verdict's dropped_at is None: a probe sees the two ends only. UsageError: there is no such lab.
    """
    found = _complete(lab)
    if not flows:
        return []
    held = _holders(found.topology, found.addresses)
    asked = tuple(_asked(flow, held) for flow in flows)
    agent = _agent(found.lab)
    try:
        answers = [
            answer
            for at in range(0, len(asked), AT_ONCE)
            for answer in agent.probe(Request(asked[at : at + AT_ONCE], listen, window, payload))
        ]
    finally:
        agent.close()
    return [_outcome(flow, answer) for flow, answer in zip(flows, answers, strict=True)]


def _complete(lab: str | None) -> running.Running:
    found = running.recall(lab)
    if not found.record.complete:
        raise UsageError(f"lab {found.lab} is incomplete", f"`vpcemu up {found.record.file}` finishes it")
    return found


def _agent(lab: str) -> doors.Agent:
    """The lab's agent. A lab without services has none, and keeps the one that is started here until its `down`."""
    found = doors.agent(lab)
    if found is not None:
        return found
    with lock.hold(lab) as held:
        if record.read(lab) is None:  # a `down` was faster
            held.remove()
            raise UsageError(f"no lab is called {lab}")
        return doors.start_agent(lab, held.fd)


_Holders = dict[IPv4Address, list[str]]


def _holders(topology: Topology, addresses: Addresses) -> _Holders:
    """The nodes with each address, where somebody can be listened for. Nobody listens in a NAT gateway."""
    gateways = {gateway.name for vpc in topology.vpcs for gateway in vpc.nat_gateways}
    found: _Holders = {}
    for node, _, private, public in owners(topology, addresses):
        if node in gateways:
            continue
        for address in {private, public} - {None}:
            assert address is not None
            found.setdefault(address, []).append(node)
    return found


def _asked(flow: Flow, held: _Holders) -> Asked:
    return Asked(
        flow.source,
        str(flow.source_ip),
        flow.source_port,
        str(flow.to),
        flow.protocol,
        flow.port,
        flow.icmp_type,
        flow.icmp_code,
        tuple(held.get(flow.to, ())),
    )


def _outcome(flow: Flow, answer: Answer) -> Outcome:
    seen_as = IPv4Address(answer.seen_as) if answer.seen_as else None
    lost = answer.result == "drop" and bool(answer.receiver)
    return Outcome(flow, Verdict(answer.result, None, lost, answer.receiver, seen_as), answer.detail)
