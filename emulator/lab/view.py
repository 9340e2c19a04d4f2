"""How the world looks from inside a node: its /etc/hosts, /etc/resolv.conf and prompt. Light, for `vpcemu exec`."""

import json
import os
from collections.abc import Mapping
from typing import NamedTuple, NotRequired, TypedDict

from emulator.errors import UsageError
from emulator.lab import places

NODES = "nodes.json"
BASHRC = "bashrc"
SSH_CONFIG = "ssh/config"

# Behind an uplink the machine's own resolvers are used where a lab may reach them: not on loopback, and not in a
# private network, which the uplink refuses.
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_FALLBACK = ("8.8.8.8", "1.1.1.1")
_HIDDEN = ("127.", "10.", "192.168.", "169.254.", "0.", *(f"172.{second}." for second in range(16, 32)))


class Seen(TypedDict):
    """One node, in nodes.json. Empty strings for what it has not."""

    netns: str
    kind: str
    vpc: str
    private: str
    public: str
    search: NotRequired[str]  # DHCP-02: only in a VPC with dhcp_options
    nameservers: NotRequired[list[str]]
    stopped: NotRequired[bool]
    services: NotRequired[list[str]]  # their names, where there are any
    name: NotRequired[str]  # what it shares with others: the endpoint, the load balancer that this is a part of
    # Of an instance with several ENIs, the private and the public address of each by the ENI's name: fw.eth0, fw.eth1.
    interfaces: NotRequired[dict[str, list[str]]]


class View(NamedTuple):
    """nodes.json."""

    lab: str
    nodes: dict[str, Seen]
    dns: str  # the first outside host with a dns service
    uplink: bool
    peers: Mapping[str, list[str]] = {}  # of each VPC those with which it is actively peered


def read(lab: str) -> View:
    """The lab's nodes, as the last `up` wrote them."""
    try:
        with open(places.path(lab, NODES), encoding="utf-8") as file:
            data = json.load(file)
        return View(lab, data["nodes"], data["dns"], data["uplink"], data.get("peers", {}))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"lab {lab} is incomplete: there is no list of its nodes",
            f"`vpcemu up FILE` finishes it, `vpcemu down {lab}` removes it",
        ) from None


def node(view: View, name: str) -> Seen:
    """The node of that name; else a UsageError that says which ones there are."""
    if name in view.nodes:
        return view.nodes[name]
    from difflib import get_close_matches

    owner = next((other for other, seen in view.nodes.items() if name in seen.get("interfaces", {})), "")
    if owner:
        raise UsageError(f"{name} is a network interface, and no node", f"it is inside {owner}")
    near = get_close_matches(name, view.nodes, 1)
    known = sorted(view.nodes, key=lambda item: (view.nodes[item]["kind"] != "instance", item))
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    raise UsageError(
        f"lab {view.lab} has no node called {name}",
        f"did you mean {near[0]}?" if near else f"its nodes: {listed}",
    )


def hosts(view: View, name: str, turn: int | None = None) -> str:
    """/etc/hosts: itself, then who is reached by private address (in its own VPC or a peer), then who by public one.

    What has a name in common with others comes in another order each time, as by DNS: the nodes of a load balancer
    (LB-02). turn: which order; left out, any.
    """
    turn = os.urandom(1)[0] if turn is None else turn
    own = view.nodes[name]
    peers = (own["vpc"], *view.peers.get(own["vpc"], ()))
    lines = ["127.0.0.1 localhost"]
    if address := own["private"] or own["public"]:
        lines.append(f"{address} {_names(name, own)}")
    lines += [f"{private} {link}" for link, (private, _) in own.get("interfaces", {}).items()]
    shared: dict[str, list[int]] = {}
    for other, seen in view.nodes.items():
        near = seen["private"] if own["vpc"] and seen["vpc"] in peers else ""
        if other != name and (address := near or seen["public"]):
            if whole := seen.get("name"):
                shared.setdefault(whole, []).append(len(lines))
            lines.append(f"{address} {_names(other, seen) if near or whole else other}")
        if other != name:
            for link, (private, public) in seen.get("interfaces", {}).items():
                lines += [f"{address} {link}" for address in (private if near else public,) if address]
    for places_of in shared.values():
        held = [lines[place] for place in places_of]
        for number, place in enumerate(places_of):
            lines[place] = held[(number + turn) % len(held)]
    return "\n".join(lines) + "\n"


def public(view: View) -> dict[str, str]:
    """Who has which public address, by every name that it goes by: the zone of the lab's name server."""
    found = {name: seen["public"] for name, seen in view.nodes.items()}
    found |= {seen["name"]: seen["public"] for seen in view.nodes.values() if seen.get("name")}
    for seen in view.nodes.values():
        found |= {link: address for link, (_, address) in seen.get("interfaces", {}).items()}
    return {name: address for name, address in found.items() if address}


def _names(name: str, seen: Seen) -> str:
    """Of an instance with DHCP options, the second name is the full one; of a part, that of the whole (PL-32)."""
    further = seen.get("name") or (f"{name}.{domain}" if (domain := seen.get("search")) else "")
    return f"{name} {further}" if further else name


def resolv(view: View, name: str) -> str:
    """/etc/resolv.conf: what the VPC's DHCP options say, else what the lab has."""
    own = view.nodes.get(name)
    domain, servers = (own.get("search", ""), own.get("nameservers", [])) if own else ("", [])
    search = f"search {domain}\n" if domain else ""
    return search + ("".join(f"nameserver {server}\n" for server in servers) or _name_servers(view))


def _name_servers(view: View) -> str:
    """The lab's own name server, or behind an uplink the machine's resolvers."""
    if view.uplink:
        found = _machine_resolvers()
        servers = found or ([view.dns] if view.dns else list(_FALLBACK))
    else:
        servers = [view.dns] if view.dns else []
    if not servers:
        return "# this lab has no name server: give an outside host the service dns\n"
    return "".join(f"nameserver {server}\n" for server in servers)


def ssh_config(view: View) -> str:
    """/etc/ssh/ssh_config: the lab's user and keys; "" if nothing in it serves ssh."""
    try:
        with open(places.path(view.lab, SSH_CONFIG), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _machine_resolvers() -> list[str]:
    for path in _RESOLVERS:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                words = [line.split() for line in file]
        except OSError:
            continue
        servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
        usable = [server for server in servers if ":" not in server and not server.startswith(_HIDDEN)]
        if usable:
            return usable
    return []
