"""What is measured. Each comparison runs both sides in turn (A B A B ...) and returns lines for the table."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emulator import names

from . import generate, machine, product, rivals
from .product import Lab
from .stats import Bound, Result, Samples


@dataclass(frozen=True)
class Choices:
    """How much is measured."""

    hosts: int = 1000
    subnets: int = 20
    rounds: int = 5
    rules: int = 10_000
    many: int = 4000
    loop: int = 100  # hosts of the shell loop, which takes 50 ms for each
    seconds: float = 2.0  # of traffic in one sample


def versions() -> list[tuple[str, str]]:
    """The rivals that are installed."""
    return [("Mininet", rivals.mininet_version() or "not installed")]


QUICK = Choices(hosts=100, rounds=3, rules=1000, many=400, loop=20, seconds=0.5)


def say(what: str) -> None:
    """Progress, so that nobody thinks it hangs."""
    print(f"  {what}", file=sys.stderr, flush=True)


def interleaved(rounds: int, *sides: Callable[[], float]) -> list[tuple[float, ...]]:
    """Run every side once per round; the measurements of each. The kernel finishes with one before the next begins."""
    columns: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for side, column in zip(sides, columns, strict=True):
            machine.settle()
            column.append(side())
    return [tuple(column) for column in columns]


@contextmanager
def running(held: Lab) -> Iterator[None]:
    """The lab is up, verified, and taken down afterwards."""
    machine.settle()
    product.up(held)
    try:
        product.verify(held)
        yield
    finally:
        product.down(held)


def _reference(held: Lab) -> float:
    seconds = product.reference_up(held)
    product.verify(held)  # the same work means the same result
    product.reference_down(held)
    return seconds


def kernel(choices: Choices) -> list[Result]:
    """The kernel part of `up` against the C program."""
    held = product.lab("bench-kernel", choices.hosts, subnets=choices.subnets)

    product.reference_up(held)
    if product.difference(held):
        raise RuntimeError("the C program has not made what vpcemu would make: nothing to compare")
    product.reference_down(held)

    def ours() -> float:
        seconds = product.kernel_part(held)
        product.verify(held)
        product.reference_down(held)
        return seconds

    reference, emulator = interleaved(choices.rounds, lambda: _reference(held), ours)
    return [
        Result(
            "kernel",
            f"kernel part of `up`, {choices.hosts} instances, against the same netlink messages from C",
            _ms("vpcemu", emulator),
            _ms("C", reference),
            bound=Bound(1.3),
        )
    ]


def whole(choices: Choices) -> list[Result]:
    """A first `up`, an `up` after one edit, and `down`."""
    name = "bench-whole"
    held = product.lab(name, choices.hosts, subnets=choices.subnets)
    edited = Lab(f"{name}-edited", generate.topology(name, choices.hosts, subnets=choices.subnets, web_port=444))
    again: list[float] = []
    removal: list[float] = []
    behind: list[float] = []
    ready: list[float] = []

    def ours() -> float:
        first = product.up(held)
        ready.append(first + product.verify(held))
        again.append(product.run("up", edited.path))
        removal.append(product.down(held))
        behind.append(machine.settle())
        return first

    reference, first = interleaved(choices.rounds, lambda: _reference(held), ours)
    size = f"{choices.hosts} instances"
    whole_up = _ms("vpcemu", first)
    return [
        Result("whole", f"whole `up`, {size}, against C's kernel part", whole_up, _ms("C", reference), bound=Bound(3)),
        Result(
            "ready",
            f"start of `up` until the last of {size} has sent and been reached, against C's kernel part",
            _ms("vpcemu", ready),
            _ms("C", reference),
            bound=Bound(3),
        ),
        Result("edit", "`up` after changing one rule, against the first", _ms("", again), whole_up, bound=Bound(0.05)),
        Result("down", "`down`, against the first `up`", _ms("", removal), whole_up, bound=Bound(0.1)),
        Result(
            "behind",
            "time the kernel goes on clearing up after `down` has returned",
            _ms("", behind),
            relation="fact",
        ),
    ]


def mininet(choices: Choices) -> list[Result]:
    """Mininet on Linux bridges with as many hosts."""
    version = rivals.mininet_version()
    if not version:
        say("Mininet is not installed (apt-get install mininet bridge-utils): left out")
        return []
    held = product.lab("bench-mininet", choices.hosts, subnets=choices.subnets)
    downs: list[float] = []
    theirs: list[float] = []

    def ours() -> float:
        seconds = product.up(held)
        product.verify(held)
        downs.append(product.down(held))
        return seconds

    def rival() -> float:
        seconds, down = rivals.mininet(choices.hosts, choices.subnets)
        theirs.append(down)
        return seconds

    emulator, other = interleaved(choices.rounds, ours, rival)
    both = tuple(map(sum, zip(emulator, downs, strict=True)))
    other_both = tuple(map(sum, zip(other, theirs, strict=True)))
    size, label = f"{choices.hosts} hosts", f"Mininet {version}"
    cycle = _s(label, other_both), _s("vpcemu", both)
    return [
        Result("mininet", f"up, {size}", _s(label, other), _s("vpcemu", emulator), bound=Bound(8, "at least")),
        Result("mininet", f"up and down, {size}", *cycle, bound=Bound(20, "at least")),
    ]


def shell(choices: Choices) -> list[Result]:
    """A shell loop of `ip` with fewer hosts, per host."""
    held = product.lab("bench-shell", choices.hosts, subnets=choices.subnets)

    def ours() -> float:
        seconds = product.up(held)
        product.down(held)
        return seconds

    emulator, other = interleaved(choices.rounds, ours, lambda: rivals.shell_loop(choices.loop)[0])
    return [
        Result(
            "shell",
            f"up, per host: a shell loop of `ip` with {choices.loop} hosts, vpcemu with {choices.hosts}",
            _ms("loop", other).each(choices.loop, "ms"),
            _ms("vpcemu", emulator).each(choices.hosts, "ms"),
            bound=Bound(50, "at least"),
        )
    ]


def execute(choices: Choices) -> list[Result]:
    """`vpcemu exec NODE -- true` and `ip netns exec`."""
    held = product.lab("bench-exec", choices.hosts, subnets=choices.subnets)
    node = generate.instance(0)
    plain = ["ip", "netns", "exec", names.netns(held.name, node), "true"]
    with running(held):
        product.run("exec", "-l", held.name, node, "--", "true")
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(choices.rounds * 6):
            ours.append(product.run("exec", "-l", held.name, node, "--", "true"))
            theirs.append(product.timed(plain))
    return [
        Result(
            "exec",
            f"`vpcemu exec NODE -- true` in a lab of {choices.hosts}, more than `ip netns exec`",
            _ms("vpcemu", ours),
            _ms("ip", theirs),
            relation="difference",
            bound=Bound(60),
        )
    ]


def throughput(choices: Choices) -> list[Result]:
    """TCP from a private instance through NAT and internet gateway, with the rules and without any."""
    ruled = product.lab("bench-ruled", 4, subnets=2)
    bare = product.lab("bench-bare", 4, subnets=2)
    source, target, port = generate.instance(0), generate.OUTSIDE, 5201

    def flow(held: Lab) -> float:
        return product.traffic("tcp", held, source, target, generate.OUTSIDE_IP, port, choices.seconds)

    with running(ruled), running(bare):
        strip(bare, source)
        with_rules, without = interleaved(max(7, choices.rounds), lambda: flow(ruled), lambda: flow(bare))
    return [
        Result(
            "throughput",
            "one TCP connection, private instance - NAT - IGW - internet, against the same way without nft",
            Samples("vpcemu", "Gbit/s", tuple(value / 1e9 for value in with_rules)),
            Samples("no rules", "Gbit/s", tuple(value / 1e9 for value in without)),
            bound=Bound(0.9, "at least"),
        )
    ]


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


def packets(choices: Choices) -> list[Result]:
    """Small UDP packets between two instances: many ENIs and rules against few."""
    many = product.lab("bench-many", choices.hosts, subnets=choices.subnets, rules=choices.rules)
    few = product.lab("bench-few", 10, subnets=2, rules=10)
    source, target = generate.instance(0), generate.instance(1)

    def flow(held: Lab) -> float:
        return product.traffic("udp", held, source, target, held.address(target), generate.PROBE_PORT, choices.seconds)

    with running(many), running(few):
        large, small = interleaved(max(7, choices.rounds), lambda: flow(many), lambda: flow(few))
    return [
        Result(
            "packets",
            f"small UDP packets between instances: {choices.hosts} ENIs and {choices.rules} rules, against 10 and 10",
            Samples("many", "k/s", tuple(value / 1e3 for value in large)),
            Samples("few", "k/s", tuple(value / 1e3 for value in small)),
            bound=Bound(0.85, "at least"),
        )
    ]


def memory(choices: Choices) -> list[Result]:
    """Kernel and process memory per instance."""
    held = Lab("bench-memory", generate.topology("bench-memory", choices.hosts, subnets=choices.subnets, services=True))
    kernel_memory: list[float] = []
    slab: list[float] = []
    agent: list[float] = []
    for number in range(3):
        say(f"round {number + 1} of 3")
        machine.settle()
        before = machine.meminfo()
        with running(held):
            after = machine.meminfo()
            processes = machine.resident(["emulator.agent", held.name])
        used = before["MemAvailable"] - after["MemAvailable"] - processes
        kernel_memory.append(used / choices.hosts / 1024)
        slab.append((after["Slab"] - before["Slab"]) / choices.hosts / 1024)
        agent.append(processes / choices.hosts / 1024)
    size = f"per instance, of {choices.hosts} with one http service each"
    return [
        Result("memory", f"{what} {size}", Samples("", "KiB", tuple(values)), relation="fact")
        for what, values in (("kernel memory", kernel_memory), ("of which slab", slab), ("the lab's agent", agent))
    ]


def large(choices: Choices) -> list[Result]:
    """Many instances come up, and every one can be reached."""
    held = product.lab("bench-large", choices.many, subnets=choices.subnets)
    machine.settle()
    seconds = product.up(held)
    asked = product.verify(held)
    removal = product.down(held)
    behind = machine.settle()
    size = f"{choices.many} instances"
    return [
        Result("large", f"`up` of {size}", _s("", [seconds]), relation="fact"),
        Result("large", f"per instance of {size}", _ms("", [seconds / choices.many]), relation="fact"),
        Result("large", f"until all {size} had answered after `up`", _s("", [asked]), relation="fact"),
        Result("large", f"`down` of {size}", _s("", [removal]), relation="fact"),
        Result("large", f"the kernel's own clearing up after {size}", _s("", [behind]), relation="fact"),
    ]


def _ms(label: str, seconds: list[float] | tuple[float, ...]) -> Samples:
    return Samples(label, "ms", tuple(value * 1000 for value in seconds))


def _s(label: str, seconds: list[float] | tuple[float, ...]) -> Samples:
    return Samples(label, "s", tuple(seconds))


COMPARISONS: dict[str, Callable[[Choices], list[Result]]] = {
    "kernel": kernel,
    "whole": whole,
    "mininet": mininet,
    "shell": shell,
    "exec": execute,
    "throughput": throughput,
    "packets": packets,
    "memory": memory,
    "large": large,
}
