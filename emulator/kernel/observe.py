"""What a lab's namespaces hold now, as a State to compare with the wanted one.

One visit to each namespace opens a socket there; then some dumps. Of a guest only what is wanted is looked at: its
owner may add rules or tables, so there is nothing to compare.
"""

import os
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from emulator import names
from emulator.compile.state import MAIN_RULE, MAIN_TABLE, Namespace, State, Sysctl, Uplink
from emulator.kernel import decode, netns, nftables, pairs, sysctl, uplink, wire
from emulator.kernel.channel import NETFILTER_FAMILY, Channel, Part
from emulator.kernel.pairs import Place
from emulator.topology.model import INTERNET

_NOTHING: Final = Namespace("instance")


def observe_again(lab: str, wanted: State, nodes: Collection[str]) -> State:
    """The insides of these nodes as they are now, all else as wanted: no link and no other node was touched."""
    netns.raise_file_limit()
    kept = {node: held._replace(services=frozenset()) for node, held in wanted.namespaces.items() if node not in nodes}
    with netns.roam() as go, sysctl.Settings() as settings:
        for entry in netns.owned(lab):
            if not entry.inode or entry.node not in nodes:
                continue
            namespace = netns.open_namespace(entry.name)
            try:
                go(namespace)
                with Channel() as channel:
                    place = Place(namespace, channel, decode.links(channel.dump(wire.get_links())), {})
                    kept[entry.node] = _look(place, wanted.namespaces.get(entry.node), settings)
            finally:
                os.close(namespace)
    return wanted._replace(namespaces=kept)


def observe(lab: str, wanted: State | None) -> State:
    """All that is there for the lab; kinds, guests and which settings to read come from `wanted`."""
    netns.raise_file_limit()
    places: dict[str, Place] = {}
    namespaces: dict[str, Namespace] = {}
    wants = wanted.namespaces if wanted else {}
    routers = {veth.peer_node: veth.node for veth in wanted.veths} if wanted else {}
    try:
        with netns.roam() as go, sysctl.Settings() as settings:
            entries = netns.owned(lab)
            entries.sort(key=lambda entry: entry.node in wants and wants[entry.node].guest)  # their routers first
            for entry in entries:
                if not entry.inode:
                    if wanted and entry.node not in wants:
                        # A name without a namespace, left by an `up` of another file that was killed: it is to go.
                        namespaces[entry.node] = _NOTHING
                    continue
                namespace = netns.open_namespace(entry.name)
                go(namespace)
                channel = Channel()
                place = Place(namespace, channel, decode.links(channel.dump(wire.get_links())), {})
                places[entry.node] = place
                router = routers.get(entry.node, "")
                ask = {router: places[router].namespace} if router in places else {}
                namespaces[entry.node] = _look(place, wants.get(entry.node), settings, ask)
        found = _uplink(lab, places, namespaces, wanted)
        if wanted and found != wanted.uplink and INTERNET in namespaces:
            # It will be made anew, and what hangs on its inner end with it.
            namespaces[INTERNET] = _without_link(namespaces[INTERNET], names.UPLINK_LINK)
        veths = frozenset(pairs.pairs(places, namespaces, wanted, found is not None and bool(found.peer_link)))
        return State(lab, namespaces, veths, found)
    finally:
        for place in places.values():
            place.channel.close()
            os.close(place.namespace)


