"""Nodes -> records, by the table of keys. Knows no AWS rule; says all that is wrong with keys and kinds.

This is the inner loop of a large file (1,000 instances have some 20,000 nodes), so a path is only put together when
there is something to say.
"""

import re
from typing import Any

from emulator.errors import Problem, Where
from emulator.topology.elsewhere import KEYS, snake, value_hint
from emulator.topology.kinds import Kind, ListOf, MapOf, MapTo, Noun, OneOrMany, ScalarOr
from emulator.topology.nodes import NEEDS, NULLS, MappingNode, Node, ScalarNode, SequenceNode, is_null
from emulator.topology.report import Report, place
from emulator.topology.suggest import nearest, show
from emulator.topology.values import Bad, Scalar

WORDS = re.compile(r"\w+")
NOTHING = frozenset({"none", "nothing", "no", "false", "empty", "{}"})  # what people write for an empty list
VISIT_LIMIT = 300_000  # aliases of aliases make a small file name more things than memory holds


class TooLarge(Exception):
    """The file's aliases expand to more than VISIT_LIMIT values."""


class Record:
    """One noun of the file. A key that is there but wrong holds None; `key in record` still says that it is there."""

    __slots__ = ("name", "values", "where")

    def __init__(self, name: str, where: Where, values: dict[str, Any]) -> None:
        self.name = name
        self.where = where
        self.values = values

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str) -> Any:
        """The value, or None if it is left out or wrong. The table of keys says of which type it is."""
        return self.values.get(key)


