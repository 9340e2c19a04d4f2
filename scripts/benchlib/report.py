"""docs/performance.md. Pure: from results to text."""

from collections.abc import Mapping, Sequence

from .stats import Result, figure, results_table, table

HEAD = """# Performance

Written by `sudo scripts/bench --write`; edit the script, not this page. Times of one machine say little, so what
counts here are *ratios*: both sides ran on the same machine in the same minute, in turn (A B A B ...), and the
figure is the quotient of the two medians. In brackets stand the lowest and the highest single value; behind a
ratio, the lowest and the highest of any one round. `required` is what the project asks of itself; a missed bound
is printed like a met one.
"""

MEANING = {
    "kernel": """`benchlib/reference.c` is vpcemu's own list of steps, carried out by C: it reads them from a plain
text plan, then makes the same namespaces, sends vpcemu's own netlink messages byte for byte in the same order,
writes the same sysctls, and starts `nft` on the same rulesets. It knows nothing of YAML, checks nothing, remembers
nothing: what it takes is what the kernel takes. Before the first round what it built is observed and must be what
vpcemu would build. Against it stands `Host.execute`, timed inside a process of its own. After each run every
instance has to send and to be reached, on both sides.""",
    "whole": """From the start of the process (shell wrapper and Python included) to its end: the file is read and
checked, compiled, compared with what is there, built, and observed once more. What `up` returns from must work:
each instance then sends one datagram to the next, in a ring through the router's rules, and the run fails
unless all arrive.""",
    "ready": """The same, with the ring inside the measured time: until the last instance has sent and has been
reached. The asking itself (1,000 sockets in 1,000 namespaces, from one Python process) is part of it.""",
    "edit": """`up` of the same file with one port of one security group rule changed, while the lab is up.""",
    "down": """`vpcemu down`, the process from start to end. The kernel takes namespaces apart after their names are
gone.""",
    "behind": """How long the kernel still works on that, in the background, measured from the end of `down`. Part of
no ratio: it belongs to Linux, and every way of making namespaces pays it.""",
    "mininet": """Debian's Mininet with as many hosts on Linux bridges (one for each subnet, and one that joins them: a
bridge takes 1,023 ports), its process timed from outside as vpcemu's is. It configures less: no routers, no
rules. It runs in a network namespace of its own, because it would put its bridges into the host's.""",
    "shell": """What tutorials show: for each host `ip netns add`, `ip link add`, `ip link set netns`, an address, a
route, one process each. Measured with fewer hosts, so per host; most of its time is the kernel's price for
*moving* a link end.""",
    "exec": """The middle of many runs of each, in turn. The difference is the start of Python and of the shell
wrapper.""",
    "throughput": """One TCP connection for some seconds, sender and receiver each pinned to a processor
(`benchlib/traffic.c`). The packets of both sides take the same way through the same six namespaces; on the
other side all rules are taken away and a few `ip rule iif` do what packet marks did. The second line divides by
the processor time of both ends instead (the kernel forwards in their name), which neighbours on the machine
disturb less.""",
    "packets": """UDP datagrams of 18 bytes, one flow, from one instance to another through the router, counted where
they arrive. On one side the router has many ENIs and rules (as many per group and per ENI as AWS allows), on
the other few.""",
    "memory": """What `MemAvailable` lost while the lab was up, less the agent's resident memory; `Slab` is the part
that the kernel accounts as such. The agent serves every instance's services from one process.""",
    "large": "One run. Every instance has to answer here, too.",
    "analyze": """`vpcemu analyze --all FILE --port ... (five)`, from the start of the process to its end: the file is
read, checked and answered for as a whole. What routes and gateways treat alike is one *place*, and a packet is walked
once for each pair of places; what groups and ACLs treat alike too is one *class*, and they are asked about all classes
at once, as the bits of a number. So the work grows with places squared, plus classes times (rules, and the groups
they name), for each port that makes a difference, and not with pairs of instances. A lab has about as many places
as subnets, twice that if some instances have public addresses, and one more for each appliance.""",
}


def document(
    facts: Sequence[tuple[str, str]],
    how: str,
    results: Sequence[Result],
    phases: Mapping[str, tuple[Mapping[str, float], float]],
    failures: Mapping[str, str],
) -> str:
    """The page. `phases`: for each kind of run its phases and its whole time, in seconds."""
    parts = [HEAD, "## Measured on\n", table([("what", "value"), *facts]), f"\n{how}\n", "## Results\n"]
    parts.append(results_table(results) + "\n")
    parts += [f"`{name}` could not be measured: {why}\n" for name, why in failures.items()]
    if phases:
        parts += ["## Where the time of `up` goes\n", phases_table(phases) + "\n"]
    parts.append("## What each number means\n")
    parts += [f"**{name}.** {MEANING[name]}\n" for name in dict.fromkeys(result.name for result in results)]
    return "\n".join(parts)


def phases_table(runs: Mapping[str, tuple[Mapping[str, float], float]]) -> str:
    """Milliseconds and shares, one column for each kind of run, in the order in which phases first came."""
    names = list(dict.fromkeys(name for spent, _ in runs.values() for name in spent))
    rows = [("phase", *runs)]
    for name in names:
        cells = [_share(spent[name], whole) if name in spent else "" for spent, whole in runs.values()]
        rows.append((name, *cells))
    rows.append(("whole command", *(f"{figure(whole * 1000)} ms" for _, whole in runs.values())))
    return table(rows)


def _share(seconds: float, whole: float) -> str:
    return f"{figure(seconds * 1000)} ms, {100 * seconds / whole:.0f} %"
