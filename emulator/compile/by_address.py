"""Flows that an ENI knows by the address of its peer and the protocol alone (CT-03): neither TCP, UDP nor ICMP.

The kernel tracks these too, but some more narrowly than AWS: SCTP and UDP-Lite by their ports, GRE of PPTP by its call.
So beside that each ENI remembers its peers, for AWS's 600 s after the last packet. New rules make it forget them; the
next packet of a flow that the kernel tracks brings them back.
"""

from typing import NamedTuple

from emulator.compile import nft, remarks
from emulator.compile.tracking import OTHER_SECONDS
from emulator.topology.settings import Settings

NARROW = "meta l4proto { tcp, udp, icmp }"
BROAD = "meta l4proto != { tcp, udp, icmp }"
_PEERS = 65536  # of all ENIs of a VPC together
_SENT, _RECEIVED = "ip daddr . iifname . meta l4proto", "ip saddr . oifname . meta l4proto"


class Memory(NamedTuple):
    """`judge` is for packets of no known flow, `remember` for those of a known one; both end with `accept`."""

    sets: tuple[nft.Set, ...]
    chains: tuple[nft.Chain, ...]
    judge: str
    remember: str


def memory(settings: Settings, acls: tuple[nft.Rule, ...], last: tuple[nft.Rule, ...]) -> Memory:
    """Chains to stand after `sender` and `receiver`. `acls`: the ACLs of both ends. `last`: asked after the groups."""
    kept = f"timeout {settings.seconds(OTHER_SECONDS)}s"
    sent, received = (nft.Rule(f"update @peers {{ {fields} {kept} }}") for fields in (_SENT, _RECEIVED))
    judged = (
        # CT-13: each end remembers by itself, the sender as soon as its own groups have said yes.
        nft.Rule("jump peer_sender"),
        sent,
        *acls,
        nft.Rule("jump peer_receiver"),
        *last,
        received,
        nft.Rule("accept"),
    )
    return Memory(
        sets=(nft.Set("peers", "ipv4_addr . ifname . inet_proto", (), size=_PEERS, expires=True),),
        chains=(
            nft.Chain("peer_sender", (nft.Rule(f"{_SENT} @peers return", remarks.KNOWN_FLOW), nft.Rule("goto sender"))),
            nft.Chain(
                "peer_receiver",
                (nft.Rule(f"{_RECEIVED} @peers return", remarks.KNOWN_FLOW), nft.Rule("goto receiver")),
            ),
            nft.Chain("judge_peer", judged),
            nft.Chain("remember_peer", (sent, received, nft.Rule("accept", remarks.KNOWN_FLOW))),
        ),
        judge="judge_peer",
        remember="remember_peer",
    )
