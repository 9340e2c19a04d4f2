"""What `up` says at its end."""

from ipaddress import IPv4Address

from emulator.report import summary
from emulator.topology.addresses import assign
from emulator.topology.changes import Change
from emulator.topology.given import Addresses
from emulator.topology.instances import Service
from emulator.topology.load import load
from emulator.topology.model import Internet, OutsideHost, Topology
from tests.support import samples

NOBODY = Addresses({}, {})


def test_a_private_instance_is_sent_on_a_journey() -> None:
    hints = summary.try_next(samples.topology(), samples.ADDRESSES, "vpcemu")
    assert hints[0].command.startswith("vpcemu exec dev -- ping -c1 ")
    assert "through" not in hints[0].why
    assert [hint.command for hint in hints[-2:]] == ["vpcemu status", "vpcemu down"]


def test_the_address_is_that_of_the_default_route() -> None:
    """Behind a NAT gateway an instance calls by the gateway's address, whatever its own."""
    text = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets: {p: {cidr_block: 10.0.0.0/24, route_table: out}, q: {cidr_block: 10.0.1.0/24}}
    route_tables: {out: {routes: {0.0.0.0/0: igw}}, main: {routes: {0.0.0.0/0: nat}}}
    nat_gateways: {nat: {subnet: p, elastic_ip: 203.0.113.1}}
    instances: {hq: {subnet: q, elastic_ip: 203.0.113.12}}
internet: {hosts: {x: {ip: 198.51.100.7}}}
"""

    def why(text: str) -> str:
        topology, problems = load(text)
        assert topology is not None, problems
        return summary.try_next(topology, assign(topology)[0], "vpcemu")[0].why

    assert why(text) == "hq reaches the internet as 203.0.113.1"
    assert why(text.replace("main: {routes: {0.0.0.0/0: nat}}", "main: {routes: {0.0.0.0/0: igw}}")).endswith(".12")
    assert why(
        text.replace("q: {cidr_block: 10.0.1.0/24}}", "q: {cidr_block: 10.0.1.0/24, route_table: out}}")
    ).endswith("as 203.0.113.12")
    more = text.replace("elastic_ip: 203.0.113.1}", "elastic_ip: 203.0.113.1, secondary_elastic_ips: [203.0.113.2]}")
    assert why(more) == "hq reaches the internet"


def test_with_several_labs_every_hint_names_its_own() -> None:
    hints = summary.try_next(samples.topology(), samples.ADDRESSES, "sudo vpcemu", " -l sample")
    assert all(hint.command.startswith("sudo vpcemu ") for hint in hints)
    assert all(" -l sample " in hint.command or hint.command.endswith(f" {samples.topology().name}") for hint in hints)


def test_an_empty_internet_still_has_hints() -> None:
    topology = Topology("bare", "us-east-1", ())
    assert [hint.command for hint in summary.try_next(topology, NOBODY, "vpcemu")] == ["vpcemu status", "vpcemu down"]
    assert summary.headline(topology, [], 0.1, fresh=True) == "bare: nothing to change"


def test_the_first_ping_goes_to_where_everybody_pings() -> None:
    hosts = tuple(OutsideHost(f"h{ip}", IPv4Address(ip)) for ip in ("9.9.9.9", "8.8.8.8"))
    web = OutsideHost("web.example", IPv4Address("1.2.3.4"), (Service("http", "http", 8080),))
    held = samples.topology()
    topology = Topology(held.name, held.region, held.vpcs, Internet((*hosts, web)))
    commands = [hint.command for hint in summary.try_next(topology, samples.ADDRESSES, "vpcemu")]
    assert commands[0].endswith("ping -c1 8.8.8.8")
    assert commands[1].endswith("curl -s http://web.example:8080")


def test_a_big_edit_is_cut() -> None:
    changes = [Change("add", f"vpcs.a.instances.i{n}", "a", "instance", f"i{n} in a") for n in range(20)]
    lines = summary.edited(changes)
    assert len(lines) == 1 + summary.SHOWN + 1
    assert lines[-1] == "  and 8 more changes"
