"""The table of prices: from its TOML text to a lookup by item and region."""

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from emulator.errors import UsageError

Unit = Literal["hour", "GB"]


class Price(NamedTuple):
    """USD for an hour, or a GB (10^9 bytes), of an item in a region. as_of: when it was so: "2026-09-25", "2024-06"."""

    item: str
    region: str
    unit: Unit
    usd: Decimal
    as_of: str
    source: str


class Prices:
    """All prices that are known."""

    def __init__(self, rows: Sequence[Price]) -> None:
        self._rows = {(row.item, row.region): row for row in rows}
        self.regions = tuple(sorted({row.region for row in rows}))

    def of(self, item: str, region: str) -> Price:
        """UsageError: nothing is known of the item there; nothing is ever taken for free."""
        found = self._rows.get((item, region))
        if found is None:
            known = " and ".join(self.regions)
            hint = (
                f"prices are known of {known}: `region: {self.regions[-1]}` in the file shows what it would cost there"
            )
            raise UsageError(f"no price is known of {item.replace('_', ' ')} in region {region}", hint)
        return found

    def require(self, region: str) -> None:
        """UsageError if nothing is known of the region."""
        if region not in self.regions:
            known = " and ".join(self.regions)
            hint = (
                f"prices are known of {known}: `region: {self.regions[-1]}` in the file shows what it would cost there"
            )
            raise UsageError(f"no prices are known of region {region}", hint)


def read(text: str) -> Prices:
    """The table from the text of prices.toml."""
    return Prices(
        [
            Price(row["item"], region, row["unit"], Decimal(usd), row["as_of"][region], row["source"])
            for row in tomllib.loads(text)["price"]
            for region, usd in row["usd"].items()
        ]
    )
