"""The two doors out of this layer: the kernel and the lab's agent. Both are opened here, late, and typed as little as
the use-cases need, so that a test can put a stand-in at either.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from emulator.compile.state import Service, State, Step

Checkpoint = Callable[[str], None]  # called with a short text before every change of the machine


def quiet(what: str) -> None:
    """The checkpoint, and the messenger, that does nothing."""


class Kernel(Protocol):
    """What `kernel.host.Host` offers (see there)."""

    def observe(self, lab: str, wanted: State | None) -> State: ...

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

    def stop(self) -> None: ...


def kernel(checkpoint: Checkpoint = quiet) -> Kernel:
    from emulator.kernel.host import Host

    return Host(checkpoint)


def agent(lab: str) -> Agent | None:
    """The lab's agent if it lives and answers."""
    from emulator.agent.client import AgentError, connect

    try:
        return connect(lab)
    except AgentError:
        return None


def agent_or_none(lab: str, checkpoint: Checkpoint) -> Agent | None:
    """The lab's agent; one that lives and does not answer is killed, since nobody else will ever stop it."""
    found = agent(lab)
    if found is None:
        from emulator.agent.client import kill

        checkpoint("kill an agent that does not answer")
        kill(lab)
    return found


def start_agent(lab: str) -> Agent:
    """A new agent, or the one there is; it answers."""
    from emulator.agent.client import start

    return start(lab)
