"""The same topology under another name, with every line where it was. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import yaml


def renamed(topology: str | Mapping[str, Any], name: str) -> str:
    """The text (or the mapping, as JSON, which is YAML) with the lab's name replaced.

    A text that is not even YAML is given back as it is: reading it says what is wrong with it.
    """
    if not isinstance(topology, str):
        return json.dumps({"name": name} | dict(topology) | {"name": name}, indent=1) + "\n"
    try:
        root = yaml.compose(topology, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return topology
    if not isinstance(root, yaml.MappingNode):
        return topology
    for key, value in root.value:
        if key.value == "name":
            return topology[: value.start_mark.index] + name + topology[value.end_mark.index :]
    if root.flow_style:
        start = root.start_mark.index + 1
        return f"{topology[:start]}name: {name}, {topology[start:]}"
    return f"{topology.rstrip()}\n{' ' * root.start_mark.column}name: {name}\n"
