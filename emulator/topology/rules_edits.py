"""What AWS refuses about an edit, though both files are right: the order in which things come counts."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from emulator.errors import Problem, Where
from emulator.topology.addresses import slots
from emulator.topology.model import Topology, Vpc
from emulator.topology.rules_network import RESTRICTION_HINT, restriction
from emulator.topology.suggest import listed


def refused(old: Topology, new: Topology) -> list[Problem]:
    """The problems of going from one file to the other. A VPC with another primary block is another VPC (VPC-09)."""
    before = {vpc.name: vpc for vpc in old.vpcs}
    found: list[Problem] = []
    for vpc in new.vpcs:
        held = before.get(vpc.name)
        if held is not None and held.cidr_block == vpc.cidr_block:
            found += _gone_blocks(held, vpc)
            found += _new_blocks(old, new, held, vpc)
            found += _new_groups(held, vpc)
            found += _gone_gateway(held, vpc)
    return found


def _gone_gateway(old: Vpc, new: Vpc) -> Iterator[Problem]:
    """IGW-13: a file without a gateway may give public addresses; a gateway cannot leave those that are mapped."""
    if old.internet_gateway is None or new.internet_gateway is not None:
        return
    before = {held.name for held in slots(old) if held.public_ip is not None}
    mapped = [held.name for held in slots(new) if held.public_ip is not None and held.name in before]
    if mapped:
        where = Where(new.where.line, new.where.column, f"{new.where.path}.internet_gateway")
        what = f"network {new.name} has some mapped public address(es): {listed(mapped)}"
        hint = f"take the public addresses away as well, or leave internet gateway {old.internet_gateway} attached"
        yield Problem(where, what, hint, "DependencyViolation")


def _new_groups(old: Vpc, new: Vpc) -> Iterator[Problem]:
    """NLB-02: whether a load balancer has security groups is decided when it is made."""
    bare = {held.name for held in old.load_balancers if not held.security_groups}
    for balancer in new.load_balancers:
        if balancer.name in bare and balancer.security_groups:
            where = Where(balancer.where.line, balancer.where.column, f"{balancer.where.path}.security_groups")
            what = f"load balancer {balancer.name} was made without security groups: it can never have any"
            hint = "take it out, `up`, and put it in with its groups: that makes another load balancer"
            yield Problem(where, what, hint, "InvalidConfigurationRequest")


def _gone_blocks(old: Vpc, new: Vpc) -> Iterator[Problem]:
    """VPC-07, VPC-09: a block goes when no subnet is in it, and one of another size is another block."""
    kept = {(subnet.name, subnet.cidr_block) for subnet in new.subnets}
    for block in old.secondary_cidr_blocks:
        if block in new.cidr_blocks:
            continue
        for subnet in old.subnets:
            if subnet.cidr_block.subnet_of(block) and (subnet.name, subnet.cidr_block) in kept:
                where = Where(new.where.line, new.where.column, f"{new.where.path}.secondary_cidr_blocks")
                what = (
                    f"VPC {new.name} currently has a subnet within {block}: subnet {subnet.name} ({subnet.cidr_block})"
                )
                hint = "a block keeps its size for as long as it is there: take its subnets out first"
                yield Problem(where, what, hint, "InvalidCidrBlock.InUse")
                break


def _new_blocks(before: Topology, after: Topology, old: Vpc, new: Vpc) -> Iterator[Problem]:
    there = list(old.cidr_blocks)
    for index, block in enumerate(new.secondary_cidr_blocks):
        if block in old.cidr_blocks:
            continue
        where = Where(new.where.line, new.where.column, f"{new.where.path}.secondary_cidr_blocks[{index}]")
        if why := restriction(there, block):
            yield Problem(where, why, RESTRICTION_HINT, "InvalidVpc.Range")  # VPC-13, in the order of the edits
        elif route := _in_the_way(old, new, block):
            # VPC-11
            what = f"the CIDR {block} cannot be added: a route table of VPC {new.name} has a route to {route} already"
            hint = f"take that route out, or add a block that is smaller than {route}"
            yield Problem(where, what, hint, "InvalidVpc.Range")
        else:
            yield from _beside_peers(before, after, new.name, block, where)
        there.append(block)


def _beside_peers(before: Topology, after: Topology, vpc: str, block: IPv4Network, where: Where) -> Iterator[Problem]:
    """VPC-15: what the VPC's connections, as they were before the edit, say to a new block."""
    states = {(held.name, held.vpc, held.peer_vpc): held.state for held in after.vpc_peering_connections}
    for held in before.vpc_peering_connections:
        now = states.get((held.name, held.vpc, held.peer_vpc), "deleted")
        if vpc not in held.pair or now not in ("active", "pending-acceptance", "failed"):
            continue
        peer = held.other(vpc)
        theirs = [own for lab in (before, after) for each in lab.vpcs if each.name == peer for own in each.cidr_blocks]
        other = next((own for own in theirs if own.overlaps(block)), None)
        if held.state == "active" and other:
            what = f"the CIDR {block} overlaps {other} of VPC {peer}, and VPC peering connection {held.name} is active"
            yield Problem(where, what, "another block, or delete the connection first", "InvalidVpc.Range")
        elif held.state == "pending-acceptance" and vpc == held.vpc and now != "active":
            what = f"VPC {vpc} has asked for VPC peering connection {held.name}, which waits: it takes no further block"
            hint = f"accepted: true in {held.name}, or take the request back first"
            yield Problem(where, what, hint, "OperationNotPermitted")


def _in_the_way(old: Vpc, new: Vpc, block: IPv4Network) -> IPv4Network | None:
    """A destination that the block would hold, of a route that is there before and after the edit."""
    kept = {(table.name, route.destination) for table in new.route_tables for route in table.routes}
    for table in old.route_tables:
        for route in table.routes:
            destination = route.destination
            if not isinstance(destination, IPv4Network) or (table.name, destination) not in kept:
                continue
            if destination.subnet_of(block):
                return destination
    return None
