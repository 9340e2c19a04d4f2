"""Faults of interface endpoints and of the services behind them."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.endpoints import InterfaceEndpoint
from emulator.topology.faults_balancers import closable, closed
from emulator.topology.faults_calls import Call, calls
from emulator.topology.faults_edits import put, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.flows import Component
from emulator.topology.model import GroupReference, Topology, Vpc
from emulator.topology.security import DEFAULT_GROUP


def _calls(topology: Topology) -> Iterator[tuple[Call, InterfaceEndpoint, Vpc]]:
    for call in calls(topology):
        if call.endpoint and call.consumer:
            yield call, call.endpoint, call.consumer


def _with_endpoint(topology: Topology, vpc: Vpc, endpoint: InterfaceEndpoint) -> Topology:
    return with_vpc(topology, replace(vpc, vpc_endpoints=put(vpc.vpc_endpoints, endpoint)))


def _not_accepted(topology: Topology) -> Iterator[Broken]:
    for call, endpoint, consumer in _calls(topology):
        service = next(held for held in call.vpc.vpc_endpoint_services if held.name == endpoint.service)
        if service.acceptance_required:
            yield Broken(
                _with_endpoint(topology, consumer, replace(endpoint, state="pendingAcceptance")),
                Component("vpc_endpoint", call.place, consumer.name),  # PL-03
                f"endpoint {endpoint.name} waits for {call.vpc.name} to accept it",
                consumer.name,
                endpoint.name,
            )


def _group_closed(topology: Topology) -> Iterator[Broken]:
    for call, endpoint, consumer in _calls(topology):
        if not closable(endpoint.security_groups):
            continue
        yield Broken(
            with_vpc(topology, closed(consumer, endpoint.security_groups)),
            Component("security_group", call.place, consumer.name, "ingress"),  # PL-21
            f"security group {', '.join(endpoint.security_groups)} of endpoint {endpoint.name} lets nobody in",
            consumer.name,
            endpoint.name,
        )


def _default_group(topology: Topology) -> Iterator[Broken]:
    for call, endpoint, consumer in _calls(topology):
        default = next(held for held in consumer.security_groups if held.name == DEFAULT_GROUP)
        closed_to_others = all(rule.peer == GroupReference(DEFAULT_GROUP) for rule in default.ingress)
        if closed_to_others and call.client and DEFAULT_GROUP not in call.client.security_groups:
            yield Broken(
                _with_endpoint(topology, consumer, replace(endpoint, security_groups=(DEFAULT_GROUP,))),
                Component("security_group", call.place, consumer.name, "ingress"),  # PL-21, SG-05
                f"endpoint {endpoint.name} was made without a security group, so it has the default one",
                consumer.name,
                endpoint.name,
            )


FAULTS = (
    Fault(
        "endpoint-not-accepted",
        "an endpoint that the provider has not accepted",
        "Where the service demands acceptance, an endpoint carries nothing until the provider accepts it. Its "
        "addresses are there all the while; its name leads to none of them.",
        _not_accepted,
    ),
    Fault(
        "endpoint-group-closed",
        "an endpoint's security group lets nobody in",
        "An endpoint's network interface has security groups like any other, and they have to admit the clients to the "
        "port of the service.",
        _group_closed,
    ),
    Fault(
        "endpoint-default-group",
        "an endpoint made without a security group",
        "An endpoint for which no group is named has the VPC's default group, which admits its own members only. "
        "Clients that are in other groups get no answer.",
        _default_group,
    ),
)
