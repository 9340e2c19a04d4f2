"""Edits of what PrivateLink is made of: each goes there and back, like those of `edits`."""

from typing import Any

from tests.lifecycle.edits import Edit, Probe, call, seen, there
from tests.support.lifecycle import Document, edited, nat

NODE, OTHER_NODE = "10.0.40.20", "10.0.40.30"


def _provider(document: Document) -> None:
    """A VPC with two load balancers, an endpoint service on one of them. It has the consumer's own block."""
    listener = {"port": 80, "protocol": "TCP"}
    front = {"load_balancer_type": "network", "internal": True}
    document["vpcs"]["provider"] = {
        "cidr_block": "10.0.0.0/16",
        "subnets": {"front": {"cidr_block": "10.0.40.0/24"}},
        "security_groups": {"api": {"ingress": [{"protocol": "tcp", "port": 80, "from": "10.0.40.0/24"}]}},
        "instances": {
            "api": {"subnet": "front", "security_groups": ["api"], "private_ip": "10.0.40.10", "services": ["http"]}
        },
        "target_groups": {name: {**listener, "targets": ["api"]} for name in ("one", "two")},
        "load_balancers": {
            name: {
                **front,
                "subnet_mapping": [{"subnet": "front", "private_ipv4_address": address}],
                "listeners": [{**listener, "target_group": group}],
            }
            for name, address, group in (("lb", NODE, "one"), ("lb2", OTHER_NODE, "two"))
        },
        "vpc_endpoint_services": {"svc": {"network_load_balancers": ["lb"], "acceptance_required": True}},
    }


def _endpoint(**changes: Any) -> Document:
    held = {
        "service": "svc",
        "subnets": ["private"],
        "subnet_configuration": [{"subnet": "private", "ipv4": "10.0.20.60"}],
        "security_groups": ["web"],
        "accepted": True,
    }
    return held | changes


def _with(document: Document, **changes: Any) -> None:
    document["vpcs"]["main"]["vpc_endpoints"] = {"ep": _endpoint(**changes)}


def _service(document: Document, balancer: str) -> None:
    document["vpcs"]["provider"]["vpc_endpoint_services"]["svc"]["network_load_balancers"] = [balancer]


_BARE = edited(nat(), _provider)
_THERE = edited(_BARE, _with)
_CALLS: Probe = seen("dev", "10.0.20.60")

ENDPOINT_EDITS = (
    Edit("endpoint added", _THERE, there("ep.private", _CALLS), "absent", NODE, _BARE),
    Edit("endpoint changed: rejected", edited(_BARE, lambda held: _with(held, accepted=False, state="rejected")),
         _CALLS, NODE, "drop", _THERE),
    Edit("endpoint changed: its group", edited(_BARE, lambda held: _with(held, security_groups=["dev"])),
         call("dev", "10.0.20.60"), "pass", "drop", _THERE),
    Edit("endpoint service moves to another load balancer", edited(_THERE, lambda held: _service(held, "lb2")),
         _CALLS, NODE, OTHER_NODE, _THERE),
    Edit("provider added, with an endpoint", _THERE, there("ep.private", _CALLS), "absent", NODE),
)  # fmt: skip
