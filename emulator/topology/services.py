"""Records of services -> Service: the word `http`, the map `{http: 8080}`, and commands."""

from typing import Any

from emulator.errors import Where
from emulator.names import RESOURCE_NAME
from emulator.topology.fields_instances import APPLIANCES, SERVICE_DEFAULTS
from emulator.topology.instances import PROXY_PROTOCOL, Appliance, Service
from emulator.topology.read import Record
from emulator.topology.report import Report

KINDS = ("http", "echo", "dns", "tcp", "udp", "ssh")
TRANSPORTS: dict[str, tuple[str, ...]] = {
    "http": ("tcp",),
    "echo": ("tcp", "udp"),
    "dns": ("tcp", "udp"),
    "tcp": ("tcp",),
    "udp": ("udp",),
    "ssh": ("tcp",),
    "command": (),
}


def build_appliance(owner: Record) -> Appliance | None:
    """`router`, `nat` and `{firewall: [23]}` of an instance, together. None: it forwards nothing."""
    found = None
    for entry in owner.get("services") or ():
        if entry in APPLIANCES:
            found = found or Appliance()
            found = found._replace(translates=found.translates or entry == "nat")
        elif isinstance(entry, Record) and "firewall" in entry:
            ports = entry.get("firewall")
            found = found or Appliance()
            more = ports if isinstance(ports, tuple) else (ports,)
            found = found._replace(blocked_ports=tuple(sorted({*found.blocked_ports, *filter(None, more)})))
    return found


def build_services(owner: Record, report: Report, *, outside: bool = False) -> tuple[Service, ...]:
    """The services of an instance or outside host, with unique names and ports."""
    found: list[Service] = []
    names: set[str] = set()
    ports: dict[tuple[str, int], str] = {}
    line, column, path = owner.where
    for index, entry in enumerate(owner.get("services") or ()):
        if entry is None:
            continue
        if entry in APPLIANCES or (isinstance(entry, Record) and "firewall" in entry):
            if outside:
                what = f"{entry if isinstance(entry, str) else 'firewall'} is for instances"
                report.error(owner.where, what, "a host of the internet forwards nothing", key=f"services[{index}]")
            continue
        if isinstance(entry, str):
            where = Where(line, column, f"{path}.services[{index}]")
            service = Service(entry, entry, SERVICE_DEFAULTS[entry], where=where)  # type: ignore[arg-type]  # by its field
        else:
            built = _build(entry, report)
            if built is None:
                continue
            service = built
        sockets = [(transport, service.port) for transport in TRANSPORTS[service.kind]]
        taken = next((ports[socket] for socket in sockets if socket in ports), None)
        if taken is not None:
            what = f"port {service.port} is already used by service {taken}"
            report.error(owner.where, what, "two services cannot listen on one port", key=f"services[{index}]")
        elif service.name in names:
            what = f"two services are called {service.name}"
            report.error(owner.where, what, "give one of them a name", key=f"services[{index}]")
        names.add(service.name)
        ports.update(dict.fromkeys(sockets, service.name))
        found.append(service)
    return tuple(found)


def _build(entry: Record, report: Report) -> Service | None:
    if "command" in entry:
        return _command(entry, report)
    if "user" in entry:
        report.error(entry.where, "only a command has a user", "the lab's agent serves the others", key="user")
    if entry.get("proxy_protocol") and "http" not in entry:
        report.error(entry.where, "only http knows proxy protocol", "remove it", key="proxy_protocol")
    argv = (PROXY_PROTOCOL,) if entry.get("proxy_protocol") else ()
    for kind in KINDS:
        if kind in entry:
            port = entry.get(kind)
            if port is None:
                return None
            usual = SERVICE_DEFAULTS.get(kind) == port
            name = entry.get("name") or (kind if usual else f"{kind}-{port}")
            return Service(name, kind, port, argv, where=entry.where)  # type: ignore[arg-type]
    return None


def _command(entry: Record, report: Report) -> Service | None:
    written: Any = entry.get("command")
    if written is None:
        return None
    if isinstance(written, tuple) and None in written:
        return None
    if not written or (isinstance(written, str) and not written.strip()) or not written[0]:
        report.error(
            entry.where, "the command is empty", 'such as "python3 -m http.server" or [sleep, 60]', key="command"
        )
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
