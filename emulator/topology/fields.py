"""The table of keys: every noun of the file, each key's kind, and one line on what it means.

`read.py` reads the file by this table and `schema.py` makes the JSON Schema from it, so a key exists in one place.
Keys are Terraform's `aws_*` attribute names where one exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from emulator.topology import values
from emulator.topology.values import (
    ADDRESS,
    BOOLEAN,
    CIDR,
    DESCRIPTION,
    DOMAIN,
    ELASTIC_IP,
    END,
    HOST,
    ICMP,
    LAB,
    NAME,
    NAME_SERVER,
    PEER,
    PORT,
    PORTS,
    PROTOCOL,
    RAW_PORT,
    REGION,
    TEXT,
    USER,
    ZONE,
    Scalar,
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a noun."""

    kind: "Kind"
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Noun:
    """A mapping with known keys. `one_of`: exactly one of these must be there; `any_of`: at least one.

    `instead` answers a key that people write and that is not one: what to write instead.
    """

    title: str
    doc: str
    keys: Mapping[str, Key]
    one_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)


class MapOf(NamedTuple):
    """Names of the user's choice, each with a noun: `instances: {web: {...}, db: {...}}`."""

    name: Scalar
    noun: Noun


class MapTo(NamedTuple):
    """Scalars to scalars: `routes: {0.0.0.0/0: igw}`."""

    name: Scalar
    value: Scalar


class ListOf(NamedTuple):
    """A list, and nothing but a list."""

    item: Union[Scalar, Noun, "ScalarOr"]


class OneOrMany(NamedTuple):
    """A scalar, or a list of them. Read as a scalar or as a tuple."""

    item: Scalar


class ScalarOr(NamedTuple):
    """A word, or a noun where the word is not enough: `http`, `{http: 8080}`."""

    word: Scalar
    noun: Noun


Kind = Scalar | Noun | MapOf | MapTo | ListOf | OneOrMany | ScalarOr

SERVICE_DEFAULTS = {"http": 80, "echo": 7, "dns": 53}

SERVICE = Noun(
    "service",
    "Something that listens, or a command that runs in the node for as long as the lab is up.",
    {
        "http": Key(PORT, "A small web server on this port; it answers with who asked whom."),
        "echo": Key(PORT, "Sends back what it gets, on this port."),
        "dns": Key(PORT, "A name server on this port that knows the lab's hosts."),
        "tcp": Key(PORT, "Accepts TCP connections on this port."),
        "udp": Key(PORT, "Answers UDP datagrams on this port."),
        "command": Key(OneOrMany(TEXT), "A command line for /bin/sh, or a list: the program and its arguments."),
        "name": Key(NAME, "What the service is called; unique in the node."),
        "user": Key(USER, "Who runs the command; left out: nobody. root needs your consent at the terminal."),
    },
    one_of=("http", "echo", "dns", "tcp", "udp", "command"),
    instead={"port": "the kind is the key, such as {http: 8080}", "type": "the kind is the key, such as {tcp: 5432}"},
)

_OTHER_SERVICES = "a map has the other kinds and ports, such as {tcp: 443} or {command: sleep 60}"

SERVICES = ListOf(ScalarOr(values.choice(*SERVICE_DEFAULTS, otherwise=_OTHER_SERVICES), SERVICE))

_RULE_KEYS = {
    "protocol": Key(PROTOCOL, "tcp, udp, icmp, icmpv6, all (or -1), or an IP protocol number.", required=True),
    "port": Key(OneOrMany(PORTS), "443, 8000-8100, a list of these, or all. For tcp and udp."),
    "icmp_type": Key(ICMP, "For icmp: the type; left out: all. 8 is an echo request."),
    "icmp_code": Key(ICMP, "For icmp: the code; left out: all."),
    "from_port": Key(RAW_PORT, "Terraform's way: first port, or the ICMP type."),
    "to_port": Key(RAW_PORT, "Terraform's way: last port, or the ICMP code."),
    "cidr_blocks": Key(ListOf(CIDR), "Terraform's way: CIDR blocks on the other side."),
    "security_groups": Key(ListOf(NAME), "Terraform's way: security groups on the other side."),
    "self": Key(BOOLEAN, "Terraform's way: members of this group on the other side."),
    "description": Key(DESCRIPTION, "Free text."),
}

_RULE_INSTEAD = {
    "cidr": "CIDR blocks go into from (ingress) or to (egress)",
    "ports": "the key is port; it takes a list too",
    "source": "the key is from",
    "destination": "the key is to",
    "ipv6_cidr_blocks": values.NO_IPV6,
    "prefix_list_ids": "prefix lists are not emulated yet",
    "type": "icmp_type holds the type of an ICMP message; ingress and egress are two lists",
}

_PEER_DOC = "A CIDR block, a security group's name, `self`, or a list of these."

