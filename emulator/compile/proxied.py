"""Listeners whose target group has proxy protocol (NLB-14): the agent takes their connections and passes them on.

It listens on the listener's own port where the client's address is still known: in the node of the load balancer, and
for PrivateLink in the endpoint's node, so that no carrier has anything to do with such a port.
"""

import json

from emulator.compile.state import Service
from emulator.topology.balancers import Listener, LoadBalancer
from emulator.topology.model import Vpc
from emulator.topology.settings import Settings

RELAY = "relay"  # the kind of what the agent does for one


def proxied(vpc: Vpc, balancer: LoadBalancer) -> tuple[Listener, ...]:
    """The load balancer's listeners of that sort. All of them are TCP: AWS's others have no such header here."""
    wanted = {group.name for group in vpc.target_groups if group.proxy_protocol_v2}
    return tuple(held for held in balancer.listeners if held.target_group in wanted)


def relay(listener: Listener, balancer_node: str, settings: Settings, endpoint: str = "") -> Service:
    """What the agent does in a node. endpoint: the id of the VPC endpoint whose node it is (PL-25)."""
    words = {
        "balancer": balancer_node,
        "group": listener.target_group,
        "endpoint": endpoint,
        "idle": settings.seconds(listener.tcp_idle_timeout),
    }
    said = json.dumps(words, sort_keys=True, separators=(",", ":"))
    return Service(f"{RELAY}-{listener.port}", RELAY, listener.port, (said,), "")
