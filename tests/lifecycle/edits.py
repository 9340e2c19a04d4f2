"""The matrix of edits: what a user may change in a file, each with a packet that fares differently before and after.

Each goes from `before` to `after` and back, so what is added here is removed there, and the other way round.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.lifecycle import Document, Lab, edited, first_word, get, nat
from tests.support.picture import nodes
from tests.support.wait import eventually

WEB_OUTSIDE, ATTACKER = "93.184.216.34", "45.83.64.9"
NAT_ADDRESS = "52.195.125.184"

Probe = Callable[[Lab, str], Any]  # the lab, and what to expect: it decides how long silence is waited for


class Edit(NamedTuple):
    name: str
    after: Document
    probe: Probe
    was: str
    becomes: str
    before: Document = nat()


def _vpc(document: Document) -> Document:
    held: Document = document["vpcs"]["main"]
    return held


# --- probes ----------------------------------------------------------------------------------------------------


def call(source: str, target: str, port: int = 80) -> Probe:
    """What becomes of a TCP connection. `target`: an address, or a node whose private or public one is meant."""

    def probe(lab: Lab, expected: str) -> str:
        return lab.tcp(source, _address(lab, target), port, "drop" if expected == "drop" else "pass")

    return probe


def seen(source: str, target: str = WEB_OUTSIDE) -> Probe:
    """The address that a web server sees; "drop" if it sees nobody."""

    def probe(lab: Lab, expected: str) -> str:
        if expected == "drop":
            return lab.tcp(source, _address(lab, target), 80, "drop")
        return lab.seen_as(source, _address(lab, target))

    return probe


def answers(source: str, target: str, port: int = 80) -> Probe:
    """Which service answers."""
    return lambda lab, expected: first_word(lab, source, _address(lab, target), port)


def node_at(source: str, target: str) -> Probe:
    """The name of the node whose `http` service answers."""
    return lambda lab, expected: get(lab, source, target).partition("node ")[2].partition("\n")[0]


def soon(probe: Probe) -> Probe:
    """For what takes its time to start: a command of the user's."""
    return lambda lab, expected: expected if eventually(lambda: probe(lab, expected) == expected) else ""


def there(node: str, then: Probe) -> Probe:
    """ "absent" if the node has no namespace; else what `then` says."""
    return lambda lab, expected: then(lab, expected) if node in nodes(lab.name) else "absent"


def _address(lab: Lab, target: str) -> str:
    if target[0].isdigit():
        return target
    if target.startswith("public "):
        return lab.public_ip(target.removeprefix("public "))
    return lab.private_ip(target)


# --- edits -----------------------------------------------------------------------------------------------------


def _set(*path: str, to: Any) -> Callable[[Document], None]:
    """Set what is at `path` below the VPC."""

    def edit(document: Document) -> None:
        held = _vpc(document)
        for key in path[:-1]:
            held = held[key]
        held[path[-1]] = to

    return edit


