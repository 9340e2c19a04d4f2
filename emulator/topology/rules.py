"""What AWS refuses about a topology, with AWS's codes: the list of all rules.

Each file of rules takes the topology and the report; none stops at the first mistake. A rule never blames a reference
to something that is in `report.broken`: that mistake is reported already.
"""

from emulator.topology import (
    advice,
    advice_balancers,
    advice_public_access,
    rules_acls,
    rules_associations,
    rules_balancers,
    rules_endpoints,
    rules_expectations,
    rules_interfaces,
    rules_names,
    rules_network,
    rules_outside,
    rules_peering,
    rules_prefix_lists,
    rules_public_access,
    rules_routes,
    rules_security,
    rules_transit,
)
from emulator.topology.model import Topology
from emulator.topology.report import Report


def check(topology: Topology, report: Report) -> None:
    """Every rule, then every warning. `report` gets the problems."""
    rules_names.check(topology, report)
    rules_prefix_lists.check(topology, report)
    for vpc in topology.vpcs:
        rules_network.check_block(vpc, report)
        rules_network.check_subnets(vpc, report)
        rules_routes.check_routes(topology, vpc, report)
        rules_routes.check_detached(vpc, report)
        rules_security.check_groups(topology, vpc, report)
        rules_acls.check(vpc, report)
    rules_associations.check(topology, report)
    rules_peering.check(topology, report)
    rules_transit.check(topology, report)
    rules_balancers.check(topology, report)
    rules_endpoints.check(topology, report)
    rules_interfaces.check(topology, report)
    rules_outside.check_hosts(topology, report)
    rules_public_access.check(topology, report)
    rules_expectations.check(topology, report)
    advice.check(topology, report)
    advice_balancers.check(topology, report)
    advice_public_access.check(topology, report)
