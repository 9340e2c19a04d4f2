"""How long a router and a gateway remember a flow, as the kernel's own settings for connection tracking."""

from emulator.compile.state import Sysctl
from emulator.topology.settings import Settings

_PREFIX = "net/netfilter/nf_conntrack_"
_UDP, _UDP_STREAM, _ESTABLISHED = 30, 180, 432_000
OTHER_SECONDS = 600  # CT-03: neither TCP nor UDP nor ICMP


def tracking(settings: Settings) -> frozenset[Sysctl]:
    """What every node that tracks has in common. A packet outside the TCP window is the endpoints' business."""
    return frozenset(
        {
            # CT-05: one direction or one exchange; more than one exchange.
            Sysctl(f"{_PREFIX}udp_timeout", str(settings.seconds(_UDP))),
            Sysctl(f"{_PREFIX}udp_timeout_stream", str(settings.seconds(_UDP_STREAM))),
            Sysctl(f"{_PREFIX}generic_timeout", str(settings.seconds(OTHER_SECONDS))),
            Sysctl(f"{_PREFIX}tcp_be_liberal", "1"),
        }
    )


def established(settings: Settings) -> Sysctl:
    """CT-05: an idle TCP connection, as an ENI tracks it."""
    return Sysctl(f"{_PREFIX}tcp_timeout_established", str(settings.seconds(_ESTABLISHED)))
