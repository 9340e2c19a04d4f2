"""status, ls, gc and doctor as text; summaries of big labs."""

from typing import Any

from emulator.report import status
from emulator.report.shapes import (
    EndpointAddress,
    EndpointConnection,
    EndpointServiceStatus,
    EndpointStatus,
    InstanceStatus,
    InternetStatus,
    NatGatewayStatus,
    NatGatewayZone,
    NetworkInterfaceStatus,
    PrivateAddress,
    ServiceStatus,
    Status,
    SubnetStatus,
    VpcStatus,
    Wrong,
)


def instance(name: str, subnet: str = "a", state: str = "running", public: str = "") -> InstanceStatus:
    service = ServiceStatus(name="http", kind="http", port=80, state=state, detail="")
    own = NetworkInterfaceStatus(
        name=name,
        device_index=0,
        subnet=subnet,
        security_groups=["web"],
        source_dest_check=True,
        addresses=[PrivateAddress(private_ip="10.0.0.4", public_ip=public)],
    )
    return InstanceStatus(
        name=name,
        state="stopped" if state == "stopped" else "running",
        subnet=subnet,
        private_ip="10.0.0.4",
        public_ip=public,
        security_groups=["web"],
        services=[service],
        network_interfaces=[own],
    )


ENDPOINT = EndpointStatus(
    name="pay",
    vpc_endpoint_id="vpce-00000000000000001",
    service="bank/pay",
    state="pendingAcceptance",
    security_groups=["web"],
    network_interfaces=[EndpointAddress(name="pay.a", subnet="a", private_ip="10.0.0.9", load_balancer="")],
)
SERVICE = EndpointServiceStatus(
    name="mail",
    service_name="com.amazonaws.vpce.us-east-1.vpce-svc-1",
    network_load_balancers=["front"],
    acceptance_required=True,
    connections=[EndpointConnection(vpc="shop", vpc_endpoint="post", state="available")],
)


def test_endpoints_and_who_wants_a_service() -> None:
    lines = [" ".join(line.split()) for line in status.status(lab(endpoints=[ENDPOINT], offered=[SERVICE]))]
    assert "pay.a endpoint, pendingAcceptance a 10.0.0.9 web bank/pay" in lines
    service = lines.index(
        "endpoint service mail: on front, acceptance required, com.amazonaws.vpce.us-east-1.vpce-svc-1"
    )
    assert lines[service + 1] == "post of VPC shop: available"


def lab(**changes: Any) -> Status:
    subnet = SubnetStatus(
        name="a",
        cidr_block="10.0.0.0/24",
        availability_zone="us-east-1a",
        route_table="main",
        network_acl=changes.pop("network_acl", "default"),
        kind="isolated",
        available_ip_address_count=1250,
    )
    vpc = VpcStatus(
        name="main",
        cidr_block="10.0.0.0/16",
        internet_gateway=changes.pop("internet_gateway", ""),
        internet_gateway_block_mode=changes.pop("mode", "off"),
        main_route_table="main",
        subnets=[subnet],
        nat_gateways=changes.pop("nat_gateways", []),
        load_balancers=[],
        target_groups=[],
        vpc_endpoint_services=changes.pop("offered", []),
        vpc_endpoints=changes.pop("endpoints", []),
        instances=changes.pop("instances", [instance("one")]),
    )
    facts = Status(
        lab="lab",
        state="up",
        healthy=True,
        region="us-east-1",
        file="lab.yaml",
        since="2026-01-31T12:00:00+00:00",
        agent="running",
        vpcs=[vpc],
        vpc_peering_connections=[],
        transit_gateways=[],
        transit_gateway_peering_attachments=[],
        internet=InternetStatus(uplink=False, hosts=[]),
        wrong=[],
        broken=[],
        dark_zones=[],
    )
    facts.update(changes)  # type: ignore[typeddict-item]
    return facts


def test_a_subnet_with_an_acl_of_its_own_shows_it() -> None:
    lines = status.status(lab(network_acl="closed"))
    assert lines[3].split()[-4:] == ["network", "ACL", "kind", "free"]
    assert lines[4].split()[-3:] == ["closed", "isolated", "1,250"]


def test_BPA_01_a_mode_that_blocks_stands_beside_the_gateway() -> None:
    for mode, words in (("off", "internet gateway igw"), ("block-ingress", "internet gateway igw (block-ingress)")):
        assert status.status(lab(internet_gateway="igw", mode=mode))[2] == f"VPC main 10.0.0.0/16, {words}"


