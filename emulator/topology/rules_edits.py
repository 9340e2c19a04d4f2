"""What AWS refuses about an edit, though both files are right: the order in which things come counts."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from emulator.errors import Problem, Where
from emulator.topology.model import Topology, Vpc
from emulator.topology.rules_network import RESTRICTION_HINT, restriction


def refused(old: Topology, new: Topology) -> list[Problem]:
    """The problems of going from one file to the other. A VPC with another primary block is another VPC (VPC-09)."""
    before = {vpc.name: vpc for vpc in old.vpcs}
    found: list[Problem] = []
    for vpc in new.vpcs:
        held = before.get(vpc.name)
        if held is not None and held.cidr_block == vpc.cidr_block:
            found += _new_blocks(held, vpc)
            found += _new_groups(held, vpc)
    return found


def _new_groups(old: Vpc, new: Vpc) -> Iterator[Problem]:
    """NLB-02: whether a load balancer has security groups is decided when it is made."""
    bare = {held.name for held in old.load_balancers if not held.security_groups}
    for balancer in new.load_balancers:
        if balancer.name in bare and balancer.security_groups:
            where = Where(balancer.where.line, balancer.where.column, f"{balancer.where.path}.security_groups")
            what = f"load balancer {balancer.name} was made without security groups: it can never have any"
            hint = "take it out, `up`, and put it in with its groups: that makes another load balancer"
            yield Problem(where, what, hint, "InvalidConfigurationRequest")


def _new_blocks(old: Vpc, new: Vpc) -> Iterator[Problem]:
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
        there.append(block)


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
