"""The table of keys, for instances and their network interfaces."""

import re
from ipaddress import IPv4Address

from emulator.names import INTERFACE_NAME, RESOURCE_NAME
from emulator.topology import values
from emulator.topology.fields_filters import GROUP
from emulator.topology.kinds import Key, ListOf, Noun, OneOrMany, ScalarOr
from emulator.topology.suggest import show
from emulator.topology.values import ADDRESS, BOOLEAN, NAME, PORT, TEXT, USER, Bad, Scalar, whole
from emulator.topology.values_gateways import ELASTIC_IP

SERVICE_DEFAULTS = {"http": 80, "echo": 7, "dns": 53, "ssh": 22}
APPLIANCES = ("router", "nat")  # what an instance does with packets of others; see also `firewall`

SERVICE = Noun(
    "service",
    "Something that listens, or a command that runs in the node for as long as the lab is up.",
    {
        "http": Key(PORT, "A small web server on this port; it answers with who asked whom."),
        "echo": Key(PORT, "Sends back what it gets, on this port."),
        "dns": Key(PORT, "A name server on this port that knows the lab's hosts."),
        "tcp": Key(PORT, "Accepts TCP connections on this port."),
        "udp": Key(PORT, "Answers UDP datagrams on this port."),
        "ssh": Key(PORT, "OpenSSH on this port: ec2-user logs in, with the lab's key, which `vpcemu exec` has."),
        "command": Key(OneOrMany(TEXT), "A command line for /bin/sh, or a list: the program and its arguments."),
        "firewall": Key(
            OneOrMany(PORT), "The instance forwards what is not its own, except to these destination ports."
        ),
        "proxy_protocol": Key(
            BOOLEAN, "For http: it reads the header of proxy protocol, and shows whom that names; left out: false."
        ),
        "name": Key(NAME, "What the service is called; unique in the node."),
        "user": Key(USER, "Who runs the command; left out: nobody. root needs your consent at the terminal."),
    },
    one_of=("http", "echo", "dns", "tcp", "udp", "ssh", "command", "firewall"),
    instead={"port": "the kind is the key, such as {http: 8080}", "type": "the kind is the key, such as {tcp: 5432}"},
)

_OTHER_SERVICES = "a map has the other kinds and ports, such as {tcp: 443} or {command: sleep 60}"

_SERVICE_WORD = values.choice(*SERVICE_DEFAULTS, *APPLIANCES, otherwise=_OTHER_SERVICES)


def _read_service(text: str) -> object:
    try:
        return _SERVICE_WORD.read(text)
    except Bad as bad:
        if values.NUMBER_TEXT.fullmatch(text):
            raise Bad(
                bad.what, f"{{tcp: {text}}} accepts connections there, {{http: {text}}} is a web server"
            ) from None
        if " " in text:
            raise Bad(bad.what, f"a command line of your own is {{command: {text}}}") from None
        raise


SERVICES = ListOf(ScalarOr(_SERVICE_WORD._replace(read=_read_service), SERVICE, "{http: 8080}"))

# ---- network interfaces --------------------------------------------------------------------------------------------

AUTO = "auto"
_LIKE_AN_INTERFACE = re.compile(r"[\w-]+\.(?:e|lan|if|nic)\w*")


def _read_secondary(text: str) -> IPv4Address | str:
    if text == AUTO:
        return text
    try:
        return ADDRESS.read(text)  # type: ignore[return-value]
    except Bad as bad:
        raise Bad(bad.what, f"{bad.hint}; or auto: a free one", bad.code) from None


def _read_target(text: str) -> str:
    if INTERFACE_NAME.fullmatch(text):
        return text
    if _LIKE_AN_INTERFACE.fullmatch(text):
        hint = "a network interface is its instance's name and eth with a number, such as fw.eth1"
        raise Bad(f"{show(text)} is not a name", hint)
    return NAME.read(text)  # type: ignore[return-value]


TARGET = Scalar(
    "a name",
    _read_target,
    {"type": "string", "pattern": whole(f"{RESOURCE_NAME.pattern}|{INTERFACE_NAME.pattern}")},
)
SECONDARY = Scalar(
    "an IPv4 address or auto",
    _read_secondary,
    {"type": "string", "pattern": whole(f"{values.ADDRESS_PATTERN}|{AUTO}")},
)

SECONDARY_ADDRESS = Noun(
    "secondary private IP",
    "A further private address of a network interface, and the Elastic IP that is mapped to it.",
    {
        "private_ip": Key(ADDRESS, "The address in the subnet; left out: a free one."),
        "elastic_ip": Key(ADDRESS, "A fixed public address of its own; left out: it has none."),
    },
    instead={"public_ip": "the key is elastic_ip", "ip": "the key is private_ip", "eip": "the key is elastic_ip"},
)

SECONDARY_PRIVATE_IPS = Key(
    ListOf(ScalarOr(SECONDARY, SECONDARY_ADDRESS, "{elastic_ip: 203.0.113.10}")),
    "Further private addresses, such as [10.0.1.11, auto, {private_ip: 10.0.1.12, elastic_ip: 203.0.113.10}].",
)

