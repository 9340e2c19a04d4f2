"""One mistake that somebody could make: a small edit of the compiler's source."""

from typing import NamedTuple

# Conformance tests that should notice.
GROUPS = ("test_security_group_rules.py", "test_security_group_flows.py", "test_security_group_idle.py")
ACLS = ("test_network_acl.py", "test_network_acl_running.py")
ROUTES = ("test_routes_choice.py", "test_routes_edits.py", "test_routes_prefix_lists.py")
APPLIANCES = ("test_appliances.py", "test_appliance_tracking.py")
NAT = ("test_nat_gateway.py", "test_nat_packets.py")
REGIONAL_NAT = ("test_regional_nat.py",)
INTERNET = ("test_internet.py",)
LINK_LAYER = ("test_link_layer.py",)
PEERING = ("test_peering.py",)
ASSOCIATIONS = ("test_group_associations.py",)
TRANSIT = (
    "test_transit_gateway.py",
    "test_transit_inspection.py",
    "test_transit_peering.py",
    "test_transit_groups.py",
)
BALANCERS, BALANCERS_IDLE = ("test_load_balancer.py",), ("test_load_balancer_idle.py",)
PRIVATELINK = ("test_privatelink.py", "test_privatelink_packets.py")
ZONES = ("test_zone_failure.py", "test_zone_failure_balancers.py", "test_zone_failure_endpoints.py")
PUBLIC_ACCESS = ("test_public_access.py",)
INTERFACES = ("test_network_interfaces.py",)


class Mutant(NamedTuple):
    """`old` occurs once in the file (below emulator/), and becomes `new`. `tests`: where conformance should notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, text: str) -> str:
        """The file with the mistake in it."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(f"{self.name}: {self.file} has {self.old!r} {count} times")
        return text.replace(self.old, self.new)
