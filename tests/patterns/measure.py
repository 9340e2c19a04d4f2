"""Each row of the comparison tried out on one way: a value that comes of packets, prices and failing zones alone."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import NamedTuple

from emulator import api
from emulator.errors import VpcemuError
from emulator.pricing.components import components
from emulator.pricing.cost import Usage
from emulator.report.cost import NOUNS
from emulator.topology.flows import owners
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.rename import renamed
from tests.patterns.networks import BASE, ELSEWHERE, EVERYWHERE, PORT, STRANGER, WAYS, WITNESS, ZONE, Document, Shape
from tests.patterns.published import Value

GB = 1000
_MORE = (4, 10)  # VPCs
_NOT_OF_AWS = ("", "UnknownParameter", "MissingParameter")  # codes of a file that is wrong, not of a refusal
WITHIN = 5.0  # seconds for what has to pass, before the rest can be believed


class NotMeasured(Exception):
    """What stands in the way of an answer."""


class Measured(NamedTuple):
    """A value, and how it was found: a sentence each."""

    value: Value
    evidence: tuple[str, ...]


class Answer(NamedTuple):
    """To a call: whether it and its answer got through, in words."""

    passes: bool
    words: str


class Refused(Exception):
    """AWS would not make such a network: why."""


class Bench:
    """The labs of one way, each made when it is first asked for."""

    def __init__(self, way: str) -> None:
        self.way = WAYS[way]
        self._labs: dict[Shape, api.Lab | Refused] = {}
        self._open = ExitStack()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def lab(self, shape: Shape = BASE) -> api.Lab:
        """Refused: not this shape, although the plain one is accepted. NotMeasured: not even that one."""
        document = self.way.document(shape)
        if shape not in self._labs:
            same = (held for known, held in self._labs.items() if self.way.document(known) == document)
            self._labs[shape] = next(same, None) or self._made(shape, document)
        found = self._labs[shape]
        if isinstance(found, Refused):
            raise found
        return found

    def _made(self, shape: Shape, document: Document) -> "api.Lab | Refused":
        try:
            lab = self._open.enter_context(api.lab(document))
        except api.TopologyError as reason:
            wrong = [each for each in reason.problems if not each.warning]
            [first, *_] = wrong
            if shape == BASE:
                raise NotMeasured(f"the plain network is refused: {first.what}") from None
            unsayable = [each.what for each in wrong if each.code in _NOT_OF_AWS]
            if unsayable:
                raise NotMeasured(f"vpcemu has no words for it: {unsayable[0]}") from None
            return Refused(f"refused: {first.what}{f' [{first.code}]' if first.code else ''}")
        if shape == BASE:
            self.ask(lab, 1, 2, must=True)
        return lab

    def topology(self, shape: Shape) -> Topology:
        """What would be brought up."""
        found, problems = load(renamed(self.way.document(shape), "lab"))
        assert found is not None, problems
        return found

    def warnings(self, shape: Shape) -> list[str]:
        """What AWS's rules say about it, though it is accepted."""
        plain, other = ([each.what for each in api.validate(self.lab(it).file).warnings] for it in (BASE, shape))
        return [what for what in other if what not in plain]

    def ask(self, lab: api.Lab, source: int, target: int, *, must: bool = False) -> Answer:
        """Does h<source> reach h<target> by this way? must: NotMeasured if it does not."""
        answer = _ask(lab, f"h{source}", self.way.called(lab, source, target), within=WITHIN if must else 0)
        if must and not answer.passes:
            raise NotMeasured(f"what has to pass does not: {answer.words}")
        return answer


def _ask(lab: api.Lab, source: str, target: str, within: float = 0) -> Answer:
    try:
        found = lab.reaches(source, target, tcp=PORT, within=within)
    except api.Inconclusive as reason:
        raise NotMeasured(str(reason)) from None
    return Answer(bool(found), re.sub(r" \(\S+\.yaml:\d+\)", "", repr(found)))  # the file is nobody's


