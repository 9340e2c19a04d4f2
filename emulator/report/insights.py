"""An analysis in the shape of `aws ec2 describe-network-insights-analyses` (RA-20 to RA-30, RA-40).

Ids are AWS's in form (GEN-14) and made up: a digest of the name, the same on every machine and in every run. What AWS
has no field for stands under the key `Vpcemu`.
"""

from collections.abc import Iterator
from typing import Any

from emulator.analysis import Analysis, Explanation, Hop, LocalRoute, Packet
from emulator.analysis.answer import Rule
from emulator.analysis.packets import ICMP, Ports
from emulator.names import aws_id
from emulator.topology.associations import owner_and_group
from emulator.topology.balancers import LoadBalancer
from emulator.topology.flows import Component
from emulator.topology.model import (
    GroupReference,
    NetworkAclEntry,
    PrefixListReference,
    Route,
    SecurityGroupRule,
    Topology,
)
from emulator.topology.nat_nodes import nat_nodes
from emulator.topology.values import ALL_PROTOCOLS, PROTOCOL_WORDS

ACCOUNT = "000000000000"
Shape = dict[str, Any]

# Prefix of the id, and what the ARN calls it.
_KINDS = {
    "analysis": ("nia", "network-insights-analysis"),
    "instance": ("i", "instance"),
    "internet_gateway": ("igw", "internet-gateway"),
    "nat_gateway": ("nat", "natgateway"),
    "network_acl": ("acl", "network-acl"),
    "network_interface": ("eni", "network-interface"),
    "network_load_balancer": ("net", "loadbalancer/net"),
    "path": ("nip", "network-insights-path"),
    "prefix_list": ("pl", "prefix-list"),
    "route_table": ("rtb", "route-table"),
    "security_group": ("sg", "security-group"),
    "subnet": ("subnet", "subnet"),
    "transit_gateway": ("tgw", "transit-gateway"),
    "vpc": ("vpc", "vpc"),
    "vpc_endpoint": ("vpce", "vpc-endpoint"),
    "vpc_peering_connection": ("pcx", "vpc-peering-connection"),
}
_FIELDS = {
    "internet_gateway": "InternetGateway",
    "nat_gateway": "NatGateway",
    "network_acl": "Acl",
    "network_interface": "NetworkInterface",
    "route_table": "RouteTable",
    "transit_gateway": "TransitGateway",
    "vpc": "Vpc",
    "vpc_endpoint": "VpcEndpoint",
    "vpc_peering_connection": "VpcPeeringConnection",
}


class Names:
    """From names of a lab to AWS's ids."""

    def __init__(self, topology: Topology) -> None:
        self.topology, self.lab, self.region = topology, topology.name, topology.region
        self.subnets: dict[str, str] = {}  # by interface
        self.groups: dict[str, tuple[str, ...]] = {}
        self.nodes: dict[str, tuple[str, str]] = {}
        for vpc in topology.vpcs:
            for node in nat_nodes(vpc):
                self.nodes[node.name] = ("nat_gateway", node.gateway.name)
                if not node.gateway.regional:  # RNAT-01
                    self.subnets[node.name] = node.subnet
            for held in vpc.zonal:
                kind = "network_load_balancer" if isinstance(held, LoadBalancer) else "vpc_endpoint"
                for subnet, name in zip(held.subnets, held.nodes, strict=True):
                    self.subnets[name], self.groups[name] = subnet, held.security_groups
                    self.nodes[name] = (kind, name)
            for instance in vpc.instances:
                for eni in instance.interfaces:
                    self.subnets[eni.name], self.groups[eni.name] = eni.subnet, eni.security_groups
                    self.nodes[eni.name] = ("instance", instance.name)

    def id(self, kind: str, *name: str) -> str:
        """`vpc-0a1b...`: 17 digits, a function of lab and name."""
        return aws_id(_KINDS[kind][0], self.lab, kind, *name)

    def object(self, kind: str, vpc: str, name: str) -> Shape:
        """AnalysisComponent: Id, Arn, Name."""
        if kind == "security_group":  # SG-12: it may be another VPC's
            vpc, name = owner_and_group(vpc, name)
        held = self.id(kind, vpc, name)
        return {"Id": held, "Arn": self.arn(kind, held), "Name": name}

    def arn(self, kind: str, held: str) -> str:
        service = "elasticloadbalancing" if kind == "network_load_balancer" else "ec2"
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{_KINDS[kind][1]}/{held}"


