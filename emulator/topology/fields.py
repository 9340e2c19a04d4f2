"""The table of keys: every noun of the file, each key's kind, and one line on what it means.

`read.py` reads the file by this table and `schema.py` makes the JSON Schema from it, so a key exists in one place.
Keys are Terraform's `aws_*` attribute names where one exists.
"""

from emulator.topology import values
from emulator.topology.fields_balancers import LOAD_BALANCER, TARGET_GROUP
from emulator.topology.fields_endpoints import ENDPOINT_SERVICE, INTERFACE_ENDPOINT
from emulator.topology.fields_expect import EXPECTATION
from emulator.topology.fields_filters import NETWORK_ACL, SECURITY_GROUP
from emulator.topology.fields_instances import INSTANCE, SERVICES, TARGET
from emulator.topology.fields_nat import NAT_GATEWAY
from emulator.topology.fields_public_access import BLOCK_PUBLIC_ACCESS
from emulator.topology.fields_transit import PEERING_ATTACHMENT, TRANSIT_GATEWAY
from emulator.topology.kinds import Key, ListOf, MapOf, MapTo, Noun, ScalarOr
from emulator.topology.values import (
    ACCOUNT,
    ADDRESS,
    BOOLEAN,
    CIDR,
    DESCRIPTION,
    DOMAIN,
    HOST,
    LAB,
    NAME,
    NAME_SERVER,
    REGION,
    ZONE,
)
from emulator.topology.values_gateways import GATEWAY
from emulator.topology.values_routes import DESTINATION

NO_VGW = "virtual private gateways are not emulated"

SUBNET = Noun(
    "subnet",
    "A block of the VPC in one availability zone.",
    {
        "cidr_block": Key(CIDR, "The subnet's block, /16 to /28, inside the VPC's.", required=True),
        "availability_zone": Key(ZONE, "a, or the full name us-east-1a; left out: a."),
        "route_table": Key(NAME, "The route table of the subnet; left out: the VPC's main one."),
        "network_acl": Key(NAME, "The network ACL of the subnet; left out: the VPC's default one."),
        "map_public_ip_on_launch": Key(
            BOOLEAN, "Instances get a public IP unless they say otherwise; left out: false."
        ),
        "cidr_reservations": Key(
            MapTo(CIDR, values.choice("explicit", "prefix"), "{10.0.1.64/28: explicit}"),
            "Parts of the block that nobody is given: explicit, who asks for such an address gets it; or prefix.",
        ),
    },
    instead={
        "cidr": "the key is cidr_block",
        "public": "a subnet is public when its route table has a route to an internet gateway",
        "vpc_id": "a subnet belongs to the VPC it is written in",
        "ipv6_cidr_block": values.NO_IPV6,
        "ipv6_native": values.NO_IPV6,
        "assign_ipv6_address_on_creation": values.NO_IPV6,
        "enable_dns64": values.NO_IPV6,
        "cidr_reservation": "the key is cidr_reservations, a map such as {10.0.1.64/28: explicit}",
        "subnet_cidr_reservations": "the key is cidr_reservations, a map such as {10.0.1.64/28: explicit}",
        "network_acl_id": "the key is network_acl",
        "network_acls": "the key is network_acl: a subnet has exactly one",
    },
)

