"""nodes.json: what `exec` and `shell` must know of each node, written by `up` so that they need no YAML and no model.

Reading it imports nothing but json; see `inside.py`.
"""

import json

from emulator import names
from emulator.errors import UsageError
from emulator.lab import record
from emulator.lab.view import BASHRC, NODES, Seen, View, read
from emulator.topology.given import Addresses
from emulator.topology.model import DhcpOptions, Node, Topology

_BASHRC = """\
# Written by `vpcemu up` for `vpcemu shell`: your own settings, then a prompt that says where you are.
[ -r ~/.bashrc ] && . ~/.bashrc
PS1="[$VPCEMU_NODE@$VPCEMU_LAB${VPCEMU_IP:+ $VPCEMU_IP}] \\\\$ "
unset PROMPT_COMMAND
"""


def write(topology: Topology, addresses: Addresses) -> None:
    """Write the lab's nodes.json and bashrc."""
    record.replace(topology.name, NODES, json.dumps(view(topology, addresses)._asdict()).encode())
    record.replace(topology.name, BASHRC, _BASHRC.encode())


def written(lab: str) -> bool:
    """Whether nodes.json is there and can be read."""
    try:
        read(lab)
    except UsageError:
        return False
    return True


def view(topology: Topology, addresses: Addresses) -> View:
    """The content of nodes.json."""
    options = {vpc.name: vpc.dhcp_options for vpc in topology.vpcs}
    dns = next((host for host in topology.internet.hosts if any(s.kind == "dns" for s in host.services)), None)
    nodes = {node.name: _seen(topology.name, node, addresses, options.get(node.vpc)) for node in topology.nodes()}
    for instance in (instance for vpc in topology.vpcs for instance in vpc.instances):
        if instance.state == "stopped":
            nodes[instance.name]["stopped"] = True
        if len(instance.interfaces) > 1:
            nodes[instance.name]["interfaces"] = {
                f"{instance.name}.{names.guest_link(held.device_index)}": _addresses(addresses, held.name)
                for held in instance.interfaces
            }
    instances = (instance for vpc in topology.vpcs for instance in vpc.instances)
    services = {held.name: held.services for held in instances} | {h.name: h.services for h in topology.internet.hosts}
    for name in services.keys() & nodes.keys():
        nodes[name]["services"] = [service.name for service in services[name]]
    lost = set(topology.dark_zones)
    for vpc in topology.vpcs:
        for balancer in vpc.load_balancers:
            for subnet in balancer.subnets:
                if vpc.subnet(subnet).availability_zone not in lost:
                    nodes[balancer.node(subnet)]["name"] = balancer.name  # LB-02
        for endpoint in vpc.vpc_endpoints:
            for subnet in endpoint.subnets if endpoint.available else ():
                if vpc.subnet(subnet).availability_zone not in lost:
                    nodes[endpoint.node(subnet)]["name"] = endpoint.name  # PL-32, PL-36
    return View(
        lab=topology.name,
        nodes=nodes,
        dns=str(dns.ip) if dns else "",
        uplink=topology.internet.uplink,
        peers={vpc.name: list(topology.near_of(vpc.name)) for vpc in topology.vpcs if topology.near_of(vpc.name)},
    )


def _addresses(addresses: Addresses, name: str) -> list[str]:
    """The private and the public one, "" for none."""
    return [str(held.get(name, "")) for held in (addresses.private, addresses.public)]


def _seen(lab: str, node: Node, addresses: Addresses, options: DhcpOptions | None) -> Seen:
    private, public = _addresses(addresses, node.name)
    seen = Seen(netns=names.netns(lab, node.name), kind=node.kind, vpc=node.vpc, private=private, public=public)
    if options and node.kind == "instance":
        seen["search"] = options.domain_name
        seen["nameservers"] = [str(server) for server in options.servers]
    return seen
