"""What was asked, and what came of it: the numbers that a run prints, and by which it is judged."""

from collections import Counter
from collections.abc import Iterator, Sequence

from emulator.analysis import Analysis


class Tally:
    """Counts of a run."""

    def __init__(self) -> None:
        self.topologies = self.flows = self.traced = 0
        self.slow: list[str] = []  # what seemed to disagree, and agreed when it was asked again
        self.elsewhere = 0  # traced drops with several reasons, of which the kernel met another one first
        self.astray = 0  # traced answers that leave by an internet gateway which their question never passed
        self.results: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.ways: Counter[str] = Counter()  # what flows that pass have passed

    def count(self, analyses: Sequence[Analysis]) -> None:
        self.topologies += 1
        self.flows += len(analyses)
        for analysis in analyses:
            verdict = analysis.verdict
            self.results[verdict.result + (" on the way back" if verdict.on_the_way_back else "")] += 1
            if verdict.result == "pass":
                self.ways.update(_way(analysis))
            if verdict.dropped_at is not None:
                self.dropped[f"{verdict.dropped_at.kind} {verdict.dropped_at.direction}".strip()] += 1

    def add(self, other: "Tally") -> None:
        self.topologies += other.topologies
        self.flows += other.flows
        self.traced += other.traced
        self.slow += other.slow
        self.elsewhere += other.elsewhere
        self.astray += other.astray
        self.results += other.results
        self.dropped += other.dropped
        self.ways += other.ways

    def short(self) -> str:
        slow = f"; {len(self.slow)} were slow and agreed when asked again" if self.slow else ""
        return f"{self.topologies:,} topologies, {self.flows:,} flows, {self.traced:,} drops traced{slow}"

    def __str__(self) -> str:
        parts = [
            self.short(),
            f"results: {_listed(self.results)}",
            f"passed: {_listed(self.ways)}",
            f"dropped at: {_listed(self.dropped)}",
            f"traced, and stopped by another one of several reasons: {self.elsewhere:,}",
            f"traced, and stopped by an internet gateway that AWS's answer would pass in vain: {self.astray:,}",
            *(f"agreed when asked again: {held}" for held in self.slow),
        ]
        return "\n  ".join(parts)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))


def _way(analysis: Analysis) -> Iterator[str]:
    """What is worth counting of a way: who translated or forwarded the packet."""
    kinds = Counter(hop.component.kind for hop in analysis.forward)
    yield "in a subnet" if not kinds["route_table"] and not kinds["internet_gateway"] else "between subnets"
    if kinds["internet_gateway"] > 1:
        yield "a hairpin"
    elif kinds["internet_gateway"]:
        yield "an internet gateway"
    if kinds["vpc_peering_connection"]:
        yield "a peering connection"
    if kinds["network_load_balancer"]:
        yield "a load balancer"
    if kinds["vpc_endpoint"]:
        yield "a VPC endpoint"
    if kinds["transit_gateway"]:
        yield "a transit gateway"
    if kinds["nat_gateway"]:
        yield "a NAT gateway"
    if kinds["instance"] > 2 or (kinds["instance"] > 1 and kinds["outside_host"]):
        yield "an appliance"
