"""Collects what is wrong with one file, and knows where in the file each thing stands.

A rule speaks of a noun (its `Where`) and of one of the noun's keys; the line and column of that key are only looked up
when there is a problem, so a file without mistakes pays nothing for them.
"""

import re
from collections.abc import Iterable

from emulator.errors import Problem, Where
from emulator.topology.nodes import MappingNode, Node, SequenceNode

LIMIT = 200  # problems of one file; a person reads ten
INDEX = re.compile(r"(.+)\[([0-9]+)\]")
FAR = 1 << 60  # a problem without a line comes last


class TooManyProblems(Exception):
    """Reading stops: a hostile file must not make a million messages."""


class Report:
    """Problems of one file, in the order in which they are found until `sorted` puts them in the file's."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.errors = 0
        self.places: dict[str, Node] = {}
        # Paths of things that the file declares but that could not be built: whoever refers to them is not to blame.
        self.broken: set[str] = set()

    def add(self, problem: Problem) -> None:
        if problem in self.found:  # an alias brings the same mistake in several times
            return
        if problem.warning:
            if len(self.found) - self.errors < LIMIT:
                self.found.append(problem)
            return
        self.found.append(problem)
        self.errors += 1
        if self.errors >= LIMIT:
            raise TooManyProblems

    def error(self, where: Where, what: str, hint: str = "", code: str = "", key: str = "") -> None:
        """A mistake. `key` is below `where`: "cidr_block", "security_groups[2]", or "" for the noun itself."""
        self.add(Problem(self.at(where, key), what, hint, code))

    def warn(self, where: Where, what: str, hint: str = "", code: str = "", key: str = "") -> None:
        """Worth a word, but the lab comes up as written."""
        self.add(Problem(self.at(where, key), what, hint, code, warning=True))

    def at(self, where: Where, key: str) -> Where:
        """The place of a key below a noun, or the noun's own if the file leaves the key out."""
        if not key:
            return where
        path = f"{where.path}.{key}" if where.path else key
        matched = INDEX.fullmatch(key)
        name, index = (matched[1], int(matched[2])) if matched else (key, None)
        node = _below(self.places.get(where.path), name)
        if index is not None and isinstance(node, SequenceNode) and index < len(node.value):
            node = node.value[index]
        if node is None:
            return Where(where.line, where.column, path)
        return place(node, path)

    def value_of(self, where: Where) -> Where:
        """The place of the value, where the noun's own place is that of its name."""
        node = self.places.get(where.path)
        return where if node is None else place(node, where.path)

    def is_broken(self, where: Where, key: str, name: str = "") -> bool:
        """Whether the key, or the entry called `name` below it, is there in some wrong form."""
        path = f"{where.path}.{key}" if where.path else key
        return path in self.broken or (bool(name) and f"{path}.{name}" in self.broken)

    def item(self, where: Where, keys: Iterable[str], text: str, last: bool = False) -> str:
        """The first of the keys that holds this text, with its index if it is a list: "security_groups[2]"."""
        for key in keys:
            node = _below(self.places.get(where.path), key)
            if isinstance(node, SequenceNode):
                found = [index for index, item in enumerate(node.value) if item.value == text]
                if found:
                    return f"{key}[{found[-1 if last else 0]}]"
            elif node is not None and node.value == text:
                return key
        return ""

    def given(self, where: Where, key: str) -> bool:
        """Whether the file has this key of the noun, right or wrong."""
        return _below(self.places.get(where.path), key) is not None

    def sorted(self) -> list[Problem]:
        """In the order of the file."""
        return sorted(self.found, key=lambda problem: (problem.where.line or FAR, problem.where.column))


def place(node: Node, path: str) -> Where:
    """Where a node begins. libyaml counts from 0."""
    mark = node.start_mark
    return Where(mark.line + 1, mark.column + 1, path)


def _below(node: Node | None, key: str) -> Node | None:
    if isinstance(node, MappingNode):
        value: Node
        for key_node, value in node.value:
            if key_node.value == key:
                return value
    return None
