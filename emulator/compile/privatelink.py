"""PrivateLink: an endpoint's ENI in the consumer's subnet is a namespace, and a carrier joins it to a load balancer's.

The endpoint takes what is for a listener's port, judges it by the load balancer's inbound rules while the consumer's
address is still there (PL-37), and gives it the carrier's addresses. So the provider never sees the consumer's network,
and both may have the same blocks and addresses (PL-23). The load balancer's node gives it an address of its own,
whatever it does with its other clients (PL-24). Nothing begins at the provider's end (PL-22).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.balancer import Carrier as Landing
from emulator.compile.eni import ENI_MTU, Eni, namespace
from emulator.compile.proxied import proxied, relay
from emulator.compile.security import inbound
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Neighbour, Route, Ruleset, Service, Veth
from emulator.compile.tracking import forgetful, tracking
from emulator.compile.vpc import FORWARDING
from emulator.topology.associations import with_associated
from emulator.topology.model import Topology
from emulator.topology.privatelink import Carrier, carriers

IDLE_SECONDS = 350  # PL-29
UDP_IDLE_SECONDS = 120  # NLB-05
MTU = 8500  # PL-30, MTU-02
_HEADERS = 40  # of IPv4 and TCP, without options


class Held(NamedTuple):
    """A carrier with its addresses: `near` is the endpoint's end, `far` that of the load balancer's node."""

    carrier: Carrier
    near: str
    far: str

    @property
    def link(self) -> str:
        """In the load balancer's node."""
        return names.to_endpoint(self.carrier.node)

    def mac(self, end: str) -> str:
        return names.mac(self.carrier.node, "carrier", end)


def held(topology: Topology) -> dict[str, Held]:
    """All carriers, by the endpoint's node. Their addresses follow its name, and no other endpoint changes them."""
    found: dict[str, Held] = {}
    by_node = {carrier.node: carrier for carrier in carriers(topology)}
    for node, pair in names.numbered(by_node, names.CARRIER_BLOCK.num_addresses // 2).items():
        near = names.CARRIER_BLOCK.network_address + 2 * pair
        found[node] = Held(by_node[node], str(near), str(near + 1))
    return found


def links(carried: Iterable[Held]) -> Iterator[Veth]:
    """It is wider than what it carries: what is too large is dropped by a rule, and in silence (PL-30)."""
    for one in carried:
        near, far = one.carrier.node, one.carrier.balancer_node
        yield Veth(far, one.link, one.mac("far"), near, names.CARRIER_LINK, one.mac("near"), ENI_MTU)


def landings(carried: Iterable[Held]) -> tuple[Landing, ...]:
    """What the load balancer must know of the carriers that end in one of its nodes."""
    return tuple(Landing(one.link, one.far) for one in carried)


def joined(node: Namespace, carried: Iterable[Held]) -> Namespace:
    """The namespace of a load balancer's node, with the ends of its carriers."""
    ends = tuple(carried)
    return node._replace(
        up=node.up | {one.link for one in ends},
        addresses=node.addresses | {Address(one.link, one.far, 32) for one in ends},
        neighbours=node.neighbours | {Neighbour(one.link, one.near, one.mac("near")) for one in ends},
        routes=node.routes | {Route(MAIN_TABLE, f"{one.near}/32", "unicast", one.link, mtu=MTU) for one in ends},
    )


def endpoint(eni: Eni, state: str, carried: Held | None, topology: Topology) -> Namespace:
    """The namespace of an endpoint's ENI. carried None: it carries nothing, for its state or for want of a zone."""
    way_out = Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, eni.gateway, onlink=True, mtu=MTU)
    made = namespace(eni)._replace(
        kind="vpc_endpoint",
        sysctls=FORWARDING
        | tracking(topology.settings, UDP_IDLE_SECONDS, UDP_IDLE_SECONDS)
        | forgetful(topology.settings, IDLE_SECONDS),
        addresses=frozenset({Address(names.GUEST_LINK, eni.ip, 32)}),
        routes=frozenset({way_out}),
        ruleset=_ruleset(eni, state, carried, topology),
    )
    if carried is None:
        return made
    link = names.CARRIER_LINK
    return made._replace(
        up=made.up | {link},
        addresses=made.addresses | {Address(link, carried.near, 32)},
        neighbours=made.neighbours | {Neighbour(link, carried.far, carried.mac("far"))},
        routes=made.routes | {Route(MAIN_TABLE, f"{carried.far}/32", "unicast", link, mtu=MTU)},
        services=frozenset(_relays(carried, topology)),
    )


def _relays(carried: Held, topology: Topology) -> Iterator[Service]:
    carrier = carried.carrier
    own = names.endpoint_id(topology.name, carrier.consumer.name, carrier.endpoint.name)
    for listener in proxied(carrier.provider, carrier.balancer):
        yield relay(listener, carrier.balancer_node, topology.settings, own)


