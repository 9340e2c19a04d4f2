"""What a lab lets through, and what an edit opens and closes, as text and as JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from emulator.analysis.reach import Difference, Flows, Party, Survey, Traffic
from emulator.report.text import PLAIN, Paint, count, one_line, table

SHOWN = 4  # names or blocks in one place; the rest is counted
SHOWN_FLOWS = 20  # of an edit, in `plan`
_EVERY = (0, 65535)


# --- words ----------------------------------------------------------------------------------------------------------


def traffic_text(held: Sequence[Traffic]) -> str:
    """`tcp 80, 443; ping`, `everything`."""
    if [(each.protocol, each.ranges) for each in held if each.protocol != "icmp"] == [
        ("tcp", (_EVERY,)),
        ("udp", (_EVERY,)),
    ]:
        return "everything" if len(held) == 3 else "tcp and udp, all ports"
    return "; ".join(map(_one, held))


def _one(held: Traffic) -> str:
    if held.protocol == "icmp":
        return "ping"
    if held.ranges == (_EVERY,):
        return f"{held.protocol}, all ports"
    words = [str(low) if low == high else f"{low or 1}-{high}" for low, high in held.ranges]
    more = f" and {count(len(words) - 2 * SHOWN, 'range')} more" if len(words) > 2 * SHOWN else ""
    return f"{held.protocol} {', '.join(words[: 2 * SHOWN])}{more}"


class Naming:
    """How to call many parties in few words. internet: every part of it. everybody: all instances' addresses."""

    def __init__(self, internet: Sequence[Party], everybody: Sequence[Party]) -> None:
        self._internet = len(internet)
        self._subnets = Counter((party.vpc, party.subnet) for party in everybody)

    def text(self, held: Sequence[Party]) -> str:
        """`the internet`, `198.51.100.7/32`, `web, dev`, `subnet private (20)`: the shortest that says it."""
        words: list[str] = []
        outside = [party for party in held if party.blocks]
        if outside:
            words.append("the internet" if len(outside) == self._internet else _blocks(outside))
        inside = [party for party in held if not party.blocks]
        counts = Counter((party.vpc, party.subnet) for party in inside)
        whole = {subnet: size for subnet, size in self._subnets.items() if counts[subnet] == size > SHOWN}
        if len(whole) == len(self._subnets) > 1:
            words.append(f"all {len(whole)} subnets")
        elif whole:
            named = [f"{subnet} ({size})" for (_, subnet), size in whole.items()]
            more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
            words.append(f"subnet{'s' if len(named) > 1 else ''} {', '.join(named[:SHOWN])}{more}")
        names = sorted(party.name for party in inside if (party.vpc, party.subnet) not in whole)
        words += names[:SHOWN]
        if len(names) > SHOWN:
            words.append(f"{len(names) - SHOWN} more")
        return one_line(", ".join(words))


def _blocks(parts: Sequence[Party]) -> str:
    """The blocks of a part of the internet, with the host where one stands for it."""
    words = [f"{party.blocks[0]} ({party.name})" for party in parts if party.name and len(party.blocks) == 1]
    rest = [block for party in parts if not (party.name and len(party.blocks) == 1) for block in party.blocks]
    if len(rest) > SHOWN:
        words.append("the rest of the internet" if len(rest) > 2 * SHOWN else f"{', '.join(rest[:SHOWN])}, ...")
    else:
        words += rest
    return ", ".join(words)


# --- analyze --all --------------------------------------------------------------------------------------------------


def survey(found: Survey, paint: Paint = PLAIN) -> list[str]:
    """What is reachable from the internet, and what each subnet can reach."""
    lines = [paint.bold("Reachable from the internet")]
    rows = []
    for flows in found.exposed:
        sources = _from(flows.sources, found.internet)
        for target in flows.targets[:SHOWN_FLOWS]:
            rows.append((one_line(target.name), target.address, traffic_text(flows.traffic), sources))
        if len(flows.targets) > SHOWN_FLOWS:
            rows.append((f"{len(flows.targets) - SHOWN_FLOWS} more", "", traffic_text(flows.traffic), sources))
    lines += table(("instance", "address", "traffic", "from"), sorted(rows), paint, "  ") or ["  nothing"]
    lines += ["", paint.bold("What each subnet can reach")]
    rows = []
    naming = Naming(found.internet, found.parties)
    senders = [party for party in found.parties if party.sends]
    for vpc, subnet in dict.fromkeys((party.vpc, party.subnet) for party in senders):
        own = [party for party in senders if (party.vpc, party.subnet) == (vpc, subnet)]
        for who, whom, traffic in _from_subnet(found, own, naming):
            rows.append((f"{vpc}/{subnet}", who, whom, traffic))
    return lines + (table(("subnet", "who", "reaches", "on"), _without_repeats(rows), paint, "  ") or ["  nothing"])