def _look(
    place: Place, wanted: Namespace | None, settings: sysctl.Settings, others: Mapping[str, int] = MappingProxyType({})
) -> Namespace:
    """Everything about one namespace; the calling thread is inside.

    others: namespaces whose number here will be wanted; asked of a guest, since there it costs no message of its own.
    """
    want = wanted or _NOTHING
    # A guest's additions are its owner's, so what is not wanted of it need not be read.
    exact = wanted is None or not wanted.guest
    dump = place.channel.dump
    titles = {link.number: link.name for link in place.links}
    ruleset = None
    if exact or want.ruleset:
        with Channel(NETFILTER_FAMILY) as netfilter:
            ruleset = nftables.observe(netfilter, shared=bool(want.ruleset and want.ruleset.shared))
    up = frozenset([link.name for link in place.links if link.up])
    addresses = decode.addresses(dump(wire.get_addresses()), titles) if exact or want.addresses else iter(())
    # What goes with an ENI is not wanted any more, so it is looked for wherever there may be more than one.
    several = len(place.links) > 2
    table = 0 if exact or several or any(item.table != MAIN_TABLE for item in want.routes) else MAIN_TABLE
    routes = dump(wire.get_routes(table)) if exact or want.routes or want.addresses else []
    subnets = decode.subnets(routes, titles)
    asks_rules = exact or several or want.rules
    rules = frozenset(decode.rules(dump(wire.get_rules()))) if asks_rules else frozenset({MAIN_RULE})
    labelled = {item[:3]: item for item in want.addresses if item.label}
    return Namespace(
        kind=want.kind,
        guest=want.guest,
        up=up,
        sysctls=_settings(settings, place.channel, titles, want.sysctls) if want.sysctls else frozenset(),
        # An address without its subnet's route (`ip route flush`) does half its work: it counts as missing.
        addresses=frozenset(
            labelled.get(item[:3], item)  # an owner may have put it back without the label
            for item in addresses
            # Those that never get such a route: alone in their subnet, on lo, on a link that is down.
            if item.prefixlen == 32 or item.link not in up - {"lo"} or (item.link, item.ip) in subnets
        ),
        neighbours=frozenset(
            decode.neighbours(dump(wire.get_neighbours()) if exact else _ask_guest(place, want, others), titles)
        ),
        routes=frozenset(decode.routes(routes, titles)),
        rules=rules - {MAIN_RULE},
        has_main_rule=MAIN_RULE in rules,
        ruleset=ruleset,
    )


def _ask_guest(place: Place, guest: Namespace, others: Mapping[str, int]) -> list[Part]:
    """Those neighbours that are wanted of a guest, and, in the same message, the numbers of other namespaces there."""
    indices = {link.name: link.number for link in place.links}
    asked = [wire.get_namespace_id(namespace) for namespace in others.values()]
    asked += [wire.get_neighbour(item.ip, indices[item.link]) for item in guest.neighbours if item.link in indices]
    answers = place.channel.ask(asked)
    for node, answer in zip(others, answers, strict=False):
        place.numbers[node] = decode.namespace_id(answer)
    return [answer for answer in answers[len(others) :] if isinstance(answer, Part)]


def _settings(
    settings: sysctl.Settings, channel: Channel, titles: dict[int, str], wanted: frozenset[Sysctl]
) -> frozenset[Sysctl]:
    settings.arrive()
    by_link = {item: link for item in wanted if (link := sysctl.link_with_proxy_delay(item))}
    found = settings.read(item.key for item in wanted if item not in by_link)
    if not by_link:
        return found
    delays = decode.proxy_delays(channel.dump(wire.get_neighbour_tables()), titles)
    return found | {Sysctl(item.key, str(delays[link])) for item, link in by_link.items() if link in delays}


def _uplink(
    lab: str, places: dict[str, Place], namespaces: dict[str, Namespace], wanted: State | None
) -> Uplink | None:
    """What is missing of it is "", so that it differs from the wanted one and is made anew."""
    found, index = uplink.observe(lab)
    if found is None or not index or INTERNET not in places:
        return found
    place = places[INTERNET]
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        (answer,) = place.channel.ask([wire.get_namespace_id(home)])
    finally:
        os.close(home)
    number = decode.namespace_id(answer)
    for link in place.links:
        if link.name == names.UPLINK_LINK and link.peer == index and link.peer_namespace == number >= 0:
            # Its address is an item of the internet node's, and compared there.
            held = [item.ip for item in namespaces[INTERNET].addresses if item.link == link.name]
            wish = wanted.uplink.peer_ip if wanted and wanted.uplink else next(iter(held), "")
            return found._replace(peer_link=link.name, peer_ip=wish)
    return found


def _without_link(held: Namespace, link: str) -> Namespace:
    return held._replace(
        up=held.up - {link},
        addresses=frozenset(item for item in held.addresses if item.link != link),
        neighbours=frozenset(item for item in held.neighbours if item.link != link),
        routes=frozenset(item for item in held.routes if item.link != link),
    )
