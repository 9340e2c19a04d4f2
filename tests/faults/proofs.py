"""What each fault does to a lesson: which lines of its `expect:` list fail, and at whom. All other lines still hold.

A line is "source > target:port", as the file calls them; without a port it is ICMP. A pattern stands for all lines that
it matches and that are not expected to be dropped: "dev > *:80".
"""

from collections.abc import Iterable
from fnmatch import filter as filter_
from typing import Literal, NamedTuple

from emulator.topology.flows import Component


class Proof(NamedTuple):
    """A fault, done to its first victim in a lesson (or to `on`).

    fails: lines that are dropped by the component that the fault blames. elsewhere: lines that somebody else drops;
    None for a line that passes, but not as expected (it is seen as another address).
    """

    fault: str
    fails: tuple[str, ...]
    elsewhere: dict[str, Component | None] = {}  # noqa: RUF012  (nobody writes to it)
    on: str = ""

    def lines(self, known: Iterable[str]) -> dict[str, Component | Literal["fault"] | None]:
        """The lines of a lesson that fail, and at whom; "fault": whom the fault blames."""
        patterns = {**dict.fromkeys(self.fails, "fault"), **self.elsewhere}
        found = {line: guilty for pattern, guilty in patterns.items() for line in filter_(known, pattern)}
        unused = [pattern for pattern in patterns if not filter_(known, pattern)]
        assert not unused, unused
        return found  # type: ignore[return-value]

    def __str__(self) -> str:
        return f"{self.fault}-{self.on}" if self.on else self.fault


def group(interface: str, direction: str = "ingress") -> Component:
    assert direction in ("egress", "ingress")
    return Component("security_group", interface, "main", "egress" if direction == "egress" else "ingress")


def table(name: str, vpc: str = "main") -> Component:
    return Component("route_table", name, vpc)


def endpoint(node: str) -> Component:
    return Component("vpc_endpoint", node, "shop")


def arrival(node: str) -> Component:
    return Component("security_group", node, "shop", "ingress")


def balancer(node: str) -> Component:
    return Component("network_load_balancer", node, "main")


def gateway(direction: Literal["egress", "ingress"]) -> Component:
    return Component("internet_gateway", "igw", "main", direction)


INTERNET = Component("internet", "internet")

