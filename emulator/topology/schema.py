"""The table of keys as JSON Schema (draft 2020-12), so that an editor completes and checks a topology while one types.

It knows keys, kinds and spelling. What needs to look at two places of the file at once is for `load`.
"""

from collections.abc import Mapping
from typing import Any

from emulator.topology.fields import TOPOLOGY
from emulator.topology.kinds import Kind, ListOf, MapOf, MapTo, Noun, OneOrMany, ScalarOr
from emulator.topology.values import Scalar

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The whole schema; every noun is one of `$defs`."""
    definitions: dict[str, Any] = {}
    root = _noun(TOPOLOGY, definitions)
    ordered = {name: definitions[name] for name in sorted(definitions)}
    return {"$schema": DIALECT, "title": "vpcemu topology", **root, "$defs": ordered}


def _noun(noun: Noun, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {"description": key.doc, **_kind(key.kind, definitions)} for name, key in noun.keys.items()}
    found: dict[str, Any] = {
        "description": noun.doc,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    required = [name for name, key in noun.keys.items() if key.required]
    if required:
        found["required"] = required
    if noun.one_of:
        found["oneOf"] = [{"required": [name]} for name in noun.one_of]
    if noun.any_of:
        found["anyOf"] = [{"required": [name]} for name in noun.any_of]
    return found


def _kind(kind: Kind, definitions: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case Scalar():
            return dict(kind.schema)
        case Noun():
            return _reference(kind, definitions)
        case MapOf():
            return _map(kind.name.schema, _reference(kind.noun, definitions))
        case MapTo():
            return _map(kind.name.schema, dict(kind.value.schema))
        case ListOf():
            return {"type": "array", "items": _kind(kind.item, definitions)}
        case OneOrMany():
            one = _kind(kind.item, definitions)
            return {"anyOf": [one, {"type": "array", "items": one}]}
        case ScalarOr():
            return {"anyOf": [dict(kind.word.schema), _reference(kind.noun, definitions)]}


def _map(names: Mapping[str, object], values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": names["pattern"]}, "additionalProperties": values}


def _reference(noun: Noun, definitions: dict[str, Any]) -> dict[str, Any]:
    name = noun.title.lower().replace(" ", "_")
    if name not in definitions:
        definitions[name] = {}  # a place for it, before what it holds refers to it
        definitions[name] = _noun(noun, definitions)
    return {"$ref": f"#/$defs/{name}"}
