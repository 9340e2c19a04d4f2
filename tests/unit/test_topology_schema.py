"""The JSON Schema: made from the table of keys, up to date in the repository, and of one mind with the loader."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from emulator.topology.fields import TOPOLOGY
from emulator.topology.kinds import ListOf, MapOf, Noun, OneOrMany, ScalarOr
from emulator.topology.load import load
from emulator.topology.schema import schema

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def nouns(noun: Noun = TOPOLOGY, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Noun]:
    """Every noun by the path of keys that leads to it."""
    found = {path: noun}
    for name, key in noun.keys.items():
        kind: Any = key.kind.item if isinstance(key.kind, ListOf | OneOrMany) else key.kind
        inner = kind.noun if isinstance(kind, MapOf | ScalarOr) else kind
        if isinstance(inner, Noun):
            found |= nouns(inner, (*path, name))
    return found


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_file_in_the_repository_is_up_to_date() -> None:
    assert json.loads((ROOT / "topologies/schema.json").read_text()) == schema(), "run scripts/regen-errors"


@pytest.mark.parametrize("file", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda file: file.stem)
def test_it_accepts_the_examples(file: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text()))


FULL = """
name: lab
region: ap-northeast-1
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    secondary_cidr_blocks: [100.64.0.0/16]
    internet_gateway: {name: igw, attached: true, route_table: edge}
    main_route_table: private
    dhcp_options: {domain_name: corp.example, domain_name_servers: [8.8.8.8]}
    subnets:
      a:
        {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public, map_public_ip_on_launch: true,
         cidr_reservations: {10.0.1.240/28: prefix}}
      b: {cidr_block: 10.0.2.0/24, availability_zone: ap-northeast-1c, network_acl: border}
      c: {cidr_block: 10.0.3.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw, 192.0.2.0/24: blackhole, 10.0.0.0/16: local}}
      private: {routes: {0.0.0.0/0: nat}}
      edge: {routes: {10.0.1.0/24: web.eth0}}
    nat_gateways:
      everywhere:
        availability_mode: regional
        availability_zone_address: [{availability_zone: a, elastic_ips: [52.1.2.9]}]
        routes: {8.8.8.8/32: blackhole}
        state: deleted
      nat: {subnet: a, private_ip: 10.0.1.9, connectivity_type: public, state: available,
        secondary_elastic_ips: [52.1.2.5], secondary_private_ips: [10.0.1.11]}
      inner: {subnet: a, connectivity_type: private, secondary_private_ip_address_count: 3}
    security_groups:
      web:
        description: the front
        vpc_associations: [near]
        ingress:
          - {protocol: tcp, port: 443, from: 0.0.0.0/0, description: all}
          - {protocol: tcp, port: [80, 8000-8100], from: [10.0.0.0/8, default, self]}
          - {protocol: udp, port: all, from: default}
          - {protocol: icmp, icmp_type: 8, icmp_code: all, from: 10.0.0.0/8}
          - {protocol: 50, from: 10.0.0.0/8}
          - {protocol: -1, from: self}
          - {protocol: tcp, from_port: 22, to_port: 22, cidr_blocks: [10.0.0.0/8]}
          - {protocol: tcp, from_port: 23, to_port: 23, security_groups: [default], self: true}
          - {protocol: udp, port: 53, from: corp}
          - {protocol: tcp, port: 53, prefix_list_ids: [corp]}
        egress: [{protocol: all, to: 0.0.0.0/0}]
    network_acls:
      border:
        ingress:
          - {rule_number: 100, action: allow, protocol: tcp, port: 443, from: 0.0.0.0/0}
          - {rule_no: 110, action: allow, protocol: tcp, from_port: 1024, to_port: 65535, cidr_block: 0.0.0.0/0}
          - {rule_number: 120, action: deny, protocol: icmp, icmp_type: 8, icmp_code: all, from: 10.0.0.0/8}
        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]
    target_groups:
      web:
        port: 80
        protocol: TCP
        target_type: ip
        targets: [web, {id: 10.0.1.10, port: 8080, availability_zone: ap-northeast-1a}]
        health_check: {protocol: HTTP, port: traffic-port, interval: 30, timeout: 10, healthy_threshold: 5,
          unhealthy_threshold: 2, path: /, matcher: 200-399}
        preserve_client_ip: true
        proxy_protocol_v2: false
        deregistration_delay: 300
        stickiness: {type: source_ip, enabled: true}
        load_balancing_cross_zone_enabled: use_load_balancer_configuration
        connection_termination: false
        enable_unhealthy_connection_termination: true
    load_balancers:
      mapped:
        load_balancer_type: network
        subnet_mapping: [{subnet: c, elastic_ip: 52.1.2.8}]
        listeners: [{port: 80, protocol: TCP, target_group: web, tcp_idle_timeout_seconds: 350}]
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a]
        security_groups: [web]
        enable_cross_zone_load_balancing: true
        enforce_security_group_inbound_rules_on_private_link_traffic: "on"
      fixed:
        load_balancer_type: network
        internal: true
        subnet_mapping: [{subnet: b, private_ipv4_address: 10.0.2.30}]
    instances:
      web:
        subnet: a
        security_groups: [web]
        private_ip: 10.0.1.10
        elastic_ip: 52.1.2.4
        source_dest_check: false
        connection_tracking_specification: {tcp_established_timeout: 350, udp_timeout: 60, udp_stream_timeout: 60}
        state: running
        secondary_private_ips: [10.0.1.21, auto, {private_ip: 10.0.1.22, elastic_ip: 52.1.2.6}]
        network_interfaces:
          - {subnet: c, security_groups: [default], private_ip: 10.0.3.10,
             secondary_private_ips: [auto, {private_ip: 10.0.3.11}], source_dest_check: false,
             connection_tracking_specification: {tcp_established_timeout: 60}}
        services: [http, {http: 8080}, router, {firewall: [23]}, echo, dns, {tcp: 5432, name: db}, {udp: 514},
                   {command: sleep 6, user: nobody}, {http: 8081, proxy_protocol: true}]
      db:
        subnet: b
        vpc_security_group_ids: [default]
        associate_public_ip_address: false
        services: [{command: [a, b]}]
    vpc_endpoint_services: {own: {network_load_balancers: [nlb], acceptance_required: false}}
    vpc_endpoints:
      ep: {service: far/svc, subnets: [b], subnet_configuration: [{subnet: b, ipv4: 10.0.2.20}],
           security_groups: [web], accepted: true, auto_accept: false, service_region: us-east-1,
           vpc_endpoint_type: Interface, private_dns_enabled: false}
      late: {service: svc, subnets: [a], service_region: us-east-1, state: expired}
  spare:
    default: true
  near: {cidr_block: 10.8.0.0/16}
  far:
    cidr_block: 10.9.0.0/16
    region: us-east-1
    owner_id: "111122223333"
    subnets: {n: {cidr_block: 10.9.1.0/24}}
    target_groups: {far: {port: 80, protocol: TCP, target_type: ip, targets: [10.9.1.10]}}
    load_balancers:
      front: {load_balancer_type: network, internal: true, subnets: [n],
              listeners: [{port: 80, protocol: TCP, target_group: far}]}
    vpc_endpoint_services:
      svc: {network_load_balancers: [front], acceptance_required: true, allowed_principals: ["*"],
            supported_regions: [ap-northeast-1]}
