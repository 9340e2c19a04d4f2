"""YAML text -> a tree of nodes that know their line and column. What YAML calls a type is not decided here.

Every scalar stays the text that was written: `yes`, `0o17`, `1_000`, `2024-01-01` and `22:30` mean different things to
different YAML readers, so the table of keys (`fields.py`) says what a key holds and `values.py` reads it.

A file may be hostile. Nesting is limited while the tree is made, because libyaml's composer recurses in C and a long
run of `[` would end the process with a segmentation fault. An alias shares its node; `read.py` counts visits.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from emulator.errors import Problem, Where

__all__ = ["MappingNode", "Node", "ScalarNode", "SequenceNode", "compose", "is_null"]

SIZE_LIMIT = 8 * 1024 * 1024  # characters; a lab of 4,000 instances takes 0.5 million
DEPTH_LIMIT = 30  # the deepest key of the file is at 10
NODE_LIMIT = 500_000

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML's, not only Unix's
NEEDS = "it needs at least `name` and `vpcs`; see topologies/nat.yaml for an example"
NO_SPACE = re.compile(r"^[ \t]*[^\S\x00-\x7f\x85\u2028\u2029]", re.MULTILINE)  # as pages and chats have it: U+00A0
NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class _Limits:
    """The resolver of PyYAML's loaders, reduced to counting. A tag is only kept where the file writes one."""

    depth = 0
    count = 0

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > DEPTH_LIMIT:
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEPTH_LIMIT} deep", problem_mark=_mark(parent))
        if self.count > NODE_LIMIT:
            raise yaml.MarkedYAMLError(problem=f"more than {NODE_LIMIT:,} values", problem_mark=_mark(parent))

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[Node], value: object, implicit: object) -> str:
        return ""

    def dispose(self) -> None: ...


class PythonComposer(Reader, Scanner, Parser, Composer, _Limits):
    """For a PyYAML that was built without libyaml: ten times slower, the same tree."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


COMPOSER: type[Any] = PythonComposer
if not TYPE_CHECKING and yaml.__with_libyaml__:

    class FastComposer(yaml.cyaml.CParser, _Limits):
        def __init__(self, text: str) -> None:
            yaml.cyaml.CParser.__init__(self, text)

    COMPOSER = FastComposer


class Composed(NamedTuple):
    """The root of the file, or None and the one reason why there is none."""

    root: Node | None
    problem: Problem | None


def compose(text: str, composer: type[Any] = COMPOSER) -> Composed:
    """The file's nodes. YAML's own grammar stops at the first mistake, so there is at most one Problem."""
    if len(text) > SIZE_LIMIT:
        return _refuse(f"the file has more than {SIZE_LIMIT // 1024 // 1024} MiB")
    try:
        root = composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        return _refuse(*_in_words(error, text))
    except ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        where = Where(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return _refuse(f"character U+{_codepoint(error.character):04X} may not stand in a YAML file", "", where)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError includes UnicodeError (a lone surrogate) and PyYAML's chr() of a number that is no character.
        return _refuse(f"this is not YAML: {type(error).__name__}")
    if root is None:
        return _refuse("the file is empty", NEEDS)
    return Composed(root, None)


def is_null(node: Node) -> bool:
    """A key without a value, or one of YAML's words for nothing."""
    return type(node) is ScalarNode and not node.style and node.value in NULLS


def _refuse(what: str, hint: str = "", where: Where = Where()) -> Composed:  # noqa: B008  (an immutable default)
    return Composed(None, Problem(where, what, hint))


def _in_words(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str, Where]:
    mark = error.problem_mark or error.context_mark
    where = Where(mark.line + 1, mark.column + 1) if mark else Where()
    problem = (error.problem or error.context or "not YAML").removeprefix("but ")
    line = next(iter(LINE_BREAK.split(text)[mark.line : mark.line + 1]), "") if mark else ""
    if "cannot start any token" in problem and mark:
        character = line[mark.column : mark.column + 1]
        if character == "\t":
            return "this is not YAML: a tab stands where spaces indent", "indent with spaces", where
        return f"this is not YAML: {character!r} cannot begin a value", "put quotes around the value", where
    what = f"this is not YAML: {problem}"
    if error.context and error.context != problem:
        what += f", {error.context}"
        if error.context_mark and (not mark or error.context_mark.line != mark.line):
            what += f" that begins at line {error.context_mark.line + 1}"
    if mark and "mapping values are not allowed" in problem and (slip := _slip_before(text, mark.line)):
        return what, slip, where
    if strange := NO_SPACE.search(text):
        row = len(LINE_BREAK.findall(text, 0, strange.end())) + 1
        hint = f"line {row} is indented with U+{ord(strange[0][-1]):04X}, which looks like a space and is none"
        return what, hint, where
    if mark and re.search(r"[\s\[{,]::|[0-9A-Fa-f]::", line[: mark.column + 3]):
        return what, "an IPv6 address needs quotes in YAML; and IPv6 is not emulated yet", where
    return what, next((hint for word, hint in HINTS if word in f"{problem} {error.context}"), ""), where


def _slip_before(text: str, line: int) -> str:
    """What is wrong with the line above, which YAML took for a value that goes on."""
    before = next((above for above in reversed(LINE_BREAK.split(text)[:line]) if above.strip()), "")
    found = re.match(r"\s*([A-Za-z_]\w*)( *= *|:)\S", before)
    if not found or (found[2] == ":" and ": " in before):
        return ""
    if found[2] == ":":
        return f"the line above needs a space after the colon: `{found[1]}: ...`"
    return f"the line above is not YAML: write `{found[1]}: ...` instead of `=`"


HINTS = (
    (
        "mapping values are not allowed",
        "a colon inside a value needs quotes around the value; check the indentation too",
    ),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("did not find expected ',' or '}'", "a `{` is not closed, or a comma is missing"),
    ("did not find expected ',' or ']'", "a `[` is not closed, or a comma is missing"),
    ("did not find expected key", "the indentation differs from the line above it"),
    ("did not find expected '-' indicator", "the items of a list begin in the same column"),
    ("undefined alias", "`*name` needs an `&name` before it; put quotes around a value that begins with *"),
    ("another document", "one file holds one lab: remove the `---`"),
    ("nested more than", "a topology is at most 10 deep"),
    ("quoted scalar", "a quote is not closed"),
    ("a tab character", "indent with spaces: YAML takes no tabs for that"),
    ("found unexpected ':'", "a colon needs a space after it; a value that holds one needs quotes"),
    (
        "did not find expected node content",
        "a value is missing, or needs quotes because it begins with a character of YAML's own",
    ),
)


def _mark(parent: Node | None) -> Any:
    return parent.start_mark if parent is not None else None


def _codepoint(character: object) -> int:
    """PyYAML gives a number or the character, as the two composers please."""
    return character if isinstance(character, int) else ord(str(character)[:1] or "\0")