ROUTE_TABLE = Noun(
    "route table",
    "Routes that subnets share. Every table has the VPC's local route as well.",
    {
        "routes": Key(
            MapTo(DESTINATION, TARGET),
            "CIDR block or prefix list, to a gateway, a peering connection, an instance (fw, fw.eth1) or blackhole.",
        ),
    },
    instead={
        "route": "the key is routes, a map such as {0.0.0.0/0: igw}",
        "subnets": "a subnet names its route_table",
        "associations": "a subnet names its route_table",
        "propagating_vgws": NO_VGW,
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

INTERNET_GATEWAY = Noun(
    "internet gateway",
    "The VPC's door to the internet: its name, or this map.",
    {
        "name": Key(GATEWAY, "Its name, which routes point at.", required=True),
        "attached": Key(BOOLEAN, "false: detached from the VPC; routes to it are blackholes; left out: true."),
        "route_table": Key(NAME, "The edge route table, for what comes in from the internet; left out: none."),
    },
    instead={"routes": "routes go into a route table, whose name is route_table"},
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
        "secondary_cidr_blocks": Key(ListOf(CIDR), "Further blocks, /16 to /28, such as 100.64.0.0/16."),
        "region": Key(REGION, "The VPC's region; left out: the lab's."),
        "owner_id": Key(ACCOUNT, "The account that owns the VPC; left out: the same one as all others."),
        "internet_gateway": Key(
            ScalarOr(GATEWAY, INTERNET_GATEWAY, "{name: igw, route_table: edge}"),
            "The name of its internet gateway, or a map; left out: it has none.",
        ),
        "main_route_table": Key(NAME, "The table of every subnet that names none; left out: a table called main."),
        "subnets": Key(MapOf(NAME, SUBNET), "Subnets by name."),
        "route_tables": Key(MapOf(NAME, ROUTE_TABLE), "Route tables by name."),
        "nat_gateways": Key(MapOf(NAME, NAT_GATEWAY), "NAT gateways by name."),
        "security_groups": Key(MapOf(NAME, SECURITY_GROUP), "Security groups by name; `default` exists by itself."),
        "network_acls": Key(MapOf(NAME, NETWORK_ACL), "Network ACLs by name; `default` exists by itself."),
        "target_groups": Key(MapOf(NAME, TARGET_GROUP), "Target groups of load balancers by name."),
        "load_balancers": Key(MapOf(NAME, LOAD_BALANCER), "Network Load Balancers by name."),
        "instances": Key(MapOf(NAME, INSTANCE), "Instances by name; a name is used once in the whole file."),
        "vpc_endpoint_services": Key(MapOf(NAME, ENDPOINT_SERVICE), "What it offers to other VPCs, by name."),
        "vpc_endpoints": Key(MapOf(NAME, INTERFACE_ENDPOINT), "Interface endpoints by name."),
    },
    any_of=("cidr_block", "default"),
    instead={
        "cidr": "the key is cidr_block",
        "igw": "the key is internet_gateway",
        "block_public_access": "it stands beside vpcs: a mode is an account's, in a region",
        "ipv6_cidr_block": values.NO_IPV6,
        "assign_generated_ipv6_cidr_block": values.NO_IPV6,
        "vpn_gateway": NO_VGW,
        "enable_network_address_usage_metrics": "there are no metrics; what is over the quota is a warning",
        "routes": "routes go into a route table",
        "network_acl": "the key is network_acls, a map of network ACLs by name",
        "prefix_lists": "prefix lists stand beside vpcs, not in one",
        "hosts": "the hosts of a VPC are its instances",
        "endpoints": "the key is vpc_endpoints",
        "vpc_endpoint": "the key is vpc_endpoints, a map of endpoints by name",
        "vpc_endpoint_service": "the key is vpc_endpoint_services, a map of services by name",
        "endpoint_services": "the key is vpc_endpoint_services",
    },
)

VPC_PEERING_CONNECTION = Noun(
    "VPC peering connection",
    "Joins two VPCs. Both sides need routes to it.",
    {
        "vpc": Key(NAME, "The VPC that asks.", required=True),
        "peer_vpc": Key(NAME, "The VPC that is asked.", required=True),
        "auto_accept": Key(BOOLEAN, "Accepted at once, within one account and region; left out: false."),
        "accepted": Key(BOOLEAN, "The owner of peer_vpc has accepted it; left out: false, and it carries nothing."),
        "state": Key(
            values.choice("rejected", "expired", "deleted"), "How it has ended: the routes to it are blackholes."
        ),
    },
    instead={
        "vpc_id": "the key is vpc",
        "peer_vpc_id": "the key is peer_vpc",
        "peer_region": "the region is a key of the VPC: region",
        "peer_owner_id": "the account is a key of the VPC: owner_id",
        "accepter": "names are resolved to private addresses across an active connection",
        "requester": "names are resolved to private addresses across an active connection",
        "routes": "routes go into the route tables of both VPCs; its name is their target",
    },
)

PREFIX_LIST_ENTRY = Noun(
    "prefix list entry",
    "One block of a prefix list.",
    {"cidr": Key(CIDR, "The block.", required=True), "description": Key(DESCRIPTION, "Free text.")},
    instead={"cidr_block": "the key is cidr"},
)

PREFIX_LIST = Noun(
    "prefix list",
    "Blocks under one name, for rules of security groups and for routes.",
    {
        "entries": Key(
            ListOf(ScalarOr(CIDR, PREFIX_LIST_ENTRY, "{cidr: 10.0.0.0/16}")),
            "Its blocks: [10.0.0.0/16, {cidr: 10.1.0.0/16, description: x}]; left out: none.",
        ),
        "max_entries": Key(
            values.integer(1, 1000, "a number of entries"),
            "What it counts for in a quota, whatever it holds; left out: as many as there are entries.",
        ),
    },
    instead={
        "entry": "the key is entries, a list",
        "cidr_blocks": "the key is entries, a list",
        "name": "the list's name is the key above",
        "address_family": "remove it; IPv6 is not emulated yet",
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
        "load_balancer_connections": Key(
            values.integer(1, 55_000, "a number of connections"),
            "Connections of a load balancer's node to one target; left out: 55000, as on AWS.",
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
        "prefix_lists": Key(MapOf(NAME, PREFIX_LIST), "Prefix lists by name."),
        "vpc_peering_connections": Key(MapOf(NAME, VPC_PEERING_CONNECTION), "VPC peering connections by name."),
        "transit_gateways": Key(MapOf(NAME, TRANSIT_GATEWAY), "Transit gateways by name."),
        "transit_gateway_peering_attachments": Key(
            MapOf(NAME, PEERING_ATTACHMENT), "Peerings of transit gateways, by name."
        ),
        "block_public_access": Key(BLOCK_PUBLIC_ACCESS, "VPC Block Public Access, by account and region."),
        "settings": Key(SETTINGS, "Timeouts and limits other than AWS's."),
    },
    instead={
        "vpc": "the key is vpcs, a map of VPCs by name",
        "instances": "instances go into a VPC: vpcs.NAME.instances",
        "subnets": "subnets go into a VPC: vpcs.NAME.subnets",
        "security_groups": "security groups go into a VPC: vpcs.NAME.security_groups",
        "hosts": "outside hosts go into internet.hosts",
        "services": "services go into an instance or an outside host: {subnet: public, services: [http]}",
        "peering_connections": "the key is vpc_peering_connections",
        "vpc_peering_connection": "the key is vpc_peering_connections, a map of connections by name",
        "transit_gateway": "the key is transit_gateways, a map of transit gateways by name",
        "managed_prefix_lists": "the key is prefix_lists",
        "vpc_block_public_access": "the key is block_public_access",
        "vpc_block_public_access_options": "the key is block_public_access",
        "vpc_block_public_access_exclusion": "the key is block_public_access, with exclusions",
        "internet_gateway_block_mode": "block_public_access: {internet_gateway_block_mode: block-ingress}",
        "bpa": "the key is block_public_access",
        "version": "remove it; the file has no version",
    },
)
