"""What a load balancer and a target group cannot be, with elbv2's codes (10.1, 10.3 and 10.5 of the reference)."""

import pytest

from emulator.topology.load import load
from tests.support.lab import edited

TOPOLOGY = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public}
      a2: {cidr_block: 10.0.2.0/24, availability_zone: a, route_table: public}
      c: {cidr_block: 10.0.3.0/24, availability_zone: c, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      web: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      one: {subnet: a, security_groups: [web]}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [one]}
    load_balancers:
      nlb:
        load_balancer_type: network
        subnets: [a]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
  other:
    cidr_block: 10.1.0.0/16
    subnets: {o: {cidr_block: 10.1.1.0/24}}
    instances: {far: {subnet: o}}
"""
GROUP, LISTENERS = "port: 80, protocol: TCP, targets: [one]", "[{port: 80, protocol: TCP, target_group: web}]"


def codes(changes: dict[str, str]) -> list[str]:
    """Of what is refused; [] for a file that is accepted."""
    topology, problems = load(edited(TOPOLOGY, changes))
    refused = [problem.code for problem in problems if not problem.warning]
    assert (topology is None) == bool(refused)
    return refused


def of_group(keys: str) -> list[str]:
    return codes({GROUP: f"port: 80, protocol: TCP, {keys}"})


@pytest.fixture(autouse=True)
def _control() -> None:
    """As it stands the file is accepted, so what is refused is refused for what was changed."""
    assert load(TOPOLOGY)[0] is not None


def test_LB_02_one_node_in_a_zone() -> None:
    """A load balancer has one subnet in each of its zones, and at least one."""
    assert codes({"subnets: [a]": "subnets: [a, c]"}) == []
    assert codes({"subnets: [a]": "subnets: [a, a2]"}) == ["InvalidConfigurationRequest"]
    assert codes({"subnets: [a]": "subnets: [b]"}) == ["SubnetNotFound"]
    assert codes({"subnets: [a]": "subnets: []"}) == ["ValidationError"]
    assert codes({"    internet_gateway: igw\n": "", "{0.0.0.0/0: igw}": "{}"}) == ["InvalidSubnet"]


def test_LB_04_protocols() -> None:
    """Listeners and target groups have the protocols of a Network Load Balancer, and such as fit each other."""
    assert codes({GROUP: "port: 80, protocol: HTTP"}) == ["UnsupportedProtocol"]
    assert codes({GROUP: "port: 80, protocol: UDP, targets: [one]"}) == ["IncompatibleProtocols"]
    assert codes({LISTENERS: LISTENERS.replace("TCP", "TCP_UDP")}) == ["IncompatibleProtocols"]
    assert codes({GROUP: "port: 80, protocol: TCP_UDP, targets: [one]"}) == []


def test_LB_05_targets() -> None:
    """Targets are instances of the VPC, or private addresses: of its subnets, or from beyond for all zones."""
    assert of_group("targets: [far]") == ["InvalidTarget"]
    assert of_group("target_type: ip, targets: [far]") == []
    assert of_group("target_type: ip, targets: [8.8.8.8]") == ["InvalidTarget"]
    assert of_group("target_type: ip, targets: [10.0.9.9]") == ["InvalidTarget"]
    assert of_group("target_type: ip, targets: [10.0.1.9]") == []
    assert of_group("target_type: ip, targets: [{id: 192.168.1.1, availability_zone: all}]") == []


def test_LB_10_LB_11_LB_13_health_checks() -> None:
    """What AWS takes for a health check's times, thresholds, codes and protocol."""

    def check(keys: str) -> list[str]:
        return of_group(f"health_check: {{{keys}}}")

    assert check("protocol: HTTP, interval: 300, timeout: 120, healthy_threshold: 10, matcher: 200-599") == []
    for wrong in ("interval: 4", "interval: 301", "timeout: 1", "timeout: 121", "healthy_threshold: 1"):
        assert check(wrong) == ["ValidationError"], wrong
    assert check("unhealthy_threshold: 11") == check("protocol: HTTP, matcher: 199") == ["ValidationError"]
    assert check("protocol: UDP") == check("protocol: TLS") == ["UnsupportedProtocol"]


def test_NLB_07_NLB_14_what_udp_cannot_have() -> None:
    """UDP always preserves the client's address, and has no proxy protocol."""
    udp = "port: 80, protocol: TCP_UDP, targets: [one]"
    assert codes({GROUP: udp}) == []
    assert codes({GROUP: f"{udp}, preserve_client_ip: false"}) == ["InvalidConfigurationRequest"]
    assert codes({GROUP: f"{udp}, proxy_protocol_v2: true"}) == ["InvalidConfigurationRequest"]


def test_NLB_05_idle_timeouts() -> None:
    """A listener's TCP idle timeout is 60 to 6,000 seconds."""

    def listener(seconds: int) -> list[str]:
        return codes({LISTENERS: LISTENERS.replace("web}", f"web, tcp_idle_timeout_seconds: {seconds}}}")})

    assert listener(60) == listener(6000) == []
    assert listener(59) == listener(6001) == ["ValidationError"]


def test_LBE_01_names_and_listeners() -> None:
    """A port has one listener, and groups exist."""
    twice = LISTENERS.replace("]", ", {port: 80, protocol: TCP, target_group: web}]")
    assert codes({LISTENERS: twice}) == ["DuplicateListener"]
    assert codes({LISTENERS: LISTENERS.replace("web", "wbe")}) == ["TargetGroupNotFound"]
    assert codes({"subnets: [a]": "subnets: [a]\n        security_groups: [wbe]"}) == ["InvalidSecurityGroup"]


def test_LBE_02_a_target_group_has_one_load_balancer() -> None:
    """A target group is used by one load balancer only, by as many of its listeners as one likes."""
    more = LISTENERS.replace("]", ", {port: 81, protocol: TCP, target_group: web}]")
    assert codes({LISTENERS: more}) == []
    second = f"{LISTENERS}\n      second: {{load_balancer_type: network, subnets: [a], listeners: {LISTENERS}}}"
    assert codes({LISTENERS: second}) == ["TargetGroupAssociationLimit"]
