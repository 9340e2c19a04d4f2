"""Subnet CIDR reservations (SUB-19): parts of a subnet that AWS gives to no interface by itself."""

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Literal, NamedTuple


class CidrReservation(NamedTuple):
    """A part of a subnet.

    reservation_type: who asks for an address of an `explicit` one gets it; a `prefix` one is for prefixes alone.
    """

    cidr_block: IPv4Network
    reservation_type: Literal["explicit", "prefix"]

    def __str__(self) -> str:
        return f"{self.cidr_block} ({self.reservation_type})"


def set_aside(reservations: Iterable[CidrReservation], address: int) -> CidrReservation | None:
    """The reservation that holds the address. None: anybody may be given it."""
    for held in reservations:
        if int(held.cidr_block.network_address) <= address <= int(held.cidr_block.broadcast_address):
            return held
    return None
