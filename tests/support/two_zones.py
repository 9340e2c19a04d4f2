"""A lab in two zones, the one NAT gateway of which is in zone a; a lab of it, with servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import lab as labs
from tests.support.lab import Lab

# Zone a has the NAT gateway; in zone c: one behind it, one with a public address, and one in a peered VPC.
TOPOLOGY = """
region: ap-northeast-1
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public-a: {cidr_block: 10.0.10.0/24, availability_zone: a, route_table: public}
      public-c: {cidr_block: 10.0.11.0/24, availability_zone: c, route_table: public}
      private-a: {cidr_block: 10.0.20.0/24, availability_zone: a, route_table: private}
      private-c: {cidr_block: 10.0.21.0/24, availability_zone: c, route_table: private}
    nat_gateways: {nat: {subnet: public-a, elastic_ip: 52.195.125.184, private_ip: 10.0.10.4}}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat, 10.1.0.0/16: main-far}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      web-a: {subnet: public-a, security_groups: [open], elastic_ip: 52.1.1.1}
      web-c: {subnet: public-c, security_groups: [open], elastic_ip: 52.1.1.2}
      app-a: {subnet: private-a, security_groups: [open]}
      app-c: {subnet: private-c, security_groups: [open]}
      db-c: {subnet: private-c, security_groups: [open]}
  far:
    cidr_block: 10.1.0.0/16
    subnets:
      far-c: {cidr_block: 10.1.1.0/24, availability_zone: c, route_table: far}
    route_tables:
      far: {routes: {10.0.0.0/16: main-far}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      there: {subnet: far-c, security_groups: [open]}
vpc_peering_connections:
  main-far: {vpc: main, peer_vpc: far, auto_accept: true}
internet:
  hosts:
    web.example: {ip: 93.184.216.34, services: [http]}
    attacker: {ip: 45.83.64.9}
expect:
  - {from: [app-a, app-c], to: web.example, port: 80, result: pass}
  - {from: app-c, to: db-c, port: 80, result: pass}
  - {from: attacker, to: app-c, port: 80, result: drop}
"""


@contextmanager
def up() -> Iterator[Lab]:
    """The lab, with a server on port 80 where nothing else is said."""
    with labs.up(TOPOLOGY) as made:
        for node in ("web-a", "web-c", "app-a", "db-c", "there"):
            made.serve(node, tcp=(80,))
        yield made
