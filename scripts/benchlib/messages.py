"""What packing a netlink message costs, by hand and by pyroute2: `PYTHONPATH=scripts:. python -m benchlib.messages`."""

import time

from emulator.compile.state import Veth
from emulator.kernel import wire


def cost(messages: int = 1000) -> dict[str, float]:
    """Microseconds to pack one veth message, by hand and by pyroute2, and the milliseconds of its import."""
    begun = time.perf_counter()
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    imported = time.perf_counter()
    pair = Veth("router", "eni-1", "0a:00:00:00:00:01", "i1", "eth0", "0a:00:00:00:00:02", 9001)
    for _ in range(messages):
        wire.veth(pair, 3)
    by_hand = time.perf_counter()
    for _ in range(messages):
        message = ifinfmsg()
        peer = {"attrs": [("IFLA_IFNAME", "eth0"), ("IFLA_ADDRESS", pair.peer_mac), ("IFLA_NET_NS_FD", 3)]}
        data = {"attrs": [("VETH_INFO_PEER", peer)]}
        message["attrs"] = [
            ("IFLA_IFNAME", "eni-1"),
            ("IFLA_ADDRESS", pair.mac),
            ("IFLA_MTU", 9001),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}),
        ]
        message.encode()
    done = time.perf_counter()
    return {
        "import of pyroute2, ms": (imported - begun) * 1e3,
        "by hand, us": (by_hand - imported) / messages * 1e6,
        "pyroute2, us": (done - by_hand) / messages * 1e6,
    }


if __name__ == "__main__":
    for what, value in cost().items():
        print(f"{what}: {value:.1f}")
