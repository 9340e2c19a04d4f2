"""nftables rulesets as values, and their text. The only file that knows nft's grammar.

The components describe tables with Set, Map, Chain and Rule, and write rule bodies with the small functions below;
`render` turns a Table into a Ruleset whose text replaces the namespace's one table in a single transaction, which is
atomic, keeps conntrack and resets counters. Compare rulesets by digest: nft prints sets back re-ordered.
"""

from collections.abc import Iterable
from hashlib import blake2s
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, NamedTuple

from emulator import names
from emulator.compile.state import Ruleset

TCP, UDP, ICMP = 6, 17, 1


class Element(NamedTuple):
    """One element of a set (`value` empty) or map; the comment says which of the user's rules it stands for."""

    key: str
    value: str = ""
    comment: str = ""


class Set(NamedTuple):
    """A named set, or a map if `type` has a colon. `merge` lets nft join overlapping intervals (one field only).

    `size`: packets fill it (a dynamic set), up to so many elements; the kernel forgets those that count nothing more.
    `expires`: they have a timeout.
    """

    name: str
    type: str
    elements: tuple[Element, ...]
    interval: bool = False
    merge: bool = False
    size: int = 0
    expires: bool = False


class Timeout(NamedTuple):
    """Conntrack timeouts of their own, in seconds by the state of a flow: "established" (tcp), "replied" (udp)."""

    name: str
    protocol: Literal["tcp", "udp"]
    policy: tuple[tuple[str, int], ...]


class Rule(NamedTuple):
    body: str
    comment: str = ""


class Hook(NamedTuple):
    """Where a base chain sits. Its policy is what happens to a packet that no rule decided."""

    type: Literal["filter", "nat"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: str
    policy: Literal["accept", "drop"]


class Chain(NamedTuple):
    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None


class Table(NamedTuple):
    sets: tuple[Set, ...]
    chains: tuple[Chain, ...]  # a chain stands before the chains that jump to it
    timeouts: tuple[Timeout, ...] = ()
    counters: tuple[str, ...] = ()  # named ones, from 0 whenever the table is loaded


def render(table: Table) -> Ruleset:
    """The text for `nft -f -` (declare, delete, declare: it works whether or not the table exists), and its digest."""
    # Empty until a trace has been here: see `kernel.nftables.observe`.
    lines: list[str] = [*_set(Set(names.OWN_GENERATION, "mark", ()))]
    for item in table.sets:
        lines += _set(item)
    for timeout in table.timeouts:
        policy = ", ".join(f"{state} : {seconds}" for state, seconds in timeout.policy)
        lines += (f"\tct timeout {timeout.name} {{", f"\t\tprotocol {timeout.protocol};", "\t\tl3proto ip;")
        lines += (f"\t\tpolicy = {{ {policy} }}", "\t}")
    lines += [f"\tcounter {counter} {{ packets 0 bytes 0; }}" for counter in table.counters]
    for chain in table.chains:
        lines += _chain(chain)
    body = "\n".join(lines)
    name = f"table ip {names.NFT_TABLE}"
    text = f'{name}\ndelete {name}\n{name} {{\n\tcomment "@COMMENT@"\n{body}\n}}\n'
    return Ruleset(digest=blake2s(body.encode(), digest_size=8).hexdigest(), text=text)


def _set(item: Set) -> Iterable[str]:
    yield f"\t{'map' if ':' in item.type else 'set'} {item.name} {{"
    yield f"\t\ttype {item.type}"
    if item.interval:
        yield "\t\tflags interval"
    if item.size:
        yield f"\t\tsize {item.size}"
        yield "\t\tflags dynamic,timeout" if item.expires else "\t\tflags dynamic"
    if item.merge:
        yield "\t\tauto-merge"
    if item.elements:
        yield "\t\telements = {"
        for element in item.elements:
            comment = f' comment "{_plain(element.comment)}"' if element.comment else ""
            value = f" : {element.value}" if element.value else ""
            yield f"\t\t\t{element.key}{comment}{value},"
        yield "\t\t}"
    yield "\t}"


def _chain(chain: Chain) -> Iterable[str]:
    yield f"\tchain {chain.name} {{"
    if chain.hook:
        hook = chain.hook
        yield f"\t\ttype {hook.type} hook {hook.hook} priority {hook.priority}; policy {hook.policy};"
    for rule in chain.rules:
        yield f'\t\t{rule.body} comment "{_plain(rule.comment)}"' if rule.comment else f"\t\t{rule.body}"
    yield "\t}"


def _plain(comment: str) -> str:
    """nft refuses comments over 128 bytes, and a quote would end one."""
    return comment.replace('"', "'")[:126]


# --- the vocabulary of rule bodies -----------------------------------------------------------------------------


def link(name: str) -> str:
    """An interface name as an element or operand: always quoted, since names hold dots and dashes."""
    return f'"{name}"'


def together(*fields: str) -> str:
    """A concatenation."""
    return " . ".join(fields)


def either(values: Iterable[str]) -> str:
    """An anonymous set."""
    return "{ " + ", ".join(values) + " }"


def addresses(low: int, high: int) -> str:
    """A range of addresses as a prefix where it is one, else as first-last."""
    size = high - low + 1
    if size & (size - 1) == 0 and low % size == 0:
        prefix = 32 - size.bit_length() + 1
        return str(IPv4Address(low)) if prefix == 32 else f"{IPv4Address(low)}/{prefix}"
    return f"{IPv4Address(low)}-{IPv4Address(high)}"


def span(low: int, high: int) -> str:
    """A range of ports, ICMP types or codes."""
    return str(low) if low == high else f"{low}-{high}"


def prefixes(networks: Iterable[IPv4Network]) -> tuple[Element, ...]:
    return tuple(Element(str(network)) for network in networks)


__all__ = [
    "ICMP", "TCP", "UDP", "Chain", "Element", "Hook", "Rule", "Set", "Table", "Timeout",
    "addresses", "either", "link", "prefixes", "render", "span", "together",
]  # fmt: skip