vpc_peering_connections:
  main-spare: {vpc: main, peer_vpc: spare, auto_accept: true, accepted: true}
  main-far: {vpc: main, peer_vpc: far, state: deleted}
transit_gateways:
  tgw:
    region: ap-northeast-1
    owner_id: "123456789012"
    auto_accept_shared_attachments: enable
    dns_support: disable
    security_group_referencing_support: enable
    default_route_table_association: enable
    default_route_table_propagation: disable
    vpc_attachments:
      main: {vpc: main, subnets: [a], appliance_mode_support: enable, accepted: true,
             dns_support: disable, security_group_referencing_support: disable,
             transit_gateway_default_route_table_association: false,
             transit_gateway_default_route_table_propagation: true}
    route_tables:
      spokes: {associations: [main], propagations: [main], routes: {10.0.0.0/8: main, 10.9.0.0/16: blackhole}}
  west: {}
transit_gateway_peering_attachments:
  old: {transit_gateway: tgw, peer_transit_gateway: west, state: rejected}
  new: {transit_gateway: tgw, peer_transit_gateway: west, accepted: true}
prefix_lists:
  corp: {max_entries: 5, entries: [10.0.0.0/8, {cidr: 192.0.2.0/24, description: documentation}]}
block_public_access:
  internet_gateway_block_mode: block-ingress
  options: [{region: ap-northeast-1, internet_gateway_block_mode: off}]
  exclusions: [{vpc: main, subnet: a, internet_gateway_exclusion_mode: allow-bidirectional}]