_TRACKING = Noun(
    "connection tracking specification",
    "How long the network interface remembers an idle flow that it tracks.",
    {
        "tcp_established_timeout": Key(
            values.integer(60, 432_000, "a TCP timeout in seconds"), "60 to 432000; left out: 432000, five days."
        ),
        "udp_timeout": Key(
            values.integer(30, 60, "a UDP timeout in seconds"),
            "30 to 60, after packets in one direction or one exchange; left out: 30.",
        ),
        "udp_stream_timeout": Key(
            values.integer(60, 180, "a timeout of UDP streams in seconds"),
            "60 to 180, after more than one exchange; left out: 180.",
        ),
    },
    instead={
        "tcp_timeout": "the key is tcp_established_timeout",
        "tcp_established": "the key is tcp_established_timeout",
        "udp_stream": "the key is udp_stream_timeout",
        "icmp_timeout": "AWS has no such setting",
    },
)

CONNECTION_TRACKING = Key(_TRACKING, "Idle times of tracked flows, such as {tcp_established_timeout: 350}.")

_OTHER_ADDRESSES = {
    "private_ips": "private_ip is the first one, secondary_private_ips are the others",
    "secondary_private_ip": "the key is secondary_private_ips, a list",
    "secondary_private_ip_addresses": "the key is secondary_private_ips",
    "secondary_private_ip_address_count": "secondary_private_ips: [auto, auto] are two free ones",
    "secondary_elastic_ips": "secondary_private_ips: [{elastic_ip: 203.0.113.10}] has an Elastic IP",
    "private_ips_count": "secondary_private_ips: [auto, auto] are two free ones",
    "ipv4_prefixes": "prefixes are not emulated; secondary_private_ips: [auto, auto] are two addresses",
    "ipv6_addresses": values.NO_IPV6,
    "connection_tracking": "the key is connection_tracking_specification",
}

NETWORK_INTERFACE = Noun(
    "network interface",
    "A further network interface of an instance, with addresses and security groups of its own.",
    {
        "subnet": Key(NAME, "The subnet it stands in, in the instance's zone.", required=True),
        "private_ip": Key(ADDRESS, "Its address in the subnet; left out: the lowest free one."),
        "elastic_ip": Key(ADDRESS, "A fixed public address; left out: it has none."),
        "secondary_private_ips": SECONDARY_PRIVATE_IPS,
        "security_groups": Key(ListOf(GROUP), "Its security groups; left out: the VPC's default group."),
        "source_dest_check": Key(
            BOOLEAN, "false: it may send and receive for other addresses, as a router must; left out: true."
        ),
        "connection_tracking_specification": CONNECTION_TRACKING,
    },
    instead={
        **_OTHER_ADDRESSES,
        "subnet_id": "the key is subnet",
        "name": "its name is the instance's with its place in the list: fw.eth1, fw.eth2",
        "device_index": "its place in the list counts: the first one is eth1",
        "associate_public_ip_address": "with several network interfaces, elastic_ip is the only public address",
        "vpc_security_group_ids": "the key is security_groups",
        "security_group_ids": "the key is security_groups",
        "public_ip": "the key is elastic_ip",
        "eip": "the key is elastic_ip",
        "ip": "the key is private_ip",
        "services": "services belong to the instance, and listen on all of its addresses",
        "route_table": "a subnet has a route_table; a network interface stands in a subnet",
    },
)

INSTANCE = Noun(
    "instance",
    "An EC2 instance. Its keys describe its primary network interface, eth0, as well.",
    {
        "subnet": Key(NAME, "The subnet it stands in; left out in a default VPC: default-a."),
        "private_ip": Key(ADDRESS, "Its address in the subnet; left out: the lowest free one."),
        "associate_public_ip_address": Key(BOOLEAN, "Gets a public IP; left out: as the subnet says."),
        "elastic_ip": Key(ELASTIC_IP, "A fixed public address."),
        "secondary_private_ips": SECONDARY_PRIVATE_IPS,
        "network_interfaces": Key(
            ListOf(NETWORK_INTERFACE), "Further ones, in the same zone: the first is eth1, then eth2, and so on."
        ),
        "security_groups": Key(ListOf(GROUP), "Its security groups; left out: the VPC's default group."),
        "vpc_security_group_ids": Key(ListOf(GROUP), "Terraform's name for security_groups."),
        "source_dest_check": Key(
            BOOLEAN, "false: it may send and receive for other addresses, as a router must; left out: true."
        ),
        "connection_tracking_specification": CONNECTION_TRACKING,
        "state": Key(
            values.choice("running", "stopped", "terminated"),
            "stopped: it keeps its addresses and does nothing. terminated: it is gone; routes to it are blackholes.",
        ),
        "services": Key(SERVICES, "What it does, such as [http, {tcp: 5432}], router, nat, {firewall: [23]}."),
    },
    instead={
        "route_table": "a subnet has a route_table; an instance stands in a subnet",
        "subnet_id": "the key is subnet",
        "public_ip": "elastic_ip is a fixed one; associate_public_ip_address: true takes one of the pool",
        "eip": "the key is elastic_ip",
        "ip": "the key is private_ip",
        "security_group": "the key is security_groups, a list",
        **_OTHER_ADDRESSES,
        "network_interface": "the key is network_interfaces, a list of the further ones: eth0 is the instance's own",
        "network_interface_ids": "the key is network_interfaces, a list of maps such as {subnet: inside}",
        "interfaces": "the key is network_interfaces",
        "enis": "the key is network_interfaces",
        "ami": "an instance is a network namespace; it has no image and no type",
        "instance_type": "an instance is a network namespace; it has no image and no type",
    },
)