INGRESS_RULE = Noun(
    "ingress rule",
    "Traffic that may reach the members of the group.",
    {"from": Key(OneOrMany(PEER), f"Where it comes from. {_PEER_DOC}"), **_RULE_KEYS},
    any_of=("from", "cidr_blocks", "security_groups", "self"),
    instead={**_RULE_INSTEAD, "to": "an ingress rule says where traffic comes from: from"},
)

EGRESS_RULE = Noun(
    "egress rule",
    "Traffic that the members of the group may send.",
    {"to": Key(OneOrMany(PEER), f"Where it goes to. {_PEER_DOC}"), **_RULE_KEYS},
    any_of=("to", "cidr_blocks", "security_groups", "self"),
    instead={**_RULE_INSTEAD, "from": "an egress rule says where traffic goes to: to"},
)

SECURITY_GROUP = Noun(
    "security group",
    "A stateful filter on network interfaces that can only allow.",
    {
        "description": Key(DESCRIPTION, "Free text."),
        "ingress": Key(ListOf(INGRESS_RULE), "What may come in; left out: nothing."),
        "egress": Key(ListOf(EGRESS_RULE), "What may go out; left out: everything, as AWS sets it up; []: nothing."),
    },
    instead={
        "inbound": "the key is ingress",
        "outbound": "the key is egress",
        "rules": "rules go into ingress and egress",
        "name": "the group's name is the key above",
        "vpc_id": "a group belongs to the VPC it is written in",
    },
)

SUBNET = Noun(
    "subnet",
    "A block of the VPC in one availability zone.",
    {
        "cidr_block": Key(CIDR, "The subnet's block, /16 to /28, inside the VPC's.", required=True),
        "availability_zone": Key(ZONE, "a, or the full name us-east-1a; left out: a."),
        "route_table": Key(NAME, "The route table of the subnet; left out: the VPC's main one."),
        "map_public_ip_on_launch": Key(
            BOOLEAN, "Instances get a public IP unless they say otherwise; left out: false."
        ),
    },
    instead={
        "cidr": "the key is cidr_block",
        "public": "a subnet is public when its route table has a route to an internet gateway",
        "vpc_id": "a subnet belongs to the VPC it is written in",
        "ipv6_cidr_block": values.NO_IPV6,
    },
)

ROUTE_TABLE = Noun(
    "route table",
    "Routes that subnets share. Every table has the VPC's local route as well.",
    {
        "routes": Key(
            MapTo(CIDR, NAME),
            "Destination CIDR to target: the name of the internet gateway or of a NAT gateway, or blackhole.",
        ),
    },
    instead={"route": "the key is routes, a map such as {0.0.0.0/0: igw}", "subnets": "a subnet names its route_table"},
)

NAT_GATEWAY = Noun(
    "NAT gateway",
    "Lets a private subnet open connections to the internet.",
    {
        "subnet": Key(
            NAME, "The subnet it stands in; its route table needs a route to the internet gateway.", required=True
        ),
        "elastic_ip": Key(ADDRESS, "Its public address; left out: one of the lab's pool."),
        "private_ip": Key(ADDRESS, "Its address in the subnet; left out: the lowest free one."),
        "connectivity_type": Key(values.choice("public", "private"), "public; private is not emulated yet."),
    },
    instead={"subnet_id": "the key is subnet", "allocation_id": "the key is elastic_ip, an address"},
)

INSTANCE = Noun(
    "instance",
    "An EC2 instance with one network interface.",
    {
        "subnet": Key(NAME, "The subnet it stands in; left out in a default VPC: default-a."),
        "private_ip": Key(ADDRESS, "Its address in the subnet; left out: the lowest free one."),
        "associate_public_ip_address": Key(BOOLEAN, "Gets a public IP; left out: as the subnet says."),
        "elastic_ip": Key(ELASTIC_IP, "A fixed public address."),
        "security_groups": Key(ListOf(NAME), "Its security groups; left out: the VPC's default group."),
        "vpc_security_group_ids": Key(ListOf(NAME), "Terraform's name for security_groups."),
        "services": Key(SERVICES, "What listens in it, such as [http, {tcp: 5432}]."),
    },
    instead={
        "route_table": "a subnet has a route_table; an instance stands in a subnet",
        "subnet_id": "the key is subnet",
        "public_ip": "elastic_ip is a fixed one; associate_public_ip_address: true takes one of the pool",
        "eip": "the key is elastic_ip",
        "ip": "the key is private_ip",
        "security_group": "the key is security_groups, a list",
        "ami": "an instance is a network namespace; it has no image and no type",
        "instance_type": "an instance is a network namespace; it has no image and no type",
    },
)

DHCP_OPTIONS = Noun(
    "DHCP options set",
    "What the instances of the VPC are told about names.",
    {
        "domain_name": Key(
            DOMAIN, "The domain of their names; left out: ec2.internal in us-east-1, REGION.compute.internal elsewhere."
        ),
        "domain_name_servers": Key(
            ListOf(NAME_SERVER), "Up to four addresses; left out: AmazonProvidedDNS, the lab's own name server."
        ),
    },
    instead={
        "ntp_servers": "time servers are not emulated",
        "netbios_name_servers": "NetBIOS is not emulated",
        "netbios_node_type": "NetBIOS is not emulated",
        "domain_search": "the key is domain_name",
        "name_servers": "the key is domain_name_servers",
        "dns_servers": "the key is domain_name_servers",
    },
)

