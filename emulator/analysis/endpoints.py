"""Who can send and be called, and who of them are alike: two endpoints that every rule of the file treats alike.

Blocks of addresses cut the address space into cells; addresses of one cell lie in the same blocks. A cell is known by
the sum of the digests of the blocks that hold it, so the cells of 10,000 blocks cost one pass over their ends.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from ipaddress import IPv4Address, summarize_address_range
from typing import NamedTuple

from emulator.analysis.packets import Ports
from emulator.analysis.world import Eni, World, span_of
from emulator.topology.addresses import NOT_PUBLIC, is_public
from emulator.topology.model import INTERNET, NetworkAclEntry, SecurityGroupRule

_LAST_PORT = 65535
_SPACE = 1 << 32
_MODULUS = 1 << 128


class Endpoint(NamedTuple):
    """One address from which somebody sends, and at which he is called. What has no `sends` is only called.

    name: a slot's name, an outside host's, or INTERNET for a stranger out there. private: the address on its wire;
    public: how it is called from elsewhere, None if it cannot be. eni: None out there.
    """

    name: str
    node: str
    vpc: str
    private: int
    public: int | None
    eni: Eni | None

    @property
    def sends(self) -> bool:
        return self.eni is None or self.eni.kind == "instance"


class Cells:
    """The address space, cut by blocks."""

    def __init__(self, blocks: Iterable[tuple[int, int]]) -> None:
        change: dict[int, int] = {0: 0}
        for low, high in set(blocks):
            digest = int.from_bytes(blake2b(b"%d-%d" % (low, high), digest_size=16).digest(), "big")
            change[low] = change.get(low, 0) + digest
            change[high + 1] = change.get(high + 1, 0) - digest
        self.starts = sorted(start for start in change if start < _SPACE)
        self.values: list[int] = []
        now = 0
        for start in self.starts:
            now = (now + change[start]) % _MODULUS
            self.values.append(now)

    def of(self, address: int | None) -> int:
        """The cell that holds the address; -1 for none."""
        return -1 if address is None else self.values[bisect_right(self.starts, address) - 1]

    def spans(self) -> dict[int, list[tuple[int, int]]]:
        """By cell, the ranges of addresses that it is made of."""
        found: dict[int, list[tuple[int, int]]] = {}
        for start, after, value in zip(self.starts, [*self.starts[1:], _SPACE], self.values, strict=True):
            found.setdefault(value, []).append((start, after - 1))
        return found


def border_cells(world: World) -> Cells:
    """By what routes and gateways distinguish."""
    return Cells(_border_blocks(world))


def all_cells(world: World) -> Cells:
    """By what anything in the file distinguishes, groups and ACLs included."""
    return Cells(_all_blocks(world))


def _all_blocks(world: World) -> list[tuple[int, int]]:
    blocks = _border_blocks(world)
    for ground in world.grounds.values():
        for land in ground.lands.values():
            blocks += [(low, high) for _, low, high in (*land.acl.egress, *land.acl.ingress)]
        for group in ground.groups.values():
            matches = (*group.egress, *group.ingress)
            blocks += [(match.low, match.high) for match in matches if not match.member]
    return blocks


def _border_blocks(world: World) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = list(NOT_PUBLIC)
    for ground in world.grounds.values():
        blocks += ground.blocks
        for table in ground.tables.values():
            blocks += [(choice.low, choice.high) for choice in table.choices]
    blocks += [span_of(route.block) for routes in world.tables.values() for route in routes]
    return blocks


def endpoints(world: World, *, hosts: bool = True) -> list[Endpoint]:
    """Every address of an instance that runs, every outside host, and the nodes of load balancers and endpoints."""
    found = []
    if hosts:
        found += [Endpoint(host.name, host.name, "", int(host.ip), int(host.ip), None) for host in world.hosts.values()]
    for ground in world.grounds.values():
        for eni in ground.enis.values():
            if eni.kind != "nat_gateway" and eni.running:
                for number, (own, public) in enumerate(zip(eni.addresses, eni.public, strict=True)):
                    name = f"{eni.name}+{number}" if number else eni.name
                    reached = public if ground.vpc.internet_gateway else None
                    found.append(Endpoint(name, eni.node, ground.name, own, reached, eni))
    return found


def strangers(worlds: Sequence[World]) -> list[tuple[Endpoint, tuple[str, ...]]]:
    """For each cell of the public address space one who stands for it, and its blocks.

    He is a host of the lab where the cell holds nobody else, and INTERNET where it does. worlds: those between which
    he shall be the same.
    """
    cells = Cells(block for world in worlds for block in _all_blocks(world))
    taken = {address for world in worlds for address in (*world.host_at, *world.mapped)}
    found = []
    for ranges in cells.spans().values():
        out_there = [
            span for span in ranges if is_public(IPv4Address(span[0])) and not any(w.holds(span[0]) for w in worlds)
        ]
        free = next((number for low, high in out_there for number in range(low, high + 1) if number not in taken), None)
        blocks = tuple(
            str(block)
            for low, high in out_there
            for block in summarize_address_range(IPv4Address(low), IPv4Address(high))
        )
        if free is not None:
            found.append((Endpoint(f"{INTERNET} {free}", INTERNET, "", free, free, None), blocks))
            continue
        host = next(
            (
                host
                for world in worlds
                for host in world.hosts.values()
                for low, high in out_there
                if low <= int(host.ip) <= high
            ),
            None,
        )
        if host is not None and all(int(host.ip) in world.host_at for world in worlds):
            found.append((Endpoint(host.name, host.name, "", int(host.ip), int(host.ip), None), blocks))
    return found


def single(world: World, endpoint: Endpoint) -> bool:
    """Whether nobody is like it: packets of others pass through it, or it has more than one address."""
    eni = endpoint.eni
    if eni is None:
        return False
    if eni.kind != "instance" or world.registered & {eni.name, *eni.addresses}:  # NLB-09: a target is another client
        return True
    several = len(eni.addresses) > 1 or len(world.enis_of[eni.node]) > 1
    return several or eni.name in eni.vpc.route_targets or not eni.check


class PortCells:
    """The ports of a protocol, cut where the file makes a difference. rules: count those of groups and ACLs too."""

    def __init__(self, world: World, protocol: int, *, rules: bool) -> None:
        held: list[Ports] = []
        for ground in world.grounds.values() if rules else ():
            written: list[SecurityGroupRule | NetworkAclEntry] = []
            for land in ground.lands.values():
                written += [entry for entry, _, _ in (*land.acl.egress, *land.acl.ingress)]
            for group in ground.groups.values():
                written += [match.rule for match in (*group.egress, *group.ingress)]
            held += [(rule.from_port, rule.to_port) for rule in written if rule.protocol == protocol]
        for ground in world.grounds.values():
            for balancer in ground.vpc.load_balancers:
                held += [(listener.port, listener.port) for listener in balancer.listeners]
        for instance in world.instances.values():
            held += [(port, port) for port in instance.appliance.blocked_ports] if instance.appliance else []
        self._cells = Cells(held)

    def of(self, port: int) -> int:
        """Ports of one cell are treated alike."""
        return self._cells.of(port)

    def starts(self) -> list[int]:
        """The first port of each range."""
        return [start for start in self._cells.starts if start <= _LAST_PORT]


def alike(cells: Sequence[PortCells]) -> list[tuple[Ports, ...]]:
    """All ports, in sets of ranges within which none of the labs makes a difference."""
    starts = sorted({start for held in cells for start in held.starts()})
    found: dict[tuple[int, ...], list[Ports]] = {}
    for low, after in zip(starts, [*starts[1:], _LAST_PORT + 1], strict=True):
        found.setdefault(tuple(held.of(low) for held in cells), []).append((low, after - 1))
    return [tuple(ranges) for ranges in found.values()]
