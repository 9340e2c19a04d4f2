"""How much is measured, and how sides take turns."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from . import machine, product
from .product import Lab


@dataclass(frozen=True)
class Choices:
    """How much is measured."""

    hosts: int = 1000
    subnets: int = 20
    rounds: int = 5
    rules: int = 10_000
    many: int = 4000
    loop: int = 100  # hosts of the shell loop, which takes 50 ms for each
    samples: int = 15  # of traffic: short ones, many times in turn, because the machine has moods
    seconds: float = 1.0  # of traffic in one sample


QUICK = Choices(hosts=100, rounds=3, rules=1000, many=400, loop=20, seconds=0.5, samples=9)


def say(what: str) -> None:
    """Progress, so that nobody thinks it hangs."""
    print(f"  {what}", file=sys.stderr, flush=True)


def interleaved(rounds: int, *sides: Callable[[], float]) -> list[tuple[float, ...]]:
    """Run every side once per round; the measurements of each. The kernel finishes with one before the next begins."""
    columns: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for side, column in zip(sides, columns, strict=True):
            machine.settle()
            column.append(side())
    return [tuple(column) for column in columns]


@contextmanager
def running(held: Lab) -> Iterator[None]:
    """The lab is up, verified, and taken down afterwards."""
    machine.settle()
    product.up(held)
    try:
        product.verify(held)
        yield
    finally:
        product.down(held)
