"""The VPC's edge: an internet gateway's name, and public addresses, which people also try to order by a word."""

from collections.abc import Callable
from ipaddress import IPv4Address

from emulator.topology.suggest import show
from emulator.topology.values import ADDRESS, NAME, Bad

_SWITCHES = {"true", "false", "yes", "no", "on", "off", "none", "enable", "enabled", "disable", "disabled"}
_ANY = {"true", "auto", "yes", "any", "new"}


def _read_gateway(text: str) -> str:
    # A gateway called `false` would be one that its author believes is not there.
    if text.lower() in _SWITCHES:
        hint = "the name that routes point at, such as igw; a VPC without one leaves the key out"
        raise Bad(f"{show(text)} is no name for an internet gateway", hint)
    return NAME.read(text)  # type: ignore[return-value]


def _elastic_ip(instead: str) -> Callable[[str], IPv4Address]:
    """`instead`: how this noun gets a public address without naming one."""

    def read(text: str) -> IPv4Address:
        if text.lower() in _ANY:
            raise Bad(f"{show(text)} is not an IPv4 address", instead, "InvalidParameterValue")
        return ADDRESS.read(text)  # type: ignore[return-value]

    return read


GATEWAY = NAME._replace(read=_read_gateway)
ELASTIC_IP = ADDRESS._replace(read=_elastic_ip("associate_public_ip_address: true takes one of the pool"))
POOLED_IP = ADDRESS._replace(read=_elastic_ip("leave it out: then it is one of the lab's pool"))
