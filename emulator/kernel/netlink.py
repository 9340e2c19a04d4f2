"""The only pyroute2 import: what is done once per lab, where clarity beats the 200 ms that the import takes."""

from collections.abc import Callable
from contextlib import suppress
from errno import ENODEV

from emulator.compile.state import Veth
from emulator.errors import KernelError
from emulator.kernel import wire


def add_link_to_home(link: str, alias: str, ip: str, prefixlen: int, peer_link: str, peer_namespace: int) -> None:
    """A veth from the namespace of this process to another one; our end gets an address and is raised."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as route:
            peer = {"ifname": peer_link, "net_ns_fd": peer_namespace}
            route.link("add", ifname=link, kind="veth", peer=peer)
            (index,) = route.link_lookup(ifname=link)
            route.link("set", index=index, ifalias=alias)
            route.addr("add", index=index, address=ip, prefixlen=prefixlen)
            route.link("set", index=index, state="up")
    except NetlinkError as reason:
        raise KernelError(f"make the uplink {link}: {reason}") from reason


def delete_link_at_home(link: str, alias: str) -> bool:
    """Delete the link if it carries our alias. Was it there?"""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as route:
        for found in route.get_links(ifname=link):
            if found.get_attr("IFLA_IFALIAS") != alias:
                continue
            try:
                route.link("del", index=found["index"])
            except NetlinkError as reason:
                if reason.code != ENODEV:
                    raise KernelError(f"delete the uplink {link}: {reason}") from reason
            return True
    return False


def cost(messages: int = 1000) -> dict[str, float]:
    """Microseconds to pack one veth message, by hand and by pyroute2, and the milliseconds of its import."""
    import time

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


def probes() -> list[tuple[str, Callable[[], None]]]:
    """What a lab needs of the kernel, as (words, a trial that raises): to be run in a namespace made for it."""
    from pyroute2 import IPRoute

    def veth() -> None:
        with IPRoute() as route:
            route.link("add", ifname="vpcemu-a", kind="veth", peer="vpcemu-b")
            with suppress(Exception):
                route.link("del", index=route.link_lookup(ifname="vpcemu-a")[0])

    def route_tables() -> None:
        with IPRoute() as route:
            route.rule("add", priority=100, fwmark=0x1234, table=0x1234)
            route.route("add", dst="192.0.2.0/24", type="blackhole", table=0x1234)
            route.route("add", dst="198.51.100.0/24", type="throw", table=0x1234)

    return [("a veth pair", veth), ("routing tables chosen by packet mark", route_tables)]
