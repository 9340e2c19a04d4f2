"""Records of services -> Service: the word `http`, the map `{http: 8080}`, and commands."""

from typing import Any

from emulator.errors import Where
from emulator.names import RESOURCE_NAME
from emulator.topology.fields import SERVICE_DEFAULTS
from emulator.topology.model import Service
from emulator.topology.read import Record
from emulator.topology.report import Report

KINDS = ("http", "echo", "dns", "tcp", "udp")
TRANSPORTS: dict[str, tuple[str, ...]] = {
    "http": ("tcp",),
    "echo": ("tcp", "udp"),
    "dns": ("tcp", "udp"),
    "tcp": ("tcp",),
    "udp": ("udp",),
}


def build_services(owner: Record, report: Report) -> tuple[Service, ...]:
    """The services of an instance or outside host, with unique names and ports."""
    found: list[Service] = []
    names: dict[str, Service] = {}
    ports: dict[tuple[str, int], Service] = {}
    for index, entry in enumerate(owner.get("services") or ()):
        service = _build(entry, report.at(owner.where, f"services[{index}]"), report)
        if service is None:
            continue
        clash = names.get(service.name)
        taken = next((ports[key] for key in _ports(service) if key in ports), None)
        if taken is not None:
            what = f"port {service.port} is already used by service {taken.name}"
            report.error(service.where, what, "two services cannot listen on one port")
        elif clash is not None:
            report.error(service.where, f"two services are called {service.name}", "give one of them a `name`")
        names.setdefault(service.name, service)
        ports.update(dict.fromkeys(_ports(service), service))
        found.append(service)
    return tuple(found)


def _build(entry: Record | str, where: Where, report: Report) -> Service | None:
    if isinstance(entry, str):
        return Service(entry, entry, SERVICE_DEFAULTS[entry], where=where)  # type: ignore[arg-type]  # fields.py checks
    if "command" in entry:
        return _command(entry, report)
    if "user" in entry:
        report.error(entry.where, "only a command has a user", "the lab's agent serves the others", key="user")
    for kind in KINDS:
        if kind in entry:
            port = entry.get(kind)
            if port is None:
                return None
            usual = SERVICE_DEFAULTS.get(kind) == port
            name = entry.get("name") or (kind if usual else f"{kind}-{port}")
            return Service(name, kind, port, where=entry.where)  # type: ignore[arg-type]
    return None


def _command(entry: Record, report: Report) -> Service | None:
    written: Any = entry.get("command")
    if written is None:
        return None
    if not written or (isinstance(written, str) and not written.strip()) or not written[0]:
        report.error(entry.where, "the command is empty", 'such as "python3 -m http.server" or [sleep, 60]', key="command")
        return None
    if isinstance(written, str):
        argv: tuple[str, ...] = ("/bin/sh", "-c", written)
        program = written.split()[0]
    else:
        argv, program = written, written[0]
    name = entry.get("name") or program.rpartition("/")[2]
    if not RESOURCE_NAME.fullmatch(name):
        name = "command"
    return Service(name, "command", 0, argv, entry.get("user") or "", entry.where)


def _ports(service: Service) -> list[tuple[str, int]]:
    return [(transport, service.port) for transport in TRANSPORTS.get(service.kind, ())]
