"""The keys of NAT gateways."""

from emulator.topology import values
from emulator.topology.fields_instances import TARGET
from emulator.topology.kinds import Key, ListOf, MapTo, Noun
from emulator.topology.values import ADDRESS, NAME, ZONE
from emulator.topology.values_gateways import POOLED_IP
from emulator.topology.values_routes import DESTINATION

ZONE_ADDRESSES = Noun(
    "availability zone address",
    "The Elastic IPs of a regional NAT gateway in one zone.",
    {
        "availability_zone": Key(ZONE, "a, or the full name us-east-1a.", required=True),
        "elastic_ips": Key(ListOf(ADDRESS), "The addresses of this zone, 1 to 32.", required=True),
    },
    instead={
        "allocation_ids": "the key is elastic_ips, a list of addresses",
        "availability_zone_id": "the key is availability_zone",
        "elastic_ip": "the key is elastic_ips, a list",
    },
)

NAT_GATEWAY = Noun(
    "NAT gateway",
    "Lets a private subnet open connections that nobody can open towards it.",
    {
        "subnet": Key(
            NAME,
            "The subnet it stands in; for a public one, with a route to the internet gateway. A regional one has none.",
        ),
        "connectivity_type": Key(
            values.choice("public", "private"),
            "public: it has an Elastic IP; private: it translates to its private IP. Left out: public.",
        ),
        "availability_mode": Key(
            values.choice("zonal", "regional"),
            "zonal: in one subnet; regional: in every zone of the VPC, in no subnet. Left out: zonal.",
        ),
        "availability_zone_address": Key(
            ListOf(ZONE_ADDRESSES),
            "For a regional one, in manual mode: its zones and their Elastic IPs; left out: one in each zone in use.",
        ),
        "routes": Key(
            MapTo(DESTINATION, TARGET),
            "For a regional one: routes of its own table, beside the default route to the internet gateway.",
        ),
        "elastic_ip": Key(POOLED_IP, "Its public address; left out: one of the lab's pool. A private one has none."),
        "private_ip": Key(ADDRESS, "Its address in the subnet; left out: the lowest free one."),
        "secondary_elastic_ips": Key(
            ListOf(ADDRESS), "For a public one: more Elastic IPs; each is mapped to a private IP of its own."
        ),
        "secondary_private_ips": Key(
            ListOf(ADDRESS), "More private IPs; left out: as many of the subnet's free ones as are needed."
        ),
        "secondary_private_ip_address_count": Key(
            values.integer(1, 7, "a number of addresses from 1 to 7"),
            "For a private one: how many more private IPs the subnet gives it.",
        ),
        "state": Key(
            values.choice("available", "deleted"),
            "deleted: it is gone, and the routes to it are blackholes. Left out: available.",
        ),
    },
    any_of=("subnet", "availability_mode"),
    instead={
        "subnet_id": "the key is subnet",
        "allocation_id": "the key is elastic_ip, an address",
        "secondary_allocation_ids": "the key is secondary_elastic_ips, a list of addresses",
        "secondary_private_ip_addresses": "the key is secondary_private_ips",
        "availability_zone_addresses": "the key is availability_zone_address, a list",
        "vpc_id": "a NAT gateway belongs to the VPC it is written in",
        "route_table_id": "a regional NAT gateway has a table of its own: its key routes adds to it",
    },
)
