"""How long a router and a gateway remember a flow, as the kernel's own settings for connection tracking."""

from emulator.compile.state import Sysctl
from emulator.topology.settings import Settings

_PREFIX = "net/netfilter/nf_conntrack_"
_UDP, _UDP_STREAM, _ESTABLISHED = 30, 180, 432_000
OTHER_SECONDS = 600  # CT-03: neither TCP nor UDP nor ICMP


def tracking(settings: Settings, udp: int = _UDP, udp_stream: int = _UDP_STREAM) -> frozenset[Sysctl]:
    """What every node that tracks has in common. A packet outside the TCP window is the endpoints' business.

    udp, udp_stream: idle seconds after one direction or one exchange, and after more (CT-05).
    """
    return frozenset(
        {
            Sysctl(f"{_PREFIX}udp_timeout", str(settings.seconds(udp))),
            Sysctl(f"{_PREFIX}udp_timeout_stream", str(settings.seconds(udp_stream))),
            Sysctl(f"{_PREFIX}generic_timeout", str(settings.seconds(OTHER_SECONDS))),
            Sysctl(f"{_PREFIX}tcp_be_liberal", "1"),
        }
    )


def established(settings: Settings) -> Sysctl:
    """CT-05: an idle TCP connection, as an ENI tracks it."""
    return Sysctl(f"{_PREFIX}tcp_timeout_established", str(settings.seconds(_ESTABLISHED)))


def forgetful(settings: Settings, seconds: int) -> frozenset[Sysctl]:
    """Of a gateway in the path: an idle TCP connection is forgotten, and is not picked up in the middle afterwards."""
    return frozenset(
        {
            Sysctl(f"{_PREFIX}tcp_timeout_established", str(settings.seconds(seconds))),
            Sysctl(f"{_PREFIX}tcp_loose", "0"),
        }
    )