def _from(sources: Sequence[Party], internet: Sequence[Party]) -> str:
    return "anywhere" if len(sources) == len(internet) else _blocks(sources)


def _from_subnet(found: Survey, own: Sequence[Party], naming: Naming) -> Iterable[tuple[str, str, str]]:
    """Who of the subnet reaches whom on what; at last, who reaches nobody."""

    def who(parties: Sequence[Party]) -> str:
        return "everybody" if len(parties) == len(own) > 1 else naming.text(parties)

    members, busy = set(own), set[Party]()
    for flows in found.inside:
        sources = [party for party in flows.sources if party in members]
        if sources:
            busy.update(sources)
            yield who(sources), naming.text(flows.targets), traffic_text(flows.traffic)
    if silent := [party for party in own if party not in busy]:
        yield who(silent), "nothing", ""


def _without_repeats(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The subnet stands in its first row only."""
    return [("", *row[1:]) if number and rows[number - 1][0] == row[0] else row for number, row in enumerate(rows)]


def survey_shape(found: Survey, lab: str, file: str) -> dict[str, Any]:
    """`analyze --all --json`."""
    subnets: dict[tuple[str, str], list[dict[str, Any]]] = {(party.vpc, party.subnet): [] for party in found.parties}
    for flows in found.inside:
        for key in dict.fromkeys((party.vpc, party.subnet) for party in flows.sources):
            own = tuple(party for party in flows.sources if (party.vpc, party.subnet) == key)
            subnets[key].append(_shape(flows._replace(sources=own), found.internet))
    return {
        "lab": lab,
        "file": file,
        "internet": [_shape(flows, found.internet) for flows in found.exposed],
        "subnets": [{"vpc": vpc, "subnet": name, "reaches": held} for (vpc, name), held in subnets.items()],
    }


# --- analyze --diff, plan -------------------------------------------------------------------------------------------


def difference(found: Difference, paint: Paint = PLAIN, limit: int = 0) -> list[str]:
    """`+ the internet to web: tcp 443`. limit: how many lines of each kind at most; 0: all."""
    lines: list[str] = []
    naming = Naming(found.internet, found.parties)
    for sign, flows in ((paint.good("+"), found.opened), (paint.bad("-"), found.closed)):
        rows = sorted(
            f"{naming.text(each.sources)} to {naming.text(each.targets)}: {traffic_text(each.traffic)}"
            for each in flows
        )
        shown = rows[:limit] if limit else rows
        lines += [f"  {sign} {row}" for row in shown]
        if len(shown) < len(rows):
            lines.append(f"  {sign} and {len(rows) - len(shown)} more: `vpcemu analyze --diff OLD NEW` lists them")
    return lines


def in_plan(found: Difference | None, known: bool, lab: str, file: str, paint: Paint = PLAIN) -> list[str]:
    """The flows that an edit opens and closes, between what changes in the file and what in the kernel."""
    if not known:
        return [f"Flows: too many to compare here; `vpcemu analyze --diff {lab} {file}` takes its time"]
    lines = difference(found, paint, SHOWN_FLOWS) if found else []
    return [paint.bold("Flows that open and close"), *lines] if lines else ["Flows: none opens, none closes"]


def difference_shape(found: Difference | None) -> dict[str, list[dict[str, Any]]]:
    """`opened` and `closed`, for `analyze --diff --json` and `plan --json`."""
    if found is None:
        return {"opened": [], "closed": []}
    return {
        "opened": [_shape(flows, found.internet) for flows in found.opened],
        "closed": [_shape(flows, found.internet) for flows in found.closed],
    }


def _shape(flows: Flows, internet: Sequence[Party]) -> dict[str, Any]:
    return {
        "sources": _ends(flows.sources, internet),
        "targets": _ends(flows.targets, internet),
        "traffic": [
            {
                "protocol": held.protocol,
                "ports": [] if held.protocol == "icmp" else [list(ports) for ports in held.ranges],
            }
            for held in flows.traffic
        ],
    }


def _ends(held: Sequence[Party], internet: Sequence[Party]) -> list[str]:
    """Names of instances' addresses, and blocks of the internet: 0.0.0.0/0 for all of it."""
    outside = [party for party in held if party.blocks]
    blocks = (
        ["0.0.0.0/0"] if outside and len(outside) == len(internet) else [b for party in outside for b in party.blocks]
    )
    return [party.name for party in held if not party.blocks] + blocks
