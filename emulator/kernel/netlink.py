"""The only pyroute2 import: what is done once per lab, where clarity beats the 200 ms that the import takes."""

from errno import ENODEV

from emulator.errors import KernelError


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
