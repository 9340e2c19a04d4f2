"""The keys of load balancers and target groups; Terraform's, of aws_lb, aws_lb_listener and aws_lb_target_group."""

import re

from emulator.topology import values
from emulator.topology.balancers import EVERY_ZONE
from emulator.topology.fields_filters import GROUP
from emulator.topology.kinds import Key, ListOf, Noun, ScalarOr
from emulator.topology.suggest import show
from emulator.topology.values import ADDRESS, BOOLEAN, END, NAME, Bad, Scalar, whole
from emulator.topology.values_gateways import POOLED_IP

TRAFFIC_PORT = "traffic-port"
_CODE = "ValidationError"
_ANOTHER_KIND = "only Network Load Balancers are emulated: {kind} is of another kind"
_NOT_EMULATED = {
    "HTTP": _ANOTHER_KIND.format(kind="HTTP"),
    "HTTPS": _ANOTHER_KIND.format(kind="HTTPS"),
    "GENEVE": _ANOTHER_KIND.format(kind="GENEVE"),
    "TLS": "TLS is not ended at the load balancer here: TCP passes it through to the targets",
    "QUIC": "QUIC is not emulated; UDP balances by addresses and ports",
    "TCP_QUIC": "QUIC is not emulated; TCP_UDP balances by addresses and ports",
}


def _integer(low: int, high: int, phrase: str) -> Scalar:
    """As `values.integer`, with the load balancers' code for what is out of range (LB-10)."""
    plain = values.integer(low, high, phrase)

    def read(text: str) -> object:
        try:
            return plain.read(text)
        except Bad as bad:
            raise Bad(bad.what, bad.hint, _CODE) from None

    return plain._replace(read=read)


def _protocol(known: tuple[str, ...], phrase: str, otherwise: dict[str, str]) -> Scalar:
    def read(text: str) -> str:
        if text in known:
            return text
        upper = text.upper().replace("+", "_")
        hint = f"write {upper}" if upper in known else otherwise.get(upper, f"{phrase}: {', '.join(known)}")
        raise Bad(f"{show(text)} is not {phrase}", hint, "UnsupportedProtocol")

    return Scalar(f"{phrase}, one of {', '.join(known)}", read, {"enum": list(known)})


PROTOCOL = _protocol(("TCP", "UDP", "TCP_UDP"), "a protocol of a Network Load Balancer", _NOT_EMULATED)
_NO_CHECK = "it cannot check health: TCP or HTTP"  # LB-13
CHECK_PROTOCOL = _protocol(
    ("TCP", "HTTP"),
    "a protocol of health checks",
    {"HTTPS": "HTTPS checks are not emulated: TCP or HTTP"}
    | dict.fromkeys(("UDP", "TCP_UDP", "TLS", "GENEVE", "QUIC", "TCP_QUIC"), _NO_CHECK),
)

_CODES_PATTERN = "[2-5][0-9]{2}(?:-[2-5][0-9]{2})?"
_CODES = re.compile(rf"{_CODES_PATTERN}(?:,{_CODES_PATTERN})*")


def _read_matcher(text: str) -> tuple[tuple[int, int], ...]:
    plain = text.replace(" ", "")
    ranges = [part.partition("-") for part in plain.split(",")]
    if _CODES.fullmatch(plain) and all(first <= (last or first) for first, _, last in ranges):
        return tuple((int(first), int(last or first)) for first, _, last in ranges)
    raise Bad(f"{show(text)} are no HTTP codes from 200 to 599", "200, 200-399 or 200,301", _CODE)  # LB-11


def _read_check_port(text: str) -> int:
    if text == TRAFFIC_PORT:
        return 0
    try:
        return int(values.PORT.read(text))  # type: ignore[call-overload, no-any-return]
    except Bad as bad:
        raise Bad(bad.what, f"a port, or {TRAFFIC_PORT}: the target's own", _CODE) from None


def _read_path(text: str) -> str:
    if re.fullmatch(r"/[!-~]{0,1023}", text):
        return text
    raise Bad(f"{show(text)} is not a path", "it begins with / and holds no spaces, such as /healthy", _CODE)


def _read_cross_zone(text: str) -> bool | None:
    if text == "use_load_balancer_configuration":
        return None
    return bool(BOOLEAN.read(text))


