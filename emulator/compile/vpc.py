"""A VPC: its implicit router, its route tables, and the ENIs that hang on it.

Every ENI is a point-to-point veth into the router's namespace; there is no bridge. The router answers ARP for every
other ENI (proxy ARP), so even two instances of one subnet talk through its forward hook, where security groups are
enforced. A subnet is therefore no object of the kernel's: it is an address range, and a route table for its ENIs.
"""

from emulator import names
from emulator.compile import by_address, hops, nft, peering, remarks, source, untracked
from emulator.compile.acl import network_acls
from emulator.compile.border import Border
from emulator.compile.eni import Eni, gateway_address, service_addresses
from emulator.compile.lifetimes import lifetimes
from emulator.compile.public_access import blocked
from emulator.compile.returning import Returning, returning
from emulator.compile.routing import routes
from emulator.compile.security import security_groups
from emulator.compile.state import (
    Address,
    Namespace,
    Neighbour,
    PolicyRule,
    Ruleset,
    Sysctl,
)
from emulator.compile.strangers import strangers
from emulator.compile.tables import kernel_tables
from emulator.compile.tracking import established, tracking
from emulator.topology.associations import with_associated
from emulator.topology.model import Topology, Vpc

# Forwarding by our rules alone: no reverse-path filter (asymmetric paths are legal in a VPC), no ICMP redirects
# (a packet often leaves by the link it came in), no IPv6 yet.
FORWARDING = frozenset(
    Sysctl(f"net/ipv4/{key}", value)
    for key, value in (
        ("ip_forward", "1"),
        ("conf/all/rp_filter", "0"),
        ("conf/default/rp_filter", "0"),
        ("conf/all/send_redirects", "0"),
        ("conf/default/send_redirects", "0"),
    )
) | {Sysctl("net/ipv6/conf/all/disable_ipv6", "1"), Sysctl("net/ipv6/conf/default/disable_ipv6", "1")}


def router(
    vpc: Vpc, enis: dict[str, Eni], every: dict[str, Eni], borders: tuple[Border, ...], topology: Topology
) -> Namespace:
    """RT-01: one implicit router per VPC. The main table holds `local`; each VPC route table is a table.

    every: with those of stopped instances, and of what is in a zone that is down.
    """
    linked = [*enis.values(), *(eni for eni in every.values() if eni.dark_zone)]
    links = [eni.link for eni in linked]
    neighbours = {Neighbour(eni.link, ip, eni.mac) for eni in linked for ip in eni.ips}
    # Without the delay at 0 the kernel answers ARP on behalf of others only after up to 0.8 s.
    at_once = {Sysctl(f"net/ipv4/neigh/{link}/proxy_delay", "0") for link in links}
    neighbours |= {border.neighbour for border in borders}
    links += [border.link for border in borders]
    tables = {table.number for table in kernel_tables(vpc)}
    back = returning(enis, every)
    return Namespace(
        kind="router",
        up=frozenset({"lo", *links}),
        sysctls=FORWARDING
        | tracking(topology.settings)
        | at_once
        | {established(topology.settings), Sysctl("net/ipv4/conf/all/proxy_arp", "1")},
        addresses=frozenset(
            Address("lo", address, 32) for address in (*map(gateway_address, vpc.subnets), *service_addresses(vpc))
        ),
        neighbours=frozenset(neighbours),
        routes=frozenset(routes(vpc, enis, every, borders, topology.prefix_lists))
        | peering.return_routes(borders)
        | back.routes,
        rules=frozenset(PolicyRule(names.ROUTE_RULE_PRIORITY, table, table) for table in tables)
        | peering.return_rules(borders)
        | back.rules,
        ruleset=_ruleset(vpc, enis, every, borders, topology, back),
    )


