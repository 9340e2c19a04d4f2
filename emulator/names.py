"""Every name, number and mark that reaches the kernel, and the limits they obey.

A string that a person may see in `ip link`, `ip rule` or `nft list` is made here and nowhere else. All of them are
functions of the names in the topology alone, so an edit never renames what it does not touch.
"""

import re
from base64 import b32encode
from collections.abc import Iterable
from hashlib import blake2s
from ipaddress import IPv4Address, IPv4Network
from zlib import crc32

LINK_LIMIT = 15  # IFNAMSIZ - 1
NFT_LIMIT = 128  # the kernel takes 255; longer ones are unreadable anyway

LAB_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,29}[a-z0-9])?")
RESOURCE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")  # VPCs, subnets, instances, groups, ...
INTERFACE_NAME = re.compile(rf"({RESOURCE_NAME.pattern})\.eth(0|[1-9][0-9]?)")  # an instance's ENI: fw.eth1
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")  # outside hosts: dns.example

NFT_TABLE = "vpcemu"  # table ip vpcemu, in namespaces of ours only
OWN_GENERATION = "own_generation"  # a set of it: a generation of the ruleset that is our own doing
GUEST_LINK = "eth0"  # inside an instance, a NAT gateway, an outside host; an instance's further ENIs: `guest_link`
IGW_LINK = "igw"  # in the VPC's router, towards its internet gateway
VPC_LINK = "vpc"  # in the internet gateway, towards the router
INTERNET_LINK = "internet"  # in the internet gateway, towards the internet
UPLINK_LINK = "uplink"  # in the internet node, towards the machine's own network

# Links between routers carry no subnet: each end is reached over a link-local next hop with a permanent neighbour.
NEXT_HOP = IPv4Address("169.254.0.1")  # whatever is on the far side of a router-to-router link
# SG-40: resolver, instance metadata, time. They answer in every VPC, whatever its routes and filters.
LINK_LOCAL_SERVICES = tuple(map(IPv4Address, ("169.254.169.253", "169.254.169.254", "169.254.169.123")))
# PrivateLink: each carrier has two addresses of this block, which nobody sees but the two nodes that it joins.
CARRIER_BLOCK = IPv4Network("169.254.64.0/18")
# A regional NAT gateway is in no subnet: what stands for its Elastic IPs within its VPC is of this block.
REGIONAL_NAT_BLOCK = IPv4Network("169.254.192.0/18")
CARRIER_LINK = "nlb"  # in an endpoint's node, towards the load balancer

# Bits of a flow's mark in the VPC's router: the ENI of who began it, or of who was called, does not track it (CT-01).
UNTRACKED_BY_CALLER, UNTRACKED_BY_CALLED = 1, 2
FIRST_APPLIANCE_BIT = 2  # this and the next ones: which appliances the flow has passed (CT-13)
FIRST_NODE_BIT = 26  # this and the higher ones, a number: which node of a load balancer began the flow (NLB-08)

RETURN_TABLE = 0xF80  # and a connection's number: table and mark of what goes back to a peer's NAT gateway
NODE_TABLE = 0xF00  # and the node's number: table and mark of what goes back to a node of a load balancer
ROUTE_TABLES = 0x1000  # and above: route_table()
ROUTE_RULE_PRIORITY = 100  # `ip rule`: below `local` (0), above `main` (32766)
# Inside an instance with several ENIs, as Amazon Linux has it: what is sent from an ENI's address looks up its table.
SOURCE_RULE_PRIORITY = 10000
SOURCE_TABLES = range(10000, 10100)  # by device index
LENT = "eni"  # the label of a secondary address inside an instance: eth0:eni


def netns(lab: str, node: str) -> str:
    """What `ip netns` shows. A lab's name has no dot, so the first dot ends it."""
    return f"{lab}.{node}"


def mark(lab: str, node: str) -> str:
    """The alias of `lo` by which a run with no memory knows the namespace as ours."""
    return f"vpcemu:{lab}:{node}"


def eni(interface: str) -> str:
    """The router's end of the veth to an instance's ENI or a NAT gateway: eni-web of `web`, eni1-web of `web.eth1`."""
    node, _, index = interface.partition(".eth")
    return _link(f"eni{index}-", node)


def interface(node: str, index: int) -> str:
    """What an instance's ENI is called: the primary one like its instance, `fw`; further ones `fw.eth1`."""
    return f"{node}.eth{index}" if index else node


def guest_link(index: int) -> str:
    """An ENI inside its instance, by device index."""
    return f"eth{index}"