def _ruleset(eni: Eni, state: str, carried: Held | None, topology: Topology) -> Ruleset:
    own = eni.node
    silent = nft.Chain(
        "from_endpoint",
        # PL-30: no path-MTU discovery. It is no hop either.
        (nft.Rule("icmp type { destination-unreachable, time-exceeded } drop", remarks.endpoint(own, "says nothing")),),
        nft.Hook("filter", "output", "filter", "accept"),
    )
    if carried is None:
        why = f"it is {state}" if state != "available" else "no load balancer of its zone"
        deaf = nft.Chain(
            "to_endpoint",
            (nft.Rule("drop", remarks.endpoint(own, f"carries nothing: {why}")),),
            nft.Hook("filter", "input", "filter", "drop"),
        )
        through = nft.Chain(
            "through_endpoint",
            (nft.Rule("drop", remarks.endpoint(own, f"carries nothing: {why}")),),
            nft.Hook("filter", "forward", "filter", "drop"),
        )
        return nft.render(nft.Table(sets=(), chains=(silent, deaf, through)))
    balancer = carried.carrier.balancer
    sets: tuple[nft.Set, ...] = ()
    judges: tuple[nft.Chain, ...] = ()
    judge: tuple[nft.Rule, ...] = ()
    if balancer.security_groups and balancer.enforce_private_link:
        # PL-37
        provider = with_associated(topology, carried.carrier.provider)
        sets, chain = inbound(provider, balancer.security_groups, topology.prefix_lists)
        judges, judge = (chain,), (nft.Rule(f"jump {chain.name}"),)
    inside, link = nft.link(names.GUEST_LINK), nft.link(names.CARRIER_LINK)
    port = "meta l4proto . th dport @port"
    own_ports = [str(listener.port) for listener in proxied(carried.carrier.provider, balancer)]
    to_agent: tuple[nft.Rule, ...] = ()
    if own_ports:
        # NLB-14: the agent answers here, where the consumer's address is known, and speaks to the targets elsewhere.
        words = remarks.endpoint(own, "to the service, by proxy protocol")
        mine = f"iifname {inside} tcp dport {nft.either(own_ports)} ct state"
        to_agent = (
            nft.Rule(f"{mine} established accept", remarks.endpoint(own, "a known connection")),
            *(nft.Rule(f"{mine} new {rule.body}") for rule in judge),
            nft.Rule(f"{mine} new accept", words),
            nft.Rule(f"{mine} invalid reject with tcp reset", remarks.endpoint(own, "connection forgotten")),
        )
    return nft.render(
        nft.Table(
            sets=(nft.Set("port", "inet_proto . inet_service", _ports(carried)), *sets),
            chains=(
                nft.Chain(
                    "oversize",
                    # PL-30. TCP keeps to the clamped MSS; here its packets may still be several in one.
                    (
                        nft.Rule(
                            f"meta l4proto != tcp ip length > {MTU} drop",
                            remarks.endpoint(own, f"larger than {MTU} bytes"),
                        ),
                    ),
                    nft.Hook("filter", "prerouting", "-450", "accept"),
                ),
                nft.Chain(
                    "to_service",
                    (
                        nft.Rule(
                            f"iifname {inside} ip daddr {eni.ip} {port} dnat to {carried.far}",
                            remarks.endpoint(own, f"to load balancer {carried.carrier.balancer_node}"),
                        ),
                    ),
                    nft.Hook("nat", "prerouting", "dstnat", "accept"),
                ),
                nft.Chain(
                    "to_endpoint",
                    (
                        *to_agent,
                        # NLB-19, PL-29: what belongs to no known connection, of a port where there is a listener.
                        nft.Rule(
                            f"iifname {inside} meta l4proto tcp {port} ct state invalid reject with tcp reset",
                            remarks.endpoint(own, "connection forgotten"),
                        ),
                        nft.Rule("drop", remarks.endpoint(own, "no listener has this port and protocol")),  # PL-28
                    ),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                silent,
                *judges,
                nft.Chain(
                    "through_endpoint",
                    (
                        # PL-30, MTU-07, in both directions.
                        nft.Rule(
                            f"tcp flags & (syn | rst) == syn tcp option maxseg size set {MTU - _HEADERS}",
                            remarks.endpoint(own, f"TCP segments of at most {MTU - _HEADERS} bytes (MSS)"),
                        ),
                        nft.Rule("ct state established,related accept", remarks.endpoint(own, "a known connection")),
                        nft.Rule(
                            f"iifname {link} drop", remarks.endpoint(own, "only the consumer's side begins")
                        ),  # PL-22
                        *judge,
                        nft.Rule(f"ct state new oifname {link} accept", remarks.endpoint(own, "to the service")),
                        nft.Rule("drop", remarks.endpoint(own, "not for the service")),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
                nft.Chain(
                    "translate",
                    (
                        nft.Rule(
                            f"oifname {link} snat to {carried.near}",
                            remarks.endpoint(own, "the consumer's address stays here"),
                        ),
                    ),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )


_NUMBERS = {"TCP": (nft.TCP,), "UDP": (nft.UDP,), "TCP_UDP": (nft.TCP, nft.UDP)}


def _ports(carried: Held) -> tuple[nft.Element, ...]:
    """PL-28: what the load balancer listens on, save what the agent does."""
    agents = proxied(carried.carrier.provider, carried.carrier.balancer)
    return tuple(
        nft.Element(nft.together(str(number), str(listener.port)))
        for listener in carried.carrier.balancer.listeners
        if listener not in agents
        for number in _NUMBERS[listener.protocol]
    )
