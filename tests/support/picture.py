"""All that is in a lab's namespaces, seen with the machine's own tools, as text that two labs can be compared by.

It reads through `ip`, `nft` and /proc/sys and not through vpcemu's own eyes: what `observe` does not think of looking
at would otherwise be missed twice.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

from emulator.kernel import netns
from emulator.lab import places
from emulator.names import OWN_GENERATION

Picture = dict[str, dict[str, list[str]]]  # node -> view -> lines

_VIEWS = {
    "link": "addr show",  # with -d: all of the link, too
    "route": "route show table all",
    "rule": "rule show",
    "neigh": "neigh show nud permanent",
}
_IP = "ip -d -j -batch - <<'END'\n" + "\n".join(_VIEWS.values()) + "\nEND"
_NFT = "exec nft --json --stateless list ruleset"
# Numbers that the kernel gives out as they come: they name things, and say nothing.
# operstate and NO-CARRIER follow the carrier (LOWER_UP, which is compared) within a second, when the kernel has time.
_NUMBERS = frozenset({"ifindex", "link_index", "link_netnsid", "handle", "metainfo", "index", "operstate"})
_NO_CARRIER = "NO-CARRIER"
# IPv6 is off: one group of its settings stands for all.
_SETTINGS = ("net/ipv4", "net/netfilter", "net/ipv6/conf/all", "net/ipv6/conf/default", "net/ipv6/conf/eth0")
_LEFT_OUT = re.compile(
    r"""
    net/netfilter/nf_conntrack_count | net/ipv4/tcp_fastopen_key
    # A guest that has once run a command keeps what allowed it. It is its owner's, and nothing is enforced there.
    | net/ipv4/(ip_unprivileged_port_start|ping_group_range)
    # An appliance's settings for new links reach lo only where lo is new as well. Nothing is forwarded by it.
    | net/ipv4/conf/lo/(rp_filter|send_redirects|forwarding)
    """,
    re.VERBOSE,
)
_COMMENT = re.compile(r'comment "(vpcemu [^"]*)"')


def nodes(lab: str) -> list[str]:
    """The nodes that /run/netns has a name for."""
    return places.named_namespaces(lab)


def picture(lab: str, *, sysctls: bool = True) -> Picture:
    """The lab's namespaces, without its name."""
    return {node: _views(lab, node, sysctls) for node in nodes(lab)}


def difference(one: Picture, other: Picture) -> str:
    """What only the first has (-) and what only the second has (+); empty if they are the same."""
    lines = [f"{'-' if node in one else '+'} the namespace {node}" for node in sorted(one.keys() ^ other.keys())]
    for node in sorted(one.keys() & other.keys()):
        for view in one[node].keys() & other[node].keys():
            had, has = set(one[node][view]), set(other[node][view])
            lines += [f"- {node} {view}: {line}" for line in sorted(had - has)]
            lines += [f"+ {node} {view}: {line}" for line in sorted(has - had)]
    return "\n".join(lines)


def table_comments(lab: str) -> dict[str, str]:
    """The comment of our table in each namespace. It holds nft's generation, so every change of rules changes it."""
    found = {node: _COMMENT.search(run_in(lab, node, "nft", "--stateless", "list", "ruleset")) for node in nodes(lab)}
    return {node: comment[1] for node, comment in found.items() if comment}


def cannot_send(lab: str) -> list[str]:
    """Links that are up, and that the kernel has not got round to use: what is sent there is lost."""
    return [
        f"{node}: {link['ifname']} is {link['operstate']}"
        for node in nodes(lab)
        for link in json.loads(run_in(lab, node, "ip", "-j", "link"))
        if "UP" in link["flags"] and link["ifname"] != "lo" and link["operstate"] != "UP"
    ]


def run_in(lab: str, node: str, *argv: str) -> str:
    """What a program says that is born in the node's namespace; it must succeed."""
    namespace = netns.open_namespace(f"{lab}.{node}")
    try:
        with netns.enter(namespace):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    finally:
        os.close(namespace)
    assert not done.returncode, f"{argv} in {node}: {done.stderr}"
    return done.stdout


def _views(lab: str, node: str, sysctls: bool) -> dict[str, list[str]]:
    said = list(_documents(run_in(lab, node, "sh", "-ec", f"{_IP}\n{_NFT}")))
    views = {view: _lines(held, lab) for view, held in zip((*_VIEWS, "nft"), said, strict=True)}
    if sysctls:
        views["sysctl"] = _sysctls(lab, node)
    return views


def _documents(text: str) -> Iterator[Any]:
    """JSON documents one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        held, length = decoder.raw_decode(text[at:].lstrip())
        at += len(text[at:]) - len(text[at:].lstrip()) + length
        yield held


def _lines(held: Any, lab: str) -> list[str]:
    """Each entry as a line, sorted: the order in which a tool lists things says nothing, but for rules in a chain."""
    entries = list(_numbered(held["nftables"])) if isinstance(held, dict) else held
    lines = (json.dumps(_still(entry), sort_keys=True) for entry in entries)
    return sorted(line.replace(f"vpcemu:{lab}:", "vpcemu:LAB:") for line in lines)


def _numbered(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    counts: dict[str, int] = {}
    for entry in entries:
        if "rule" in entry:
            chain = entry["rule"]["chain"]
            counts[chain] = counts.get(chain, 0) + 1
            entry["position"] = counts[chain]
        yield entry


def _still(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            # A set with a size is filled by packets (a NAT gateway counts connections), and those come and go.
            # What a trace and the agent note there is a number of the kernel's own count.
            passing = {"elem"} if "size" in value or value.get("name") == OWN_GENERATION else set()
            if key == "counter":
                passing |= {"bytes", "packets"}
            return {
                name: _still(held, name) for name, held in value.items() if name not in _NUMBERS and name not in passing
            }
        case list():
            held = [_still(each) for each in value if each != _NO_CARRIER]
            # A set's elements come in the order of a hash; a link's addresses in the order they came to it.
            unordered = key in ("elem", "addr_info")
            return sorted(held, key=lambda each: json.dumps(each, sort_keys=True)) if unordered else held
        case _:
            return value


def _sysctls(lab: str, node: str) -> list[str]:
    namespace = netns.open_namespace(f"{lab}.{node}")
    try:
        with netns.enter(namespace):  # /proc/sys/net shows the namespace of whoever opens the file
            return [line for root in _SETTINGS for line in _walk(f"/proc/sys/{root}") if not _LEFT_OUT.match(line)]
    finally:
        os.close(namespace)


def _walk(root: str) -> Iterator[str]:
    for folder, _, files in os.walk(root):
        for name in files:
            path = f"{folder}/{name}"
            try:
                file = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            try:
                yield f"{path.removeprefix('/proc/sys/')} = {os.read(file, 4096).decode(errors='replace').strip()}"
            except OSError:
                continue  # write-only
            finally:
                os.close(file)
