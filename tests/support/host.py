"""What the machine's own network looks like, as text that two moments can be compared by.

A lab must leave links, addresses, routes, rules, neighbours, nft and sysctls of the host alone. Left out is only what
changes by itself: counters, lifetimes, learned neighbours, and sysctls that are gauges.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

SYSCTL = "/proc/sys"
# Gauges and things the kernel or other programs turn by themselves.
RESTLESS = re.compile(
    r"""
    fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state|quota/.*|epoll/.*|binfmt_misc/.*)
    | kernel/(ns_last_pid|random/.*|pty/nr|perf_.*|sched_domain/.*|hung_task_detect_count)
    | net/netfilter/nf_conntrack_count
    | vm/(stat_refresh|drop_caches|compact_memory)
    """,
    re.VERBOSE,
)
# Loading a module (conntrack, say) brings its knobs. That is the kernel's doing, once, and nothing of a lab's.
BROUGHT_BY_MODULES = re.compile(
    r"net/(netfilter/|nf_conntrack|bridge/|ipv[46]/(nf_|ip_conntrack|netfilter/))|abi/|crypto/|dev/"
)

Host = dict[str, str]


def snapshot() -> Host:
    """One entry per view: `ip link` and so on, `nft`, `sysctl`."""
    views = {f"ip {what}": _ip(what) for what in ("link", "addr", "route", "rule", "neigh")}
    return views | {"nft": _nft(), "sysctl": "\n".join(f"{key} = {value}" for key, value in sysctls())}


def changes(before: Host, after: Host) -> str:
    """What differs, as a diff; empty if nothing does."""
    after = after | {"sysctl": _without_new_modules(before["sysctl"], after["sysctl"])}
    return "\n".join(
        line
        for view in before
        for line in difflib.unified_diff(
            before[view].splitlines(), after[view].splitlines(), f"{view} before", f"{view} after", lineterm="", n=0
        )
    )


def sysctls() -> Iterable[tuple[str, str]]:
    """Every readable key and its value, sorted, without those that change by themselves."""
    for folder, folders, files in os.walk(SYSCTL):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            key = os.path.relpath(path, SYSCTL)
            if not RESTLESS.fullmatch(key):
                try:
                    with open(path, "rb") as file:
                        yield key, " | ".join(file.read().decode(errors="replace").strip().splitlines())
                except OSError:
                    continue  # write-only, or of a module that is just going


def _ip(what: str) -> str:
    entries: list[dict[str, Any]] = []
    for family in ("-4", "-6") if what != "link" else ("-4",):
        table = ("show", "table", "all") if what == "route" else ("show",)
        text = _run("ip", family, "-j", what, *table).strip()
        entries += json.loads(text or "[]", object_hook=_lasting)
    if what == "neigh":
        entries = [entry for entry in entries if "PERMANENT" in entry.get("state", ())]
    return "\n".join(sorted(json.dumps(entry, sort_keys=True) for entry in entries if entry))


def _lasting(entry: dict[str, Any]) -> dict[str, Any]:
    restless = {"valid_life_time", "preferred_life_time", "expires", "used", "probes"}
    return {key: value for key, value in entry.items() if key not in restless}


def _nft() -> str:
    if not shutil.which("nft") or os.geteuid():
        return ""
    return re.sub(r" expires \w+", "", _run("nft", "--stateless", "list", "ruleset"))


def _without_new_modules(before: str, after: str) -> str:
    known = {line.partition(" = ")[0] for line in before.splitlines()}
    return "\n".join(
        line for line in after.splitlines() if line.partition(" = ")[0] in known or not BROUGHT_BY_MODULES.match(line)
    )


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
