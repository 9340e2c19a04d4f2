"""Where a flow may arrive: whom probes, traces and tests look at, and listen at."""

from ipaddress import IPv4Address

import pytest

from emulator.topology.addresses import assign
from emulator.topology.flows import Flow
from emulator.topology.load import load
from emulator.topology.reception import Reception

TEXT = """name: lab
vpcs:
  one:
    cidr_block: 172.31.0.0/16
    subnets:
      a: {cidr_block: 172.31.0.0/26}
    instances:
      far: {subnet: a, private_ip: 172.31.0.5}
      alone: {subnet: a, private_ip: 172.31.0.7}
  two:
    cidr_block: 172.31.0.0/16
    subnets:
      b: {cidr_block: 172.31.0.0/26}
      nodes: {cidr_block: 172.31.2.0/24}
    instances:
      here: {subnet: b, private_ip: 172.31.0.5}
      own: {subnet: b, private_ip: 172.31.0.6}
    target_groups:
      web: {port: 80, protocol: TCP, target_type: ip, targets: [TARGET]}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        listeners: [{port: 8000, protocol: TCP, target_group: web}]
        subnet_mapping: [{subnet: nodes, private_ipv4_address: 172.31.2.6}]
"""


@pytest.mark.parametrize(
    ("target", "places"),
    [("far", {"far", "here"}), ("alone", {"alone"}), ("own", {"own"}), ("172.31.0.5", {"here"})],
)
def test_a_target_of_another_vpc_is_an_address_that_somebody_here_may_have(target: str, places: set[str]) -> None:
    """NLB-08. More may be named than can be reached, never less."""
    topology, found = load(TEXT.replace("TARGET", target))
    assert topology is not None, found
    addresses, _ = assign(topology)
    flow = Flow("own", IPv4Address("172.31.0.6"), IPv4Address("172.31.2.6"), "tcp", 8000, 33000)
    held = Reception(topology, addresses).of(flow)
    assert {place.node for place in held} == places
    assert {place.port for place in held} == {80}
