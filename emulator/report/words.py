"""What is wrong with a lab, in words, and what of it only follows from the rest."""

from collections.abc import Iterable

from emulator.compile.state import FlushConntrack, LinkUp, Netns, Ruleset, Service, Step, Sysctl, Veth
from emulator.compile.words import describe

GLYPH = {"add": "+", "remove": "-", "replace": "~"}


def wrong(step: Step) -> str:
    """What a step that ought not to be needed says about the lab: `status` prints it."""
    what = describe(step.item)
    if step.verb == "remove":
        return f"{what} should not be there"
    match step.item:
        case LinkUp(link):
            return f"link {link} is down"
        case Sysctl():
            return f"{what} has another value"
        case Ruleset():
            return f"{what}: {step.reason}"
        case Service():
            return f"{what} does not run"
    if step.verb == "add" or step.reason.endswith(("missing", "new")):
        return f"{what} is missing"
    return f"{what} is not as it should be"


def essential(steps: Iterable[Step]) -> list[Step]:
    """The steps without those that only follow from others: what a missing namespace or link takes along."""
    steps = list(steps)
    nodes = {step.node for step in steps if isinstance(step.item, Netns) and step.verb == "add"}
    veths = [step.item for step in steps if isinstance(step.item, Veth) and step.verb == "add"]
    links = {end for veth in veths for end in ((veth.node, veth.link), (veth.peer_node, veth.peer_link))}
    kept = []
    for step in steps:
        item = step.item
        if isinstance(item, Veth):
            follows = {item.node, item.peer_node} & nodes or (step.verb == "remove" and (item.node, item.link) in links)
        elif isinstance(item, Netns):
            follows = False
        elif isinstance(item, FlushConntrack):
            follows = True  # of new rules
        elif isinstance(item, Sysctl):
            parts = item.key.split("/")
            follows = step.node in nodes or (len(parts) > 3 and (step.node, parts[3]) in links)
        else:
            follows = step.node in nodes or (step.node, getattr(item, "link", "")) in links
        if not follows:
            kept.append(step)
    return kept