def label(link: str) -> str:
    """What marks an address inside a guest as lent: it goes when its ENI has it no longer."""
    return f"{link}:{LENT}"


def to_gateway(vpc: str) -> str:
    """The internet's end of the veth to a VPC's internet gateway."""
    return _link("igw-", vpc)


def peering(connection: str) -> str:
    """Both ends of the veth of a VPC peering connection, in the routers of its VPCs."""
    return _link("pcx-", connection)


def to_endpoint(node: str) -> str:
    """In a load balancer's node, the link to an endpoint's: ep-pay.a."""
    return _link("ep-", node)


def to_transit(gateway: str, zone: str) -> str:
    """In a VPC's router, the link to a transit gateway's place in a zone: tgwa-main."""
    return _link(f"tgw{zone[-1]}-", gateway)


def to_attachment(attachment: str, zone: str) -> str:
    """In a transit gateway, the link to an attachment's place in a zone: a-spoke."""
    return _link(f"{zone[-1]}-", attachment)


def to_peer(attachment: str) -> str:
    """In both gateways, the end of the veth of a transit gateway peering attachment."""
    return _link("peer-", attachment)


def to_host(host: str) -> str:
    """The internet's end of the veth to an outside host."""
    return _link("out-", host)


def uplink(lab: str) -> str:
    """The link in the host's own namespace."""
    return _link("vpcemu-", lab)


def uplink_table(lab: str) -> str:
    """The nftables table in the host's own namespace."""
    return f"vpcemu-{lab}"


def _link(prefix: str, name: str) -> str:
    room = LINK_LIMIT - len(prefix)
    if len(name) <= room:
        return prefix + name
    # 35 bits of hash: among 4,000 names a clash has odds of 1 in 4,000, and `compile/lab.py` refuses one.
    digest = b32encode(blake2s(name.encode()).digest()).decode().lower()[:7]
    return prefix + name[: room - 7].rstrip("-.") + digest


def mac(*identity: str) -> str:
    """A locally administered unicast MAC (ENI-05) that is a function of the identity."""
    return "0a:" + blake2s("/".join(identity).encode(), digest_size=5).digest().hex(":")


def route_table(name: str) -> int:
    """The kernel's table number and the packet mark of a VPC route table.

    A hash and not a count, so that a table added in front renumbers nobody. Never one of the kernel's own (253-255);
    `compile/lab.py` refuses the (one in 16 million) clash within a VPC.
    """
    return ROUTE_TABLES + crc32(name.encode()) % 0xFFFFFF


def numbered(wanting: Iterable[str], count: int) -> dict[str, int]:
    """A number below `count` for each name, which are `count` at most: by the name's hash, and the next free one where
    two meet. So a further name changes another one's number only where they do.
    """
    found: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(wanting):
        number = crc32(name.encode()) % count
        while number in taken:
            number = (number + 1) % count
        taken.add(number)
        found[name] = number
    return found


def aws_id(prefix: str, *identity: str) -> str:
    """`vpce-0a1b...`: in the form of AWS's, 17 digits, a function of the identity."""
    return f"{prefix}-0{blake2s('/'.join(identity).encode()).hexdigest()[:16]}"


def endpoint_id(lab: str, vpc: str, endpoint: str) -> str:
    """Of a VPC endpoint."""
    return aws_id("vpce", lab, "vpc_endpoint", vpc, endpoint)


def service_name(lab: str, region: str, vpc: str, service: str) -> str:
    """PL-05, of an endpoint service: com.amazonaws.vpce.us-east-1.vpce-svc-0a1b..."""
    return f"com.amazonaws.vpce.{region}.{aws_id('vpce-svc', lab, 'vpc_endpoint_service', vpc, service)}"


def address_mark(ip: str) -> int:
    """The mark of the connections that have this address of a NAT gateway: the address itself, as a number."""
    return int(IPv4Address(ip))


def chain(prefix: str, *names: str) -> str:
    """An nft chain or set name that begins with our prefix, so that a user's word never meets nft's keywords."""
    whole = ".".join((prefix, *names))
    if len(whole) <= NFT_LIMIT:
        return whole
    return f"{whole[: NFT_LIMIT - 17]}.{blake2s(whole.encode(), digest_size=8).hexdigest()}"


def uplink_address(lab: str) -> IPv4Address:
    """The even address of the /31 between the host and the lab, out of the shared address space (RFC 6598)."""
    return IPv4Address("100.127.0.0") + 2 * (crc32(lab.encode()) % 0x7FFF)
