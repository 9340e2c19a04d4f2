"""What a route table cannot hold, and an internet gateway cannot leave behind."""

from emulator.topology.load import load
from tests.support.lab import edited

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      hq: {cidr_block: 10.0.1.0/24, route_table: q}
      hr: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
    route_tables:
      q: {routes: {0.0.0.0/0: nat, 172.32.0.0/12: one}}
      public: {routes: {0.0.0.0/0: igw}}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 52.1.1.3}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      one: {subnet: public, elastic_ip: 52.1.1.1, source_dest_check: false, security_groups: [open], services: [nat]}
"""


def refused(text: str, code: str) -> bool:
    topology, problems = load(f"name: lab\n{text}")
    return topology is None and [problem.code for problem in problems if not problem.warning] == [code]


def accepted(text: str) -> bool:
    return load(f"name: lab\n{text}")[0] is not None


def test_T_12_the_local_route_cannot_be_deleted() -> None:
    """The local route cannot be deleted from a route table."""
    # A file has no way to say so: a table without routes has it, and each attempt to give its block nothing is refused.
    local = "0.0.0.0/0: nat, "
    assert accepted(TOPOLOGY)
    assert accepted(
        edited(TOPOLOGY, {"public: {routes: {0.0.0.0/0: igw}}": "public: {routes: {0.0.0.0/0: igw}}\n      bare: {}"})
    )
    assert refused(edited(TOPOLOGY, {local: f"{local}10.0.0.0/16: blackhole, "}), "RouteAlreadyExists")
    assert refused(edited(TOPOLOGY, {local: f"{local}10.0.0.0/16: none, "}), "InvalidGatewayID.NotFound")


def test_T_13_more_specific_than_local() -> None:
    """A route inside the VPC's block is for a whole subnet, and its target an instance or a NAT gateway."""

    def with_route(route: str) -> str:
        return edited(TOPOLOGY, {"0.0.0.0/0: nat, ": f"0.0.0.0/0: nat, {route}, "})

    assert refused(with_route("10.0.2.0/24: igw"), "InvalidParameterValue")
    assert refused(with_route("10.0.2.0/25: one"), "InvalidParameterValue")
    assert accepted(with_route("10.0.2.0/24: one"))
    assert accepted(with_route("10.0.2.0/24: nat"))
    peered = "  peer: {cidr_block: 10.9.0.0/16}\n"
    peered += "vpc_peering_connections: {pcx: {vpc: main, peer_vpc: peer, accepted: true}}\n"
    assert refused(with_route("10.0.2.0/24: pcx") + peered, "InvalidParameterValue")
    assert accepted(with_route("10.9.0.0/16: pcx") + peered)


def test_T_19_an_edge_table_with_a_default_route() -> None:
    """A route table that holds 0.0.0.0/0 cannot be associated with an internet gateway."""
    gateway = "internet_gateway: igw"
    assert refused(
        edited(TOPOLOGY, {gateway: "internet_gateway: {name: igw, route_table: public}"}), "InvalidParameterValue"
    )


def test_GRT_02_what_an_edge_table_holds() -> None:
    """An edge route table holds the VPC's blocks and whole subnets, and nothing else."""

    def with_route(route: str) -> str:
        table = f"edge: {{routes: {{{route}}}}}\n      public: {{routes: {{0.0.0.0/0: igw}}}}"
        changes = {"internet_gateway: igw": "internet_gateway: {name: igw, route_table: edge}"}
        return edited(TOPOLOGY, {**changes, "public: {routes: {0.0.0.0/0: igw}}": table})

    for route in ("10.0.2.0/24: one", "10.0.0.0/16: one", "10.0.0.0/16: local"):
        assert accepted(with_route(route)), route
    for route in ("10.0.2.0/25: one", "192.0.2.0/24: one", "10.0.2.0/24: nat"):
        assert refused(with_route(route), "InvalidParameterValue"), route


def test_T_25_detaching_the_internet_gateway() -> None:
    """An internet gateway cannot be detached while public addresses of the VPC are mapped."""
    assert refused(
        edited(TOPOLOGY, {"internet_gateway: igw": "internet_gateway: {name: igw, attached: false}"}),
        "DependencyViolation",
    )
