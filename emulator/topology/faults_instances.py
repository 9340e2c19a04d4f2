"""Faults of instances that others' packets pass: NAT instances, firewalls, routers."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import instance_of, with_instance, with_interface, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, legs
from emulator.topology.flows import Component
from emulator.topology.instances import Appliance, Instance
from emulator.topology.model import Topology
from emulator.topology.values import TCP, UDP


def _passed(topology: Topology) -> Iterator[tuple[Leg, Instance, Appliance]]:
    """Questions that a route leads to an appliance."""
    for leg in legs(topology):
        if leg.route is None or leg.route.target.kind != "instance" or leg.answer:
            continue
        instance = instance_of(leg.vpc, leg.route.target.name)
        if instance and instance.appliance:
            yield leg, instance, instance.appliance


def _check_on(topology: Topology) -> Iterator[Broken]:
    for leg, instance, _ in _passed(topology):
        if not instance.source_dest_check:
            checked = replace(instance.primary, source_dest_check=True)
            yield Broken(
                with_vpc(topology, with_interface(leg.vpc, instance, checked)),
                Component("network_interface", instance.name, leg.vpc.name, "ingress"),  # SDC-01, NATI-03
                f"the source/destination check of {instance.name} is on",
                leg.vpc.name,
                instance.name,
            )


def _forwarding_off(topology: Topology) -> Iterator[Broken]:
    for leg, instance, _ in _passed(topology):
        yield Broken(
            with_vpc(topology, with_instance(leg.vpc, replace(instance, appliance=None))),
            Component("instance", instance.name, leg.vpc.name),
            f"forwarding is off in the kernel of {instance.name}",
            leg.vpc.name,
            instance.name,
        )


def _blocks_port(topology: Topology) -> Iterator[Broken]:
    for leg, instance, appliance in _passed(topology):
        if leg.talk.protocol in (TCP, UDP) and leg.talk.port not in appliance.blocked_ports:
            blocks = appliance._replace(blocked_ports=(*appliance.blocked_ports, leg.talk.port))
            yield Broken(
                with_vpc(topology, with_instance(leg.vpc, replace(instance, appliance=blocks))),
                Component("instance", instance.name, leg.vpc.name),
                f"the firewall in {instance.name} blocks port {leg.talk.port}",
                leg.vpc.name,
                instance.name,
            )


def _does_not_translate(topology: Topology) -> Iterator[Broken]:
    for leg, instance, appliance in _passed(topology):
        gateway = leg.vpc.internet_gateway
        if appliance.translates and gateway and leg.talk.target.vpc is None:
            plain = replace(instance, appliance=appliance._replace(translates=False))
            yield Broken(
                with_vpc(topology, with_instance(leg.vpc, plain)),
                Component("internet_gateway", gateway, leg.vpc.name, "egress"),  # NATI-01, IGW-03
                f"{instance.name} forwards, but has lost its masquerade rule",
                leg.vpc.name,
                instance.name,
            )


FAULTS = (
    Fault(
        "source-dest-check-on",
        "the source/destination check of a NAT instance or firewall is on",
        "By default a network interface drops what is neither from nor to its own address. An instance that forwards "
        "others' packets needs the check turned off.",
        _check_on,
    ),
    Fault(
        "forwarding-off",
        "an instance that should forward does not",
        "AWS delivers the packets to the instance; what becomes of them is a setting of its own kernel "
        "(net.ipv4.ip_forward).",
        _forwarding_off,
    ),
    Fault(
        "firewall-blocks-port",
        "the firewall in an instance blocks the port",
        "Route tables, groups and ACLs are all right; the software in the instance drops. No console of AWS "
        "shows that.",
        _blocks_port,
    ),
    Fault(
        "nat-instance-does-not-translate",
        "a NAT instance forwards without translating",
        "Without masquerading the private source address goes on to the internet gateway, which has no public address "
        "for it. A NAT instance is made by its own kernel's rules.",
        _does_not_translate,
    ),
)
