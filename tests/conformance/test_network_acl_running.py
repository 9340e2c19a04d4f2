"""What an edit of network ACLs does to running connections: they know no flows, so it counts at once."""

import select
import socket
import time

from tests.support import lab as labs
from tests.support.lab import Held, Lab, edited
from tests.support.packets import Tap

RUNNING = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      p: {cidr_block: 10.0.1.0/24}
      q: {cidr_block: 10.0.2.0/24, network_acl: q}
    network_acls:
      r: {}
      q:
        ingress: [{rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}]
        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      tracked: {ingress: [{protocol: tcp, port: 80, from: 10.0.1.0/24}], egress: []}
    instances:
      hr: {subnet: p, private_ip: 10.0.1.4, security_groups: [open]}
      friend: {subnet: p, private_ip: 10.0.1.5, security_groups: [open]}
      hq: {subnet: q, security_groups: [open]}
      strict: {subnet: q, security_groups: [tracked]}
"""


def test_ACL_18_CT_08_T_45_a_deny_cuts_running_flows_at_once() -> None:
    """A deny added to a network ACL ends running connections at once, in both directions, tracked or not."""
    with labs.up(RUNNING) as lab:
        cut = [connect(lab, "hr", "hq"), connect(lab, "hr", "strict")]
        kept = [connect(lab, "friend", "hq"), connect(lab, "friend", "strict")]
        for call in (*cut, *kept):
            talk(*call)
        deny = "{rule_number: 90, action: deny, protocol: all, %s: 10.0.1.4/32}, {rule_number: 100"
        for words in ("from", "to"):
            side = f"[{{rule_number: 100, action: allow, protocol: all, {words}: 0"
            lab.up(edited(RUNNING, {side: f"[{deny % words}{side[len('[{rule_number: 100') :]}"}))
            wire = "hq" if words == "from" else "hr"
            seen = Tap(lab, wire)
            for one, other in cut:
                asker, answerer = (one, other) if words == "from" else (other, one)
                asker.send(b"is anybody there?")
                hear_nothing(answerer, kept)
            for call in kept:
                talk(*call)
            assert not [frame for frame in seen.holding(b"is anybody there?") if not frame.outgoing]
        lab.up(RUNNING)
        for one, other in cut:  # what TCP sends again arrives, now that it may
            hear(other, b"is anybody there?")
            hear(one, b"is anybody there?")
        for call in cut:
            talk(*call)


def test_ACL_09_a_subnet_that_takes_another_acl() -> None:
    """A subnet has one network ACL: that which it names now counts, for running connections as well, and no other."""
    with labs.up(RUNNING) as lab:
        cut, kept = connect(lab, "hr", "hq"), connect(lab, "hr", "friend")
        lab.up(edited(RUNNING, {"network_acl: q": "network_acl: r"}))
        cut[0].send(b"is anybody there?")
        hear_nothing(cut[1], [kept])
        lab.up(edited(RUNNING, {", network_acl: q": ""}))
        hear(cut[1], b"is anybody there?")


def connect(lab: Lab, source: str, to: str) -> tuple[Held, Held]:
    """A TCP connection to port 80; both its ends."""
    listener = lab.open_socket(to)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 80))
    listener.listen()
    caller = lab.open_socket(source)
    caller.connect_ex((lab.private(to), 80))
    assert listener.readable(10), "no connection"
    taken, _ = listener.accept()
    listener.close()
    return caller, Held(fileno=taken.detach())


def talk(one: Held, other: Held) -> None:
    """Words pass in both directions."""
    for asker, hearer in ((one, other), (other, one)):
        asker.send(b"hello")
        hear(hearer, b"hello")


def hear(hearer: Held, words: bytes, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    heard = b""
    while words not in heard and (left := deadline - time.monotonic()) > 0:
        if hearer.readable(left):
            heard += hearer.recv(2048)
    assert words in heard


def hear_nothing(hearer: Held, others: list[tuple[Held, Held]]) -> None:
    """Nothing has come here after others have talked."""
    for call in others:
        talk(*call)
    assert not select.select([hearer], [], [], 0.25)[0]
