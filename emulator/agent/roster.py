"""What runs where: the services of every node, made what `apply` asks for."""

from collections.abc import Mapping
from typing import Any

from emulator.agent import commands, sockets
from emulator.agent.commands import Command, Kennel
from emulator.agent.health import Balancers, Checker
from emulator.agent.logs import Logs
from emulator.agent.places import Places
from emulator.agent.relay import Relay
from emulator.agent.services import Builtin, Shared
from emulator.compile.state import CONFINED, Service

SETTLE_SECONDS = 10.0

Key = tuple[str, str]  # node, service name


class Roster:
    """Every service that runs. A built-in one that could not be opened is not kept: the caller has been told."""

    def __init__(self, places: Places, shared: Shared, home: sockets.Home, logs: Logs) -> None:
        self._places = places
        self._shared = shared
        self._home = home
        self._logs = logs
        self._kennel = Kennel(places, shared.loop, logs)
        self._balancers = Balancers(shared.loop, home)
        self._running: dict[Key, Builtin | Checker | Command | Relay] = {}

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
        for node, texts in commands.files(hosts, resolv).items():
            self._kennel.files.setdefault(node, {}).update(texts)
        self._drop_homeless()
        for key in remove:
            self._close(key)
        changed = [(node, service) for node, service in add if not self._runs(node, service)]
        for node, service in changed:  # all of them before the first opens: two may have swapped their ports
            self._close((node, service.name))
        started: list[tuple[str, Command]] = []
        errors: list[str] = []
        for node, service in changed:
            if service.kind in CONFINED:
                started.append((node, self._start(node, service)))
            elif error := self._open(node, service):
                errors.append(error)
        commands.settle([command for _, command in started], SETTLE_SECONDS)
        return errors + [f"{node}: {each.service.name}: {each.failed}" for node, each in started if each.failed]

    def close(self) -> None:
        for each in self._running.values():
            if isinstance(each, Command):
                each.kill()  # all of them, before the first is waited for
        for key in list(self._running):
            self._close(key)

    def _runs(self, node: str, service: Service) -> bool:
        running = self._running.get((node, service.name))
        if isinstance(running, Command) and running.failed:
            return False  # it gets another chance
        return running is not None and running.service == service

    def _start(self, node: str, service: Service) -> Command:
        """A command is kept even if it failed, so that `services` can say why."""
        made = Command(self._kennel, node, service, self._logs.open(node, service.name))
        self._running[node, service.name] = made
        made.open()
        return made

    def _open(self, node: str, service: Service) -> str:
        """ "" or what went wrong."""
        log = self._logs.open(node, service.name)
        made: Builtin | Checker | Relay
        if service.kind == "health":
            made = Checker(self._balancers, node, service, log)
        elif service.kind == "relay":
            made = Relay(self._shared, self._balancers, self._places.netns, node, service, log)
        else:
            made = Builtin(self._shared, node, service, log)
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
