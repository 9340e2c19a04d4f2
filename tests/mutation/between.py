"""Mistakes in what joins VPCs: peering connections and transit gateways."""

from tests.mutation.mutant import ASSOCIATIONS, PEERING, TRANSIT, Mutant

_PEERING, _TRANSIT, _TABLES = (f"compile/{name}.py" for name in ("peering", "transit", "tables"))

MUTANTS = (
    # --- security group VPC associations
    Mutant(
        "what an associated group names is taken for a group of the VPC that carries it (SG-12)",
        "topology/associations.py",
        "home = rule.peer.vpc or owner",
        "home = rule.peer.vpc or vpc",
        ASSOCIATIONS,
    ),
    Mutant(
        "members of a group in another VPC are nobody's (SG-12)",
        "compile/border.py",
        "found.setdefault(renamed_for(vpc.name, peer.name, group), [])",
        'found.setdefault(f"{peer.name}/{group}", [])',
        ASSOCIATIONS,
    ),
    # --- VPC peering connections
    Mutant(
        "a peering connection carries what is for a third VPC (PCX-12, PCX-13)",
        _PEERING,
        "guards=tuple(_guards(held.name, link, vpc, peer)),",
        "guards=(),",
        PEERING,
    ),
    Mutant(
        "a group of the peer matches nobody (PCX-17)",
        _PEERING,
        "members=members(vpc, peer, addresses) if near else {},",
        "members={name: () for name in members(vpc, peer, addresses)} if near else {},",
        PEERING,
    ),
    Mutant(
        "a peer without a route does not answer a NAT gateway (NAT-42)",
        _PEERING,
        "returns=tuple(_nat_gateways(peer, addresses)),",
        "returns=(),",
        PEERING,
    ),
    Mutant(
        "of two NAT gateways with one address the last is answered (NAT-42, PCX-15)",
        _PEERING,
        'f"iifname {border.quoted} ct label set {number}"',
        'f"ct label set {number}"',
        PEERING,
    ),
    # --- transit gateways
    Mutant(
        "a propagated route takes the place of a static one (TGW-22)",
        _TRANSIT,
        'found.setdefault(block, (name, "propagated"))',
        'found[block] = (name, "propagated")',
        TRANSIT,
    ),
    Mutant(
        "of two VPCs with one block the last propagates (TGW-28)",
        _TRANSIT,
        "    for name in table.propagations:\n",
        "    for name in reversed(table.propagations):\n",
        TRANSIT,
    ),
    Mutant(
        "a blackhole of a transit gateway is forgotten (TGW-26)",
        _TRANSIT,
        "        best = chosen(topology, held, table)\n",
        "        best = {to: way for to, way in chosen(topology, held, table).items() if way[0]}\n",
        TRANSIT,
    ),
    Mutant(
        "traffic does not keep to its zone (TGW-40)",
        _TRANSIT,
        "wanted if wanted in place else min(place)",
        "min(place)",
        TRANSIT,
    ),
    Mutant(
        "appliance mode changes nothing (TGW-42)",
        _TRANSIT,
        "wanted = began if name in appliances else zone",
        "wanted = zone",
        TRANSIT,
    ),
    Mutant(
        "what a transit gateway brings goes by the main route table (TGW-07)",
        _TRANSIT,
        "            number_for(vpc, vpc.subnet(subnet)),\n",
        "            names.route_table(vpc.main_route_table),\n",
        TRANSIT,
    ),
    Mutant(
        "every zone has the link of the first (TGW-05)",
        _TABLES,
        "(_captures(vpc, table, subnet) or _depends_on_zone(vpc, table))",
        "_captures(vpc, table, subnet)",
        TRANSIT,
    ),
    Mutant(
        "groups are named over a transit gateway whatever its options say (SG-34)",
        _TRANSIT,
        "other.name != vpc.name and gateway.names_groups(vpc.name, other.name)",
        "other.name != vpc.name",
        TRANSIT,
    ),
    Mutant(
        "an egress rule names a group over a transit gateway (SG-33)",
        _TRANSIT,
        "            inward=True,\n",
        "",
        TRANSIT,
    ),
    Mutant(
        "a group is known behind an inspection VPC (SG-34)",
        _TRANSIT,
        "if named and _straight(topology, gateway, other, vpc):",
        "if named:",
        TRANSIT,
    ),
    Mutant(
        "what comes by a peering of transit gateways is of the first table (TGW-20, TGW-50)",
        _TRANSIT,
        "        if (table := held.table_of(end.attachment))\n        for began",
        "        if (table := held.table_of(end.attachment if end.zone else ends[0].attachment))\n        for began",
        TRANSIT,
    ),
)