def _drop(*path: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        held = _vpc(document)
        for key in path[:-1]:
            held = held[key]
        del held[path[-1]]

    return edit


def _hosts(**hosts: Any) -> Callable[[Document], None]:
    """Set outside hosts, or with None take them away. An underscore stands for a dot."""

    def edit(document: Document) -> None:
        for name, host in hosts.items():
            name = name.replace("_", ".")
            if host is None:
                del document["internet"]["hosts"][name]
            else:
                document["internet"]["hosts"][name] = host

    return edit


def _lists(**lists: str) -> Callable[[Document], None]:
    """Prefix lists of one entry."""

    def edit(document: Document) -> None:
        document["prefix_lists"] = {name: {"entries": [entry]} for name, entry in lists.items()}

    return edit


def _rule(port: Any, source: str = "0.0.0.0/0", protocol: str = "tcp") -> Document:
    return {"protocol": protocol, "port": port, "from": source}


def _no_gateway(document: Document) -> None:
    """No internet gateway, and so no public address and no NAT gateway."""
    vpc = _vpc(document)
    del vpc["internet_gateway"], vpc["nat_gateways"]
    vpc["subnets"]["public"]["map_public_ip_on_launch"] = False
    vpc["route_tables"] = {"public": {"routes": {}}, "private": {"routes": {}}}


def _block(document: Document) -> None:
    document["block_public_access"] = {"internet_gateway_block_mode": "block-bidirectional"}


def _second_vpc(cidr: str, port: int = 80) -> Callable[[Document], None]:
    """The same addresses again: VPCs do not see each other."""
    base = cidr.rpartition(".0.0/")[0]

    def edit(document: Document) -> None:
        document["vpcs"]["other"] = {
            "cidr_block": cidr,
            "internet_gateway": "igw-other",
            "subnets": {"public": {"cidr_block": f"{base}.10.0/24", "route_table": "public"}},
            "route_tables": {"public": {"routes": {"0.0.0.0/0": "igw-other"}}},
            "security_groups": {"web": {"ingress": [_rule(port)]}},
            "instances": {
                "web-other": {
                    "subnet": "public",
                    "security_groups": ["web"],
                    "elastic_ip": "52.195.125.199",
                    "services": ["http"],
                }
            },
        }

    return edit


def _instances_become_gateways(document: Document) -> None:
    """`extra` was an instance and is now a NAT gateway: the same name for something else, at the same address."""
    vpc = _vpc(document)
    del vpc["instances"]["extra"]
    vpc["nat_gateways"]["extra"] = {"subnet": "public", "elastic_ip": "52.195.125.186", "private_ip": "10.0.10.50"}
    vpc["route_tables"]["private"]["routes"]["0.0.0.0/0"] = "extra"


def _edit(name: str, probe: Probe, was: str, becomes: str, *edits: Callable[[Document], object], **more: Any) -> Edit:
    before = edited(nat(), *more.get("before", ()))
    return Edit(name, edited(before, *edits), probe, was, becomes, before)


_WEB_RULES = ("security_groups", "web", "ingress")
_EXTRA = {"subnet": "private", "security_groups": ["dev"], "private_ip": "10.0.20.50", "services": ["http"]}
_PUBLIC_EXTRA = _EXTRA | {"subnet": "public", "private_ip": "10.0.10.50"}
_NAT_INSTANCE = {
    "subnet": "public",
    "security_groups": ["dev"],
    "elastic_ip": "52.195.125.190",
    "source_dest_check": False,
}
_COMMAND = {"name": "listener", "command": ["/usr/bin/python3", "-m", "http.server", "8079"]}
_TWO_WEBS = _set("instances", "twin", to={"subnet": "public", "security_groups": ["web"], "services": ["http"]})
_REACHES_8080 = call("attacker", "public web", 8080)

_SECONDARY = ("instances", "web", "secondary_private_ips")
_SECOND_INTERFACE = {
    "subnet": "public",
    "private_ip": "10.0.10.78",
    "elastic_ip": "52.195.125.191",
    "secondary_private_ips": ["10.0.10.79"],
}
_MANAGED = _EXTRA | {"network_interfaces": [_SECOND_INTERFACE | {"security_groups": ["web"]}]}
_UNMANAGED = _EXTRA | {"network_interfaces": [_SECOND_INTERFACE | {"security_groups": ["dev"]}]}

EDITS = (
    _edit("rule added", _REACHES_8080, "drop", "pass", _set(*_WEB_RULES, to=[_rule(80), _rule(8080)])),
    _edit("rule changed: port", call("attacker", "public web"), "pass", "drop", _set(*_WEB_RULES, to=[_rule(8080)])),
    _edit(
        "rule changed: source",
        call("attacker", "public web"),
        "pass",
        "drop",
        _set(*_WEB_RULES, to=[_rule(80, f"{WEB_OUTSIDE}/32")]),
    ),
    _edit(
        "rule changed: source is a group",
        call("dev", "web", 8080),
        "drop",
        "pass",
        _set(*_WEB_RULES, to=[_rule(80), _rule(8080, "dev")]),
    ),
    _edit("egress rule removed", seen("dev"), NAT_ADDRESS, "drop", _set("security_groups", "dev", "egress", to=[])),
    _edit(
        "security group added, and worn",
        _REACHES_8080,
        "drop",
        "pass",
        _set("security_groups", "open", to={"ingress": [_rule("0-65535")]}),
        _set("instances", "web", "security_groups", to=["web", "open"]),
    ),
    _edit(
        "network ACL added, and named by a subnet",
        call("attacker", "public web"),
        "pass",
        "drop",
        _set("network_acls", to={"closed": {}}),
        _set("subnets", "public", "network_acl", to="closed"),
    ),
    _edit(
        "route added",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _set("route_tables", "private", "routes", f"{WEB_OUTSIDE}/32", to="blackhole"),
    ),
    _edit(
        "route changed",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _set("route_tables", "private", "routes", "0.0.0.0/0", to="blackhole"),
    ),
    _edit(
        "route removed",
        call("attacker", "public web"),
        "pass",
        "drop",
        _set("route_tables", "public", "routes", to={}),
    ),
    _edit(
        "route changed: longer prefix",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _set("route_tables", "private", "routes", to={"0.0.0.0/0": "nat", "93.0.0.0/9": "nat", "93.128.0.0/9": "igw"}),
    ),
    _edit(
        "route table added, and associated",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _set("route_tables", "closed", to={"routes": {}}),
        _set("subnets", "private", "route_table", to="closed"),
    ),
    _edit(
        "route table becomes the main one",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _set("main_route_table", to="public"),
        before=(_set("main_route_table", to="private"), _drop("subnets", "private", "route_table")),
    ),
    _edit(
        "subnet added, with an instance",
        there("extra", seen("extra")),
        "absent",
        NAT_ADDRESS,
        _set("subnets", "third", to={"cidr_block": "10.0.30.0/24", "route_table": "private"}),
        _set("instances", "extra", to={"subnet": "third", "security_groups": ["dev"], "private_ip": "10.0.30.50"}),
    ),
    _edit(
        "subnet changed: its block",
        seen("dev", "web"),
        "10.0.20.4",
        "10.0.30.4",
        _set("subnets", "private", "cidr_block", to="10.0.30.0/24"),
        before=(_drop("instances", "dev", "private_ip"),),
    ),
    _edit(
        "subnet changed: its block grows around the same addresses",
        seen("dev"),
        NAT_ADDRESS,
        NAT_ADDRESS,
        _set("subnets", "private", "cidr_block", to="10.0.16.0/20"),
    ),
    _edit(
        "subnet changed: public addresses on launch",
        seen("web"),
        "203.0.113.1",
        "drop",
        _set("subnets", "public", "map_public_ip_on_launch", to=False),
    ),
    _edit(
        "instance added",
        there("extra", seen("extra")),
        "absent",
        NAT_ADDRESS,
        _set("instances", "extra", to=_EXTRA),
    ),
    _edit(
        "instance added: a member of a referenced group",
        there("extra", call("extra", "web", 8080)),
        "absent",
        "pass",
        _set("instances", "extra", to=_EXTRA),
        before=(_set(*_WEB_RULES, to=[_rule(8080, "dev")]),),
    ),
    _edit(
        "instance changed: its group",
        call("attacker", "public web"),
        "pass",
        "drop",
        _set("instances", "web", "security_groups", to=["dev"]),
    ),
    _edit(
        "instance changed: its address",
        seen("dev", "web"),
        "10.0.20.4",
        "10.0.20.99",
        _set("instances", "dev", "private_ip", to="10.0.20.99"),
    ),
    _edit(
        "instance changed: its subnet",
        seen("extra"),
        NAT_ADDRESS,
        "203.0.113.2",
        _set("instances", "extra", to=_PUBLIC_EXTRA),
        before=(_set("instances", "extra", to=_EXTRA),),
    ),
    _edit(
        "instances changed: they swap their addresses",
        seen("extra", "web"),
        "10.0.20.50",
        "10.0.20.4",
        _set("instances", "extra", "private_ip", to="10.0.20.4"),
        _set("instances", "dev", "private_ip", to="10.0.20.50"),
        before=(_set("instances", "extra", to=_EXTRA),),
    ),
    _edit(
        "instance stopped",
        there("dev", seen("dev")),
        NAT_ADDRESS,
        "absent",
        _set("instances", "dev", "state", to="stopped"),
    ),
    _edit(
        "instance becomes a NAT instance",
        seen("dev"),
        "drop",
        "52.195.125.190",
        _set("instances", "extra", "services", to=["nat"]),
        before=(
            _set("instances", "extra", to=_NAT_INSTANCE),
            _set("route_tables", "private", "routes", "0.0.0.0/0", to="extra"),
            _set("security_groups", "dev", "ingress", to=[_rule("all", "10.0.0.0/16")]),
        ),
    ),
    _edit(
        "prefix list added, and routed",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _lists(sites=f"{WEB_OUTSIDE}/32"),
        _set("route_tables", "private", "routes", to={"0.0.0.0/0": "nat", "sites": "blackhole"}),
    ),
    _edit(
        "prefix list changed",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _lists(sites="93.184.216.0/24"),
        before=(
            _lists(sites="93.184.217.0/24"),
            _set("route_tables", "private", "routes", to={"0.0.0.0/0": "nat", "sites": "blackhole"}),
        ),
    ),
    _edit(
        "instance changed into a NAT gateway",
        seen("dev"),
        NAT_ADDRESS,
        "52.195.125.186",
        _instances_become_gateways,
        before=(_set("instances", "extra", to=_PUBLIC_EXTRA),),
    ),
    _edit(
        "instance removed",
        there("web", call("attacker", "public web")),
        "pass",
        "absent",
        _drop("instances", "web"),
    ),
    _edit(
        "NAT gateway added, and used",
        seen("dev"),
        NAT_ADDRESS,
        "52.195.125.186",
        _set(
            "nat_gateways",
            "second",
            to={"subnet": "public", "elastic_ip": "52.195.125.186", "private_ip": "10.0.10.60"},
        ),
        _set("route_tables", "private", "routes", "0.0.0.0/0", to="second"),
    ),
    _edit(
        "NAT gateway changed: its Elastic IP",
        seen("dev"),
        NAT_ADDRESS,
        "52.195.125.187",
        _set("nat_gateways", "nat", "elastic_ip", to="52.195.125.187"),
    ),
    _edit(
        "NAT gateway changed: its private address",
        seen("dev", "public web"),
        NAT_ADDRESS,
        NAT_ADDRESS,
        _set("nat_gateways", "nat", "private_ip", to="10.0.10.200"),
        before=(_set("nat_gateways", "nat", "private_ip", to="10.0.10.100"),),
    ),
    _edit(
        "NAT gateway removed",
        seen("dev"),
        NAT_ADDRESS,
        "drop",
        _drop("nat_gateways", "nat"),
        _set("route_tables", "private", "routes", to={}),
    ),
    _edit("internet gateway removed", seen("dev"), NAT_ADDRESS, "drop", _no_gateway),
    _edit("block public access turned on", seen("dev"), NAT_ADDRESS, "drop", _block),
    _edit(
        "internet gateway changed: its name",
        seen("web"),
        "203.0.113.1",
        "203.0.113.1",
        _set("internet_gateway", to="way-out"),
        _set("route_tables", "public", "routes", to={"0.0.0.0/0": "way-out"}),
    ),
    _edit(
        "outside host added",
        seen("dev", "198.51.100.77"),
        "drop",
        NAT_ADDRESS,
        _hosts(new_example={"ip": "198.51.100.77", "services": ["http"]}),
    ),
    _edit(
        "outside host changed: its address",
        seen("dev", "198.51.100.77"),
        "drop",
        NAT_ADDRESS,
        _hosts(web_example={"ip": "198.51.100.77", "services": ["http"]}),
    ),
    _edit("outside host removed", seen("dev"), NAT_ADDRESS, "drop", _hosts(web_example=None)),
    _edit(
        "service added",
        call("dev", WEB_OUTSIDE, 9999),
        "refused",
        "pass",
        _hosts(web_example={"ip": WEB_OUTSIDE, "services": ["http", {"tcp": 9999}]}),
    ),
    _edit(
        "service added: a command",
        soon(call("attacker", "public web", 8079)),
        "refused",
        "pass",
        _set("instances", "web", "services", to=["http", {"tcp": 8080}, _COMMAND]),
        before=(_set(*_WEB_RULES, to=[_rule("80-8080")]),),
    ),
    _edit(
        "service changed: its port",
        call("attacker", "public web"),
        "pass",
        "refused",
        _set("instances", "web", "services", to=[{"http": 8081}, {"tcp": 8080}]),
    ),
    _edit(
        "services changed: they swap their ports",
        answers("attacker", "public web"),
        "HTTP/1.1",
        "web",
        _set("instances", "web", "services", to=[{"http": 8080}, {"tcp": 80}]),
    ),
    _edit(
        "all services removed",
        call("dev", "web"),
        "pass",
        "refused",
        _set("instances", "web", "services", to=[]),
        _hosts(web_example={"ip": WEB_OUTSIDE}),
    ),
    _edit(
        "VPC added, with the same block",
        call("attacker", "52.195.125.199"),
        "drop",
        "pass",
        _second_vpc("10.0.0.0/16"),
    ),
    _edit(
        "VPC changed: its block",
        there("web-other", seen("web-other")),
        "52.195.125.199",
        "52.195.125.199",
        _second_vpc("172.16.0.0/16"),
        before=(_second_vpc("10.0.0.0/16"),),
    ),
    _edit(
        "VPC changed: a rule in one of two",
        call("attacker", "52.195.125.199"),
        "pass",
        "drop",
        _second_vpc("10.0.0.0/16", port=81),
        before=(_second_vpc("10.0.0.0/16"),),
    ),
    _edit(
        "secondary private IP added",
        call("dev", "10.0.10.77"),
        "drop",
        "pass",
        _set(*_SECONDARY, to=["10.0.10.77"]),
    ),
    _edit(
        "secondary private IP changed: its Elastic IP",
        call("attacker", "52.195.125.190"),
        "drop",
        "pass",
        _set(*_SECONDARY, to=[{"private_ip": "10.0.10.77", "elastic_ip": "52.195.125.190"}]),
        before=(_set(*_SECONDARY, to=["10.0.10.77"]),),
    ),
    _edit(
        "secondary private IP moved to another instance",
        node_at("web", "10.0.10.77"),
        "web",
        "twin",
        _drop(*_SECONDARY),
        _set("instances", "twin", "secondary_private_ips", to=["10.0.10.77"]),
        before=(_TWO_WEBS, _set(*_SECONDARY, to=["10.0.10.77"])),
    ),
    _edit(
        "network interface added",
        call("attacker", "52.195.125.191"),
        "drop",
        "pass",
        _set("instances", "extra", to=_MANAGED),
        before=(_set("instances", "extra", to=_EXTRA),),
    ),
    _edit(
        "network interface changed: its group",
        call("attacker", "52.195.125.191"),
        "pass",
        "drop",
        _set("instances", "extra", to=_UNMANAGED),
        before=(_set("instances", "extra", to=_MANAGED),),
    ),
    _edit(
        "instance added: with two interfaces",
        there("extra", call("extra", WEB_OUTSIDE)),
        "absent",
        "pass",
        _set("instances", "extra", to=_MANAGED),
    ),
    _edit(
        "Elastic IP added",
        seen("web"),
        "203.0.113.1",
        "52.195.125.188",
        _set("instances", "web", "elastic_ip", to="52.195.125.188"),
    ),
    _edit(
        "Elastic IP changed",
        seen("web"),
        "52.195.125.188",
        "52.195.125.189",
        _set("instances", "web", "elastic_ip", to="52.195.125.189"),
        before=(_set("instances", "web", "elastic_ip", to="52.195.125.188"),),
    ),
    _edit(
        "Elastic IP moved to another instance",
        seen("twin"),
        "203.0.113.1",
        "52.195.125.188",
        _drop("instances", "web", "elastic_ip"),
        _set("instances", "twin", "elastic_ip", to="52.195.125.188"),
        before=(_TWO_WEBS, _set("instances", "web", "elastic_ip", to="52.195.125.188")),
    ),
)
