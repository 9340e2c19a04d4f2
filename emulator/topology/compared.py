"""Two files, held against each other: nouns by name, attributes by value. What `changes` and its parts are made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol, TypeVar

from emulator.topology.words import shown

Verb = Literal["add", "remove", "replace"]


class Change(NamedTuple):
    """One thing that an edit adds, removes or replaces.

    path: its place in the file, counted from 0 ("vpcs.main.security_groups.web.ingress[1]"); of what is removed, in the
    old file. vpc: the VPC's name, or "" outside. text: what it is ("tcp 443 from 0.0.0.0/0"); of what is replaced,
    "attribute: old -> new".
    """

    verb: Verb
    path: str
    vpc: str
    noun: str
    text: str


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
N = TypeVar("N", bound=_Named)
Inside = Callable[[str, str, T | None, T | None], Iterable[Change]]  # path, vpc, old, new


def each(
    path: str,
    vpc: str | None,  # None: these are the VPCs
    noun: str,
    old: Mapping[str, T],
    new: Mapping[str, T],
    text: Callable[[T], str],
    inside: Inside[T] | None = None,
) -> Iterator[Change]:
    for name, value in old.items():
        if name not in new:
            owner = name if vpc is None else vpc
            yield from inside(f"{path}.{name}", owner, value, None) if inside else ()
            yield Change("remove", f"{path}.{name}", owner, noun, text(value))
    for name, value in new.items():
        owner = name if vpc is None else vpc
        if name not in old:
            yield Change("add", f"{path}.{name}", owner, noun, text(value))
        if inside and old.get(name) != value:
            yield from inside(f"{path}.{name}", owner, old.get(name), value)


def by_name(nouns: Iterable[N]) -> dict[str, N]:
    return {noun.name: noun for noun in nouns}


def both(old: T | None, new: T | None, part: Callable[[T], Iterable[N]]) -> tuple[dict[str, N], dict[str, N]]:
    """The same part of both files, by name; empty where there is no such file."""
    return by_name(part(old) if old else ()), by_name(part(new) if new else ())


def differing(path: str, vpc: str, noun: str, old: object, new: object, keys: Iterable[str]) -> Iterator[Change]:
    """The attributes whose values differ. `key=attribute` where the file and the model use different words."""
    for key in keys:
        name, _, attribute = key.partition("=")
        before, after = getattr(old, attribute or name), getattr(new, attribute or name)
        if before != after:
            where = f"{path}.{name}" if path else name
            yield Change("replace", where, vpc, noun, f"{name}: {shown(before)} -> {shown(after)}")