class Reader:
    """Reads one file. `report.places` gets the node of every noun, so that a later rule can find its keys."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.visited = 0

    def noun(self, node: Node, noun: Noun, path: str, name: str = "", where: Where | None = None) -> Record | None:
        """A mapping with the noun's keys; None if it is no mapping."""
        here = where or place(node, path)
        if type(node) is not MappingNode or node.tag:
            wanted = f"a map with the keys of {_article(noun.title)} {noun.title}"
            self._wrong_kind(node, wanted, here, _as_map(node, noun, path))
            self.report.broken.add(path)
            return None
        self.report.places[path] = node
        self._visit(len(node.value))
        values: dict[str, Any] = {}
        mistaken: set[str] = set()  # what unknown keys were meant to be
        for key_node, value_node in node.value:
            key = key_node.value
            known = noun.keys.get(key) if type(key_node) is ScalarNode and not key_node.tag else None
            if known is None:
                mistaken |= self._unknown_key(key_node, noun, path)
            elif key in values:
                self.report.add(_duplicate(key, key_node, path))
            else:
                kind = known.kind
                text = value_node.value
                if type(kind) is Scalar and type(value_node) is ScalarNode and text not in NULLS and not value_node.tag:
                    try:  # the common case, without a call more than it needs
                        values[key] = kind.read(text)
                    except Bad as bad:
                        values[key] = None
                        self._bad(value_node, bad, f"{path}.{key}" if path else key)
                else:
                    values[key] = self._value(value_node, kind, f"{path}.{key}" if path else key)
        self._complete(noun, values, mistaken, here)
        self.report.broken.update(f"{path}.{key}" if path else key for key in mistaken - values.keys())
        return Record(name, here, values)

    def _value(self, node: Node, kind: Kind, path: str) -> Any:
        if is_null(node):
            self._no_value(node, kind, path)
            self.report.broken.add(path)
            return None
        match kind:
            case Scalar():
                return self._scalar(node, kind, path)
            case Noun():
                return self.noun(node, kind, path)
            case MapOf():
                return self._map_of(node, kind, path)
            case MapTo():
                return self._map_to(node, kind, path)
            case ListOf():
                return self._list(node, kind.item, path)
            case OneOrMany():
                if type(node) is SequenceNode:
                    return self._list(node, kind.item, path)
                if isinstance(kind.item, ScalarOr):
                    return self._value(node, kind.item, path)
                return self._scalar(node, kind.item, path, "or a list of these")
            case ScalarOr():
                if type(node) is ScalarNode:
                    return self._scalar(node, kind.word, path, f"or a map such as {kind.sample}")
                if type(node) is SequenceNode and not node.tag:
                    wanted = f"{kind.word.phrase} or a map such as {kind.sample}"
                    self._wrong_kind(node, wanted, place(node, path), "one, without brackets")
                    self.report.broken.add(path)
                    return None
                return self.noun(node, kind.noun, path)

    def _scalar(self, node: Node, kind: Scalar, path: str, more: str = "") -> Any:
        self._visit(1)
        if type(node) is not ScalarNode or node.tag:
            self._wrong_kind(node, f"{kind.phrase} {more}".strip(), place(node, path))
            self.report.broken.add(path)
            return None
        try:
            return kind.read(node.value)
        except Bad as bad:
            self._bad(node, bad, path)
            return None

    def _list(self, node: Node, item: Scalar | Noun | ScalarOr, path: str) -> tuple[Any, ...] | None:
        """An item that is wrong holds None, so that the others keep their index."""
        if type(node) is not SequenceNode or node.tag:
            sample = f", such as [{show(node.value)[1:-1]}]" if type(node) is ScalarNode and node.value else ""
            items = f", each item {item.phrase}" if isinstance(item, Scalar) else f" of {_plural(_noun_of(item).title)}"
            nothing = type(node) is ScalarNode and node.value.lower() in NOTHING
            hint = "an empty list is []" if nothing else f"put it into brackets{sample}"
            self._wrong_kind(node, f"a list{items}", place(node, path), hint)
            return None
        self._visit(len(node.value))
        word = item if type(item) is Scalar else item.word if type(item) is ScalarOr else None
        found = []
        for index, child in enumerate(node.value):
            if word is not None and type(child) is ScalarNode and child.value not in NULLS and not child.tag:
                try:  # the common case, as in `noun`
                    found.append(word.read(child.value))
                    continue
                except Bad:
                    pass
            found.append(self._value(child, item, f"{path}[{index}]"))
        return tuple(found)

    def _map_of(self, node: Node, kind: MapOf, path: str) -> tuple[Record, ...] | None:
        found: list[Record] = []
        entries = self._entries(node, kind.name, path, f"a map of {kind.noun.title}s by name")
        # A name without a value beside keys of its noun: they were meant to be indented below it.
        slipped = next((name for name, _, child in entries if is_null(child)), "")
        for name, where, child in entries:
            if slipped and name in kind.noun.keys:
                what = f"`{name}` is a key of {_article(kind.noun.title)} {kind.noun.title}"
                self.report.error(where, what, f"indent it below `{slipped}`")
                record = None
            elif is_null(child):
                self._no_value(child, kind.noun, where.path)
                record = None
            else:
                record = self.noun(child, kind.noun, where.path, name, where)
            if record is None:
                self.report.broken.add(where.path)
            else:
                found.append(record)
        return tuple(found)

    def _map_to(self, node: Node, kind: MapTo, path: str) -> tuple[tuple[Any, Any, Where], ...]:
        found = []
        for name, where, child in self._entries(node, kind.name, path, f"a map such as {kind.sample}"):
            self.report.places[where.path] = child
            value = self._value(child, kind.value, where.path)
            if value is not None:
                found.append((kind.name.read(name), value, where))
        return tuple(found)

    def _entries(self, node: Node, names: Scalar, path: str, wanted: str) -> list[tuple[str, Where, Node]]:
        """The entries of a map of the user's own names; the wrong names are reported and, if they are text, kept."""
        if type(node) is not MappingNode or node.tag:
            self._wrong_kind(node, wanted, place(node, path))
            self.report.broken.add(path)
            return []
        self._visit(len(node.value))
        found: dict[str, tuple[str, Where, Node]] = {}
        for key_node, child in node.value:
            if type(key_node) is not ScalarNode or key_node.tag:
                self._wrong_kind(key_node, names.phrase, place(key_node, path))
                continue
            name = key_node.value
            mark = key_node.start_mark
            where = Where(mark.line + 1, mark.column + 1, f"{path}.{name}")
            if name in found:
                self.report.add(_duplicate(name, key_node, path))
                self.report.broken.add(path)  # one of the two was to have another name, which others may know
                continue
            try:
                names.read(name)
            except Bad as bad:
                hint = value_hint(name) or bad.hint
                self.report.error(Where(where.line, where.column, path), bad.what, hint, bad.code)
                self.report.broken.add(where.path)
                if len(name) > 255 or not name.isprintable() or names.phrase.startswith("a CIDR"):
                    continue
            found[name] = (name, where, child)
        return list(found.values())

    def _complete(self, noun: Noun, values: dict[str, Any], mistaken: set[str], here: Where) -> None:
        for key, known in noun.keys.items():
            if known.required and key not in values and key not in mistaken:
                self.report.error(here, f"`{key}` is missing", _lower(known.doc), "MissingParameter")
        if noun.one_of:
            given = [key for key in noun.one_of if key in values]
            if not given and not mistaken & set(noun.one_of):
                self.report.error(here, f"{_article(noun.title)} {noun.title} needs one of {', '.join(noun.one_of)}")
            elif len(given) > 1:
                what = f"{' and '.join(given)} exclude each other"
                self.report.error(
                    here, what, f"write one {noun.title} for each", "InvalidParameterCombination", given[1]
                )
        if noun.any_of and not any(key in values or key in mistaken for key in noun.any_of):
            first = noun.keys[noun.any_of[0]]
            self.report.error(here, f"`{noun.any_of[0]}` is missing", _lower(first.doc), "MissingParameter")

    def _unknown_key(self, node: Node, noun: Noun, path: str) -> set[str]:
        """Reports it; returns the keys it may have been meant for, which are then not missing as well."""
        keys = f"{_article(noun.title)} {noun.title} has {', '.join(noun.keys)}"
        if type(node) is not ScalarNode or node.tag:
            self._wrong_kind(node, "a key", place(node, path), keys)
            return set()
        word = node.value
        what = f"unknown key {show(word)}"
        if word == "<<":
            hint, meant = "merge keys are not supported; *name after a key repeats a whole value", set(noun.keys)
        elif (
            other := noun.instead.get(word)
            or noun.instead.get(snake(word))
            or (snake(word) not in noun.keys and KEYS.get(snake(word)))
        ):
            hint = other
            meant = noun.keys.keys() & set(WORDS.findall(hint))
        else:
            guess = nearest(snake(word), noun.keys)
            hint, meant = (f"did you mean `{guess}`?" if guess else keys), {guess}
        self.report.error(place(node, path), what, hint, "UnknownParameter")
        return meant

    def _bad(self, node: Node, bad: Bad, path: str) -> None:
        self.report.error(place(node, path), bad.what, value_hint(node.value) or bad.hint, bad.code)
        self.report.broken.add(path)

    def _no_value(self, node: Node, kind: Kind, path: str) -> None:
        empty = {ListOf: "[]", MapOf: "{}", MapTo: "{}", Noun: "{}"}.get(type(kind))
        hint = f"write {empty} for an empty one, or remove the key" if empty else "write a value, or remove the key"
        if isinstance(kind, Noun) and _required(kind):
            hint = f"{_article(kind.title)} {kind.title} needs {' and '.join(_required(kind))}"
        if isinstance(kind, Noun):
            hint += "; its keys are indented below it"
        self.report.error(place(node, path), "has no value", hint)

    def _wrong_kind(self, node: Node, wanted: str, where: Where, hint: str = "") -> None:
        if node.tag:
            intrinsic = type(node) is not MappingNode and node.tag.startswith("!") and node.tag[1:2].isupper()
            remedy = "write the value, or the name that it has in this file" if intrinsic else "remove it"
            self.report.error(where, f"tags such as {show(node.tag)} are not used here", remedy)
        elif is_null(node):
            self.report.error(where, "has no value", f"write {wanted}")
        else:
            hint = hint or (value_hint(node.value) if type(node) is ScalarNode else _unwrapped(node, wanted))
            self.report.error(where, f"must be {wanted}, not {_is(node)}", hint)

    def _visit(self, count: int) -> None:
        self.visited += count
        if self.visited > VISIT_LIMIT:
            raise TooLarge


