"""From what is to what should be, as ordered steps. The only place that knows what must come before what.

The order, and why:
 1. services that go, so that nothing listens in what is taken apart;
 2. namespaces: those that change their kind go, new ones come;
 3. rulesets, before any link is up: what is refused tomorrow is refused from here on, and what is new is never open;
 4. sysctls of the namespace (conntrack's exist only once a ruleset uses it);
 5. what a guest was lent and its ENIs have no longer: an ENI's link is how the next `up` would know that there is more;
 6. veths: wrong ones go, since their names may be wanted again, then new ones come, down;
 7. the inside of each namespace, one after the other, so that the kernel door can send it as one batch: sysctls of
    links, addresses, links up, neighbours, routes (which need a link that is up), rules (which need their table);
 8. inside the same namespace, what is too much: rules, routes, neighbours, addresses;
 9. namespaces that are no longer wanted;
10. services that come.
Deleting a veth takes its addresses, neighbours and routes along, on both sides; nothing is removed twice.
"""

from collections.abc import Iterable, Iterator

from emulator import names
from emulator.compile.state import (
    MAIN_RULE,
    NO_RULESET,
    FlushConntrack,
    Item,
    LinkUp,
    Namespace,
    Netns,
    Service,
    State,
    Step,
    Sysctl,
)

RULES_DIFFER = "the rules differ"
TAMPERED = "tampered"  # the digest of a ruleset that somebody else has changed


def diff(observed: State, desired: State) -> list[Step]:
    """The steps that turn `observed` into `desired`, in order; none if they agree.

    Guests (see Namespace.guest) get back what they miss and keep what they added; what is marked as lent is taken back.
    """
    return list(_Diff(observed, desired).steps())


def _is_link_sysctl(item: Sysctl) -> bool:
    """net/ipv4/neigh/eni-dev/proxy_delay, net/ipv4/conf/eth0/...: exists only while the link does."""
    parts = item.key.split("/")
    return len(parts) == 5 and parts[2] in ("neigh", "conf") and parts[3] not in ("all", "default")


