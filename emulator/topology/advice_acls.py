"""Warnings about network ACLs: what a stateless filter makes people forget, the replies (ACL-13)."""

from emulator.topology.model import NetworkAcl, NetworkAclEntry
from emulator.topology.report import Report
from emulator.topology.values import ALL_PROTOCOLS, TCP
from emulator.topology.words import entry_text

EPHEMERAL = (1024, 65535)
MANY = 1000  # high ports: fewer are those of services, such as 5432


def check(acl: NetworkAcl, report: Report) -> None:
    """One direction lets connections be opened, and the other lets none of their replies pass."""
    _check_replies(acl, "ingress", acl.ingress, "egress", acl.egress, report)
    _check_replies(acl, "egress", acl.egress, "ingress", acl.ingress, report)


def _check_replies(
    acl: NetworkAcl,
    direction: str,
    entries: tuple[NetworkAclEntry, ...],
    back: str,
    answers: tuple[NetworkAclEntry, ...],
    report: Report,
) -> None:
    if report.given(acl.where, back) and not any(entry.action == "allow" for entry in answers):
        return  # `egress: []`: closed on purpose
    first = next((entry for entry in entries if _opens(entry) and not _answered(entry, answers)), None)
    if first is None:
        return
    low, high = EPHEMERAL
    what = f"{back} allows none of the ports {low}-{high}, where replies go to"
    side = "from" if back == "ingress" else "to"
    who = f"{entry_text(first, direction)} ({direction} rule {first.number})"
    hint = f"an ACL knows no replies: for {who}, {back} needs tcp {low}-{high} {side} {first.peer}"
    report.warn(acl.where, what, hint, key=back)


def _opens(entry: NetworkAclEntry) -> bool:
    """Lets somebody open a connection to a service: an entry for many high ports only is one for replies itself."""
    return _lets(entry) and (entry.from_port < EPHEMERAL[0] or not _wide(entry))


def _answered(entry: NetworkAclEntry, answers: tuple[NetworkAclEntry, ...]) -> bool:
    """Whether the other direction lets replies go to some ephemeral ports: a Linux client needs but a part of them."""
    return any(_lets(answer) and _wide(answer) and answer.peer.overlaps(entry.peer) for answer in answers)


def _lets(entry: NetworkAclEntry) -> bool:
    return entry.action == "allow" and entry.protocol in (ALL_PROTOCOLS, TCP)


def _wide(entry: NetworkAclEntry) -> bool:
    return entry.to_port - max(entry.from_port, EPHEMERAL[0]) >= MANY
