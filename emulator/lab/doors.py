"""The two doors out of this layer: the kernel and the lab's agent. Both are opened here, late, and typed as little as
the use-cases need, so that a test can put a stand-in at either.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from emulator.compile.state import Service, State, Step
from emulator.lab import orphans, places

if TYPE_CHECKING:
    from emulator.agent.prober_flow import Answer, Request

Checkpoint = Callable[[str], None]  # called with a short text before every change of the machine


def quiet(what: str) -> None:
    """The checkpoint, and the messenger, that does nothing."""


class Kernel(Protocol):
    """What `kernel.host.Host` offers (see there)."""

    def observe(self, lab: str, wanted: State | None) -> State: ...

    def observe_again(self, lab: str, wanted: State, nodes: Collection[str]) -> State: ...

    def execute(self, steps: Sequence[Step], lab: str, progress: Callable[[int, int], None] = ...) -> None: ...

    def destroy(self, lab: str, names: Sequence[str] = ...) -> list[str]: ...

    def labs(self) -> dict[str, list[str]]: ...


class Agent(Protocol):
    """What `agent.client.Client` offers (see there)."""

    def services(self) -> dict[str, list[dict[str, Any]]]: ...

    def apply(
        self,
        add: Sequence[tuple[str, Service]],
        remove: Sequence[tuple[str, str]],
        hosts: Mapping[str, str] | None = ...,
        resolv: Mapping[str, str] | None = ...,
    ) -> list[str]: ...

    def zone(self, names: Mapping[str, str]) -> list[str]: ...

    def probe(self, request: "Request") -> "list[Answer]": ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


def kernel(checkpoint: Checkpoint = quiet) -> Kernel:
    from emulator.kernel.host import Host

    return Host(checkpoint)


def agent(lab: str) -> Agent | None:
    """The lab's agent if it lives and answers."""
    if not os.path.lexists(places.path(lab, "agent.sock")):
        return None  # most labs have none, and the client is 3 ms of imports
    from emulator.agent.client import AgentError, connect

    try:
        return connect(lab)
    except AgentError:
        return None


@contextmanager
def asking(lab: str) -> Iterator[Agent | None]:
    """The lab's agent, if it has one, for a few questions."""
    found = agent(lab)
    try:
        yield found
    finally:
        if found:
            found.close()


def agent_or_killed(lab: str, checkpoint: Checkpoint) -> Agent | None:
    """The lab's agent. One that lives and cannot be reached is killed, since nobody else will ever stop it."""
    orphans.end(lab, checkpoint)
    found = agent(lab)
    if found is None:
        from emulator.agent.client import kill

        checkpoint("kill an agent that does not answer")
        kill(lab)
    return found


def end_agent(lab: str, checkpoint: Checkpoint) -> None:
    """Stop the agent if there is one, whether or not it answers."""
    found = agent_or_killed(lab, checkpoint)
    if found:
        checkpoint("stop the agent")
        found.stop()


def start_agent(lab: str, hold: int) -> Agent:
    """A new agent, or the one there is; it answers. `hold`: the lab's lock, see `agent.client.start`."""
    from emulator.agent.client import start

    return start(lab, hold=hold)