def _ruleset(
    vpc: Vpc,
    enis: dict[str, Eni],
    every: dict[str, Eni],
    borders: tuple[Border, ...],
    topology: Topology,
    back: Returning,
) -> Ruleset:
    """The router's table. Order, by GEN-03 and GEN-04: source check, sender's groups and ACL, route, receiver's ACL and
    groups, its source/destination check. What is addressed to the router itself passes neither groups nor ACLs (SG-40,
    ACL-17): chain `to_router`.
    """
    groups = security_groups(
        with_associated(topology, vpc), every.values(), topology.prefix_lists, borders
    )  # SG-30: whoever carries a group, stopped or not
    acls = network_acls(vpc, enis, borders)
    senders = source.check(vpc, enis.values(), borders, [eni for eni in every.values() if eni.dark_zone])
    peers = by_address.memory(topology.settings, (*acls.leave, *acls.enter), senders.forward)
    offered = tuple(nft.Element(address) for address in service_addresses(vpc))
    gateways = tuple(nft.Element(nft.together(eni.gateway, nft.link(eni.link))) for eni in enis.values())
    # A link that is in no map is no link of this VPC and may neither send nor receive. NAT-34: a NAT gateway's
    # ENI carries no group; nor does a border.
    ungrouped = [nft.link(eni.link) for eni in enis.values() if not eni.groups]
    ungrouped += [border.quoted for border in borders]
    free = tuple(nft.Element(link, "return") for link in ungrouped)
    # CT-04: NAT gateways, endpoints. CT-13: what passes an appliance passes here twice, and a mark could be that of
    # either pass.
    always = [nft.link(eni.link) for eni in enis.values() if eni.always_tracked or not eni.source_dest_check]
    tracked_links, tracked = untracked.always_tracked(always)
    passing = strangers(enis.values())
    barred = blocked(vpc, enis.values(), topology)
    kept = lifetimes(enis.values(), topology.settings)
    return nft.render(
        nft.Table(
            sets=(
                *senders.sets,
                nft.Set("router_address", "ipv4_addr . ifname", gateways),
                nft.Set("service_address", "ipv4_addr", offered),
                tracked_links,
                nft.Set("sender_groups", "ifname : verdict", (*groups.egress, *free)),
                nft.Set("receiver_groups", "ifname : verdict", (*groups.ingress, *free)),
                *groups.sets,
                *acls.sets,
                *peers.sets,
                *passing.sets,
                *kept.sets,
                *back.sets,
                *barred.sets,
            ),
            chains=(
                *groups.chains,
                *acls.chains,
                nft.Chain("sender", (nft.Rule("iifname vmap @sender_groups"), nft.Rule("drop", remarks.NO_INTERFACE))),
                nft.Chain(
                    "receiver", (nft.Rule("oifname vmap @receiver_groups"), nft.Rule("drop", remarks.NO_INTERFACE))
                ),
                *peers.chains,
                untracked.judge_again(),
                *passing.chains,
                nft.Chain(
                    "known",
                    (
                        nft.Rule(f"ct mark != 0 jump {untracked.KNOWN}"),
                        *passing.again,
                        # ACL-01: groups know a reply, ACLs judge it like any other packet.
                        *acls.leave,
                        *acls.enter,
                        *senders.forward,
                        nft.Rule(f"{by_address.NARROW} accept", remarks.KNOWN_FLOW),
                        nft.Rule(f"goto {peers.remember}"),
                    ),
                ),
                *barred.chains,
                hops.forwarded(),
                senders.chain,
                *peering.return_chains(borders),
                *back.chains,
                nft.Chain(
                    "to_router",
                    # L2-05: base+1 answers ping from its own subnet. SG-40: AWS's services answer the VPC's instances.
                    (
                        nft.Rule(
                            "icmp type echo-request ip daddr . iifname @router_address accept", remarks.ROUTER_PING
                        ),
                        nft.Rule(
                            "iifname @instance_link ip daddr @service_address meta l4proto { tcp, udp } accept",
                            remarks.SERVICE,
                        ),
                        nft.Rule("drop", remarks.NO_SERVICE),
                    ),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "from_router",
                    # L2-04: the router is no hop, nor does it say which fragments never came.
                    (nft.Rule("icmp type time-exceeded drop", "the router is no hop"),),
                    nft.Hook("filter", "output", "filter", "accept"),
                ),
                nft.Chain(
                    "vpc",
                    (
                        nft.Rule("ct state established,related goto known"),
                        nft.Rule(f"{by_address.BROAD} goto {peers.judge}"),
                        nft.Rule("jump sender"),
                        *acls.leave,
                        *acls.enter,
                        nft.Rule("jump receiver"),
                        *senders.forward,
                        *tracked,
                        *kept.rules,
                        *passing.seen,
                        *back.seen,
                        nft.Rule("accept"),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
            ),
            timeouts=kept.timeouts,
        )
    )
