"""Which lines of `expect:` a lab no longer meets, by the model: what a learner will notice of a fault."""

from collections.abc import Iterable

from emulator.topology.expand import Expected, expand
from emulator.topology.model import Addresses, Topology


def unmet(topology: Topology, addresses: Addresses) -> list[Expected]:
    """Flows of `expect:` that pass or are dropped against it. What names something that is gone is left out."""
    from emulator.analysis import Analyzer

    analyzer = Analyzer(topology, addresses)
    expected, _ = expand(topology, addresses)
    return [each for each in expected if not _met(each, analyzer.verdict(each.flow).result)]


def _met(each: Expected, result: str) -> bool:
    """What listens is not the model's business: refused has arrived."""
    return (result == "drop") == (each.expectation.result == "drop")


def sentences(flows: Iterable[Expected]) -> list[str]:
    """`tcp 80 from dev to web.example`, each once."""
    found = []
    for each in flows:
        port = f" {each.flow.port}" if each.flow.port else ""
        found.append(f"{each.flow.protocol}{port} from {each.source} to {each.target}")
    return list(dict.fromkeys(found))