def test_a_zone_that_is_down_and_what_is_lost_with_it() -> None:
    nodes = [
        NatGatewayZone(name=f"nat.{zone}", availability_zone=f"us-east-1{zone}", public_ips=["52.0.0.1"])
        for zone in ("a", "b")
    ]
    regional = NatGatewayStatus(
        name="nat",
        subnet="",
        connectivity_type="public",
        availability_mode="regional",
        availability_zones=nodes,
        private_ip="",
        public_ip="",
        secondary=[],
    )
    lines = status.status(lab(nat_gateways=[regional], dark_zones=["us-east-1a"]))
    assert lines[1] == "zone us-east-1a is down: 1 instance, 1 NAT gateway (`vpcemu az up us-east-1a lab`)"
    assert "us-east-1a (down)" in lines[5]
    assert not any("(down)" in line for line in status.status(lab()))


def test_a_lab_of_one() -> None:
    assert status.status(lab()) == [
        "lab: up, agent running, since 2026-01-31T12:00:00+00:00, from lab.yaml",
        "",
        "VPC main 10.0.0.0/16, no internet gateway",
        "  subnet  cidr         zone        route table  kind      free",
        "  a       10.0.0.0/24  us-east-1a  main         isolated  1,250",
        "",
        "  node            subnet  private   groups  services",
        "  one   instance  a       10.0.0.4  web     http 80",
        "",
        "Internet",
        "",
        "all is as it should be",
    ]


def test_a_big_vpc_is_counted_by_subnet() -> None:
    many = [
        instance(f"i{n}", state="failed" if n < 3 else "running", public="1.1.1.1" if n < 9 else "")
        for n in range(1000)
    ]
    text = status.status(lab(instances=many))
    assert text[4].endswith("  1,000; 9 with a public address; services: 3 failed, 997 running")
    assert len(text) < 12


def test_a_service_that_does_not_run_says_so() -> None:
    assert "http 80 (backoff)" in "\n".join(status.status(lab(instances=[instance("one", state="backoff")])))


def test_a_stopped_instance_says_so() -> None:
    text = "\n".join(status.status(lab(instances=[instance("one", state="stopped")])))
    assert "one   instance, stopped  a" in text
    many = [instance(f"i{n}", state="stopped" if n < 2 else "running") for n in range(100)]
    assert status.status(lab(instances=many))[4].endswith("  100; 2 stopped; services: 98 running, 2 stopped")


def test_what_is_wrong_with_its_remedies_once_each() -> None:
    wrong = [Wrong(node="dev", what="link eth0 is down", remedy="vpcemu up x") for _ in range(3)]
    assert status.status(lab(healthy=False, wrong=wrong[:1]))[-3:] == [
        "Not as it should be:",
        "  dev: link eth0 is down",
        "To repair or learn more: vpcemu up x",
    ]
    assert status.status(lab(healthy=False, wrong=wrong))[-5] == "3 things not as it should be:"
    text = status.status(lab(healthy=False, wrong=wrong * 10))
    assert text[-2:] == ["  and 10 more (--json lists all)", "To repair or learn more: vpcemu up x"]


def test_a_strangers_words_stay_on_their_line() -> None:
    wrong = [Wrong(node="dev", what="service \033[2J\nx is failed", remedy="")]
    assert status.status(lab(healthy=False, wrong=wrong))[-1] == "  dev: service ?[2J?x is failed"


def test_uplink_and_no_agent() -> None:
    text = status.status(lab(agent="not needed", internet=InternetStatus(uplink=True, hosts=[])))
    assert text[0].startswith("lab: up, since ")
    assert "Internet, with an uplink to the machine's own network" in text


def test_doctor() -> None:
    assert status.checks(
        [
            {"check": "nft", "result": "missing", "found": "", "remedy": "apt-get install nftables"},
            {"check": "curl", "result": "ok", "found": "/usr/bin/curl", "remedy": ""},
        ]
    ) == ["missing  nft", "         apt-get install nftables", "ok       curl  /usr/bin/curl"]


def test_each_address_of_an_instance_has_a_row() -> None:
    fw = instance("fw", public="203.0.113.1")
    fw["network_interfaces"][0]["addresses"].append(PrivateAddress(private_ip="10.0.0.5", public_ip="203.0.113.2"))
    inside = NetworkInterfaceStatus(
        name="fw.eth1",
        device_index=1,
        subnet="b",
        security_groups=["admin"],
        source_dest_check=False,
        addresses=[PrivateAddress(private_ip="10.0.1.4", public_ip="")],
    )
    fw["network_interfaces"].append(inside)
    lines = [line.split() for line in status.status(lab(instances=[fw]))]
    assert ["fw", "instance", "a", "10.0.0.4", "203.0.113.1", "web", "http", "80"] in lines
    assert ["a", "10.0.0.5", "203.0.113.2"] in lines
    assert ["fw.eth1", "interface", "b", "10.0.1.4", "admin"] in lines
