"""matrix: who reaches whom in a lab that is up, tried with real packets.

Every pair is tried while there are few. Beyond that one endpoint stands for all that no rule of the file can tell apart
(`topology.alike`), and two of them for the way from one to the other.
"""

import time
from collections.abc import Sequence

from emulator.errors import ExitCode, UnsupportedError, UsageError
from emulator.lab import running
from emulator.lab.expected import signs_of_life
from emulator.lab.probe import NO_ROOM, WINDOW, Outcome, probe
from emulator.lab.ticking import ticking
from emulator.lab.undisturbed import undisturbed
from emulator.lab.up import Progress, no_progress
from emulator.report.matrix import Cell, Group, Matrix
from emulator.topology.alike import Endpoint, classes, destinations
from emulator.topology.flows import Directory, Flow, Protocol, owners
from emulator.topology.given import Addresses
from emulator.topology.model import Topology

FEW = 2500  # pairs that are all tried

_Pair = tuple[int, int]


def matrix(
    lab: str | None = None,
    *,
    protocol: Protocol = "tcp",
    port: int = 443,
    every: bool = False,
    window: float = WINDOW,
    progress: Progress = no_progress,
) -> Matrix:
    """Try who reaches whom. every: all pairs, however many there are. window: as in `probe`.

    Whoever does the same as another, as a sender and as a receiver, is in one group with it. UsageError: no such lab,
    or nobody in it.
    """
    began = time.monotonic()
    found = running.recall(lab)
    alike = classes(found.topology, found.addresses)
    endpoints = sum(len(each) for each in alike)
    if endpoints < 2:
        raise UsageError(f"lab {found.lab} has nobody to try this with", "two instances or outside hosts at least")
    pairs = endpoints * (endpoints - 1)
    if every or pairs <= FEW:
        alike = [(endpoint,) for each in alike for endpoint in each]
    senders = len(alike)
    called = destinations(found.topology)
    alike = [*alike, *((endpoint,) for endpoint in called)]
    pairs += endpoints * len(called)
    tried = _pairs(alike, senders)
    flows = _flows(found.topology, found.addresses, [(alike[a][0], alike[b][-1]) for a, b in tried], protocol, port)
    nodes = {endpoint.node for each in alike[:senders] for endpoint in (each[0], each[-1])}
    signs = [flow for flow in signs_of_life(found.topology, found.addresses) if flow.source in nodes]
    with undisturbed(found.lab):
        outcomes = ticking(
            progress, f"trying {len(flows):,} pairs", lambda: probe(found.lab, [*flows, *signs], window=window)
        )
    if any(outcome.detail == NO_ROOM for outcome in outcomes):
        what, _, remedy = NO_ROOM.partition(": ")
        raise UnsupportedError(what, remedy)
    there = _There(found.topology, found.addresses)
    cells: dict[_Pair, Cell] = {
        pair: outcome.verdict.result if there.meant(outcome, alike[pair[1]][-1].node) else "drop"
        for pair, outcome in zip(tried, outcomes[: len(flows)], strict=True)
    }
    alive = {outcome.flow.source for outcome in outcomes if outcome.verdict.result in ("pass", "refused")}
    alive |= {outcome.verdict.receiver for outcome in outcomes}
    vpcs = {node.name: node.vpc for node in found.topology.nodes()}
    grouped = _merged([(vpcs[each[0].node], index < senders) for index, each in enumerate(alike)], cells)
    return Matrix(
        lab=found.lab,
        protocol=protocol,
        port=port if protocol != "icmp" else 0,
        endpoints=endpoints + len(called),
        pairs=pairs,
        tried=len(flows),
        silent=sorted({flow.source for flow in signs} - alive),
        seconds=round(time.monotonic() - began, 3),
        groups=[Group(members=[endpoint.name for index in group for endpoint in alike[index]]) for group in grouped],
        results=[[_between(a, b, cells) for b in grouped] for a in grouped],
    )


def exit_code(found: Matrix) -> ExitCode:
    """3 if somebody gave no sign of life: silence from there means nothing."""
    return ExitCode.INCONCLUSIVE if found["silent"] else ExitCode.OK


class _There:
    """Whether who was called was meant: VPCs may have the same blocks, and their own addresses come first (RT-02)."""

    def __init__(self, topology: Topology, addresses: Addresses) -> None:
        self._vpcs = {node.name: node.vpc for node in topology.nodes()}
        self._held = {
            (self._vpcs[node], address): node
            for node, _, *both in owners(topology, addresses)
            for address in both
            if address is not None
        }

    def meant(self, outcome: Outcome, target: str) -> bool:
        flow = outcome.flow
        return self._held.get((self._vpcs[flow.source], flow.to), target) == target


def _pairs(alike: Sequence[tuple[Endpoint, ...]], senders: int) -> list[_Pair]:
    """Which class is to try which: itself too, if it has two members to do it. senders: so many of them send."""
    return [(a, b) for a in range(senders) for b in range(len(alike)) if alike[a][0].node != alike[b][-1].node]


def _flows(
    topology: Topology,
    addresses: Addresses,
    ends: Sequence[tuple[Endpoint, Endpoint]],
    protocol: Protocol,
    port: int,
) -> list[Flow]:
    directory = Directory(topology, addresses)
    found = []
    for source, target in ends:
        node, own = directory.source(source.name)
        to = directory.target(target.name, node)
        found.append(Flow(node, own, to, protocol, 0 if protocol == "icmp" else port))
    return found


def _merged(kinds: Sequence[tuple[str, bool]], cells: dict[_Pair, Cell]) -> list[list[int]]:
    """Classes of one VPC (or of the internet) that do the same to all others, and to each other, as one.

    kinds: of each class its VPC, and whether it sends.
    """
    groups: list[list[int]] = []
    for index, kind in enumerate(kinds):
        for group in groups:
            if kinds[group[0]] == kind and all(_same(index, member, len(kinds), cells) for member in group):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _same(one: int, two: int, count: int, cells: dict[_Pair, Cell]) -> bool:
    between = {cells.get(pair) for pair in ((one, one), (one, two), (two, one), (two, two))} - {None}
    return len(between) < 2 and all(
        cells.get((one, other)) == cells.get((two, other)) and cells.get((other, one)) == cells.get((other, two))
        for other in range(count)
        if other not in (one, two)
    )


def _between(sources: Sequence[int], targets: Sequence[int], cells: dict[_Pair, Cell]) -> Cell:
    """ "" for one that would have to call itself."""
    return next((cells[a, b] for a in sources for b in targets if (a, b) in cells), "")
