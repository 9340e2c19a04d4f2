"""The public NAT gateway: a namespace with one ENI in its subnet, in the path of the packets it translates.

It rewrites the source to its own private address and sends the packet back to the router, whose route table for the
gateway's subnet leads on to the internet gateway, which rewrites once more to the Elastic IP (IGW-16).
"""

from emulator.compile import nft
from emulator.compile.eni import Eni, namespace
from emulator.compile.state import Namespace, Ruleset, Sysctl
from emulator.compile.vpc import FORWARDING, TRACKING

# NAT-27: an idle connection is forgotten after 350 s, and is not picked up in the middle afterwards.
IDLE = frozenset(
    {
        Sysctl("net/netfilter/nf_conntrack_tcp_timeout_established", "350"),
        Sysctl("net/netfilter/nf_conntrack_tcp_loose", "0"),
    }
)


def nat_gateway(eni: Eni) -> Namespace:
    """The gateway's namespace: not a guest, nobody logs in to a NAT gateway."""
    return namespace(eni)._replace(sysctls=FORWARDING | TRACKING | IDLE, ruleset=_ruleset(eni.ip))


def _ruleset(private_ip: str) -> Ruleset:
    return nft.render(
        nft.Table(
            sets=(),
            chains=(
                # NAT-23: nothing unsolicited comes in, and it does not answer ping.
                nft.Chain("to_gateway", (), nft.Hook("filter", "input", "filter", "drop")),
                nft.Chain(
                    "through_gateway",
                    (
                        nft.Rule("ct state established,related accept"),
                        # NAT-27: the inside host that speaks after the timeout is told by a reset. What comes from
                        # outside is addressed to the gateway itself and never gets here.
                        nft.Rule(
                            "meta l4proto tcp ct state invalid reject with tcp reset",
                            "NAT gateway: connection forgotten",
                        ),
                        # NAT-20: TCP, UDP and ICMP, nothing else.
                        nft.Rule("meta l4proto { tcp, udp, icmp } ct state new accept", "NAT gateway: outbound"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
                nft.Chain(
                    "translate",
                    (
                        # NAT-21: ports 1024-65535; the kernel keeps the sender's own port where it can.
                        nft.Rule(f"meta l4proto {{ tcp, udp }} snat to {private_ip}:1024-65535", "NAT gateway"),
                        nft.Rule(f"snat to {private_ip}", "NAT gateway"),
                    ),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )
