"""Mistakes about what goes dark with an availability zone (section 15 of the AWS reference)."""

from tests.mutation.mutant import REGIONAL_NAT, ZONES, Mutant

_ZONES = "topology/zones.py"

MUTANTS = (
    Mutant(
        "instances survive their zone (AZ-01)",
        _ZONES,
        "found |= {name: lost[subnet] for name, subnet in running if subnet in lost}",
        "found |= {}",
        ZONES,
    ),
    Mutant(
        "a NAT gateway survives its zone (AZ-01)",
        _ZONES,
        "found |= {node.name: lost[node.subnet] for node in nat_nodes(vpc) if node.subnet in lost}",
        "found |= {}",
        ZONES,
    ),
    Mutant(
        "a regional NAT gateway survives a zone (RNAT-05)",
        _ZONES,
        "lost |= {node.subnet: node.zone for node in nat_nodes(vpc) if node.zone in topology.dark_zones}",
        "lost |= {}",
        REGIONAL_NAT,
    ),
    Mutant(
        "a load balancer's node survives its zone (AZ-05)",
        _ZONES,
        "for held in vpc.load_balancers for name in held.subnets if name in lost",
        "for held in vpc.load_balancers for name in held.subnets if False",
        ZONES,
    ),
    Mutant(
        "an endpoint's node survives its zone (PL-36)",
        _ZONES,
        "for held in vpc.vpc_endpoints for name in held.subnets if name in lost",
        "for held in vpc.vpc_endpoints for name in held.subnets if False",
        ZONES,
    ),
    Mutant(
        "what a lost instance sends is passed on, of known flows (AZ-01)",
        "compile/source.py",
        "for zone in sorted({eni.dark_zone for eni in dark})",
        "for zone in sorted(eni.dark_zone for eni in ())",
        ZONES,
    ),
)
