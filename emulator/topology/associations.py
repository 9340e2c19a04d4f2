"""Security groups that are associated with further VPCs (SG-12): `web` of VPC main is `main/web` in VPC other.

A name stands for one group wherever it is read. So in another VPC the group's rules are spelled anew: what they name is
what it was in the group's own VPC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from emulator.topology.model import GroupReference, SecurityGroup, SecurityGroupRule, Topology, Vpc


def owner_and_group(vpc: str, name: str) -> tuple[str, str]:
    """Whose group it is that a VPC calls so, and what it is called there."""
    owner, _, group = name.rpartition("/")
    return owner or vpc, group


def called_in(vpc: str, owner: str, group: str) -> str:
    """What a VPC calls a group of another one, or of its own."""
    return group if owner == vpc else f"{owner}/{group}"


def renamed_for(vpc: str, other: str, name: str) -> str:
    """What a VPC calls the group that another one calls `name`."""
    return called_in(vpc, *owner_and_group(other, name))


def carried(vpc: str, written: Iterable[str | None] | None) -> tuple[str, ...]:
    """The groups that an interface of the VPC names, its own ones without the VPC's name."""
    found = (name for name in written or () if name is not None)
    return tuple(renamed_for(vpc, vpc, name) if "/" in name else name for name in found)


def associated(topology: Topology, vpc: Vpc) -> Iterator[SecurityGroup]:
    """The groups of other VPCs that the interfaces of this one may carry, by the names that they have here."""
    for owner in topology.vpcs:
        for group in owner.security_groups:
            if vpc.name in group.vpc_associations and owner.name != vpc.name:
                yield replace(
                    group,
                    name=called_in(vpc.name, owner.name, group.name),
                    ingress=_respelled(group.ingress, owner.name, vpc.name),
                    egress=_respelled(group.egress, owner.name, vpc.name),
                )


def with_associated(topology: Topology, vpc: Vpc) -> Vpc:
    """The VPC with all the groups that its interfaces may carry, for who asks about packets."""
    further = tuple(associated(topology, vpc))
    return replace(vpc, security_groups=(*vpc.security_groups, *further)) if further else vpc


def _respelled(rules: tuple[SecurityGroupRule, ...], owner: str, vpc: str) -> tuple[SecurityGroupRule, ...]:
    def peer(rule: SecurityGroupRule) -> SecurityGroupRule:
        if not isinstance(rule.peer, GroupReference):
            return rule
        home = rule.peer.vpc or owner
        return replace(rule, peer=GroupReference(rule.peer.group, "" if home == vpc else home))

    return tuple(map(peer, rules))
