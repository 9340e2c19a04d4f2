"""What is measured. Each comparison runs both sides in turn (A B A B ...) and returns lines for the table."""

from collections.abc import Callable

from emulator import names

from . import flows, generate, machine, model, product, rivals, transit
from .product import Lab
from .rounds import Choices, interleaved, running, say
from .stats import Bound, Result, Samples


def versions() -> list[tuple[str, str]]:
    """The rivals that are installed."""
    return [("Mininet", rivals.mininet_version() or "not installed")]


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
    "throughput": flows.throughput,
    "packets": flows.packets,
    "transit": transit.transit,
    "memory": memory,
    "large": large,
    "analyze": model.analysis,
}
