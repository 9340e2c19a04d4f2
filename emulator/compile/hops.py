"""What a traceroute shows: not a VPC's router (L2-04) nor an internet gateway (IGW-11), though they forward.

Linux takes one off the TTL of whatever it forwards, and answers what has none left. So one is added as a packet comes
in, and it leaves as it came, also with a TTL of 1; what comes with 0 is as dead as ever. Whoever does this counts
nothing, and must not stand in a circle with its like alone: each circle of routes leads through an appliance, a NAT or
transit gateway, a node, an endpoint or the internet, all of which count.

Not for everything: to write into a packet costs 4 % of the packet rate (measured). TCP and UDP that have more left
than a traceroute ever sends lose one, which but a packet capture shows; ping, which prints what is left, loses none.
"""

from emulator.compile import nft
from emulator.compile.state import Sysctl

# L2-06: of what is a hop and no guest's. Linux tells each asker of six packets at once and then of one a second: the
# second traceroute in a row would wait for stars.
TALKATIVE = Sysctl("net/ipv4/icmp_ratelimit", "0")
CHAIN = "no_hop"
LOW = 32  # a traceroute tries 1 to 30
_BITS, _TTL = 8, 64  # of the field, and its offset in the header


def forwarded() -> nft.Chain:
    """For what is to be forwarded, before the kernel looks up the route.

    nft writes the checksum of the header only with a TTL that is a constant, and 254 rules would be a lot to load. So
    it is an addition bit by bit, with a rule for each length of the carry. They write bare bits, which leaves the
    checksum alone; and one more in the header's length, in the upper byte of a word as the TTL is, changes the checksum
    as one more in the TTL does. So the length is set to 6 words, with the checksum, and back to 5 without.
    """
    return nft.Chain(
        CHAIN,
        (
            nft.Rule(f"ip ttl & {256 - LOW:#x} != 0 ip protocol != icmp accept"),
            nft.Rule("ip ttl 255 accept"),  # as high as can be; it leaves with 254
            nft.Rule("ip hdrlength != 5 accept"),  # with IP options it is counted down
            nft.Rule("ip hdrlength set 6 @nh,4,4 set 5"),
            *(_carry(ones) for ones in range(_BITS)),
        ),
    )


def on_arrival() -> nft.Chain:
    """The same for a node that has nothing else to ask of what comes in."""
    return forwarded()._replace(hook=nft.Hook("filter", "prerouting", "raw", "accept"))


def _carry(ones: int) -> nft.Rule:
    """A number that ends in a zero and so many ones: the zero becomes a one, and they become zeros."""
    field = f"@nh,{_TTL + _BITS - 1 - ones},{ones + 1}"
    return nft.Rule(f"{field} {(1 << ones) - 1} {field} set {1 << ones} accept")