MATCHER = Scalar(
    "HTTP codes such as 200-399",
    _read_matcher,
    {
        "anyOf": [
            {"type": "integer", "minimum": 200, "maximum": 599},
            {"type": "string", "pattern": whole(f"{_CODES_PATTERN}(?: *, *{_CODES_PATTERN})*")},
        ]
    },
)
CHECK_PORT = Scalar(
    f"a port or {TRAFFIC_PORT}",
    _read_check_port,
    {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"const": TRAFFIC_PORT}]},
)
PATH = Scalar("a path", _read_path, {"type": "string", "pattern": whole("/[!-~]{0,1023}")})
CROSS_ZONE = Scalar(
    "true, false or use_load_balancer_configuration",
    _read_cross_zone,
    {"anyOf": [{"type": "boolean"}, {"const": "use_load_balancer_configuration"}]},
)
TARGET_ZONE = Scalar(
    f"an availability zone, or {EVERY_ZONE}",
    lambda text: text if text == EVERY_ZONE else values.ZONE.read(text),
    {"anyOf": [dict(values.ZONE.schema), {"const": EVERY_ZONE}]},
)

HEALTH_CHECK = Noun(
    "health check",
    "How the nodes of the load balancer find out which targets work.",
    {
        "protocol": Key(CHECK_PROTOCOL, "TCP: it accepts a connection; HTTP: it answers. Left out: TCP."),
        "port": Key(CHECK_PORT, "Left out: traffic-port, the one that gets the traffic."),
        "interval": Key(_integer(5, 300, "a number of seconds"), "Seconds between two checks; left out: 30."),
        "timeout": Key(_integer(2, 120, "a number of seconds"), "Seconds without an answer; left out: 10, for HTTP 6."),
        "healthy_threshold": Key(_integer(2, 10, "a number of checks"), "Successes in a row; left out: 5."),
        "unhealthy_threshold": Key(_integer(2, 10, "a number of checks"), "Failures in a row; left out: 2."),
        "path": Key(PATH, "What an HTTP check asks for; left out: /."),
        "matcher": Key(MATCHER, "HTTP codes of a healthy target: 200, 200-299 or 200,301; left out: 200-399."),
    },
    instead={"enabled": "the targets of a Network Load Balancer are always checked", "success_codes": "matcher"},
)

TARGET = Noun(
    "target",
    "A registered target.",
    {
        "id": Key(END, "An instance, or an address.", required=True),
        "port": Key(values.PORT, "Its own port; left out: the group's."),
        "availability_zone": Key(TARGET_ZONE, "all: a target outside the VPC, for the nodes of every zone."),
    },
    instead={"target_id": "the key is id", "ip": "the key is id", "instance": "the key is id"},
)

STICKINESS = Noun(
    "stickiness",
    "Flows of one client go to one target.",
    {
        "type": Key(
            values.choice("source_ip", otherwise="a Network Load Balancer knows source_ip only"),
            "source_ip: by the client's address.",
            required=True,
        ),
        "enabled": Key(BOOLEAN, "Left out: true."),
    },
    instead={"cookie_duration": "cookies are for Application Load Balancers"},
)

TARGET_GROUP = Noun(
    "target group",
    "What a listener forwards to, and how it is checked.",
    {
        "port": Key(values.PORT, "The port of its targets.", required=True),
        "protocol": Key(PROTOCOL, "TCP, UDP or TCP_UDP.", required=True),
        "target_type": Key(
            values.choice("instance", "ip", otherwise="lambda and alb targets are not emulated"),
            "instance or ip; left out: instance.",
        ),
        "targets": Key(
            ListOf(ScalarOr(END, TARGET, "{id: web1, port: 8080}")),
            "Instances, or addresses where target_type is ip: [web1, {id: web2, port: 8080}]; left out: none.",
        ),
        "health_check": Key(HEALTH_CHECK, "How its targets are checked; left out: AWS's defaults."),
        "preserve_client_ip": Key(
            BOOLEAN, "Targets see the client's address; left out: true, but false for TCP to targets by IP."
        ),
        "proxy_protocol_v2": Key(BOOLEAN, "TCP connections begin with a header that names the client; default false."),
        "deregistration_delay": Key(
            _integer(0, 3600, "a number of seconds"), "How long a target drains that is taken out; left out: 300."
        ),
        "stickiness": Key(STICKINESS, "Flows of one client go to one target; left out: they do not."),
        "load_balancing_cross_zone_enabled": Key(CROSS_ZONE, "Left out: as the load balancer says."),
        "connection_termination": Key(
            BOOLEAN, "true: what is left is cut at the end of the deregistration delay; not for TCP unless said."
        ),
        "enable_unhealthy_connection_termination": Key(
            BOOLEAN, "Connections are cut when their target turns unhealthy; left out: true."
        ),
    },
    instead={
        "vpc_id": "a target group belongs to the VPC it is written in",
        "slow_start": "slow start is for Application Load Balancers",
        "protocol_version": "protocol versions are for Application Load Balancers",
        "target_health_state": "the key is enable_unhealthy_connection_termination",
        "target_group_health": "thresholds are not emulated: a node leaves when no target of it is healthy",
        "target_failover": "target failover is for Gateway Load Balancers",
    },
)

