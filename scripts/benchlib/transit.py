"""Many VPCs on one transit gateway: bringing them up, and what the way through the gateway costs a packet."""

from . import flows, generate_transit, product
from .generate import PROBE_PORT
from .generate_transit import instance
from .product import Lab
from .rounds import Choices, interleaved, running
from .stats import Bound, Result, Samples

INSTANCES = 10  # of each VPC


def transit(choices: Choices) -> list[Result]:
    """As many instances as the other comparisons have, ten in each VPC, beside the same number in one VPC."""
    vpcs = choices.hosts // INSTANCES
    many = Lab("bench-transit", generate_transit.topology("bench-transit", vpcs, INSTANCES))
    one = product.lab("bench-one-vpc", choices.hosts, subnets=choices.subnets)
    again: list[float] = []
    removal: list[float] = []

    def ours() -> float:
        first = product.up(many)
        product.verify(many)
        again.append(product.run("up", many.path))
        removal.append(product.down(many))
        return first

    def beside() -> float:
        first = product.up(one)
        product.down(one)
        return first

    first, single = interleaved(choices.rounds, ours, beside)
    size = f"{vpcs} VPCs of {INSTANCES} instances on one transit gateway"
    whole = _ms(f"{vpcs} VPCs", first)
    return [
        Result("transit", f"`up` of {size}, against as many instances in one VPC", whole, _ms("one VPC", single)),
        Result("transit", f"second `up` of {size}, against the first", _ms("", again), whole),
        Result("transit", f"`down` of {size}, against the first `up`", _ms("", removal), whole, bound=Bound(0.1)),
        *_packets(choices, many),
    ]


def _packets(choices: Choices, many: Lab) -> list[Result]:
    """Small UDP packets from VPC to VPC, beside those within one; the same instance sends."""
    source, near, far = instance(0, 0), instance(0, 1), instance(1, 0)

    def flow(target: str) -> flows.Flow:
        return product.traffic("udp", many, source, target, many.address(target), PROBE_PORT, choices.seconds)

    with running(many):
        sides = flows.in_turn(choices, lambda: flow(far), lambda: flow(near))
    what = "small UDP packets between two VPCs, by the transit gateway, against within one of them"
    return flows.results("transit", what, ("between", "within"), sides, ("k/s", 1e3), None)


def _ms(label: str, seconds: list[float] | tuple[float, ...]) -> Samples:
    return Samples(label, "ms", tuple(value * 1000 for value in seconds))
