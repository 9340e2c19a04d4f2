"""What AWS would charge: sums by the published prices, the page, the JSON, and what is refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from emulator.cli.entry import group
from emulator.errors import UsageError
from emulator.lab.cost import prices
from emulator.pricing.cost import Cost, Usage, cost
from emulator.topology.load import load

TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"
CASES = Path(__file__).parent.parent / "cases" / "cost"
# The first pattern between two VPCs: public addresses on both sides.
PUBLIC = """
name: public
region: ap-northeast-1
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw-a
    subnets: {s-a: {cidr_block: 10.0.0.0/24, route_table: a}}
    route_tables: {a: {routes: {0.0.0.0/0: igw-a}}}
    instances: {one: {subnet: s-a, elastic_ip: 52.1.1.1}}
  b:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw-b
    subnets: {s-b: {cidr_block: 10.0.0.0/24, route_table: b}}
    route_tables: {b: {routes: {0.0.0.0/0: igw-b}}}
    instances: {two: {subnet: s-b, associate_public_ip_address: true}}
"""


def sums(text: str, usage: Usage | None = None) -> Cost:
    topology, problems = load(text, "lab.yaml")
    assert topology is not None, problems
    return cost(topology, prices(), usage or Usage())


def run(*arguments: str) -> Result:
    found = CliRunner().invoke(group, ["cost", *arguments], prog_name="vpcemu", standalone_mode=False)
    if isinstance(found.return_value, int):
        found.exit_code = found.return_value
    return found


def test_the_pattern_with_public_addresses_costs_7_2_a_month() -> None:
    found = sums(PUBLIC)
    assert (found.fixed, found.variable) == (Decimal("7.2"), Decimal(0))
    assert (found.of("a"), found.of("b"), found.of("")) == (Decimal("3.6"), Decimal("3.6"), Decimal(0))


# The four ways between two VPCs, a lesson for each, in USD for 720 hours in Tokyo as published in June 2024.
@pytest.mark.parametrize(
    ("lesson", "usd"),
    [("igw-between-vpcs", "7.2"), ("peering", "0"), ("privatelink-pair", "27.576"), ("transit-gateway-pair", "100.8")],
)
def test_a_lesson_for_each_pattern_costs_what_was_published(lesson: str, usd: str) -> None:
    assert sums((TOPOLOGIES / f"{lesson}.yaml").read_text()).fixed == Decimal(usd)


def test_the_pattern_with_vpc_peering_costs_nothing_but_between_zones() -> None:
    text = (TOPOLOGIES / "peering.yaml").read_text()
    assert sums(text, Usage(gb=Decimal(1000))).fixed == 0
    assert sums(text, Usage(gb=Decimal(1000))).variable == 0
    assert sums(text, Usage(cross_az=Decimal(100))).variable == 2, "0.01 on each side"


PRIVATE_LINK = """
name: privatelink
region: ap-northeast-1
vpcs:
  p:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.0.0/24, availability_zone: a}
      c: {cidr_block: 10.0.1.0/24, availability_zone: c}
    instances: {web: {subnet: a}}
    target_groups: {web: {port: 80, protocol: TCP, targets: [web]}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
    vpc_endpoint_services: {svc: {network_load_balancers: [nlb]}}
  c:
    cidr_block: 10.0.0.0/16
    subnets: {x: {cidr_block: 10.0.0.0/24, availability_zone: a}}
    vpc_endpoints: {ep: {service: svc, subnets: [x], accepted: true}}
"""


def test_PRICE_06_private_link_is_a_load_balancer_and_an_endpoint_in_a_zone_and_each_pays_its_gigabytes() -> None:
    found = sums(PRIVATE_LINK, Usage(gb=Decimal(100)))
    assert found.fixed == Decimal("27.576")
    assert (found.of("p"), found.of("c")) == (Decimal("17.496") + Decimal("0.6"), Decimal("10.08") + Decimal("1"))
    waiting = sums(PRIVATE_LINK.replace(", accepted: true", ""))
    assert waiting.fixed == Decimal("27.576"), "an endpoint that nobody has accepted is charged, too"


def test_a_load_balancer_pays_once_for_all_zones_and_one_that_faces_the_internet_for_its_addresses() -> None:
    both = PRIVATE_LINK.replace("subnets: [a]", "subnets: [a, c]")
    assert sums(both).of("p") == Decimal("17.496")
    facing = both.replace("internal: true", "internal: false")
    assert sums(facing).of("p") == Decimal("17.496") + 2 * Decimal("3.6")  # EIP-06


def test_PRICE_03_each_attachment_of_a_transit_gateway_pays_its_hours_and_what_it_sends() -> None:
    text = """
    name: pattern
    region: ap-northeast-1
    vpcs:
      a: {cidr_block: 10.0.0.0/16, subnets: {s-a: {cidr_block: 10.0.0.0/24}}}
      b: {cidr_block: 10.1.0.0/16, subnets: {s-b: {cidr_block: 10.1.0.0/24}}}
    transit_gateways:
      tgw: {vpc_attachments: {at-a: {vpc: a, subnets: [s-a]}, at-b: {vpc: b, subnets: [s-b]}}}
    """
    assert sums(text.replace("ap-northeast-1", "us-east-1")).fixed == Decimal(72)
    found = sums(text, Usage(named={"tgw/at-a": Decimal(50)}))
    assert found.fixed == Decimal("100.8")
    assert (found.variable, found.of("a")) == (Decimal(1), Decimal("51.4"))


def test_a_peering_of_transit_gateways_is_an_attachment_at_each_of_them() -> None:
    text = (TOPOLOGIES / "transit-gateway-regions.yaml").read_text().replace("eu-west-1", "us-east-1")
    hour = Usage(hours=Decimal(1))
    tokyo, virginia = Decimal("0.07"), Decimal("0.05")
    found = sums(text, hour)
    assert found.of("") == tokyo + virginia
    attachments = [line for line in found.lines if line.price.item == "transit_gateway_attachment"]
    assert {line.component.name for line in attachments if not line.component.owner} == {
        "east/east-west",
        "west/east-west",
    }
    waiting = sums(text.replace("accepted: true", "accepted: false"), hour)
    assert waiting.of("") == 0, "it is charged when it is there"


def test_PRICE_09_a_public_nat_gateway_pays_for_its_addresses_and_a_private_one_has_none() -> None:
    text = (TOPOLOGIES / "shared-nat.yaml").read_text()
    hour = Usage(hours=Decimal(1))
    assert sums(text, hour).fixed == Decimal("0.067")
    second = text.replace(
        "elastic_ip: 52.195.125.184}", "elastic_ip: 52.195.125.184, secondary_elastic_ips: [52.1.1.2]}"
    )
    assert sums(second, hour).fixed == Decimal("0.072")
    private = text.replace("elastic_ip: 52.195.125.184}", "connectivity_type: private}").partition("\nexpect:")[0]
    assert sums(private, hour).fixed == Decimal("0.062")


def test_a_started_hour_is_a_full_one() -> None:
    text = (TOPOLOGIES / "shared-nat.yaml").read_text()
    assert sums(text, Usage(hours=Decimal("1.2"))).fixed == sums(text, Usage(hours=Decimal(2))).fixed


def test_the_first_100_gb_to_the_internet_are_free_once() -> None:
    assert sums(PUBLIC, Usage(gb=Decimal(500))).variable == 0, "only where it is named"
    named = {"igw-a": Decimal(60), "igw-b": Decimal(60)}
    assert sums(PUBLIC, Usage(named=named)).variable == 20 * Decimal("0.114")


def test_each_region_has_its_own_prices_and_every_row_has_a_source_and_a_date() -> None:
    text = (TOPOLOGIES / "shared-nat.yaml").read_text().replace("region: ap-northeast-1", "region: us-east-1")
    assert sums(text, Usage(Decimal(730))).fixed == Decimal("0.05") * 730
    table = prices()
    assert table.regions == ("ap-northeast-1", "us-east-1")
    for item in ("nat_gateway", "internet_out_data", "transit_gateway_data", "interface_endpoint_data"):
        for region in table.regions:
            row = table.of(item, region)
            assert row.as_of
            assert row.source


@pytest.mark.parametrize(
    ("text", "usage", "what", "hint"),
    [
        (
            PUBLIC.replace("ap-northeast-1", "eu-west-1"),
            Usage(),
            "no prices are known of region eu-west-1",
            "us-east-1",
        ),
        (PUBLIC, Usage(named={"igw-c": Decimal(1)}), "nothing called igw-c is charged by the GB", "did you mean igw-"),
    ],
)
def test_what_is_not_known_is_refused(text: str, usage: Usage, what: str, hint: str) -> None:
    with pytest.raises(UsageError, match=what) as raised:
        sums(text, usage)
    assert hint in raised.value.hint


def test_no_region_is_taken_for_free() -> None:
    with pytest.raises(UsageError, match="no price is known of nat gateway in region eu-west-1"):
        prices().of("nat_gateway", "eu-west-1")


@pytest.mark.parametrize("name", ["two-az-nat", "peering"])
def test_the_page_and_its_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOPOLOGIES.parent)
    asked = [f"topologies/{name}.yaml", "--cross-az-gb", "10"]
    if name == "two-az-nat":
        asked += ["--gb", "100", "--gb", "nat-c=500", "--gb", "igw=200"]
    found = run(*asked)
    assert found.exit_code == 0, found.output
    assert found.stdout == (CASES / f"{name}.txt").read_text()
    shape: dict[str, Any] = json.loads(run(*asked, "--json").stdout)
    assert shape == json.loads((CASES / f"{name}.json").read_text())
    assert round(sum(line["usd"] for line in shape["components"]), 6) == shape["total"]


def test_wrong_options_are_said() -> None:
    lesson = str(TOPOLOGIES / "peering.yaml")
    assert "only a lab that is up has carried anything" in run(lesson, "--measured").output
    for wrong in ("nat=x", "nan", "-1"):
        refused = CliRunner().invoke(group, ["cost", lesson, f"--gb={wrong}"])
        assert refused.exit_code == 2, wrong
