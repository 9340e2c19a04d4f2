"""How long an ENI remembers an idle flow, where its connection tracking specification says otherwise (CT-05).

The kernel tracks a flow once for the whole router, so where both ends track it the shorter time counts for both. An end
that does not track the flow (CT-01) has no say.
"""

from collections.abc import Iterable
from itertools import permutations
from typing import Literal, NamedTuple

from emulator import names
from emulator.compile import nft
from emulator.compile.eni import Eni
from emulator.topology.instances import ConnectionTracking
from emulator.topology.settings import Settings

_USUAL = ConnectionTracking()
_NODES_UDP = 120  # CT-06
_SENDER, _RECEIVER = (f"ct mark and {bit} == 0" for bit in (names.UNTRACKED_BY_CALLER, names.UNTRACKED_BY_CALLED))
_BOTH = f"ct mark and {names.UNTRACKED_BY_CALLER | names.UNTRACKED_BY_CALLED} == 0"
Protocol = Literal["tcp", "udp"]
_STATES: dict[Protocol, tuple[str, ...]] = {"tcp": ("established",), "udp": ("unreplied", "replied")}
_Idle = tuple[int, ...]  # of a protocol: established; or unreplied, replied


class Lifetimes(NamedTuple):
    """`rules` belong after both ends have judged a new flow, and said whether they track it."""

    sets: tuple[nft.Set, ...] = ()
    timeouts: tuple[nft.Timeout, ...] = ()
    rules: tuple[nft.Rule, ...] = ()


def lifetimes(enis: Iterable[Eni], settings: Settings) -> Lifetimes:
    """Nothing of ENIs that are as AWS makes them: the router's own settings say that (see `tracking`)."""
    enis = tuple(enis)
    asked = [eni for eni in enis if eni.groups]
    sets: list[nft.Set] = []
    timeouts: dict[str, nft.Timeout] = {}
    rules: list[nft.Rule] = []

    def then(protocol: Protocol, idle: _Idle) -> str:
        policy = tuple((state, settings.seconds(of_aws)) for state, of_aws in zip(_STATES[protocol], idle, strict=True))
        name = _name(protocol, idle)
        timeouts[name] = nft.Timeout(name, protocol, policy)
        return f'ct timeout set "{name}"'

    for protocol in _STATES:
        links: dict[_Idle, list[str]] = {}
        for eni in asked:
            links.setdefault(_idle(eni.tracking, protocol), []).append(nft.link(eni.link))
        usual = _idle(_USUAL, protocol)
        if set(links) == {usual}:
            continue

        sets += [
            nft.Set(_links(protocol, idle), "ifname", tuple(map(nft.Element, held))) for idle, held in links.items()
        ]
        this = f"meta l4proto {protocol}"
        for idle in links:
            if idle != usual:
                for end, way in ((_SENDER, "iifname"), (_RECEIVER, "oifname")):
                    rules.append(nft.Rule(f"{this} {way} @{_links(protocol, idle)} {end} {then(protocol, idle)}"))
        for one, other in permutations(links, 2):
            both = tuple(map(min, one, other))
            ends = f"iifname @{_links(protocol, one)} oifname @{_links(protocol, other)} {_BOTH}"
            rules.append(nft.Rule(f"{this} {ends} {then(protocol, both)}"))
    # CT-06: 120 s at the target. Its TCP connections the node itself ends after 350 s.
    nodes = [nft.link(eni.link) for eni in enis if eni.balancer]
    if nodes:
        rules.append(nft.Rule(f"meta l4proto udp iifname {nft.either(nodes)} {then('udp', (_NODES_UDP, _NODES_UDP))}"))
    return Lifetimes(tuple(sets), tuple(timeouts.values()), tuple(rules))


def _idle(tracking: ConnectionTracking, protocol: Protocol) -> _Idle:
    if protocol == "tcp":
        return (tracking.tcp_established_timeout,)
    return (tracking.udp_timeout, tracking.udp_stream_timeout)


def _name(protocol: Protocol, idle: _Idle) -> str:
    return "_".join(("idle", protocol, *map(str, idle)))


def _links(protocol: Protocol, idle: _Idle) -> str:
    return f"links_{_name(protocol, idle)}"
