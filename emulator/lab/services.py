"""Services are the agent's, not the kernel's: this file joins the two halves of a lab's state and splits its steps."""

from collections.abc import Sequence

from emulator.compile.state import Service, State, Step
from emulator.lab.doors import Agent


def merge(state: State, agent: Agent | None) -> State:
    """The kernel's state with the services that the agent says it runs."""
    if agent is None:
        return state
    running = agent.services()
    namespaces = {
        node: namespace._replace(services=frozenset(_service(entry) for entry in running[node]))
        if node in running
        else namespace
        for node, namespace in state.namespaces.items()
    }
    return state._replace(namespaces=namespaces)


def split(steps: Sequence[Step]) -> tuple[list[Step], list[tuple[str, str]], list[tuple[str, Service]]]:
    """Kernel steps in order, services to stop, services to start."""
    kernel = [step for step in steps if not isinstance(step.item, Service)]
    stop: list[tuple[str, str]] = []
    start: list[tuple[str, Service]] = []
    for step in steps:
        if isinstance(step.item, Service):
            if step.verb != "add":
                stop.append((step.node, step.item.name))
            if step.verb != "remove":
                start.append((step.node, step.item))
    return kernel, stop, start


def wanted(state: State) -> int:
    """How many services the lab should run; without any it needs no agent."""
    return sum(len(namespace.services) for namespace in state.namespaces.values())


def _service(entry: dict[str, object]) -> Service:
    argv = entry.get("argv") or ()
    assert isinstance(argv, list | tuple)
    port = entry.get("port") or 0
    assert isinstance(port, int)
    return Service(
        name=str(entry["name"]),
        kind=str(entry["kind"]),
        port=port,
        argv=tuple(str(word) for word in argv),
        user=str(entry.get("user") or ""),
    )
