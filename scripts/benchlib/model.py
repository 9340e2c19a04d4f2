"""How long questions to the model take: `vpcemu analyze`, as a process from start to end, with the file read anew."""

from . import generate, product
from .product import Lab
from .rounds import Choices, interleaved
from .stats import Bound, Result, Samples

PORTS = (22, 80, 443, 5432, 8080)
SECONDS = 5.0  # all pairs of 1,000 instances on five ports


def analysis(choices: Choices) -> list[Result]:
    """All pairs on five ports, of instances that are much alike and of instances of which no two are; one flow."""
    size = choices.hosts
    alike = Lab("bench-alike", generate.topology("bench-alike", size, subnets=choices.subnets))
    alone = Lab("bench-alone", generate.strangers("bench-alone", size, subnets=choices.subnets))
    fewer = Lab("bench-fewer", generate.strangers("bench-fewer", size // 4, subnets=choices.subnets))
    ports = [word for port in PORTS for word in ("--port", str(port))]

    def everybody(held: Lab) -> float:
        return product.run("analyze", "--all", held.path, *ports)

    def one() -> float:
        return product.run("analyze", alike.path, generate.instance(0), generate.OUTSIDE, "--port", "443")

    pairs, distinct, quarter, single = interleaved(
        choices.rounds, lambda: everybody(alike), lambda: everybody(alone), lambda: everybody(fewer), one
    )
    bound = Bound(SECONDS)
    grouped = f"all pairs of {size} instances on {len(PORTS)} ports, a group for all of them"
    own = f"all pairs of {size} instances on {len(PORTS)} ports, each with a group of its own"
    grown = f"the same, of {size} and of {size // 4}"
    return [
        Result("analyze", grouped, _s("", pairs), relation="fact", bound=bound),
        Result("analyze", own, _s("", distinct), relation="fact", bound=bound),
        Result("analyze", grown, _s(f"{size}", distinct), _s(f"{size // 4}", quarter)),
        Result("analyze", f"one flow in a lab of {size}", _s("", single), relation="fact"),
    ]


def _s(label: str, seconds: tuple[float, ...]) -> Samples:
    return Samples(label, "s", seconds)
