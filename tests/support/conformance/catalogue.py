"""Which items there are: read from the tests' names and docstrings, and from the file that says what is not built.

    def test_SG_08_T_41_the_default_group(...):
        \"\"\"Members of a default group reach each other, and nobody else reaches them.\"\"\"

is one row for the items T-41 and SG-08. Nothing is imported: a listing needs no root and no lab.
"""

import ast
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent.parent.parent / "conformance"
NOT_BUILT = FOLDER / "not_built.toml"

TOPICS = (
    "General",
    "Addressing",
    "Link layer",
    "Routing",
    "Internet",
    "NAT gateway",
    "Security groups",
    "Network ACLs",
    "Between VPCs",
    "Zone failure",
    "Load balancing",
    "PrivateLink",
)
_FAMILIES = {
    "GEN": "General",
    "VPC": "Addressing",
    "SUB": "Addressing",
    "ENI": "Addressing",
    "DHCP": "Addressing",
    "L2": "Link layer",
    "MTU": "Link layer",
    "SDC": "Link layer",
    "RT": "Routing",
    "GRT": "Routing",
    "IGW": "Internet",
    "EIP": "Internet",
    "BPA": "Internet",
    "EIGW": "Internet",
    "NAT": "NAT gateway",
    "NATI": "NAT gateway",
    "RNAT": "NAT gateway",
    "SG": "Security groups",
    "CT": "Security groups",
    "ACL": "Network ACLs",
    "PCX": "Between VPCs",
    "AZ": "Zone failure",
    "TGW": "Between VPCs",
    "LB": "Load balancing",
    "LBE": "Load balancing",
    "NLB": "Load balancing",
    "PL": "PrivateLink",
}
_SCENARIOS = (  # the first number that is no longer of this topic
    (10, "Addressing"),
    (20, "Routing"),
    (30, "Internet"),
    (40, "NAT gateway"),
    (45, "Security groups"),
    (48, "Network ACLs"),
    (51, "Security groups"),
    (60, "Link layer"),
    (72, "Between VPCs"),
    (88, "Load balancing"),
)
_ID = re.compile(r"_([A-Z][A-Z0-9]*)_(\d\d)(?=_|$)")


class Item(NamedTuple):
    """One row: a test, or a reason why there is none."""

    ids: tuple[str, ...]
    sentence: str
    file: str = ""
    test: str = ""
    why_not: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        return " ".join(self.ids)

    @property
    def node(self) -> str:
        """As pytest calls it."""
        return f"tests/conformance/{self.file}::{self.test}"

    @property
    def topic(self) -> str:
        return topic(self.ids[0])


class Remarks(NamedTuple):
    """What not_built.toml says."""

    not_built: dict[str, dict[str, str]]
    notes: dict[str, str]


def ids_of(function: str) -> tuple[str, ...]:
    """The items in a test's name, scenarios first: `test_SG_08_T_41_words` is about T-41 and SG-08."""
    found = [f"{family}-{number}" for family, number in _ID.findall(f"_{function.removeprefix('test_')}")]
    return tuple(sorted(found, key=lambda item: not item.startswith("T-")))


def first_sentence(docstring: str) -> str:
    """The first line; where that does not end the sentence, up to the end of it."""
    line = docstring.partition("\n")[0]
    if line.endswith("."):
        return line
    paragraph = re.sub(r"\s+", " ", docstring.partition("\n\n")[0])
    return re.split(r"(?<=\.) ", paragraph, maxsplit=1)[0]


def topic(item: str) -> str:
    """The heading that the item stands under."""
    family, _, number = item.partition("-")
    if family == "T":
        return next(name for end, name in _SCENARIOS if int(number) < end)
    return _FAMILIES[family]


def remarks() -> Remarks:
    """What cannot be built and why, and what is shown otherwise than the scenario says."""
    held = tomllib.loads(NOT_BUILT.read_text(encoding="utf-8"))
    return Remarks(held["not_built"], held["notes"])


def tests() -> list[Item]:
    """All tests of the folder; one whose name holds no item has no ids."""
    notes = remarks().notes
    found = []
    for file in sorted(FOLDER.glob("test_*.py")):
        for function in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                ids = ids_of(function.name)
                sentence = first_sentence(ast.get_docstring(function) or "")
                note = " ".join(notes[item] for item in ids if item in notes)
                found.append(Item(ids, sentence, file.name, function.name, note=note))
    return found


def items() -> list[Item]:
    """All rows, in the order of the table."""
    said = remarks()
    built = [item for item in tests() if item.ids]
    missing = [Item((name,), entry["what"], why_not=entry["why"]) for name, entry in said.not_built.items()]
    return sorted([*built, *missing], key=_order)


def chosen(all_items: list[Item], wanted: Iterable[str]) -> tuple[list[Item], list[str]]:
    """The rows of these items or families (none: all), and what is not the name of any."""
    names = [name.upper() for name in wanted]
    if not names:
        return all_items, []
    unknown = [name for name in names if not any(_is_of(item, name) for item in all_items)]
    return [item for item in all_items if any(_is_of(item, name) for name in names)], unknown


def _is_of(item: Item, name: str) -> bool:
    return any(known == name or known.partition("-")[0] == name for known in item.ids)


def _order(item: Item) -> tuple[int, bool, str, int]:
    family, _, number = item.ids[0].partition("-")
    return TOPICS.index(item.topic), family != "T", family, int(number)
