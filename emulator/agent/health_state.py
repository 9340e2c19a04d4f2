"""What the nodes of a load balancer know of their targets: states, AWS's reasons, and who gets new flows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from emulator.agent.health_check import Found

State = Literal["initial", "healthy", "unhealthy", "draining"]
CHECKING, DEREGISTERING = "Elb.InitialHealthChecking", "Target.DeregistrationInProgress"  # LB-07
_IN_WORDS = {
    CHECKING: "Initial health checks in progress",
    DEREGISTERING: "Target deregistration is in progress",
}


@dataclass(slots=True)
class Health:
    """Of one target, as one node sees it. streak: checks in a row that said the same."""

    state: State = "initial"
    reason: str = CHECKING
    description: str = _IN_WORDS[CHECKING]
    last: bool = False
    streak: int = 0

    def judge(self, found: Found, healthy: int, unhealthy: int) -> bool:
        """Note one check. True: the state is another one now. Thresholds as in LB-10."""
        good = not found.reason
        self.streak = self.streak + 1 if good == self.last else 1
        self.last = good
        before = self.state
        if good and self.state != "healthy" and self.streak >= healthy:
            self.state, self.reason, self.description = "healthy", "", ""
        elif not good and (self.state == "unhealthy" or self.streak >= unhealthy):
            self.state, self.reason, self.description = "unhealthy", found.reason, found.description
        return self.state != before

    def drain(self) -> None:
        """LB-18."""
        self.state, self.reason, self.description = "draining", DEREGISTERING, _IN_WORDS[DEREGISTERING]


def serving(own: Mapping[str, Health], everywhere: Iterable[Health]) -> Sequence[str]:
    """Who gets the new flows of a node, of its targets by name.

    own: those that the node may forward to. everywhere: of the same group, at all nodes.

    The healthy ones; without any, those that nobody has judged yet. Where all of its own are unhealthy, nobody (LB-22),
    unless no node has a healthy one: then all of them (LB-16).
    """
    registered = {name: held for name, held in own.items() if held.state != "draining"}
    for state in ("healthy", "initial"):
        if found := [name for name, held in registered.items() if held.state == state]:
            return found
    return [] if any(held.state == "healthy" for held in everywhere) else list(registered)