def zones(bench: Bench) -> Measured:
    """AZ: section 15 of the reference. The way with parts in two zones is the control."""
    everywhere, narrow = bench.lab(EVERYWHERE), bench.lab(ELSEWHERE)
    bench.ask(everywhere, 1, 2, must=True)
    with _down(everywhere):
        kept = bench.ask(everywhere, 1, 2, must=True)
    if narrow is everywhere:  # the same network, since nothing of it can be placed in a zone
        return Measured("no", (f"no part of it is in a zone; zone {ZONE} down: {kept.words}",))
    before = bench.ask(narrow, 1, 2)
    with _down(narrow):
        after = bench.ask(narrow, 1, 2)
    return Measured(
        "no" if after.passes else "yes",
        (
            f"its parts in zone {ZONE} only, before: {before.words}",
            f"zone {ZONE} down: {after.words}",
            f"with parts in zone c, too, and zone {ZONE} down: {kept.words}",
        ),
    )


@contextmanager
def _down(lab: api.Lab) -> Iterator[None]:
    lab.az_down(ZONE)
    try:
        yield
    finally:
        lab.az_up(ZONE)


def exposed(bench: Bench) -> Measured:
    lab = bench.lab()
    control = _ask(lab, STRANGER, WITNESS, WITHIN)
    if not control.passes:
        raise NotMeasured(f"the stranger is not on the internet: {control.words}")
    held = [each for each in owners(lab.topology, lab.addresses) if each[0] == "h2"]
    addresses = [str(public or private) for _, _, private, public in held]
    found = [_ask(lab, STRANGER, address) for address in addresses]
    everything = {str(public) for _, _, _, public in owners(lab.topology, lab.addresses) if public}
    outside = {str(host.ip) for host in lab.topology.internet.hosts}
    public = sorted(everything - outside)
    return Measured(
        "yes" if any(each.passes for each in found) else "no",
        (*(each.words for each in found), f"public addresses of the VPCs: {', '.join(public) or 'none'}"),
    )


def fixed(bench: Bench) -> Measured:
    lab = bench.lab()
    cost = api.cost(lab.name).cost
    return Measured(
        f"{cost.fixed.normalize():f}",
        tuple(
            f"{NOUNS[line.component.kind]} {line.component.name}: {line.many} x {line.amount} h x {line.price.usd}"
            for line in cost.lines
            if line.price.unit == "hour" and line.usd
        )
        or ("nothing of it costs by the hour",),
    )


def variable(bench: Bench) -> Measured:
    lab = bench.lab()
    bench.ask(lab, 1, 2, must=True)
    cost = api.cost(lab.name, Usage(gb=Decimal(GB))).cost
    carried = api.cost(lab.name, measured=True).cost
    costs, really = cost.variable > 0, carried.variable > 0
    lines = [line for line in cost.lines if line.price.unit == "GB" and line.usd]
    if costs != really:
        raise NotMeasured(f"{GB} GB cost {cost.variable}, and what the lab has carried {carried.variable}")
    charged = "; ".join(
        f"{NOUNS[line.component.kind]} {line.component.name}: {line.price.usd} per GB" for line in lines
    )
    return Measured(
        "yes" if costs else "no",
        (
            charged or "no part of it costs by the GB",
            f"{GB} GB: {cost.variable.normalize():f} USD; the bytes carried here: {carried.variable:.9f} USD",
            *_beyond(lab),
        ),
    )


def _beyond(lab: api.Lab) -> list[str]:
    """What is only charged where it leaves AWS, which these flows do not."""
    named = [held.name for held in components(lab.topology) if held.named]
    asked = ((name, Usage(named={name: Decimal(GB)})) for name in named[:1])
    return [
        f"not counted: data out to the internet, {GB} GB by {name}: {api.cost(lab.name, usage).cost.variable:f} USD"
        for name, usage in asked
    ]


def private(bench: Bench) -> Measured:
    lab = bench.lab()
    with lab[STRANGER].sniff() as one, lab[WITNESS].sniff() as other:
        answer = bench.ask(lab, 1, 2)
        seen = len(one) + len(other)
        control = _ask(lab, STRANGER, WITNESS, WITHIN)
        caught = len(one) + len(other) - seen
    if not control.passes or not caught:
        raise NotMeasured(f"the captures catch nothing: {control.words}")
    way = [hop.node for hop in lab.trace("h1", bench.way.called(lab, 1, 2), tcp=PORT).forward]
    return Measured(
        "○" if answer.passes and not seen else "×",
        (f"{answer.words}; hosts on the internet saw {seen} packets of it", f"its way: {' > '.join(way)}"),
    )


