"""The text and the JSON of a trace, from a value."""

import json
import re
from ipaddress import IPv4Address

from emulator.report.text import Paint
from emulator.report.trace import render, shape
from emulator.topology.flows import Component, Flow, Verdict
from emulator.topology.traces import Ends, Met, Trace, TraceHop

FLOW = Flow("a", IPv4Address("10.0.1.4"), IPv4Address("10.0.2.4"), "tcp", 443)
GROUPS = Component("security_group", "b.eth1", "main", "ingress")
BEFORE, AFTER = Ends("10.0.1.4", "10.0.2.4", 5000, 443), Ends("10.0.9.9", "10.0.2.4", 6000, 443)
DROPPED = Trace(
    FLOW,
    Verdict("drop", GROUPS),
    (
        TraceHop("a", "instance", "", "eth0", BEFORE, BEFORE, "", ()),
        TraceHop("nat", "instance", "eth0", "eth0", BEFORE, AFTER, "", (Met(None, "odd\x1b[31m words", "note"),)),
        TraceHop(
            "main.router",
            "router",
            "eni-nat",
            "",
            AFTER,
            AFTER,
            "route table main: 10.0.0.0/16 local",
            (Met(None, "checked", "allow"), Met(GROUPS, "security group b, ingress: no rule allows it", "deny")),
            before_route=1,
        ),
    ),
    (),
    "security group b, ingress: no rule allows it",
)
TEXT = """\
a (10.0.1.4) to b (10.0.2.4), tcp 443

there
  a  instance, out eth0
    packet    10.0.1.4:5000 to 10.0.2.4:443
  nat  instance, in eth0, out eth0
    note      odd?[31m words
    rewrite   source 10.0.1.4 port 5000 to 10.0.9.9 port 6000
  main.router  VPC router, in eni-nat
    allow     checked
    route     route table main: 10.0.0.0/16 local
    DROP      security group b, ingress: no rule allows it

dropped at the interface b.eth1: security group b, ingress: no rule allows it"""


def test_the_text() -> None:
    """An owner's comment cannot drive the terminal."""
    assert "\n".join(render(DROPPED, target="b")) == TEXT


def test_colours_change_nothing_but_colours() -> None:
    coloured = "\n".join(render(DROPPED, Paint(True), "b"))
    assert coloured != TEXT
    assert re.sub(r"\033\[\d+m", "", coloured) == TEXT


def test_the_other_verdicts() -> None:
    seen = Verdict("pass", None, False, "b", IPv4Address("10.0.9.9"))
    last = render(DROPPED._replace(verdict=seen, reason="answered with SYN-ACK"))[-1]
    assert last == "pass: answered with SYN-ACK; b saw 10.0.9.9"
    refused = DROPPED._replace(verdict=seen._replace(result="refused"), reason="b answered with RST")
    assert render(refused)[-1] == "refused: b answered with RST; b saw 10.0.9.9"
    back = Verdict("drop", Component("network_acl", "walls", "main", "egress"), True, "b", IPv4Address("10.0.9.9"))
    lost = DROPPED._replace(verdict=back, reason="network ACL walls, egress rule * DENY")
    assert render(lost)[-1] == "dropped on the way back: network ACL walls, egress rule * DENY; b saw 10.0.9.9"


def test_the_shape_is_json_without_missing_keys() -> None:
    found = json.loads(json.dumps(shape(DROPPED, "lab")))
    assert found["dropped_at"] == {"kind": "security_group", "name": "b.eth1", "vpc": "main", "direction": "ingress"}
    assert found["seen_as"] == ""
    assert [rule["decision"] for rule in found["forward"][2]["rules"]] == ["allow", "deny"]
    assert found["forward"][0]["rules"] == []
    assert found["forward"][1]["rules"][0]["component"] == {}
    passed = shape(DROPPED._replace(verdict=Verdict("pass")), "lab")
    assert passed["dropped_at"] == {}
    assert passed.keys() == found.keys()
