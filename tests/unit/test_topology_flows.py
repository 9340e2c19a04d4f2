"""Flows: who may be named as the sender of one."""

import pytest

from emulator.errors import UsageError
from emulator.topology.addresses import assign
from emulator.topology.flows import flow
from emulator.topology.load import load

TEXT = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.1.0/24}}
    instances:
      db: {subnet: a}
      web: {subnet: a, state: stopped}
"""


def test_RT_42_a_stopped_instance_sends_nothing_and_can_be_called() -> None:
    topology, _ = load(TEXT)
    assert topology is not None
    addresses, _ = assign(topology)
    with pytest.raises(UsageError, match="web is stopped: it sends nothing"):
        flow(topology, addresses, "web", "db", "tcp", 80)
    assert flow(topology, addresses, "db", "web", "tcp", 80).to == addresses.private["web"]


@pytest.mark.parametrize("gateway", ["igw", "main.router", "internet-gateway"])
def test_what_only_forwards_is_told_from_what_is_not_there(gateway: str) -> None:
    topology, _ = load(TEXT.replace("    subnets:", "    internet_gateway: igw\n    subnets:"))
    assert topology is not None
    addresses, _ = assign(topology)
    what = "nobody in this lab sends from" if gateway == "internet-gateway" else "sends nothing of its own"
    with pytest.raises(UsageError, match=what):
        flow(topology, addresses, gateway, "db", "tcp", 80)
