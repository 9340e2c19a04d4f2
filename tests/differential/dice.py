"""Small choices. The first of what there is to choose from is the simplest."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """For whoever builds a document: all of it follows from one source of chance."""

    def __init__(self, chances: random.Random) -> None:
        self._chances = chances

    def number(self, low: int, high: int) -> int:
        """Both ends included."""
        return self._chances.randint(low, high) if high > low else low

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.number(1, 100) <= percent

    def pick(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def some(self, items: Sequence[T], low: int, high: int) -> list[T]:
        """Between low and high of them, none twice, in any order."""
        left = list(items)
        count = self.number(min(low, len(left)), min(high, len(left)))
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]
