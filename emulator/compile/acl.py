"""Network ACLs: stateless, so every packet that crosses the border of a subnet is judged, replies included.

A subnet whose ACL lets everything pass has nothing here. For the others a verdict map leads from the packet's link to
the chain of the subnet that it leaves or enters; there, whatever stays within the subnet goes on at once (ACL-02), and
the rest goes to the ACL's chain, where entries stand in the order of their numbers. A chain says yes with `return`.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.border import Border
from emulator.compile.eni import Eni
from emulator.topology.model import NetworkAclEntry, Vpc

Direction = Literal["egress", "ingress"]

_EVERYWHERE = 0  # prefix length of 0.0.0.0/0
_EVERY_PORT = (0, 65535)


class Borders(NamedTuple):
    """What network ACLs contribute to the router's table. `leave` and `enter` are rules for every forwarded packet."""

    sets: tuple[nft.Set, ...]
    chains: tuple[nft.Chain, ...]
    leave: tuple[nft.Rule, ...]
    enter: tuple[nft.Rule, ...]


def network_acls(vpc: Vpc, enis: dict[str, Eni], borders: Iterable[Border] = ()) -> Borders:
    """The chains of all ACLs in use that refuse anything at all, and the way from a link to them.

    borders: of these, those that have their place in a subnet: transit gateways (ACL-19, ACL-20).
    """
    placed: dict[str, list[str]] = {}
    for held in borders:
        if held.subnet:
            placed.setdefault(held.subnet, []).append(held.quoted)
    links: dict[str, list[str]] = {}
    for eni in enis.values():
        links.setdefault(eni.subnet, []).append(nft.link(eni.link))
    acls = {acl.name: acl for acl in vpc.network_acls}
    sets: list[nft.Set] = []
    chains: dict[str, nft.Chain] = {}
    judged: dict[Direction, list[nft.Element]] = {"egress": [], "ingress": []}
    for subnet in vpc.subnets:
        acl, own = acls.get(subnet.network_acl), links.get(subnet.name, [])
        gates = placed.get(subnet.name, [])
        if acl is None or not (own or gates):
            continue
        within, within_gates = names.chain("links", subnet.name), names.chain("links_and_gates", subnet.name)
        ways: tuple[tuple[Direction, str, str, tuple[NetworkAclEntry, ...]], ...] = (
            ("egress", "leave", "oifname", acl.egress),
            ("ingress", "enter", "iifname", acl.ingress),
        )
        closed = [way for way in ways if not _passes_all(way[3])]
        if closed:
            sets.append(nft.Set(within, "ifname", tuple(nft.Element(link) for link in own)))
            if gates:
                sets.append(nft.Set(within_gates, "ifname", tuple(nft.Element(link) for link in (*own, *gates))))
        for direction, prefix, other, entries in closed:
            judge, border = names.chain(f"acl_{direction}", acl.name), names.chain(prefix, subnet.name)
            chains.setdefault(judge, nft.Chain(judge, tuple(_rules(acl.name, direction, entries))))
            # ACL-20: from a host of the gateway's own subnet both directions are judged, and to it neither.
            inner = within_gates if gates and direction == "ingress" else within
            staying = nft.Rule(f"{other} @{inner} return", remarks.within(subnet.name))
            chains[border] = nft.Chain(border, (staying, nft.Rule(f"goto {judge}")))
            judged[direction] += [nft.Element(link, f"jump {border}") for link in own]
            to_gate = judge if direction == "ingress" else border
            judged[direction] += [nft.Element(link, f"jump {to_gate}") for link in gates]
    maps = (
        nft.Set("leave_subnet", "ifname : verdict", tuple(judged["egress"])),
        nft.Set("enter_subnet", "ifname : verdict", tuple(judged["ingress"])),
    )
    return Borders(
        (*sets, *(item for item in maps if item.elements)),
        tuple(chains.values()),
        (nft.Rule("iifname vmap @leave_subnet"),) if judged["egress"] else (),
        (nft.Rule("oifname vmap @enter_subnet"),) if judged["ingress"] else (),
    )


def _passes_all(entries: tuple[NetworkAclEntry, ...]) -> bool:
    """Whether the entry that decides first lets everything pass, as in the default ACL (ACL-06)."""
    first = next(iter(entries), None)
    return first is not None and first.action == "allow" and _matches(first, "ingress") == ""


def _rules(acl: str, direction: Direction, entries: Iterable[NetworkAclEntry]) -> Iterable[nft.Rule]:
    for entry in entries:  # ACL-03: by number, and the first match decides
        verdict = "return" if entry.action == "allow" else "drop"
        yield nft.Rule(
            f"{_matches(entry, direction)} {verdict}".strip(),
            remarks.acl(acl, direction, str(entry.number), entry.action),
        )
    yield nft.Rule("drop", remarks.acl(acl, direction, "*", "deny"))  # ACL-04


def _matches(entry: NetworkAclEntry, direction: Direction) -> str:
    """ACL-10: source of what comes in, destination of what goes out; the port is always the packet's destination."""
    parts: list[str] = []
    if entry.peer.prefixlen != _EVERYWHERE:
        parts.append(f"ip {'saddr' if direction == 'ingress' else 'daddr'} {entry.peer}")
    if entry.protocol == nft.ICMP and entry.from_port >= 0:
        parts.append(f"icmp type {entry.from_port}")
        if entry.to_port >= 0:
            parts.append(f"icmp code {entry.to_port}")
    elif entry.protocol >= 0:
        # ACL-11: no protocol but tcp and udp has ports.
        parts.append(f"meta l4proto {entry.protocol}")
        if entry.protocol in (nft.TCP, nft.UDP) and (entry.from_port, entry.to_port) != _EVERY_PORT:
            parts.append(f"th dport {nft.span(entry.from_port, entry.to_port)}")
    return " ".join(parts)
