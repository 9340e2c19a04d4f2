"""Who has which address: what the file fixes, and what was given out (`addresses` does that)."""

from ipaddress import IPv4Address
from typing import NamedTuple


def slot(node: str, number: int) -> str:
    """Under which name Addresses holds an ENI's address: 0 is the first one, from 1 the secondary ones."""
    return f"{node}+{number}" if number else node


class Addresses(NamedTuple):
    """Who has which address: what the file fixes and what was assigned, by node name.

    A private address stays with its ENI (SUB-18), so a later `up` of an edited file passes the earlier Addresses
    in and nobody is renumbered by a neighbour's arrival.

    An ENI's first address is under its node's name, "nat"; the secondary ones are under `slot("nat", 1)`, "nat+1", and
    so on, in both maps alike: the private address and the Elastic IP of one slot belong together. A name holds no "+".

    released: the public address of the pool that an instance had last, while it has none (SUB-17).
    """

    private: dict[str, IPv4Address]  # instances, NAT gateways, nodes of load balancers
    public: dict[str, IPv4Address]  # those of them that have a public IP, outside hosts
    released: dict[str, IPv4Address] = {}  # noqa: RUF012 - never changed