LISTENER = Noun(
    "listener",
    "A port of the load balancer, and where it leads.",
    {
        "port": Key(values.PORT, "The port.", required=True),
        "protocol": Key(PROTOCOL, "TCP, UDP or TCP_UDP.", required=True),
        "target_group": Key(NAME, "The target group it forwards to.", required=True),
        "tcp_idle_timeout_seconds": Key(
            _integer(60, 6000, "a number of seconds"), "After how long an idle TCP flow is forgotten; left out: 350."
        ),
    },
    instead={
        "default_action": "the key is target_group: a listener of a Network Load Balancer forwards to one",
        "certificate_arn": _NOT_EMULATED["TLS"],
        "ssl_policy": _NOT_EMULATED["TLS"],
        "alpn_policy": _NOT_EMULATED["TLS"],
        "rules": "rules are for Application Load Balancers",
    },
)

SUBNET_MAPPING = Noun(
    "subnet mapping",
    "A subnet of the load balancer, with the addresses of its node.",
    {
        "subnet": Key(NAME, "The subnet.", required=True),
        "elastic_ip": Key(POOLED_IP, "The public address of an internet-facing node; left out: one of the lab's pool."),
        "private_ipv4_address": Key(ADDRESS, "The address of an internal node; left out: the lowest free one."),
    },
    instead={
        "subnet_id": "the key is subnet",
        "allocation_id": "the key is elastic_ip, an address",
        "private_ip": "the key is private_ipv4_address",
        "ipv6_address": values.NO_IPV6,
    },
)

LOAD_BALANCER = Noun(
    "load balancer",
    "A Network Load Balancer: one node in each of its subnets.",
    {
        "load_balancer_type": Key(
            values.choice("network", otherwise="application and gateway load balancers are not emulated"),
            "network.",
            required=True,
        ),
        "internal": Key(BOOLEAN, "true: private addresses only; left out: false, internet-facing."),
        "subnets": Key(ListOf(NAME), "Its subnets, at most one in a zone."),
        "subnet_mapping": Key(ListOf(SUBNET_MAPPING), "Instead of subnets: with the addresses of its nodes."),
        "security_groups": Key(ListOf(GROUP), "Its security groups; without, it filters nothing and never can."),
        "enable_cross_zone_load_balancing": Key(
            BOOLEAN, "A node forwards to targets of all its zones; left out: false, of its own zone only."
        ),
        "enforce_security_group_inbound_rules_on_private_link_traffic": Key(
            values.choice("on", "off"), "Its inbound rules judge what comes by PrivateLink; left out: on."
        ),
        "listeners": Key(ListOf(LISTENER), "Its listeners."),
    },
    any_of=("subnets", "subnet_mapping"),
    instead={
        "type": "the key is load_balancer_type",
        "scheme": "the key is internal: true, or false for internet-facing",
        "vpc_id": "a load balancer belongs to the VPC it is written in",
        "subnet_ids": "the key is subnets",
        "vpc_security_group_ids": "the key is security_groups",
        "idle_timeout": "the key is tcp_idle_timeout_seconds, of a listener",
        "target_groups": "target groups go beside load_balancers, into the VPC",
        "cross_zone": "the key is enable_cross_zone_load_balancing",
        "ip_address_type": values.NO_IPV6,
        "dns_record_client_routing_policy": "names stand in /etc/hosts: a client takes the first address that answers",
        "enable_deletion_protection": "nothing is protected from an edit of the file",
        "access_logs": "logs are not emulated",
    },
)
