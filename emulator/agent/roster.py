"""What runs where: the services of every node, made what `apply` asks for."""

from collections.abc import Mapping
from typing import Any

from emulator.agent import sockets
from emulator.agent.logs import Logs
from emulator.agent.places import Places
from emulator.agent.services import Builtin, Shared
from emulator.compile.state import Service

Key = tuple[str, str]  # node, service name


class Roster:
    """Every service that runs. One that could not be opened is not kept: the caller has been told."""

    def __init__(self, places: Places, shared: Shared, home: sockets.Home, logs: Logs) -> None:
        self._places = places
        self._shared = shared
        self._home = home
        self._logs = logs
        self._running: dict[Key, Builtin] = {}

    def report(self) -> dict[str, list[dict[str, Any]]]:
        """By node. Services whose namespace is gone are closed and left out, so that the next `apply` adds them."""
        self._drop_homeless()
        found: dict[str, list[dict[str, Any]]] = {}
        for (node, _), each in self._running.items():
            found.setdefault(node, []).append({**each.service._asdict(), **each.report()})
        return found

    def apply(
        self,
        add: list[tuple[str, Service]],
        remove: list[Key],
        hosts: Mapping[str, str],
        resolv: Mapping[str, str],
    ) -> list[str]:
        """Removes first. A service that runs as asked is left alone; errors are sentences, one for each service."""
        self._drop_homeless()
        for key in remove:
            self._close(key)
        changed = [(node, service) for node, service in add if not self._runs(node, service)]
        for node, service in changed:  # all of them before the first opens: two may have swapped their ports
            self._close((node, service.name))
        return [error for node, service in changed if (error := self._open(node, service))]

    def close(self) -> None:
        for key in list(self._running):
            self._close(key)

    def _runs(self, node: str, service: Service) -> bool:
        running = self._running.get((node, service.name))
        return running is not None and running.service == service

    def _open(self, node: str, service: Service) -> str:
        """ "" or what went wrong."""
        made = Builtin(self._shared, node, service, self._logs.open(node, service.name))
        try:
            made.open(self._home, self._places.netns(node))
        except OSError as error:
            return f"{node}: {service.name}: {_in_words(error, service)}"
        self._running[node, service.name] = made
        return ""

    def _close(self, key: Key) -> None:
        running = self._running.pop(key, None)
        if running is not None:
            running.close()

    def _drop_homeless(self) -> None:
        """Our sockets keep a deleted namespace alive: let it go, as soon as we are asked anything."""
        now = {node: sockets.identity(self._places.netns(node)) for node in {node for node, _ in self._running}}
        for key in [key for key, each in self._running.items() if each.namespace != now[key[0]]]:
            self._close(key)


def _in_words(error: OSError, service: Service) -> str:
    match error:
        case FileNotFoundError():
            return "its namespace does not exist"
        case OSError(errno=98):
            return f"port {service.port} is in use by another program in the same node"
        case OSError(errno=22):
            return "its namespace is broken: the name is there, the namespace is not"
    return error.strerror or str(error)
