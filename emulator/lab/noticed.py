"""Which lines of `expect:` a lab no longer meets, by the model: what a learner will notice of a fault."""

from collections.abc import Iterable

from emulator.topology.expand import Expected, expand
from emulator.topology.given import Addresses
from emulator.topology.model import Topology


def called(before: Addresses, now: Addresses) -> Addresses:
    """What names stand for in a lab broken on purpose: who has no address any more is called by the one it had."""
    return Addresses(before.private | now.private, before.public | now.public)


def unmet(meant: Topology, names: Addresses, topology: Topology, addresses: Addresses) -> list[Expected]:
    """Flows of the file's `expect:` that pass or are dropped against it.

    meant, names: what the file says, and what its names stand for (`called`). topology, addresses: the lab as it is.
    """
    from emulator.analysis import Analyzer

    analyzer = Analyzer(topology, addresses)
    here = {node.name for node in topology.nodes()}
    expected, _ = expand(meant, names)
    return [
        each for each in expected if each.flow.source in here and not _met(each, analyzer.verdict(each.flow).result)
    ]


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
