"""Route tables: which route a packet takes."""

from ipaddress import IPv4Network
from typing import NamedTuple

from emulator.topology.model import PrefixListReference, Route, RouteTable, Topology, Vpc
from emulator.topology.prefix_lists import destinations


class Choice(NamedTuple):
    """A route of a table. `route` None: the local route of a block of the VPC (RT-02)."""

    block: IPv4Network
    low: int
    high: int
    route: Route | None


class Table:
    """A route table, ready to be asked."""

    def __init__(self, table: RouteTable, vpc: Vpc, topology: Topology) -> None:
        self.table, self.name = table, table.name
        # RT-02, VPC-12: a local route for every block. RT-04: a static one for the same block takes its place.
        found: dict[IPv4Network, Route | None] = dict.fromkeys(vpc.cidr_blocks)
        listed: list[tuple[IPv4Network, Route]] = []
        lists = {held.name: held for held in topology.prefix_lists}
        for route in table.routes:
            if isinstance(route.destination, PrefixListReference):
                entries = destinations(lists[route.destination.prefix_list], vpc)
                listed += [(block, route) for block in entries]
            else:
                found[route.destination] = route
        for block, route in listed:  # RT-51, RT-55: static beats prefix list; of two lists, the one named first
            found.setdefault(block, route)
        # RT-50: the longest prefix first, whatever its origin; a blackhole too wins by it (RT-41).
        self.choices = sorted(
            (
                Choice(block, int(block.network_address), int(block.broadcast_address), route)
                for block, route in found.items()
            ),
            key=lambda choice: -choice.block.prefixlen,
        )

    def lookup(self, address: int) -> list[Choice]:
        """Every route that fits, the one that is taken first. Empty: no route, a silent drop."""
        return [choice for choice in self.choices if choice.low <= address <= choice.high]
