"""scripts/differential: random topologies for as long as one likes, or cases again."""

import argparse
import random
import signal
import sys
import time
from pathlib import Path

from tests.differential import cases, edits
from tests.differential.compare import Disagreement, disagreements
from tests.differential.documents import Document, text
from tests.differential.explore import examine, explore, keep
from tests.differential.tally import Tally
from tests.support import lab as labs

_BATCH = 25


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/differential",
        description="Random topologies and flows: the model, the wire and a trace must agree. Needs root.",
        epilog="A failure is made small and written as a YAML file; the exit code is then 1. "
        "Ctrl+C ends the run after the topology that it is at.",
    )
    parser.add_argument("cases", nargs="*", type=Path, metavar="CASE.yaml", help="run these again instead")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (1)")
    parser.add_argument("--topologies", type=int, help="so many instead")
    parser.add_argument("--seed", type=int, help="begin with this one; what is printed can be repeated")
    parser.add_argument("--output", type=Path, default=Path("differential-failures"), help="a folder for the files")
    parser.add_argument("--small", type=int, default=10, help="how many failures are made small, of a kind each (10)")
    parser.add_argument("--within", action="store_true", help="VPCs each by itself: no load balancers, nothing between")
    parser.add_argument("--edits", action="store_true", help="edit the topologies while connections run")
    parser.add_argument("--first", action="store_true", help="stop at the first failure, as it is")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    if arguments.cases:
        return _again(arguments.cases)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    return (_Edits if arguments.edits else _Search)(arguments, seed).run()


def _end(number: int, _: object) -> None:
    """An exception takes the lab down, a signal does not."""
    sys.exit(128 + number)


def _again(paths: list[Path]) -> int:
    failed = False
    for path in paths:
        case = cases.read(path)
        with labs.up(text(case.topology)) as lab:
            for line, expected in case.flows:
                flow = cases.flow_of(line, lab.topology, lab.addresses)
                if flow is None:
                    print(f"{path}: nobody sends from {line['from']}")
                    failed = True
                    continue
                found = disagreements(lab, [flow], patient=True, expected=[expected])
                failed |= bool(found)
                print(f"{path}: {flow}: {'agreed' if not found else ''}", *found, sep="\n" if found else "")
    return int(failed)


class _Run:
    """A long run. What it has found is told when it is cut short, too."""

    def __init__(self, arguments: argparse.Namespace, seed: int) -> None:
        self.arguments, self.seed = arguments, seed
        self.kinds: dict[tuple[str, ...], int] = {}
        self.deadline = time.monotonic() + arguments.minutes * 60
        self.stopped = 0  # by which signal

    def run(self) -> int:
        began = time.monotonic()
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        while not self.over:
            self.batch()
            print(f"{time.monotonic() - began:6.0f} s, seed {self.seed}: {self.short()}", flush=True)
            self.seed += 1
        print(self.long())
        if self.kinds:
            print(f"{sum(self.kinds.values())} disagreements of {len(self.kinds)} kinds")
            for kind, count in sorted(self.kinds.items(), key=lambda held: -held[1]):
                print(f"  {count:5} {', '.join(kind)}")
        else:
            print("no disagreement")
        if self.stopped:
            print("cut short")
        return 1 if self.kinds else 128 + self.stopped if self.stopped else 0

    def _stop(self, number: int, _: object) -> None:
        """After the topology that it is at; at once when asked again."""
        self.stopped = number
        signal.signal(number, _end)

    @property
    def over(self) -> bool:
        if self.stopped:
            return True
        wanted = self.arguments.topologies
        late = self.topologies >= wanted if wanted else time.monotonic() > self.deadline
        return late or (self.arguments.first and bool(self.kinds))

    def new(self, kind: tuple[str, ...]) -> bool:
        """Count it; whether it is the first of its kind, and one of so few that it is worth writing down."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return self.kinds[kind] == 1

    @property
    def worth_keeping(self) -> bool:
        return not self.arguments.first and len(self.kinds) <= self.arguments.small

    @property
    def topologies(self) -> int:
        raise NotImplementedError

    def batch(self) -> None:
        """Try some more, until it is over."""
        raise NotImplementedError

    def short(self) -> str:
        raise NotImplementedError

    def long(self) -> str:
        raise NotImplementedError


class _Search(_Run):
    """Of topologies as they come up."""

    def __init__(self, arguments: argparse.Namespace, seed: int) -> None:
        super().__init__(arguments, seed)
        self.tally = Tally()

    def batch(self) -> None:
        explore(self.seed, _BATCH, self._visit, self.arguments.within)

    def _visit(self, document: Document, numbers: list[int]) -> None:
        if self.over:
            return
        for found in examine(document, numbers, self.tally):
            if self.new(_kind(found)):
                print(f"seed {self.seed}: {found}", flush=True)
                if self.worth_keeping:
                    print(f"made small: {keep(document, found, self.arguments.output)}", flush=True)

    @property
    def topologies(self) -> int:
        return self.tally.topologies

    def short(self) -> str:
        return self.tally.short()

    def long(self) -> str:
        return str(self.tally)


class _Edits(_Run):
    """Of connections that run while their topology is edited."""

    def __init__(self, arguments: argparse.Namespace, seed: int) -> None:
        super().__init__(arguments, seed)
        self.tally = edits.Tally()

    def batch(self) -> None:
        for number in range(_BATCH):
            if self.over:
                return
            chances = random.Random(f"{self.seed} {number}")
            for found in edits.examine(chances, self.tally, self.arguments.within):
                if self.new(found.kind):
                    print(f"seed {self.seed}: {found}", flush=True)
                    if self.worth_keeping:
                        print(f"written: {edits.keep(found, self.arguments.output)}", flush=True)

    @property
    def topologies(self) -> int:
        return self.tally.topologies

    def short(self) -> str:
        return str(self.tally)

    long = short


def _kind(found: Disagreement) -> tuple[str, ...]:
    """Failures that probably have one cause."""
    words = [found.field, found.flow.protocol]
    for name, verdict in found.views.items():
        at = verdict.dropped_at
        words.append(f"{name} {verdict.result} {f'{at.kind} {at.direction}' if at else ''}".strip())
    return tuple(words)


if __name__ == "__main__":
    sys.exit(main())
