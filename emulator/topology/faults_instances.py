"""Faults of instances that others' packets pass: NAT instances, firewalls, routers."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import owner_of, with_instance, with_interface, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, legs
from emulator.topology.flows import Component
from emulator.topology.instances import Appliance, Instance, NetworkInterface
from emulator.topology.model import Topology
from emulator.topology.values import TCP, UDP


def _passed(topology: Topology) -> Iterator[tuple[Leg, Instance, NetworkInterface, Appliance]]:
    """Questions that a route leads to an appliance, and by which of its ENIs they come in."""
    for leg in legs(topology):
        if leg.route is None or leg.route.target.kind != "instance" or leg.answer:
            continue
        owner = owner_of(leg.vpc, leg.route.target.name)
        if owner and owner[0].appliance:
            yield leg, *owner, owner[0].appliance


def _check_on(topology: Topology) -> Iterator[Broken]:
    for leg, instance, interface, _ in _passed(topology):
        if not interface.source_dest_check:
            checked = replace(interface, source_dest_check=True)
            yield Broken(
                with_vpc(topology, with_interface(leg.vpc, instance, checked)),
                Component("network_interface", interface.name, leg.vpc.name, "ingress"),  # SDC-01, NATI-03
                f"the source/destination check of {interface.name} is on",
                leg.vpc.name,
                interface.name,
            )


def _forwarding_off(topology: Topology) -> Iterator[Broken]:
    for leg, instance, _, _ in _passed(topology):
        yield Broken(
            with_vpc(topology, with_instance(leg.vpc, replace(instance, appliance=None))),
            Component("instance", instance.name, leg.vpc.name),
            f"forwarding is off in the kernel of {instance.name}",
            leg.vpc.name,
            instance.name,
        )


def _stopped(topology: Topology) -> Iterator[Broken]:
    named = {end for each in topology.expect for end in (*each.sources, *each.targets)}
    for leg, instance, _, _ in _passed(topology):
        if instance.name not in named:  # who is asked about by name has to run
            yield Broken(
                with_vpc(topology, with_instance(leg.vpc, replace(instance, state="stopped"))),
                Component("instance", instance.name, leg.vpc.name),  # RT-42
                f"instance {instance.name} is stopped: the routes to it stay active, and lead to nobody",
                leg.vpc.name,
                instance.name,
            )


def _blocks_port(topology: Topology) -> Iterator[Broken]:
    for leg, instance, _, appliance in _passed(topology):
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
    for leg, instance, _, appliance in _passed(topology):
        gateway = leg.vpc.internet_gateway
        if appliance.translates and gateway and leg.talk.target.vpc is None:
            plain = replace(instance, appliance=appliance._replace(translates=False))
            guilty = Component("internet_gateway", gateway, leg.vpc.name, "egress")  # NATI-01, IGW-03
            if instance.source_dest_check:  # of the ENI by which it leaves: the source is none of its own (SDC-01)
                guilty = Component("network_interface", instance.name, leg.vpc.name, "egress")
            yield Broken(
                with_vpc(topology, with_instance(leg.vpc, plain)),
                guilty,
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
        "appliance-stopped",
        "the instance that routes lead to is stopped",
        "A stopped instance keeps its network interface, so the routes to it do not become blackholes: they look "
        "right, and what follows them is dropped.",
        _stopped,
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
