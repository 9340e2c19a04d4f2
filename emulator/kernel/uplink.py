"""The lab's one connection to the machine's own network: the only thing it ever makes outside its own namespaces.

A veth from the internet node into the namespace of this process, and one nft table of our own there. It translates what
comes from that link, and drops what is addressed to the machine itself, on whatever address and before any port
forwarding of the machine's: a lab may come from a stranger. Both carry the lab's mark and are named after it. The
machine must forward already: its sysctls are its owner's.
"""

import json
import socket

from emulator import names
from emulator.compile.state import Uplink
from emulator.errors import KernelError, UnsupportedError
from emulator.kernel import decode, netlink, nftables, process, wire
from emulator.kernel.channel import NETFILTER_FAMILY, Channel


def require_forwarding() -> None:
    with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
        if file.read().strip() == "0":
            raise UnsupportedError(
                "internet.uplink needs a machine that forwards packets, and net.ipv4.ip_forward is 0",
                "sysctl -w net.ipv4.ip_forward=1   (or leave `uplink` out of the file)",
            )


def add(lab: str, item: Uplink, internet: int) -> None:
    """`internet`: a descriptor of the internet node's namespace. Its own end is that node's affair."""
    require_forwarding()
    with Channel(NETFILTER_FAMILY) as channel:
        if (held := nftables.table_comment(channel, item.table)) is not None and held != _mark(lab):
            raise KernelError(f"an nftables table {item.table} of somebody else's is in the way")
    nftables.run_at_home(_script(lab, item))
    netlink.add_link_to_home(item.link, _mark(lab), item.ip, 31, item.peer_link, internet)


def _mark(lab: str) -> str:
    return names.mark(lab, "uplink")


def _script(lab: str, item: Uplink) -> str:
    table = f"table ip {item.table}"
    return f"""{table}
delete {table}
{table} {{
\tcomment "{_mark(lab)}"
\tchain translate {{
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\tip saddr {item.peer_ip} oifname != "{item.link}" masquerade
\t}}
\tchain to_machine {{
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tiifname "{item.link}" ip daddr != {item.ip} fib daddr type != unicast drop
\t}}
}}
"""


def forward_drops() -> list[str]:
    """The machine's own nftables chains that drop what it forwards unless a rule accepts it (Docker makes one).

    A verdict of ours in another table cannot overrule them, and their owner's rules are not ours to change.
    """
    listed = process.run(("nft", "-j", "list", "chains"))
    if listed.code:
        return []
    chains = [item["chain"] for item in json.loads(listed.stdout)["nftables"] if "chain" in item]
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop"
    ]


def remove(lab: str) -> list[str]:
    """What of it was there, in words. Repeatable."""
    removed = []
    link, table = names.uplink(lab), names.uplink_table(lab)
    if _index(link) and netlink.delete_link_at_home(link, _mark(lab)):
        removed.append(f"the link {link}")
    try:
        with Channel(NETFILTER_FAMILY) as channel:
            ours = nftables.table_comment(channel, table) == _mark(lab)
    except OSError:
        ours = False
    if ours:
        nftables.run_at_home(f"delete table ip {table}\n")
        removed.append(f"the nftables table {table}")
    return removed


def observe(lab: str) -> tuple[Uplink | None, int]:
    """What is there of it, and the index of the link. Whatever is missing is "" in the value, so it differs."""
    link, table = names.uplink(lab), names.uplink_table(lab)
    with Channel(NETFILTER_FAMILY) as channel:
        has_table = nftables.table_comment(channel, table) == _mark(lab)
    index, ip = _index(link), ""
    if index:
        with Channel() as channel:
            ours = [
                item
                for item in decode.links(channel.dump(wire.get_links()))
                if item.number == index and item.alias == _mark(lab)
            ]
            if not ours:
                index = 0
            elif ours[0].up:
                held = decode.addresses(channel.dump(wire.get_addresses()), {index: link})
                ip = next((item.ip for item in held if item.link == link and item.prefixlen == 31), "")
    if not index and not has_table:
        return None, 0
    return Uplink(link if index else "", "", ip, "", table if has_table else ""), index


def _index(link: str) -> int:
    try:
        return socket.if_nametoindex(link)
    except OSError:
        return 0
