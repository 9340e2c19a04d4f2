"""The decoder of traces, on messages that a kernel sent: a SYN through a VPC's router, and the SYN-ACK back."""

from ipaddress import IPv4Address
from pathlib import Path

from emulator.kernel import trace_decode, trace_wire
from emulator.kernel.channel import Part
from emulator.kernel.trace_decode import Load, Lookup
from emulator.observe.packet import Known, read, recognise
from emulator.observe.passes import Passes
from emulator.topology.flows import Flow

CASES = Path(__file__).parent.parent / "cases"


def recorded(name: str) -> list[Part]:
    lines = (CASES / f"trace-{name}.hex").read_text().split()
    return [Part(0, bytes.fromhex(line), 0, len(line) // 2) for line in lines]


EVENTS = [trace_decode.event(part) for part in recorded("events")]
RULES = {rule.handle: rule for rule in map(trace_decode.rule, recorded("rules"))}


def test_an_event_with_the_packets_headers() -> None:
    first = EVENTS[0]
    assert (first.table, first.chain, first.kind, first.verdict) == ("vpcemu-trace", "came", "rule", "continue")
    header = read(first.network, first.transport)
    assert header is not None
    assert (header.ends.source, header.ends.destination) == ("45.83.64.9", "10.0.10.5")
    assert (header.ends.destination_port, header.protocol, header.ttl, header.identification) == (80, 6, 62, 1)


def test_verdicts_and_marks() -> None:
    met = [(event.chain, event.verdict) for event in EVENTS if event.table == "vpcemu" and event.handle]
    assert met[:6] == [
        ("vpc", "jump"),
        ("sender", "return"),
        ("vpc", "jump"),
        ("receiver", "goto"),
        ("ingress.web", "continue"),
        ("ingress.web", "return"),
    ]
    assert {event.mark for event in EVENTS if event.packet == EVENTS[0].packet} == {0}
    assert EVENTS[-1].mark == 11812440  # the answer's: the route table of web's subnet


def test_a_rule_with_its_comment_and_what_it_looks_up() -> None:
    (rule,) = (rule for rule in RULES.values() if rule.comment == "security group web, ingress")
    assert (rule.family, rule.table, rule.chain) == (2, "vpcemu", "ingress.web")
    # The protocol, the source address, the destination port.
    assert rule.lookups == (Lookup("ingress.web.port", (Load("meta", 16, 0), Load(1, 12, 4), Load(2, 2, 2))),)


def test_a_rule_without_comment() -> None:
    assert {rule.comment for rule in RULES.values() if rule.chain == "vpc"} == {""}


def test_the_comment_of_an_element() -> None:
    assert {trace_decode.element_comment(part) for part in recorded("elements")} == {"rule 1"}


def test_a_message_cut_short_is_no_crash() -> None:
    """Of a rule or an element only what is there is read."""
    for part in (*recorded("events"), *recorded("elements")):
        for end in range(20, part.end, 7):
            trace_decode.element_comment(part._replace(end=end))
            read(part.data[:end], b"")


def test_events_become_passes() -> None:
    """Two packets, two passes: each began with a tag, was routed, met its rules, and left."""
    tag = EVENTS[0].transport[4:7]
    flow = Flow("attacker", IPv4Address("45.83.64.9"), IPv4Address("203.0.113.1"), "tcp", 80)
    passes = Passes(lambda header: recognise(header, {0: flow}, tag, {}))
    for event in EVENTS:
        passes.add("main.router", event)
    there, back = passes.found
    assert (there.known, back.known) == (Known(0, "forward"), Known(0, "back", "SYN-ACK"))
    for held in passes.found:
        assert (held.made, held.routed, held.left, held.arrived, held.dropped) == (False, True, True, False, False)
        assert held.over
        assert all(event.table != trace_wire.TABLE for event in held.events)
    assert (there.came, there.leaves) == (back.leaves, back.came)
    assert [RULES[event.handle].comment for event in there.events if event.handle and RULES[event.handle].comment] == [
        "the receiver does not track it",
        "security group web, ingress",
    ]


def test_a_strangers_packet_is_in_no_pass() -> None:
    flow = Flow("attacker", IPv4Address("45.83.64.9"), IPv4Address("203.0.113.1"), "tcp", 80)
    passes = Passes(lambda header: recognise(header, {0: flow}, b"not", {}))
    assert [passes.add("main.router", event) for event in EVENTS] == [None] * len(EVENTS)
