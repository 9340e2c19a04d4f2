"""What the table of keys is made of: nouns, their keys, and the kinds of value that a key may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from emulator.topology.values import Scalar


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a noun."""

    kind: "Kind"
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Noun:
    """A mapping with known keys. `one_of`: exactly one of these must be there; `any_of`: at least one.

    `instead` answers a key that people write and that is not one: what to write instead.
    """

    title: str
    doc: str
    keys: Mapping[str, Key]
    one_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)


class MapOf(NamedTuple):
    """Names of the user's choice, each with a noun: `instances: {web: {...}, db: {...}}`."""

    name: Scalar
    noun: Noun


class MapTo(NamedTuple):
    """Scalars to scalars: `routes: {0.0.0.0/0: igw}`."""

    name: Scalar
    value: Scalar
    sample: str = "{0.0.0.0/0: igw}"


class ListOf(NamedTuple):
    """A list, and nothing but a list."""

    item: Union[Scalar, Noun, "ScalarOr"]


class OneOrMany(NamedTuple):
    """One, or a list of them. Read as it is or as a tuple."""

    item: Union[Scalar, "ScalarOr"]


class ScalarOr(NamedTuple):
    """A word, or a noun where the word is not enough: `http`, `{http: 8080}`."""

    word: Scalar
    noun: Noun
    sample: str = "{}"  # of the noun


Kind = Scalar | Noun | MapOf | MapTo | ListOf | OneOrMany | ScalarOr
