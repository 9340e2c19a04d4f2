"""The comparison as it was published, for Tokyo in June 2024. Nothing here says what vpcemu does."""

from typing import NamedTuple

from emulator.errors import UsageError

Value = str  # "yes", "no"; USD a month; ○ possible, △ possible with a limit, × impossible


class Column(NamedTuple):
    """A way between VPCs."""

    key: str
    title: str


class Row(NamedTuple):
    """A question, and what was published of each way. asks: in words. measured: how it is found out here."""

    key: str
    title: str
    asks: str
    measured: str
    values: tuple[Value, Value, Value, Value]


COLUMNS = (
    Column("igw", "Internet gateway"),
    Column("peering", "VPC peering"),
    Column("privatelink", "PrivateLink"),
    Column("tgw", "Transit Gateway"),
)

ROWS = (
    Row(
        "zones",
        "A failing zone matters",
        "does it have parts in zones, so that one has to place them in several?",
        "all parts in zone a, two instances in zone c, zone a fails; and the same with parts in both zones",
        ("no", "no", "yes", "yes"),
    ),
    Row(
        "exposed",
        "Exposed to the internet",
        "can a stranger on the internet call what the partner calls, if its security group is open?",
        "a host on the internet calls every address that the server has; it reaches another host, so it is alive",
        ("yes", "no", "no", "no"),
    ),
    Row(
        "fixed",
        "Fixed cost",
        "how many USD do 720 hours cost, for two VPCs with their parts in one zone?",
        "the prices of the running lab's components by the hour",
        ("7.2", "0", "27.576", "100.8"),
    ),
    Row(
        "variable",
        "Variable cost",
        "does any of its parts cost by the GB?",
        "the price of 1,000 GB by each part; and of the bytes that the lab has carried until now",
        ("no", "no", "yes", "yes"),
    ),
    Row(
        "private",
        "Private communication",
        "does nobody outside of the two VPCs get to see the packets?",
        "captures at every host on the internet while one instance calls the other",
        ("○", "○", "○", "○"),
    ),
    Row(
        "private-space",
        "From a private subnet",
        "can an instance without a public address use it?",
        "the caller loses its public address, if it has one",
        ("×", "○", "○", "○"),
    ),
    Row(
        "three",
        "Three or more VPCs",
        "does one more connection join one more VPC to all others?",
        "a third VPC joined by one step: who reaches whom; if not everybody, again with all steps",
        ("○", "△", "△", "○"),
    ),
    Row(
        "overlap",
        "Overlapping CIDR blocks",
        "can both VPCs have the same block?",
        "both are 10.0.0.0/16",
        ("○", "×", "○", "×"),
    ),
    Row(
        "both-ways",
        "Both directions",
        "can each VPC begin?",
        "each instance calls the other; if one cannot, again with a second connection the other way round",
        ("○", "○", "△", "○"),
    ),
    Row(
        "accounts",
        "Across accounts",
        "can the VPCs belong to two accounts?",
        "each VPC with an owner of its own",
        ("○", "○", "○", "○"),
    ),
    Row(
        "regions",
        "Across regions",
        "can the VPCs be in two regions?",
        "one VPC in ap-northeast-1, the other in us-east-1",
        ("○", "○", "×", "○"),
    ),
)

Cell = tuple[Row, Column]


def published(cell: Cell) -> Value:
    """What the comparison says there."""
    row, column = cell
    return row.values[COLUMNS.index(column)]


def chosen(words: list[str]) -> list[Cell]:
    """The cells that a person means: a row, a column, or ROW/COLUMN; nothing means all. UsageError: no such one."""
    rows, columns = {row.key: row for row in ROWS}, {column.key: column for column in COLUMNS}
    found: set[Cell] = set()
    for word in words:
        first, _, second = word.partition("/")
        parts = [part for part in (first, second) if part]
        if not parts or any(part not in rows and part not in columns for part in parts):
            hint = f"rows: {', '.join(rows)}; columns: {', '.join(columns)}; or both: three/peering"
            raise UsageError(f"there is no {word} in the comparison", hint)
        found |= {(row, column) for row in ROWS for column in COLUMNS if {*parts} <= {row.key, column.key}}
    return [(row, column) for row in ROWS for column in COLUMNS if not words or (row, column) in found]