settings: {time_scale: 10, nat_gateway_connections: 100, load_balancer_connections: 100}
internet:
  uplink: false
  hosts:
    dns.example: {ip: 8.8.8.8, services: [dns, ssh, {http: 80}]}
expect:
  - {name: out, from: [{subnet: a, vpc: main}], to: [{group: web, vpc: main}], ports: [80, 443], result: pass,
     via: [nat], payload: true}
  - {from: [web, {security_group: web}], to: internet, protocol: icmp, icmp_type: 3, icmp_code: 4, result: drop}
  - {from: web, to: dns.example, protocol: icmp, result: pass, seen_as: 52.1.2.4}
  - {from: web, to: 8.8.8.8, port: 53, protocol: udp, result: drop}
"""


def test_it_accepts_every_key_and_so_does_the_loader() -> None:
    VALIDATOR.validate(yaml.safe_load(FULL))
    topology, problems = load(FULL)
    assert topology is not None, problems
    assert problems == []
    written = FULL.replace("{", " ").replace(",", " ")
    for path, noun in nouns().items():
        for name in noun.keys:
            assert f"{name}:" in written or name in ("http", "echo", "dns", "ssh"), (path, name)


# Not named by the user: what stands there is the noun itself.
_MAPS = (
    "internet",
    "settings",
    "block_public_access",
    "dhcp_options",
    "internet_gateway",
    "health_check",
    "stickiness",
    "connection_tracking_specification",
)


@pytest.mark.parametrize("path", nouns(), ids=lambda path: ".".join(path) or "top")
def test_it_refuses_an_unknown_key_wherever_it_stands(path: tuple[str, ...]) -> None:
    document = yaml.safe_load(FULL)
    target = document
    for name in path:
        target = target[name]
        if isinstance(target, list):
            target = next(item for item in target if isinstance(item, dict))
        elif name not in _MAPS:
            target = next(
                value
                for value in target.values()
                if isinstance(value, dict) and (name != "instances" or "private_ip" in value)
            )
    VALIDATOR.validate(document)
    target["no_such_key"] = 1
    assert not VALIDATOR.is_valid(document)
    topology, problems = load(yaml.safe_dump(document))
    assert topology is None
    assert "no_such_key" in problems[0].what


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: lab", "name: My Lab"),
        ("10.0.0.0/16\n    secondary", "10.0.0.0/33\n    secondary"),
        ("cidr_block: 10.0.2.0/24, ", ""),
        ("map_public_ip_on_launch: true", "map_public_ip_on_launch: 'yes'"),
        ("10.0.1.240/28: prefix", "10.0.1.240/28: other"),
        ("protocol: udp, port: all", "protocol: udp, port: many"),
        ("protocol: udp", "protocol: quic"),
        ("port: all, from: default", "port: all"),
        ("{http: 8080}", "{http: 8080, tcp: 1}"),
        ("{http: 8080}", "{http: 0}"),
        ("rule_number: 100, action: allow, protocol: tcp", "rule_number: 32767, action: allow, protocol: tcp"),
        ("action: deny", "action: drop"),
        ("port: 443, from: 0.0.0.0/0}\n          - {rule_no", "port: 443, from: web}\n          - {rule_no"),
        ("uplink: false", "uplink: 0"),
        ("result: drop", "result: open"),
        ("52.1.2.4\n", "52.1.2.400\n"),
        ("icmp_type: 8", "icmp_type: 300"),
        ("security_groups: [web]", "security_groups: web"),
        ("[auto, {private", "[any, {private"),
        ("{subnet: c, security", "{security"),
        ("web.eth0}", "web.lan0}"),
        ("dns.example: {ip", "dns_example: {ip"),
        ("0.0.0.0/0: nat", "2001:db8::/32: nat"),
    ],
)
def test_what_it_refuses_the_loader_refuses(old: str, new: str) -> None:
    assert old in FULL
    wrong = FULL.replace(old, new)
    assert not VALIDATOR.is_valid(yaml.safe_load(wrong))
    assert load(wrong)[0] is None


def test_every_key_has_a_sentence() -> None:
    for path, noun in nouns().items():
        assert noun.doc.endswith(".")
        for name, key in noun.keys.items():
            assert key.doc.endswith("."), (path, name)
            assert len(key.doc) < 120