def _unwrapped(node: Node, wanted: str) -> str:
    """How to write a list or a map that stands where something simpler, or a map by name, is wanted."""
    if type(node) is SequenceNode and " by name" in wanted:
        first = node.value[0] if node.value else None
        pairs = first.value if type(first) is MappingNode else ()
        name = next((value.value for key, value in pairs if key.value == "name" and type(value) is ScalarNode), "")
        return f"instead of `- name: {name}`, write `{name}:` and indent the keys below it" if name else ""
    if type(node) is SequenceNode and len(node.value) == 1 and not wanted.startswith("a map") and "list" not in wanted:
        return "one, without brackets"
    if type(node) is MappingNode and wanted.startswith("a name") and len(node.value) == 1:
        value = node.value[0][1].value
        return f"write the name alone: {value}" if isinstance(value, str) else "write the name alone"
    return ""


def _as_map(node: Node, noun: Noun, path: str) -> str:
    """What to write where a map is wanted: a bare value is that of the key which the noun needs."""
    if other := value_hint(node.value) if type(node) is ScalarNode else "":
        return other
    if not path:
        return NEEDS
    key, colon, rest = node.value.partition(":") if type(node) is ScalarNode else ("", "", "")
    if colon and rest and key in noun.keys:
        return f"a colon needs a space after it: `{key}: ...`"
    for name in _required(noun):
        kind = noun.keys[name].kind
        if type(node) is not ScalarNode or node.tag or not isinstance(kind, Scalar):
            return ""
        try:
            kind.read(node.value)
        except Bad:
            return ""
        return f"write {{{name}: {node.value}}}"
    return ""


def _duplicate(key: str, node: Node, path: str) -> Problem:
    return Problem(place(node, path), f"{show(key)} is there twice", "a key stands once in a map; put both together")


def _required(noun: Noun) -> list[str]:
    return [name for name, key in noun.keys.items() if key.required or name in noun.any_of[:1]]


def _noun_of(item: Noun | ScalarOr) -> Noun:
    return item if isinstance(item, Noun) else item.noun


def _is(node: Node) -> str:
    if type(node) is MappingNode:
        return "a map"
    return "a list" if type(node) is SequenceNode else show(node.value)


def _article(title: str) -> str:
    return "an" if title[0] in "aeiou" else "a"


def _plural(title: str) -> str:
    return f"{title[:-1]}ies" if title.endswith("ry") else f"{title}s"


def _lower(doc: str) -> str:
    return doc[0].lower() + doc[1:].rstrip(".") if not doc[:2].isupper() else doc.rstrip(".")
