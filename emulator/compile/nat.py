"""The NAT gateway: a namespace with one ENI in its subnet, in the path of the packets it translates.

A regional one has such a namespace in each of its zones (see `topology.nat_nodes`).

It rewrites the source to one of its own private addresses and sends the packet back to the router. At a public one the
route table of its subnet leads on to the internet gateway, which rewrites once more to the Elastic IP of that private
address (IGW-16). A private one has no Elastic IP, so the internet gateway lets nothing of its through (IGW-17).
"""

from emulator import names
from emulator.compile import nft
from emulator.compile.eni import Eni, namespace
from emulator.compile.hops import TALKATIVE
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Route, Ruleset
from emulator.compile.tracking import forgetful, tracking
from emulator.compile.vpc import FORWARDING
from emulator.topology.settings import Settings

IDLE_SECONDS = 350  # NAT-27
MTU = 8500  # NAT-32, MTU-02
_HEADERS = 40  # of IPv4 and TCP, without options
# NAT-50: what `vpcemu metrics` reads.
COUNTERS = (
    "attempts",
    "established",
    "no_port",
    "dropped",
    "from_source",
    "from_destination",
    "to_source",
    "to_destination",
)
_DESTINATIONS = 65536  # how many different ones are counted at a time


def nat_gateway(eni: Eni, settings: Settings) -> Namespace:
    """The gateway's namespace: not a guest, nobody logs in to a NAT gateway.

    Its address has no subnet on the link: everything goes through the router, by a route with the gateway's MTU. The
    secondary addresses are on `lo`: they must be its own, and what it says itself comes from the first one.
    """
    way_out = Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, eni.gateway, onlink=True, mtu=MTU)
    own = Address(names.GUEST_LINK, eni.ip, 32)
    return namespace(eni)._replace(
        sysctls=FORWARDING | {TALKATIVE} | tracking(settings) | forgetful(settings, IDLE_SECONDS),
        addresses=frozenset((own, *(Address("lo", ip, 32) for ip in eni.secondary))),
        routes=frozenset((way_out,)),
        ruleset=_ruleset(eni.ips, settings.nat_gateway_connections),
    )


def _ruleset(addresses: tuple[str, ...], connections: int) -> Ruleset:
    """The mark of a connection says which address it has."""
    marks = {ip: str(names.address_mark(ip)) for ip in addresses}
    translated = nft.Set("address", "mark : ipv4_addr", tuple(nft.Element(mark, ip) for ip, mark in marks.items()))
    return nft.render(
        nft.Table(
            sets=(
                translated,
                nft.Set("flows", "ipv4_addr . inet_proto . inet_service", (), size=_DESTINATIONS),
                nft.Set("queries", "ipv4_addr", (), size=_DESTINATIONS),
            ),
            counters=COUNTERS,
            chains=(
                nft.Chain(
                    "received",  # what is addressed to it answers what it has translated, or nobody
                    (
                        nft.Rule(f"ip daddr {nft.either(addresses)} counter name from_destination accept"),
                        nft.Rule("counter name from_source"),
                    ),
                    nft.Hook("filter", "prerouting", "mangle", "accept"),
                ),
                nft.Chain(
                    "sent",
                    (
                        nft.Rule("ct direction reply counter name to_source accept"),
                        nft.Rule("ct direction original counter name to_destination"),
                    ),
                    nft.Hook("filter", "postrouting", "srcnat + 10", "accept"),
                ),
                nft.Chain(
                    "fragments",
                    # NAT-31. Connection tracking puts fragments together at -400: afterwards there are none.
                    (
                        nft.Rule(
                            "ip frag-off & 0x3fff != 0 ip protocol { tcp, icmp } counter name dropped drop",
                            "NAT gateway: fragmented TCP or ICMP",
                        ),
                    ),
                    nft.Hook("filter", "prerouting", "-450", "accept"),
                ),
                # NAT-23: nothing unsolicited comes in, and it does not answer ping.
                nft.Chain(
                    "to_gateway",
                    (nft.Rule("counter name dropped drop", "NAT gateway: nobody inside has asked for it"),),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain("new", _new(tuple(marks.values()), connections)),
                nft.Chain(
                    "through_gateway",
                    (
                        # NAT-32, MTU-07, in both directions.
                        nft.Rule(
                            f"tcp flags & (syn | rst) == syn tcp option maxseg size set {MTU - _HEADERS}",
                            f"NAT gateway: TCP segments of at most {MTU - _HEADERS} bytes (MSS)",
                        ),
                        nft.Rule("ct direction reply tcp flags & (syn | ack) == (syn | ack) counter name established"),
                        nft.Rule("ct state established,related accept", "NAT gateway: a known connection"),
                        # NAT-27: the inside host that speaks after the timeout is told by a reset. What comes from
                        # outside is addressed to the gateway itself and never gets here (NAT-28).
                        nft.Rule(
                            "meta l4proto tcp ct state invalid reject with tcp reset",
                            "NAT gateway: connection forgotten",
                        ),
                        # NAT-20: TCP, UDP and ICMP, nothing else.
                        nft.Rule("meta l4proto { tcp, udp, icmp } ct state new goto new"),
                        nft.Rule("counter name dropped drop", "NAT gateway: begins no connection of TCP, UDP or ICMP"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
                nft.Chain(
                    "translate",
                    (
                        # NAT-21: ports 1024-65535; the kernel keeps the sender's own port where it can.
                        nft.Rule(
                            "meta l4proto { tcp, udp } snat to ct mark map @address : 1024-65535",
                            "NAT gateway: its own address becomes the source",
                        ),
                        nft.Rule("snat to ct mark map @address", "NAT gateway: its own address becomes the source"),
                    ),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )


def _new(marks: tuple[str, ...], connections: int) -> tuple[nft.Rule, ...]:
    """A new connection is counted, and gets the next address in turn (NAT-26).

    NAT-24, NAT-25: each address holds so many to one destination. All of them are counted together, so that nobody is
    refused at one that is full while another has room; where connections end unevenly, one may come to hold more.
    Only the first packet counts: a sender that gets no answer goes on being "new". One that is dropped leaves nothing.
    """
    over = f"ct count over {len(marks) * connections} }} counter name no_port drop"
    chosen = marks[0]
    if len(marks) > 1:
        turns = nft.either(f"{number} : {mark}" for number, mark in enumerate(marks))
        chosen = f"numgen inc mod {len(marks)} map {turns}"
    return (
        nft.Rule("ct status & confirmed == confirmed accept", "NAT gateway: outbound, not answered yet"),
        nft.Rule("tcp flags & (syn | ack) == syn counter name attempts"),
        nft.Rule(f"ct mark set {chosen}", "NAT gateway: chooses one of its addresses"),
        nft.Rule(
            f"meta l4proto {{ tcp, udp }} add @flows {{ ip daddr . meta l4proto . th dport {over}",
            "NAT gateway: ErrorPortAllocation",
        ),
        nft.Rule(
            f"meta l4proto icmp add @queries {{ ip daddr {over}",
            "NAT gateway: ErrorPortAllocation",
        ),
        nft.Rule("accept", "NAT gateway: outbound"),
    )
