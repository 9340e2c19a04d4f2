"""The table of keys, its part about filters: security groups and network ACLs."""

from emulator.names import RESOURCE_NAME
from emulator.topology import values
from emulator.topology.kinds import Key, ListOf, Noun, OneOrMany
from emulator.topology.values import (
    BLOCK,
    BOOLEAN,
    CIDR,
    DESCRIPTION,
    GROUP_OF_PEER,
    ICMP,
    NAME,
    PEER,
    PORTS,
    PROTOCOL,
    RAW_PORT,
    RULE_NUMBER,
    whole,
)


def _read_group(text: str) -> str:
    """A security group, of the rule's own VPC or of another: `web`, `b/web`."""
    return text if GROUP_OF_PEER.fullmatch(text) else str(NAME.read(text))


GROUP = NAME._replace(
    read=_read_group, schema={"type": "string", "pattern": whole(f"{RESOURCE_NAME.pattern}|{GROUP_OF_PEER.pattern}")}
)

_TRAFFIC = {
    "icmp_type": Key(ICMP, "For icmp: the type, or all. 8 is an echo request."),
    "icmp_code": Key(ICMP, "For icmp: the code; left out: all."),
    "from_port": Key(RAW_PORT, "Terraform's way: first port, or the ICMP type."),
    "to_port": Key(RAW_PORT, "Terraform's way: last port, or the ICMP code."),
}

_PROTOCOL = Key(PROTOCOL, "tcp, udp, icmp, icmpv6, all (or -1), or an IP protocol number.", required=True)

_RULE_KEYS = {
    "protocol": _PROTOCOL,
    "port": Key(OneOrMany(PORTS), "443, 8000-8100, a list of these, or all. For tcp and udp."),
    **_TRAFFIC,
    "cidr_blocks": Key(ListOf(CIDR), "Terraform's way: CIDR blocks on the other side."),
    "security_groups": Key(ListOf(GROUP), "Terraform's way: security groups on the other side."),
    "prefix_list_ids": Key(ListOf(NAME), "Terraform's way: prefix lists on the other side."),
    "self": Key(BOOLEAN, "Terraform's way: members of this group on the other side."),
    "description": Key(DESCRIPTION, "Free text."),
}

_RULE_INSTEAD = {
    "cidr": "CIDR blocks go into from (ingress) or to (egress)",
    "ports": "the key is port; it takes a list too",
    "source": "the key is from",
    "destination": "the key is to",
    "ipv6_cidr_blocks": values.NO_IPV6,
    "prefix_list": "a prefix list's name goes into from (ingress) or to (egress)",
    "type": "icmp_type holds the type of an ICMP message; ingress and egress are two lists",
}

_PEER_DOC = "A CIDR block, the name of a security group (a peer's: b/web) or prefix list, `self`, or a list."

INGRESS_RULE = Noun(
    "ingress rule",
    "Traffic that may reach the members of the group.",
    {"from": Key(OneOrMany(PEER), f"Where it comes from. {_PEER_DOC}"), **_RULE_KEYS},
    any_of=("from", "cidr_blocks", "security_groups", "prefix_list_ids", "self"),
    instead={**_RULE_INSTEAD, "to": "an ingress rule says where traffic comes from: from"},
)

EGRESS_RULE = Noun(
    "egress rule",
    "Traffic that the members of the group may send.",
    {"to": Key(OneOrMany(PEER), f"Where it goes to. {_PEER_DOC}"), **_RULE_KEYS},
    any_of=("to", "cidr_blocks", "security_groups", "prefix_list_ids", "self"),
    instead={**_RULE_INSTEAD, "from": "an egress rule says where traffic goes to: to"},
)

SECURITY_GROUP = Noun(
    "security group",
    "A stateful filter on network interfaces that can only allow.",
    {
        "description": Key(DESCRIPTION, "Free text."),
        "vpc_associations": Key(
            ListOf(NAME), "Further VPCs of the region whose network interfaces may carry it, as VPC/GROUP."
        ),
        "ingress": Key(ListOf(INGRESS_RULE), "What may come in; left out: nothing."),
        "egress": Key(ListOf(EGRESS_RULE), "What may go out; left out: everything, as AWS sets it up; []: nothing."),
    },
    instead={
        "inbound": "the key is ingress",
        "outbound": "the key is egress",
        "rules": "rules go into ingress and egress",
        "name": "the group's name is the key above",
        "vpc_id": "a group belongs to the VPC it is written in; vpc_associations are further ones",
        "vpc_ids": "the key is vpc_associations",
        "associations": "the key is vpc_associations",
    },
)

_ENTRY_KEYS = {
    "action": Key(values.choice("allow", "deny"), "allow or deny.", required=True),
    "protocol": _PROTOCOL,
    "port": Key(PORTS, "443, 8000-8100 or all: the packet's destination port. For tcp and udp."),
    **_TRAFFIC,
    "cidr_block": Key(BLOCK, "Terraform's way: the CIDR block on the other side."),
}

_ENTRY_NUMBER = {
    "rule_number": Key(RULE_NUMBER, "1 to 32766; the lowest that matches decides."),
    "rule_no": Key(RULE_NUMBER, "Terraform's name for rule_number."),
}

_ENTRY_INSTEAD = {
    "number": "the key is rule_number",
    "rule_action": "the key is action",
    "cidr": "a CIDR block goes into from (ingress) or to (egress)",
    "cidr_blocks": "a rule of an ACL has one CIDR block: from (ingress) or to (egress)",
    "ports": "the key is port; a rule of an ACL has one range",
    "security_groups": "a network ACL knows CIDR blocks only, no security groups",
    "self": "a network ACL knows CIDR blocks only, no security groups",
    "prefix_list_ids": "a network ACL knows CIDR blocks only, no prefix lists",
    "ipv6_cidr_block": values.NO_IPV6,
    "description": "a rule of an ACL has no description; write a comment",
    "egress": "ingress and egress are two lists",
}

INGRESS_ENTRY = Noun(
    "network ACL ingress rule",
    "Traffic that comes into the subnets of the ACL, and whether it may.",
    {**_ENTRY_NUMBER, "from": Key(BLOCK, "The CIDR block it comes from."), **_ENTRY_KEYS},
    any_of=("from", "cidr_block"),
    instead={**_ENTRY_INSTEAD, "to": "an ingress rule says where traffic comes from: from"},
)

EGRESS_ENTRY = Noun(
    "network ACL egress rule",
    "Traffic that leaves the subnets of the ACL, and whether it may.",
    {**_ENTRY_NUMBER, "to": Key(BLOCK, "The CIDR block it goes to."), **_ENTRY_KEYS},
    any_of=("to", "cidr_block"),
    instead={**_ENTRY_INSTEAD, "from": "an egress rule says where traffic goes to: to"},
)

NETWORK_ACL = Noun(
    "network ACL",
    "A stateless filter at the border of subnets: replies need an entry of their own.",
    {
        "ingress": Key(ListOf(INGRESS_ENTRY), "What comes into the subnets, by rule number; left out: nothing may."),
        "egress": Key(ListOf(EGRESS_ENTRY), "What leaves the subnets, by rule number; left out: nothing may."),
    },
    instead={
        "inbound": "the key is ingress",
        "outbound": "the key is egress",
        "entries": "rules go into ingress and egress",
        "rules": "rules go into ingress and egress",
        "subnets": "a subnet names its network_acl",
        "subnet_ids": "a subnet names its network_acl",
        "vpc_id": "an ACL belongs to the VPC it is written in",
    },
)
