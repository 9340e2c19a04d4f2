"""cost as text and as JSON."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypedDict

from emulator.pricing.cost import Priced
from emulator.report.text import PLAIN, Paint, one_line, table

NOUNS = {
    "internet_gateway": "internet gateway",
    "public_ipv4_address": "public IPv4 address of",
    "nat_gateway": "NAT gateway",
    "vpc_peering_connection": "VPC peering connection",
    "transit_gateway_attachment": "transit gateway attachment",
    "transit_gateway_peering_attachment": "transit gateway peering attachment",
    "network_load_balancer": "network load balancer",
    "interface_endpoint": "interface endpoint",
    "cross_az_data": "data",
}


class LineShape(TypedDict):
    """`count` times `amount` hours or GB at `price`. `vpc` is "" for what no single VPC is charged for."""

    kind: str
    name: str
    vpc: str
    region: str
    item: str
    unit: Literal["hour", "GB"]
    count: int
    amount: float
    price: float
    usd: float
    as_of: str
    source: str


class VpcCost(TypedDict):
    name: str
    region: str
    usd: float


class CostShape(TypedDict):
    """`cost --json`. USD without tax; `fixed` is charged by the hour, `variable` by the GB."""

    name: str
    file: str
    hours: float
    measured: bool
    fixed: float
    variable: float
    total: float
    vpcs: list[VpcCost]
    between: float
    components: list[LineShape]
    notes: list[str]


def number(value: Decimal) -> float:
    """To a ten-thousandth of a cent."""
    return float(round(value, 6))


def shape(found: Priced) -> CostShape:
    """What `lab.cost` found, as plain values."""
    total = found.cost
    return CostShape(
        name=found.name,
        file=found.file,
        hours=number(found.usage.hours),
        measured=found.measured,
        fixed=number(total.fixed),
        variable=number(total.variable),
        total=number(total.fixed + total.variable),
        vpcs=[
            VpcCost(name=vpc.name, region=found.topology.region_of(vpc), usd=number(total.of(vpc.name)))
            for vpc in found.topology.vpcs
        ],
        between=number(total.of("")),
        components=[
            LineShape(
                kind=line.component.kind,
                name=line.component.name,
                vpc=line.component.owner,
                region=line.component.region,
                item=line.price.item,
                unit=line.price.unit,
                count=line.many,
                amount=number(line.amount),
                price=number(line.price.usd),
                usd=number(line.usd),
                as_of=line.price.as_of,
                source=line.price.source,
            )
            for line in total.lines
        ],
        notes=list(total.notes),
    )


def text(shape: CostShape, paint: Paint = PLAIN) -> list[str]:
    """A row for each charge, then totals."""
    carried = ", with the bytes that it has carried" if shape["measured"] else ""
    lines = [f"{paint.bold(one_line(shape['name']))}: {shape['hours']:g} hours{carried}, in USD without tax", ""]
    rows = [
        (
            f"{NOUNS[held['kind']]} {one_line(held['name'])}",
            one_line(held["vpc"]),
            _quantity(held),
            f"{held['price']:g} per {held['unit']}",
            held["as_of"],
            money(held["usd"]),
        )
        for held in shape["components"]
    ]
    lines += table(("component", "VPC", "quantity", "price", "as of", "USD"), rows, paint) if rows else []
    lines += ["", f"fixed {money(shape['fixed'])} + by the GB {money(shape['variable'])} = " + _total(shape, paint)]
    if len(shape["vpcs"]) > 1:
        of = [f"VPC {one_line(held['name'])} {money(held['usd'])}" for held in shape["vpcs"]]
        lines.append(", ".join([*of, f"between them {money(shape['between'])}"]))
    return [*lines, *_notes(shape["notes"], paint)]


def _quantity(held: LineShape) -> str:
    many = f"{held['count']} x " if held["count"] > 1 else ""
    return f"{many}{held['amount']:g} {'h' if held['unit'] == 'hour' else 'GB'}"


def money(usd: float) -> str:
    """As exact as it has to be: 7.20, 27.576."""
    exact = f"{usd:.4f}".rstrip("0")
    whole, _, cents = exact.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _total(shape: CostShape, paint: Paint) -> str:
    return paint.bold(money(shape["total"]))


def _notes(notes: Sequence[str], paint: Paint) -> list[str]:
    return [paint.dim(f"  ({note})") for note in notes]
