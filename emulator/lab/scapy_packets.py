"""Scapy, for whoever wants packets instead of bytes. Everything else of vpcemu works without it."""

import importlib
import sys
from types import ModuleType
from typing import Any, Final

from emulator.errors import UnsupportedError
from emulator.kernel import netns

_MODULES: Final = ("scapy.layers.l2", "scapy.layers.inet", "scapy.layers.inet6", "scapy.layers.dns", "scapy.packet")


def module(name: str) -> ModuleType:
    """A module of Scapy. When this is what loads Scapy, it is in an empty namespace: it never sees the host's links."""
    if "scapy" in sys.modules:
        return _imported(name)
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)  # it warns of a machine without routes
    with netns.nowhere():
        for each in _MODULES:
            _imported(each)
        return _imported(name)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as reason:
        raise UnsupportedError(
            f"packets are Scapy's, and it cannot be imported: {reason}",
            f"{sys.executable} -m pip install scapy (or vpcemu[scapy])",
        ) from None


def layer(name: str) -> Any:
    """A class of Scapy's by its name: IP, TCP, DNS, ... AttributeError if none of the common modules has it."""
    for each in _MODULES:
        found = getattr(module(each), name, None)
        if found is not None:
            return found
    raise AttributeError(f"Scapy has no {name} in {', '.join(_MODULES)}")


def packet(frame: bytes) -> Any:
    """The frame, read from Ethernet on."""
    return layer("Ether")(frame)