VPC = Noun(
    "VPC",
    "A network of your own.",
    {
        "cidr_block": Key(CIDR, "The VPC's block, /16 to /28."),
        "default": Key(
            BOOLEAN,
            "The default VPC: 172.31.0.0/16, subnets default-a to default-c, an internet gateway, no cidr_block.",
        ),
        "dhcp_options": Key(DHCP_OPTIONS, "Domain and name servers of its instances."),
        "internet_gateway": Key(NAME, "The name of its internet gateway; left out: it has none."),
        "main_route_table": Key(NAME, "The table of every subnet that names none; left out: a table called main."),
        "subnets": Key(MapOf(NAME, SUBNET), "Subnets by name."),
        "route_tables": Key(MapOf(NAME, ROUTE_TABLE), "Route tables by name."),
        "nat_gateways": Key(MapOf(NAME, NAT_GATEWAY), "NAT gateways by name."),
        "security_groups": Key(MapOf(NAME, SECURITY_GROUP), "Security groups by name; `default` exists by itself."),
        "instances": Key(MapOf(NAME, INSTANCE), "Instances by name; a name is used once in the whole file."),
    },
    any_of=("cidr_block", "default"),
    instead={
        "cidr": "the key is cidr_block",
        "igw": "the key is internet_gateway",
        "ipv6_cidr_block": values.NO_IPV6,
        "routes": "routes go into a route table",
        "network_acls": "network ACLs are not emulated yet",
        "hosts": "the hosts of a VPC are its instances",
    },
)

OUTSIDE_HOST = Noun(
    "outside host",
    "A host of the emulated internet.",
    {
        "ip": Key(ADDRESS, "Its public address.", required=True),
        "services": Key(SERVICES, "What listens on it, such as [dns, http]."),
    },
    instead={"address": "the key is ip", "private_ip": "the key is ip", "public_ip": "the key is ip"},
)

INTERNET = Noun(
    "internet",
    "What lies beyond the internet gateways.",
    {
        "uplink": Key(BOOLEAN, "The lab also reaches the real network of this machine; left out: false."),
        "hosts": Key(MapOf(HOST, OUTSIDE_HOST), "Outside hosts by name."),
    },
)

EXPECTATION = Noun(
    "expectation",
    "One flow and what must become of it.",
    {
        "from": Key(END, "Who sends: an instance, an outside host, or an address.", required=True),
        "to": Key(END, "Who is meant: a node or an address.", required=True),
        "protocol": Key(values.choice("tcp", "udp", "icmp"), "tcp, udp or icmp (an echo request); left out: tcp."),
        "port": Key(PORT, "The destination port. For tcp and udp."),
        "result": Key(
            values.choice(
                "pass", "drop", "refused", otherwise="pass: it works; drop: a timeout; refused: nobody listens"
            ),
            "pass, drop (a timeout) or refused (an answer: nobody listens).",
            True,
        ),
        "seen_as": Key(ADDRESS, "The source address that the receiver sees."),
    },
    instead={"source": "the key is from", "destination": "the key is to", "expect": "the key is result"},
)

SETTINGS = Noun(
    "settings",
    "Where the lab differs from AWS on purpose, so that a lesson need not wait.",
    {
        "time_scale": Key(
            values.integer(1, 1000, "a factor"), "AWS's idle timeouts are divided by this: 10 makes 350 s 35 s."
        ),
        "nat_gateway_connections": Key(
            values.integer(1, 55_000, "a number of connections"),
            "Connections of one NAT gateway address to one destination; left out: 55000, as on AWS.",
        ),
    },
)

TOPOLOGY = Noun(
    "topology",
    "A lab of vpcemu: VPCs and the internet around them.",
    {
        "name": Key(LAB, "The lab's name: lower-case letters, digits and -.", required=True),
        "region": Key(REGION, "The region, which begins the names of its zones; left out: us-east-1."),
        "vpcs": Key(MapOf(NAME, VPC), "VPCs by name.", required=True),
        "internet": Key(INTERNET, "Outside hosts and the uplink."),
        "expect": Key(ListOf(EXPECTATION), "What `vpcemu test` must find."),
        "settings": Key(SETTINGS, "Timeouts and limits other than AWS's."),
    },
    instead={
        "vpc": "the key is vpcs, a map of VPCs by name",
        "instances": "instances go into a VPC: vpcs.NAME.instances",
        "subnets": "subnets go into a VPC: vpcs.NAME.subnets",
        "security_groups": "security groups go into a VPC: vpcs.NAME.security_groups",
        "hosts": "outside hosts go into internet.hosts",
        "version": "remove it; the file has no version",
    },
)