def analyses(found: list[Analysis], targets: list[str], topology: Topology, file: str, started: str) -> Shape:
    """All of them as one answer of AWS's. started: a time, in ISO 8601. targets: as the user called them."""
    names = Names(topology)
    return {
        "NetworkInsightsAnalyses": [
            _analysis(names, each, target, file, started) for each, target in zip(found, targets, strict=True)
        ]
    }


def _analysis(names: Names, found: Analysis, target: str, file: str, started: str) -> Shape:
    flow = found.flow
    question = (flow.source, str(flow.source_ip), str(flow.to), flow.protocol, str(flow.port), str(flow.source_port),
                f"{flow.icmp_type}/{flow.icmp_code}")  # fmt: skip
    held = names.id("analysis", *question)
    reached = found.verdict.result == "pass"
    shape: Shape = {
        "NetworkInsightsAnalysisId": held,
        "NetworkInsightsAnalysisArn": names.arn("analysis", held),
        "NetworkInsightsPathId": names.id("path", *question),
        "AdditionalAccounts": [],
        "FilterInArns": [],
        "FilterOutArns": [],
        "StartDate": started,
        "Status": "succeeded",
        "StatusMessage": "",
        "WarningMessage": " ".join(found.notes),
        "NetworkPathFound": reached,
        "ForwardPathComponents": list(_path(names, found.forward)) if reached else [],
        "ReturnPathComponents": list(_path(names, found.back)) if reached else [],
        "Explanations": [_explanation(names, each) for each in found.explanations],
        "AlternatePathHints": [],
        "SuggestedAccounts": [],
        "Tags": [],
    }
    shape["Vpcemu"] = {
        "Source": flow.source,
        "Destination": target,
        "DestinationIp": str(flow.to),
        "Protocol": flow.protocol,
        "Port": flow.port,
        "Result": found.verdict.result,
        "DroppedAt": found.verdict.dropped_at._asdict() if found.verdict.dropped_at else None,
        "OnTheWayBack": found.verdict.on_the_way_back,
        "SomePortsPass": found.partial,
        "SeenAs": [str(address) for address in found.seen_as] if found.verdict.receiver else [],
        "Reasons": [
            {
                "Code": each.code,
                "Component": each.component._asdict(),
                "Sentence": each.sentence,
                "File": file,
                "Line": each.where.line,
                "Path": each.where.path,
                "Hint": each.hint,
                "OnTheWayBack": each.on_the_way_back,
            }
            for each in found.explanations
        ],
    }
    if len(found.alternatives) > 1:  # a load balancer or a NAT gateway chooses
        shape["Vpcemu"]["Alternatives"] = [
            {
                "Result": each.result,
                "Receiver": each.receiver,
                "SeenAs": str(each.seen_as) if each.receiver else "",
                "DroppedAt": each.dropped_at and each.dropped_at._asdict(),
            }
            for each in found.alternatives
        ]
    return shape


def _path(names: Names, hops: tuple[Hop, ...]) -> Iterator[Shape]:
    """RA-27. Outside hosts and the internet are no objects of AWS's: a path begins or ends at the gateway."""
    number = 0
    for hop in hops:
        kind = hop.component.kind
        if kind not in _KINDS:
            continue
        number += 1
        shape: Shape = {"SequenceNumber": number, "Component": _component(names, hop.component, hop.group)}
        if kind == "network_interface":
            owner = names.nodes[hop.component.name]
            shape["AttachedTo"] = names.object(owner[0], hop.component.vpc, owner[1])
            if subnet := names.subnets.get(hop.component.name):
                shape["Subnet"] = names.object("subnet", hop.component.vpc, subnet)
        shape["Vpc"] = names.object("vpc", "", hop.component.vpc)
        if number == 1:
            shape["InboundHeader"] = _header(hop.before)
        if hop.after != hop.before:
            shape["OutboundHeader"] = _header(hop.after)
        shape |= _rule(names, hop.component, hop.rule)
        yield shape


def _component(names: Names, component: Component, group: str = "") -> Shape:
    if component.kind == "security_group":
        group = group or names.groups[component.name][0]
        return names.object("security_group", component.vpc, group)
    if component.kind == "nat_gateway":  # of a regional one each zone's node is the gateway
        return names.object(component.kind, component.vpc, names.nodes[component.name][1])
    return names.object(component.kind, "" if component.kind == "vpc" else component.vpc, component.name)


def _header(packet: Packet) -> Shape:
    """RA-25."""
    shape: Shape = {
        "SourceAddresses": [f"{packet.source_ip}/32"],
        "DestinationAddresses": [f"{packet.destination_ip}/32"],
        "Protocol": str(packet.protocol),
    }
    if packet.protocol != ICMP:
        shape["SourcePortRanges"] = [_ports(packet.source_ports)]
        shape["DestinationPortRanges"] = [_ports(packet.ports)]
    return shape


