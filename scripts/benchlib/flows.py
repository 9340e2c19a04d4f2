"""What the rules cost each packet: a TCP flow and a UDP flow, beside the same way without them or with fewer."""

import subprocess
from collections.abc import Callable

from emulator import names

from . import generate, product
from .product import Lab
from .rounds import Choices, running, say
from .stats import Bound, Result, Samples

Flow = tuple[float, float]  # per second, and per second of processor time


def throughput(choices: Choices) -> list[Result]:
    """TCP from a private instance through NAT and internet gateway, with the rules and without any."""
    ruled = product.lab("bench-ruled", 4, subnets=2)
    bare = product.lab("bench-bare", 4, subnets=2)
    source, target, port = generate.instance(0), generate.OUTSIDE, 5201

    def flow(held: Lab) -> Flow:
        return product.traffic("tcp", held, source, target, generate.OUTSIDE_IP, port, choices.seconds)

    with running(ruled), running(bare):
        strip(bare, source)
        sides = in_turn(choices, lambda: flow(ruled), lambda: flow(bare))
    what = "one TCP connection, private instance - NAT - IGW - internet, against the same way without nft"
    return results("throughput", what, ("vpcemu", "no rules"), sides, ("Gbit/s", 1e9), Bound(0.9, "at least"))


def packets(choices: Choices) -> list[Result]:
    """Small UDP packets between two instances: many ENIs and rules against few."""
    many = product.lab("bench-many", choices.hosts, subnets=choices.subnets, rules=choices.rules)
    few = product.lab("bench-few", 10, subnets=2, rules=10)
    source, target = generate.instance(0), generate.instance(1)

    def flow(held: Lab) -> Flow:
        address = held.address(target)
        return product.traffic("udp", held, source, target, address, generate.PROBE_PORT, choices.seconds)

    with running(many), running(few):
        sides = in_turn(choices, lambda: flow(many), lambda: flow(few))
    what = f"small UDP packets between instances: {choices.hosts} ENIs and {choices.rules} rules, against 10 and 10"
    return results("packets", what, ("many", "few"), sides, ("k/s", 1e3), Bound(0.85, "at least"))


def strip(held: Lab, source: str) -> None:
    """Take all nft rules away and give the kernel's routes what the rules did, so that packets go the same way.

    Without translation the instance keeps its address, so the internet gets a route to it; without marks the router
    tells by the link a packet came in which table is meant, and the way back goes through the NAT gateway as well.
    """
    _, addresses, state = held.compiled
    for node in state.namespaces:
        _do(held, node, "nft flush ruleset")
    own, nat = addresses.private[source], addresses.private["nat"]
    hop, gateway = names.NEXT_HOP, names.IGW_LINK
    sender, translator = names.eni(source), names.eni("nat")
    _do(
        held,
        "main.router",
        f"ip route add default via {nat} dev {translator} onlink table 9001",
        f"ip route add default via {hop} dev {gateway} onlink table 9002",
        f"ip route add {own} via {nat} dev {translator} onlink table 9003",
        f"ip rule add pref 90 iif {sender} lookup 9001",
        f"ip rule add pref 91 iif {translator} to {generate.CIDR} lookup main",
        f"ip rule add pref 92 iif {translator} lookup 9002",
        f"ip rule add pref 93 iif {gateway} lookup 9003",
    )
    _do(held, "internet", f"ip route add {own} via {hop} dev {names.to_gateway('main')} onlink")


def _do(held: Lab, node: str, *commands: str) -> None:
    inside = ["ip", "netns", "exec", names.netns(held.name, node), "sh", "-ec", "; ".join(commands)]
    subprocess.run(inside, check=True)


def in_turn(choices: Choices, *sides: Callable[[], Flow]) -> list[list[Flow]]:
    """Short samples of each side in turn."""
    say(f"{choices.samples} samples of {choices.seconds} s")
    found: list[list[Flow]] = [[] for _ in sides]
    for _ in range(choices.samples):
        for side, column in zip(sides, found, strict=True):
            column.append(side())
    return found


def results(
    name: str, what: str, labels: tuple[str, str], sides: list[list[Flow]], unit: tuple[str, float], bound: Bound | None
) -> list[Result]:
    """Two lines: the rates, and the rates per second of processor time."""
    found = []
    for number, also in enumerate(("", ", per second of processor time")):
        measured, against = (
            Samples(label, unit[0], tuple(flow[number] / unit[1] for flow in side))
            for label, side in zip(labels, sides, strict=True)
        )
        found.append(Result(name, what + also, measured, against, bound=None if number else bound))
    return found