PROOFS: dict[str, tuple[Proof, ...]] = {
    "regional-nat": (
        Proof("nat-gateway-zone-missing", ("app-a > web.example:80",)),
        Proof("nat-gateway-deleted", ("app-? > web.example:80",)),
    ),
    "nat": (
        Proof("default-route-missing", ("dev > *",)),
        Proof("default-route-missing", ("dev > *", "attacker > web:80"), on="public"),
        Proof("default-route-to-internet-gateway", ("dev > *",)),
        Proof(
            "default-route-to-nat-gateway",
            ("dev > *",),
            {"attacker > web:80": Component("nat_gateway", "nat", "main")},
        ),
        Proof(
            "default-route-to-instance",
            ("dev > *:80",),
            {"dev > *:443": group("web"), "dev > dns.example": group("web")},
        ),
        Proof("specific-route-blackhole", ("dev > dns.example*",)),
        Proof("block-public-access-on", ("dev > *",), {"attacker > web:80": gateway("ingress")}),
        Proof("specific-route-to-internet-gateway", ("dev > dns.example*",)),
        Proof("subnet-on-main-table", ("dev > *",)),
        Proof("nat-gateway-deleted", ("dev > *",)),
        Proof("nat-gateway-in-private-subnet", ("dev > *",)),
        Proof("nat-gateway-private", ("dev > *",)),
        Proof("group-egress-removed", ("dev > *",)),
        Proof("group-egress-https-only", ("dev > *:80", "dev > dns.example")),
        Proof("group-egress-vpc-only", ("dev > *",)),
        Proof("acl-ephemeral-in-closed", ("dev > *",)),
        Proof("acl-denies-early", ("dev > dns.example:80",)),
        Proof("group-wrong-port", ("attacker > web:80",)),
    ),
    "public-web": (
        Proof("default-route-missing", ("*",)),
        Proof("public-ip-missing", ("web > *",), {"* > web:*": INTERNET}),
        Proof("internet-gateway-detached", ("web > *",), {"* > web:*": INTERNET}),
        Proof("group-rule-missing", ("* > web:80",)),
        Proof("group-wrong-cidr", ("* > web:80",)),
        Proof("acl-ephemeral-out-closed", ("* > web:*", "web > office", "web > stranger")),
        Proof(
            "acl-without-entries",
            ("* > web:*",),
            {"web > *": Component("network_acl", "public-acl", "main", "egress")},
        ),
    ),
    "firewall-routing": (
        Proof("edge-route-blackhole", ("attacker > 52.195.125.184:80", "web > attacker")),
        Proof(
            "appliance-terminated",
            ("app > db:80",),
            {"attacker > 52.195.125.184:80": table("edge"), "web > attacker": table("web")},
        ),
        Proof("source-dest-check-on", ("app > db:80", "attacker > 52.195.125.184:80", "web > attacker")),
        Proof("forwarding-off", ("app > db:80", "attacker > 52.195.125.184:80", "web > attacker")),
        Proof("firewall-blocks-port", ("app > db:80", "attacker > 52.195.125.184:80")),
        Proof("group-reference-through-appliance", ("app > db:80",), {"attacker > 52.195.125.184:80": group("fw")}),
        Proof("instance-in-wrong-subnet", ("attacker > 52.195.125.184:80", "web > attacker")),
    ),
    "three-tier": (
        Proof("subnet-route-to-instance", ("web > app1:8080",)),
        Proof("subnet-route-to-idle-instance", ("web > app1:8080",)),
        Proof("instance-in-wrong-subnet", ("client > web:80",), {"web > app?:8080": None}),
        Proof("group-wrong-reference", ("web > app1:8080",), {"web > app2:8080": group("app2")}),
        Proof("group-wrong-protocol", ("client > web:80",)),
        Proof(
            "group-replaced",
            ("client > web:80",),
            {"web > app1:8080": group("app1"), "web > app2:8080": group("app2")},
        ),
        Proof("group-wrong-port", ("app1 > db:5432", "app2 > db:5432"), on="db"),
    ),
    "security-group-vs-acl": (
        Proof("acl-wrong-cidr", ("web > db:5432",)),
        Proof("acl-wrong-protocol", ("web > db:5432",)),
        Proof("acl-one-side-only", ("web > db:5432",)),
        Proof("acl-one-side-only", ("web > db:5432",), on="front"),
        Proof("acl-wrong-association", ("web > db:5432",)),
        Proof("acl-denies-early", ("web > db:5432",)),
        Proof("acl-rule-order", ("web > db:5432",)),
        Proof("acl-ephemeral-out-closed", ("web > db:5432",)),
        Proof("acl-ephemeral-in-closed", ("web > db:5432",)),
    ),
    "nat-instance": (
        Proof("nat-instance-does-not-translate", ("dev > web.example:80", "dev > web.example")),
        Proof("appliance-stopped", ("dev > web.example:80", "dev > web.example")),
        Proof("source-dest-check-on", ("dev > web.example:80", "dev > web.example")),
        Proof("appliance-terminated", ("dev > web.example:80", "dev > web.example")),
        Proof("public-ip-missing", ("dev > web.example:80", "dev > web.example")),
        Proof("forwarding-off", ("dev > web.example:80", "dev > web.example")),
    ),
    "two-interfaces": (
        Proof("source-dest-check-on", ("app > web.example:80",)),
        Proof("nat-instance-does-not-translate", ("app > web.example:80",)),
        Proof("appliance-terminated", ("app > web.example:80",)),
        Proof("group-wrong-reference", ("app > web.eth1:22",)),
    ),
    "peering": (
        Proof("peering-route-missing", ("web > db:5432", "db > web")),
        Proof("peering-not-accepted", ("web > db:5432",), {"db > web": table("store", "data")}),
    ),
    "peering-chain": (
        Proof("peering-transitive", ("shop > office:80", "office > shop:80")),
        Proof("peering-not-accepted", ("office > shop:80",), {"shop > office:80": table("public", "hub")}),
    ),
    "transit-gateway": (
        Proof("tgw-route-missing", ("dev > dns:53", "dns > dev:22")),
        Proof("tgw-not-associated", ("dev > dns:53", "dns > dev:22")),
        Proof("tgw-not-propagated", ("* > dns:53", "dns > dev:22")),
    ),
    "transit-gateway-regions": (
        Proof(
            "tgw-peering-not-accepted",
            ("web > db:5432",),
            {"db > web:443": Component("transit_gateway", "west")},
        ),
        Proof("tgw-peering-route-missing", ("web > db:5432", "db > web:443")),
    ),
    "nlb-client-address": (
        Proof("nlb-listener-port-wrong", ("client > nlb.a:80",), {"client > nlb.c:80": balancer("nlb.c")}),
        Proof("nlb-target-not-registered", ("client > nlb.a:80",), {"client > nlb.c:80": balancer("nlb.c")}),
        Proof("nlb-zone-without-target", ("client > nlb.c:*",)),
        Proof("nlb-target-group-closed", ("client > nlb.?:*",)),
        Proof("nlb-client-ip-not-preserved", ("client > nlb.?:80",)),
    ),
    "nlb-across-zones": (
        Proof("nlb-group-closed", ("* > nlb.a:80",), {"* > nlb.c:80": group("nlb.c")}),
        Proof("nlb-zone-without-target", ("* > nlb.a:80",)),
        Proof("nlb-target-stopped", ("* > nlb.a:80",)),
    ),
    "privatelink": (
        Proof("endpoint-not-accepted", ("shop-a > pay.shop-a:80",), {"* > pay.shop-c:80": endpoint("pay.shop-c")}),
        Proof("endpoint-default-group", ("shop-a > pay.shop-a:80",), {"* > pay.shop-c:80": arrival("pay.shop-c")}),
        Proof("endpoint-group-closed", ("shop-a > pay.shop-a:80",), {"* > pay.shop-c:80": arrival("pay.shop-c")}),
        Proof(
            "nlb-group-closed",
            ("shop-a > pay.shop-a:80",),
            {"* > pay.shop-c:80": Component("security_group", "front.pay-c", "payments", "ingress")},
        ),
    ),
    "privatelink-pair": (
        Proof("nlb-listener-port-wrong", ("shop > pay*:80",)),
        Proof("nlb-target-not-registered", ("shop > pay*:80",)),
        Proof("nlb-target-group-closed", ("shop > pay*:80",)),
    ),
    "private-without-nat": (Proof("group-public-ip-as-source", ("front > island",)),),
}