class _Diff:
    """The working memory of one comparison."""

    def __init__(self, observed: State, desired: State) -> None:
        self.observed = observed
        self.desired = desired
        self.replaced = {
            node
            for node, namespace in desired.namespaces.items()
            if node in observed.namespaces and observed.namespaces[node].kind != namespace.kind
        }
        self.gone = [node for node in observed.namespaces if node not in desired.namespaces]
        self.new = {node for node in desired.namespaces if node not in observed.namespaces} | self.replaced
        lost = self.new | set(self.gone)
        # A veth dies with either of its namespaces.
        self.stale = sorted(
            veth for veth in observed.veths - desired.veths if not {veth.node, veth.peer_node} & self.replaced
        )
        alive = {veth for veth in observed.veths & desired.veths if not {veth.node, veth.peer_node} & lost}
        self.missing = sorted(desired.veths - alive)
        self.lost_links = {
            end for veth in observed.veths - alive for end in ((veth.node, veth.link), (veth.peer_node, veth.peer_link))
        }

    def steps(self) -> Iterator[Step]:
        yield from self._services("remove")
        for node in sorted(self.replaced):
            yield self._step("remove", node, Netns(self.observed.namespaces[node].kind), "is now something else")
        for node, namespace in self.desired.namespaces.items():
            if node in self.new:
                yield self._step("add", node, Netns(namespace.kind), "new")
        yield from self._rulesets()
        yield from self._forgotten()
        for node, namespace in self.desired.namespaces.items():
            yield from self._sysctls(node, namespace, of_links=False)
        for node, namespace in self.desired.namespaces.items():
            if namespace.guest and node not in self.new:
                yield from self._taken_back(node, self._held(node), namespace)
        yield from self._uplink("remove")
        for veth in self.stale:
            yield self._step("remove", veth.node, veth, f"the link to {veth.peer_node} goes")
        for veth in self.missing:
            yield self._step("add", veth.node, veth, f"the link to {veth.peer_node}")
        yield from self._uplink("add")
        for node, namespace in self.desired.namespaces.items():
            yield from self._inside(node, namespace)
        for node in self.gone:
            item = Netns(self.observed.namespaces[node].kind)
            why = self.desired.labels.get((node, item), "no longer in the topology")  # RT-42: or stopped
            yield Step("remove", node, item, why)
        yield from self._services("add")

    def _step(self, verb: str, node: str, item: Item, reason: str) -> Step:
        label = self.desired.labels.get((node, item)) or self.observed.labels.get((node, item))
        return Step(verb, node, item, f"{label}: {reason}" if label else reason)  # type: ignore[arg-type]

    def _held(self, node: str) -> Namespace:
        """What the namespace holds once namespaces and veths are right."""
        wanted = self.desired.namespaces[node]
        if node in self.new:
            return Namespace(kind=wanted.kind)
        held = self.observed.namespaces[node]
        lost = {link for owner, link in self.lost_links if owner == node} if self.lost_links else set()
        if not lost:
            return held
        return held._replace(
            up=held.up - lost,
            addresses=frozenset(item for item in held.addresses if item.link not in lost),
            neighbours=frozenset(item for item in held.neighbours if item.link not in lost),
            routes=frozenset(item for item in held.routes if item.link not in lost),
            sysctls=frozenset(
                item for item in held.sysctls if not (_is_link_sysctl(item) and item.key.split("/")[3] in lost)
            ),
        )

    def _rulesets(self) -> Iterator[Step]:
        for node, namespace in self.desired.namespaces.items():
            wanted = namespace.ruleset
            if wanted is None:
                continue
            held = None if node in self.new else self.observed.namespaces[node].ruleset
            if wanted == NO_RULESET:
                if held is not None and held.digest != TAMPERED:
                    why = "the instance is no appliance any more"
                    # The table goes last: it is the sign that the setting is ours and not its owner's.
                    yield self._step("replace", node, Sysctl("net/ipv4/ip_forward", "0"), why)
                    yield self._step("remove", node, held, why)
                continue
            if held is not None and held.digest == wanted.digest:
                continue
            if held is None:
                new = node in self.new
                why = "the rules of a new namespace, before its links are up" if new else "the rules are gone"
                yield self._step("replace", node, wanted, why)
                continue
            tampered = held.digest == TAMPERED
            yield self._step(
                "replace", node, wanted, "the rules were changed by somebody else" if tampered else RULES_DIFFER
            )
            # A flow that began under the old rules would live on under the new ones. At an internet gateway one that
            # is still allowed finds its translation again; a NAT gateway's would be cut: see `_forgotten`.
            if namespace.kind == "internet_gateway":
                yield self._step("replace", node, FlushConntrack(), "translations follow the new rules")

    def _forgotten(self) -> Iterator[Step]:
        """NAT-10: connections end with the address of the NAT gateway that they have; those of the others go on.

        Before the address goes, so that after a cut in between it is still there to tell.
        """
        for node, namespace in self.desired.namespaces.items():
            if namespace.kind == "nat_gateway" and node not in self.new:
                held = {item.ip for item in self.observed.namespaces[node].addresses}
                for address in sorted(held - {item.ip for item in namespace.addresses}):
                    yield self._step("replace", node, FlushConntrack(address), f"{address} goes")

    def _sysctls(self, node: str, namespace: Namespace, *, of_links: bool) -> Iterator[Step]:
        held = self._held(node).sysctls
        for item in sorted(namespace.sysctls - held):
            if _is_link_sysctl(item) == of_links:
                yield Step("replace", node, item, "setting")

    def _uplink(self, verb: str) -> Iterator[Step]:
        held, wanted = self.observed.uplink, self.desired.uplink
        if held == wanted:
            return
        if verb == "remove" and held is not None:
            yield Step("remove", "internet", held, "uplink to the machine's own network")
        if verb == "add" and wanted is not None:
            yield Step("add", "internet", wanted, "uplink to the machine's own network")

    def _inside(self, node: str, wanted: Namespace) -> Iterator[Step]:
        held = self._held(node)
        if held == wanted:
            return
        why = "new" if node in self.new else "missing"
        yield from self._sysctls(node, wanted, of_links=True)
        # A primary address before the secondary ones: whoever picks the first one of a link picks that.
        for address in sorted(wanted.addresses - held.addresses, key=lambda item: (item.label, item)):
            yield self._step("add", node, address, why)
        for link in sorted(wanted.up - held.up):
            yield self._step("replace", node, LinkUp(link), why)
        known = {(item.link, item.ip) for item in held.neighbours}
        for neighbour in sorted(wanted.neighbours - held.neighbours):
            changed = (neighbour.link, neighbour.ip) in known
            yield self._step("replace", node, neighbour, "changed" if changed else why)
        places = {(item.table, item.destination) for item in held.routes}
        # A next hop must be reachable before a route uses it, so routes without one come first.
        for route in sorted(wanted.routes - held.routes, key=lambda item: (bool(item.via), item)):
            changed = (route.table, route.destination) in places
            yield self._step("replace", node, route, "changed" if changed else why)
        if not wanted.guest and not held.has_main_rule:
            yield self._step("add", node, MAIN_RULE, "missing")
        for rule in sorted(wanted.rules - held.rules):
            yield self._step("add", node, rule, why)
        if not wanted.guest:
            yield from self._surplus(node, held, wanted)

    def _taken_back(self, node: str, held: Namespace, wanted: Namespace) -> Iterator[Step]:
        """What the ENIs of a guest have no longer."""
        why = "its network interface has it no longer"
        for rule in sorted(held.rules - wanted.rules):
            if rule.source and rule.priority == names.SOURCE_RULE_PRIORITY:
                yield self._step("remove", node, rule, why)
        for route in sorted(held.routes - wanted.routes):
            if route.table in names.SOURCE_TABLES:
                yield self._step("remove", node, route, why)
        for address in sorted(held.addresses - wanted.addresses):
            if address.label:
                yield self._step("remove", node, address, why)

    def _surplus(self, node: str, held: Namespace, wanted: Namespace) -> Iterator[Step]:
        why = "not in the topology"
        for rule in sorted(held.rules - wanted.rules):
            yield self._step("remove", node, rule, why)
        kept = {(item.table, item.destination) for item in wanted.routes}  # these were replaced in place
        for route in sorted(held.routes - wanted.routes):
            if (route.table, route.destination) not in kept:
                yield self._step("remove", node, route, why)
        still = {(item.link, item.ip) for item in wanted.neighbours}
        for neighbour in sorted(held.neighbours - wanted.neighbours):
            if (neighbour.link, neighbour.ip) not in still:
                yield self._step("remove", node, neighbour, why)
        for address in sorted(held.addresses - wanted.addresses):
            yield self._step("remove", node, address, why)

    def _services(self, verb: str) -> Iterator[Step]:
        nodes: Iterable[str] = (
            self.desired.namespaces
            if verb == "add"
            else sorted(self.observed.namespaces.keys() | self.desired.namespaces.keys())
        )
        for node in nodes:
            held = self._services_of(self.observed, node)
            wanted = self._services_of(self.desired, node)
            if verb == "remove":
                for service in sorted(held if node in self.new else held - wanted):
                    yield self._step("remove", node, service, "service")
            else:
                for service in sorted(wanted if node in self.new else wanted - held):
                    yield self._step("add", node, service, "service")

    @staticmethod
    def _services_of(state: State, node: str) -> frozenset[Service]:
        namespace = state.namespaces.get(node)
        return namespace.services if namespace else frozenset()