def _ports(ports: Ports) -> Shape:
    return {"From": ports[0], "To": ports[1]}


def _rule(names: Names, component: Component, rule: Rule) -> Shape:
    match rule:
        case SecurityGroupRule():
            return {"SecurityGroupRule": _group_rule(names, component, rule)}
        case NetworkAclEntry():
            shape = {
                "Cidr": str(rule.peer),
                "Egress": component.direction == "egress",
                "Protocol": _protocol(rule.protocol),
                "RuleAction": rule.action,
                "RuleNumber": rule.number,
            }
            return {"AclRule": shape | _range(rule)}
        case Route():
            return {"RouteTableRoute": _route(names, component, rule)}
        case LocalRoute(destination):
            shape = {
                "DestinationCidr": destination,
                "GatewayId": "local",
                "Origin": "createroutetable",
                "State": "active",
            }
            return {"RouteTableRoute": shape}
    return {}


def _group_rule(names: Names, component: Component, rule: SecurityGroupRule) -> Shape:
    """RA-23."""
    shape: Shape = {"Direction": component.direction, "Protocol": _protocol(rule.protocol)}
    match rule.peer:
        case GroupReference(group, vpc):
            shape["SecurityGroupId"] = names.id("security_group", vpc or component.vpc, group)
        case PrefixListReference(held):
            shape["PrefixListId"] = names.id("prefix_list", "", held)
        case block:
            shape["Cidr"] = str(block)
    return shape | _range(rule)


def _range(rule: SecurityGroupRule | NetworkAclEntry) -> Shape:
    return {} if rule.protocol == ALL_PROTOCOLS else {"PortRange": {"From": rule.from_port, "To": rule.to_port}}


def _route(names: Names, component: Component, route: Route) -> Shape:
    """RA-24."""
    target = route.target
    shape: Shape = {"Origin": "createroute", "State": "blackhole" if names.topology.is_blackhole(target) else "active"}
    if isinstance(route.destination, PrefixListReference):
        shape["DestinationPrefixListId"] = names.id("prefix_list", "", route.destination.prefix_list)
    else:
        shape["DestinationCidr"] = str(route.destination)
    if target.kind == "internet_gateway":
        shape["GatewayId"] = names.id("internet_gateway", component.vpc, target.name)
    elif target.kind == "nat_gateway":
        shape["NatGatewayId"] = names.id("nat_gateway", component.vpc, target.name)
    elif target.kind == "transit_gateway":
        shape["TransitGatewayId"] = names.id("transit_gateway", "", target.name)
    elif target.kind == "vpc_peering_connection":
        shape["VpcPeeringConnectionId"] = names.id("vpc_peering_connection", "", target.name)
    elif target.kind != "blackhole":
        shape["NetworkInterfaceId"] = names.id("network_interface", component.vpc, target.name)
        shape["InstanceId"] = names.id("instance", component.vpc, names.nodes[target.name][1])
    return shape


def _protocol(number: int) -> str:
    """RA-22, RA-23: `all`, `tcp`; the number where there is no word."""
    return "all" if number == ALL_PROTOCOLS else PROTOCOL_WORDS.get(number, str(number))


def _explanation(names: Names, each: Explanation) -> Shape:
    """RA-40: the code, and the objects that it speaks of."""
    component = each.component
    shape: Shape = {"ExplanationCode": each.code}
    if component.direction:
        shape["Direction"] = component.direction
    if component.kind == "security_group":
        groups = names.groups[component.name]
        shape["SecurityGroups"] = [names.object("security_group", component.vpc, group) for group in groups]
        shape["NetworkInterface"] = names.object("network_interface", component.vpc, component.name)
        shape["Component"] = shape["NetworkInterface"]
    elif component.kind in _KINDS:
        shape["Component"] = _component(names, component)
        if field := _FIELDS.get(component.kind):
            shape[field] = shape["Component"]
        if component.kind == "network_load_balancer":
            shape["LoadBalancerArn"] = shape["Component"]["Arn"]
    if component.vpc:
        shape["Vpc"] = names.object("vpc", "", component.vpc)
    shape |= _rule(names, component, each.rule)
    if (packet := each.packet) is not None:
        shape["Protocols"] = [str(packet.protocol)]
        ingress = component.direction == "ingress"
        shape["Address"] = str(packet.source_ip if ingress else packet.destination_ip)
        if packet.protocol != ICMP:
            shape["PortRanges"] = [_ports(packet.ports)]
    return shape
