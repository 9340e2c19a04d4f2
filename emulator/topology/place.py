"""Where a noun stands in the user's file. It never takes part in equality: two files that say the same are equal."""

from dataclasses import field

from emulator.errors import Where

NOWHERE = Where()


def written() -> Where:
    """The field `where: Where = written()` of a noun."""
    return field(default=NOWHERE, compare=False, repr=False)
