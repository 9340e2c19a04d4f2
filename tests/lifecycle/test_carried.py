"""`cost --measured`: the bytes that a lab has really carried."""

import socket
from decimal import Decimal

from emulator.lab.cost import cost
from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES
from tests.support.wait import eventually

DATAGRAMS, SIZE = 200, 1300


def test_what_went_through_a_nat_gateway_is_charged_there_and_at_no_other() -> None:
    """PRICE-01: whole frames, which are somewhat longer than what is in them."""
    with labs.up(TOPOLOGIES / "two-az-nat.yaml") as made:
        before = carried(made.name)
        sender = made.open_socket("app-c", kind=socket.SOCK_DGRAM)
        sender.setblocking(True)
        for _ in range(DATAGRAMS):
            sender.sendto(b"x" * SIZE, ("93.184.216.34", 9))
        after = carried(made.name)
        grown = {name: (after[name] - before[name]) * 10**9 for name in after}
        assert DATAGRAMS * SIZE < grown["nat-c"] < DATAGRAMS * SIZE * Decimal("1.3")
        assert grown["nat-a"] < 5000
        assert cost(made.name, measured=False).cost.variable == 0, "without it, nothing is counted"


def carried(lab: str, item: str = "nat_gateway_data") -> dict[str, Decimal]:
    """GB of an item, by component."""
    found = cost(lab, measured=True)
    assert found.measured
    return {line.component.name: line.amount for line in found.cost.lines if line.price.item == item}


def test_an_attachment_of_a_transit_gateway_is_charged_what_its_vpc_sends() -> None:
    """PRICE-03: the sender's, and no other."""
    with labs.up(TOPOLOGIES / "transit-gateway-pair.yaml") as made:
        before = carried(made.name, "transit_gateway_data")
        sender = made.open_socket("client-a", kind=socket.SOCK_DGRAM)
        sender.setblocking(True)
        for _ in range(DATAGRAMS):
            sender.sendto(b"x" * SIZE, ("10.2.0.4", 9))
        after = carried(made.name, "transit_gateway_data")
        grown = {name: (after[name] - before[name]) * 10**9 for name in after}
        assert DATAGRAMS * SIZE < grown["tgw/one"] < DATAGRAMS * SIZE * Decimal("1.3")
        assert grown["tgw/two"] < 5000


def test_what_went_by_an_endpoint_is_charged_there_and_at_the_load_balancer_and_at_no_other_endpoint() -> None:
    """PRICE-05, PRICE-06: each GB twice, by its consumer and by the provider."""
    with labs.up(TOPOLOGIES / "privatelink-one-zone.yaml") as made:
        items = ("interface_endpoint_data", "network_load_balancer_data")
        before = [carried(made.name, item) for item in items]
        caller = made.open_socket("thrifty-a")
        caller.setblocking(True)
        caller.settimeout(10)
        caller.connect((made.private("api-1.thrifty-a"), 80))
        caller.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)

        def grown() -> dict[str, Decimal]:
            after = [carried(made.name, item) for item in items]
            return {
                name: (now[name] - then[name]) * 10**9 for then, now in zip(before, after, strict=True) for name in now
            }

        eventually(lambda: min(grown()["api-1"], grown()["front"]) > 50_000, "all of it has passed both")
        assert grown()["api-2"] < 5000
