"""Mistakes in what leads packets: routes, the source/destination check, appliances, gateways."""

from tests.mutation.mutant import APPLIANCES, INTERNET, LINK_LAYER, NAT, REGIONAL_NAT, ROUTES, Mutant

_TABLES, _ROUTING, _SOURCE, _APPLIANCE = (f"compile/{name}.py" for name in ("tables", "routing", "source", "appliance"))
_NAT, _INTERNET, _VPC, _HOPS = (f"compile/{name}.py" for name in ("nat", "internet", "vpc", "hops"))

MUTANTS = (
    # --- routes
    Mutant(
        "a blackhole is forgotten (RT-41)",
        _ROUTING,
        '            return Route(table, destination, "blackhole")  # RT-40, RT-41',
        '            return Route(table, destination, "throw")  # RT-40, RT-41',
        ROUTES,
    ),
    Mutant(
        "what AWS keeps is forwarded (RT-11)",
        _ROUTING,
        '    yield Route(held.number, str(RESERVED_ROUTES), "blackhole"), f"{RESERVED_ROUTES} is kept by AWS"\n',
        "    yield from ()\n",
        APPLIANCES,
    ),
    Mutant(
        "every subnet uses the first one's route table (RT-22)",
        "compile/eni.py",
        "gateway_address(subnet), number_for(vpc, subnet))",
        "gateway_address(subnet), number_for(vpc, vpc.subnets[0]))",
        ROUTES,
    ),
    Mutant(
        "a route captures its own subnet's traffic (RT-08)",
        _ROUTING,
        '        yield Route(held.number, str(own), "throw"), ""\n',
        "        yield from ()\n",
        (*ROUTES, *APPLIANCES),
    ),
    Mutant(
        "local cannot be replaced (RT-04)",
        _TABLES,
        'if candidate.origin == "static" and other.origin == "local":',
        "if False:",
        (*ROUTES, *APPLIANCES),
    ),
    Mutant(
        "only the primary block is local (VPC-12)",
        _TABLES,
        "    for block in vpc.cidr_blocks:\n        yield Candidate(block, LOCAL",
        "    for block in vpc.cidr_blocks[:1]:\n        yield Candidate(block, LOCAL",
        ("test_secondary_blocks.py",),
    ),
    Mutant(
        "the edge route table is not asked (GRT-01)",
        _INTERNET,
        "number_for_edge(vpc), remarks.EDGE_TABLE",
        "None, remarks.EDGE_TABLE",
        APPLIANCES,
    ),
    Mutant(
        "an edge route needs no public address (GRT-05)",
        _ROUTING,
        "if held.edge and not _has_public_ip(vpc, target.name)",
        "if False",
        APPLIANCES,
    ),
    # --- hops
    Mutant("an internet gateway is a hop (IGW-11)", _INTERNET, "                hops.on_arrival(),\n", "", INTERNET),
    Mutant(
        "a VPC's router is a hop (L2-04)",
        _VPC,
        "                hops.forwarded(),\n",
        "                nft.Chain(hops.CHAIN, ()),\n",
        LINK_LAYER,
    ),
    Mutant("a TTL of 255 is lost (L2-04)", _HOPS, '"ip ttl 255 accept"', '"ip ttl 0 accept"', LINK_LAYER),
    Mutant("the checksum is forgotten", _HOPS, "ip hdrlength set 6 @nh,4,4 set 5", "ip hdrlength 5", LINK_LAYER),
    # --- source/destination check, appliances
    Mutant(
        "everybody may send from any address (SDC-01)",
        _SOURCE,
        "    unchecked = [eni for eni in enis if not eni.source_dest_check]\n",
        "    unchecked = list(enis)\n",
        ("test_link_layer.py", *APPLIANCES),
    ),
    Mutant(
        "strangers' packets reach a checked interface (SDC-01)",
        _SOURCE,
        "    if guarded:\n",
        "    if False:\n",
        APPLIANCES,
    ),
    Mutant(
        "a forged source is let through (SDC-01)",
        _SOURCE,
        'nft.Rule("iifname @instance_link drop", remarks.FOREIGN_SOURCE),',
        "",
        ("test_link_layer.py", *APPLIANCES),
    ),
    Mutant(
        "a firewall blocks nothing",
        _APPLIANCE,
        "    if appliance.blocked_ports:\n",
        "    if False:\n",
        APPLIANCES,
    ),
    Mutant(
        "a NAT instance translates inside its VPC (NATI-01)",
        _APPLIANCE,
        "ip saddr != {own} ip daddr != {inside} masquerade",
        "ip saddr != {own} masquerade",
        APPLIANCES,
    ),
    # --- NAT gateways
    Mutant(
        "a regional NAT gateway serves every zone from the first one (RNAT-05, RNAT-07)",
        _ROUTING,
        'return serving(vpc, target.name, held.subnet.availability_zone if held.subnet else "")',
        "return vpc.nodes_of(next(one for one in vpc.nat_gateways if one.name == target.name))[0]",
        REGIONAL_NAT,
    ),
    Mutant(
        "a regional NAT gateway is judged by the default ACL (RNAT-01)",
        "compile/acl.py",
        "in vpc.subnets:\n        acl, own = acls.get(subnet.network_acl),",
        "in __import__('emulator.topology.nat_nodes').topology.nat_nodes.places(vpc):\n"
        "        acl, own = acls.get(subnet.network_acl or 'default'),",
        REGIONAL_NAT,
    ),
    Mutant(
        "a regional NAT gateway has no routes of its own but the default one (RNAT-02)",
        "topology/load_nat_routes.py",
        "for route in written.routes if _fits(route, gateway, report)]",
        "for route in () if _fits(route, gateway, report)]",
        REGIONAL_NAT,
    ),
    Mutant(
        "a NAT gateway answers what is sent to it (NAT-23)",
        _NAT,
        'nft.Rule("counter name dropped drop", "NAT gateway: nobody inside has asked for it")',
        'nft.Rule("accept", "NAT gateway: nobody inside has asked for it")',
        NAT,
    ),
    Mutant(
        "a NAT gateway does not translate ICMP (NAT-21)",
        _NAT,
        'nft.Rule("snat to ct mark map @address", ',
        'nft.Rule("accept", ',
        NAT,
    ),
    Mutant(
        "a NAT gateway does not take ICMP (NAT-20)",
        _NAT,
        "meta l4proto { tcp, udp, icmp } ct state new goto new",
        "meta l4proto { tcp, udp } ct state new goto new",
        NAT,
    ),
    Mutant(
        "a NAT gateway has the default group (NAT-34)",
        _VPC,
        "for eni in enis.values() if not eni.groups]",
        "for eni in enis.values() if not eni.groups][:0]",
        NAT,
    ),
    # --- internet gateways
    Mutant(
        "who has no public address gets out (IGW-03)",
        _INTERNET,
        "ip saddr != @has_public drop",
        "ip saddr != @has_public accept",
        INTERNET,
    ),
    Mutant(
        "a NAT gateway has no public address",
        _INTERNET,
        "for name in held if name in addresses.public}",
        "for name in held if name in addresses.public and not name.startswith(('n', 'N'))}",
        NAT,
    ),
    Mutant(
        "no hairpin (IGW-10)",
        _INTERNET,
        'f"oifname {inside} ct state new ct status dnat accept"',
        'f"oifname {inside} ct state new ct status dnat drop"',
        INTERNET,
    ),
    Mutant(
        "nobody comes in (IGW-06)",
        _INTERNET,
        'f"iifname {outside} ct state new ct status dnat accept"',
        'f"iifname {outside} ct state new ct status dnat drop"',
        INTERNET,
    ),
    Mutant(
        "the internet carries private addresses (IGW-08)",
        _INTERNET,
        "oifname {outside} ip daddr @unroutable drop",
        "oifname {outside} ip daddr @unroutable accept",
        INTERNET,
    ),
    Mutant(
        "a stranger with an address of the VPC's comes in (SG-31)",
        _INTERNET,
        'nft.Rule(f"iifname {outside} ip saddr @inside drop", "internet gateway: private source"),',
        "",
        INTERNET,
    ),
)
