"""Sums: what a topology costs for so many hours, and so many GB."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from emulator.errors import UsageError
from emulator.pricing.components import Component, components
from emulator.pricing.prices import Price, Prices
from emulator.topology.model import Topology
from emulator.topology.suggest import nearest

HOURS = 720  # a month of 30 days
FREE_OUT = Decimal(100)  # GB a month to the internet that cost nothing
ZERO = Decimal(0)


class Line(NamedTuple):
    """What a component costs by one price: many x amount x price. amount: hours or GB."""

    component: Component
    price: Price
    many: int
    amount: Decimal

    @property
    def usd(self) -> Decimal:
        return self.many * self.amount * self.price.usd


class Usage(NamedTuple):
    """How long, and how much data: GB through each component that is charged by the GB, and through named ones.

    cross_az: GB between zones, within VPCs or by peering.
    """

    hours: Decimal = Decimal(HOURS)
    gb: Decimal = ZERO
    named: Mapping[str, Decimal] = {}
    cross_az: Decimal = ZERO


class Cost(NamedTuple):
    """fixed, variable: what is charged by the hour, and by the GB. notes: what is not in the sums."""

    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def fixed(self) -> Decimal:
        return sum((line.usd for line in self.lines if line.price.unit == "hour"), ZERO)

    @property
    def variable(self) -> Decimal:
        return sum((line.usd for line in self.lines if line.price.unit == "GB"), ZERO)

    def of(self, owner: str) -> Decimal:
        """What is charged to a VPC; "" for what is between VPCs."""
        return sum((line.usd for line in self.lines if line.component.owner == owner), ZERO)


class Priced(NamedTuple):
    """A topology with its cost. file: where it is from. measured: the GB of `usage` were counted in a lab."""

    name: str
    file: str
    topology: Topology
    usage: Usage
    cost: Cost
    measured: bool


def cost(topology: Topology, prices: Prices, usage: Usage) -> Cost:
    """UsageError: a region without prices, or data of a component that is not there or not charged by the GB."""
    for vpc in topology.vpcs:
        prices.require(topology.region_of(vpc))
    found = list(components(topology))
    charged = [held.name for held in found if held.data]
    for name in usage.named:
        if name not in charged:
            near = nearest(name, charged)
            hint = f"did you mean {near}?" if near else f"these are: {', '.join(charged) or 'none'}"
            raise UsageError(f"nothing called {name} is charged by the GB", hint)
    lines: list[Line] = []
    hours = usage.hours.to_integral_value(ROUND_CEILING)  # a started hour is a full one
    free = FREE_OUT
    for held in found:
        if held.hourly:
            lines.append(Line(held, prices.of(held.hourly, held.region), held.many, hours))
        if not held.data:
            continue
        gb = usage.named.get(held.name, ZERO if held.named else usage.gb)
        if held.data == "internet_out_data":
            taken = min(gb, free)
            free, gb = free - taken, gb - taken
        if gb or not held.named:
            lines.append(Line(held, prices.of(held.data, held.region), 1, gb))
    if usage.cross_az:
        for region in dict.fromkeys(map(topology.region_of, topology.vpcs[:1])):
            between = Component("cross_az_data", "between zones", "", region, data="cross_az_data")
            lines.append(Line(between, prices.of("cross_az_data", region), 2, usage.cross_az))
    return Cost(tuple(lines), tuple(_notes(topology, usage)))


def _notes(topology: Topology, usage: Usage) -> list[str]:
    zones = {subnet.availability_zone for vpc in topology.vpcs for subnet in vpc.subnets}
    regions = {topology.region_of(vpc) for vpc in topology.vpcs}
    notes = ["EC2 instances, and data out to the internet that no `--gb GATEWAY=N` names, are not in it"]
    if len(zones) > len(regions) and not usage.cross_az:
        notes.append("between zones, by a VPC peering connection, a NAT gateway or a load balancer: `--cross-az-gb N`")
    if any(gateway.regional for vpc in topology.vpcs for gateway in vpc.nat_gateways):
        notes.append("a regional NAT gateway is charged here as a zonal one in each of its zones: unconfirmed")
    if len(regions) > 1:
        notes.append("data between regions is not in it: no price of it is known here")
    return notes