def private_space(bench: Bench) -> Measured:
    control = bench.ask(bench.lab(), 1, 2, must=True)
    lab = bench.lab(replace(BASE, private=True))
    if "h1" in lab.addresses.public:
        raise NotMeasured("h1 still has a public address")
    answer = bench.ask(lab, 1, 2)
    more = () if answer.passes else (f"with a public address: {control.words}",)
    return Measured(_mark(answer.passes), (f"h1 has no public address: {answer.words}", *more))


def three(bench: Bench) -> Measured:
    """PCX-13 and PL-22 against IGW-01 and TGW-21."""
    return _many(bench, replace(BASE, vpcs=3), "of 6 directions pass with one more connection for the third VPC")


def both_ways(bench: Bench) -> Measured:
    return _many(bench, BASE, "of 2 directions pass")


def overlap(bench: Bench) -> Measured:
    return _possible(bench, replace(BASE, same_block=True))


def accounts(bench: Bench) -> Measured:
    return _possible(bench, replace(BASE, accounts=True))


def regions(bench: Bench) -> Measured:
    shape = replace(BASE, regions=True)
    later = replace(shape, later=True)
    found = _possible(bench, shape)
    if bench.way.document(shape) != bench.way.document(later):
        again = _possible(bench, later)
        said = f"with what AWS has added since then: {again.value}: {again.evidence[0]}"
        found = found._replace(evidence=(*found.evidence, said))
    return found


def _possible(bench: Bench, shape: Shape) -> Measured:
    control = bench.ask(bench.lab(), 1, 2, must=True)
    try:
        answer = bench.ask(bench.lab(shape), 1, 2)
    except Refused as reason:  # the plain network, which is the control, is not
        return Measured("×", (str(reason), f"otherwise: {control.words}"))
    if answer.passes:
        return Measured("○", (answer.words,))
    return Measured("×", (*bench.warnings(shape), answer.words, f"otherwise: {control.words}"))


def _many(bench: Bench, shape: Shape, words: str) -> Measured:
    """○: everybody reaches everybody. △: only with further connections. ×: not even then."""
    lab = bench.lab(shape)
    found = _each(bench, lab, shape)
    said = [f"{sum(each.passes for each in found)} {words}"]
    if all(each.passes for each in found):
        return Measured("○", (*said, f"with {_parts(lab.topology)}"))
    said += [next(each.words for each in found if not each.passes)]
    shape = replace(shape, whole=True)
    whole = bench.lab(shape)
    again = _each(bench, whole, shape)
    if not all(each.passes for each in again):
        return Measured("×", (*said, next(each.words for each in again if not each.passes)))
    said += [f"everybody with {_parts(whole.topology)}, instead of {_parts(lab.topology)}"]
    if shape.vpcs > 2:  # how it grows
        said += [f"{vpcs} VPCs: {_parts(bench.topology(replace(shape, vpcs=vpcs)))}" for vpcs in _MORE]
    return Measured("△", tuple(said))


def _each(bench: Bench, lab: api.Lab, shape: Shape) -> list[Answer]:
    return [bench.ask(lab, source, target) for source, target in permutations(shape.numbers, 2)]


def _parts(topology: Topology) -> str:
    """What the VPCs are joined by, counted, as AWS charges for it or not."""
    counts = Counter(NOUNS[held.kind].removesuffix(" of") for held in components(topology))
    return " and ".join(f"{count} {noun}{_plural(noun, count)}" for noun, count in counts.items())


def _plural(noun: str, count: int) -> str:
    return "" if count == 1 else "es" if noun.endswith("s") else "s"


def _mark(well: bool) -> Value:
    return "○" if well else "×"


MEASURES: dict[str, Callable[[Bench], Measured]] = {
    "zones": zones,
    "exposed": exposed,
    "fixed": fixed,
    "variable": variable,
    "private": private,
    "private-space": private_space,
    "three": three,
    "overlap": overlap,
    "both-ways": both_ways,
    "accounts": accounts,
    "regions": regions,
}


def measure(bench: Bench, row: str) -> Measured:
    """NotMeasured: there is no answer, and why. Nothing is believed of a way whose plain network does not carry."""
    try:
        bench.lab()  # the control: the plain network carries
        return MEASURES[row](bench)
    except (Refused, VpcemuError) as reason:
        raise NotMeasured(str(reason)) from None
