"""The keys of transit gateways."""

from emulator.topology import values
from emulator.topology.kinds import Key, ListOf, MapOf, MapTo, Noun
from emulator.topology.values import BOOLEAN, CIDR, NAME

_SWITCH = values.choice("enable", "disable")

ATTACHMENT = Noun(
    "transit gateway VPC attachment",
    "A VPC's place at the transit gateway.",
    {
        "vpc": Key(NAME, "The VPC.", required=True),
        "subnets": Key(ListOf(NAME), "One subnet for each zone that shall use the gateway.", required=True),
        "appliance_mode_support": Key(
            _SWITCH, "enable: a flow stays in one zone of this VPC, both ways; left out: disable."
        ),
        "transit_gateway_default_route_table_association": Key(
            BOOLEAN, "false: not associated with the default table; left out: as the gateway says."
        ),
        "transit_gateway_default_route_table_propagation": Key(
            BOOLEAN, "false: not propagated to the default table; left out: as the gateway says."
        ),
    },
    instead={
        "vpc_id": "the key is vpc",
        "subnet_ids": "the key is subnets",
        "transit_gateway_id": "an attachment belongs to the gateway it is written in",
        "dns_support": "names of attached VPCs are always resolved to private addresses",
        "ipv6_support": values.NO_IPV6,
    },
)

ROUTE_TABLE = Noun(
    "transit gateway route table",
    "Routes what comes from the attachments that are associated with it. `default` is the default one.",
    {
        "associations": Key(ListOf(NAME), "The attachments whose packets it routes; each has at most one table."),
        "propagations": Key(ListOf(NAME), "The attachments whose VPC's blocks become routes."),
        "routes": Key(MapTo(CIDR, NAME), "Static routes: a CIDR block to an attachment, or to blackhole."),
    },
    instead={"static_routes": "the key is routes", "route": "the key is routes, a map such as {0.0.0.0/0: egress}"},
)

TRANSIT_GATEWAY = Noun(
    "transit gateway",
    "A router between VPCs. In the VPCs routes lead to it by its name.",
    {
        "default_route_table_association": Key(
            _SWITCH, "Attachments are associated with the table `default` unless another has them; left out: enable."
        ),
        "default_route_table_propagation": Key(
            _SWITCH, "Attachments propagate to the table `default`; left out: enable."
        ),
        "vpc_attachments": Key(MapOf(NAME, ATTACHMENT), "Attachments by name."),
        "route_tables": Key(MapOf(NAME, ROUTE_TABLE), "Route tables by name."),
    },
    instead={
        "attachments": "the key is vpc_attachments",
        "peering_attachments": "peering of transit gateways is not emulated",
        "amazon_side_asn": "BGP is not emulated",
        "vpn_ecmp_support": "VPN is not emulated",
        "multicast_support": "multicast is not emulated",
        "dns_support": "names of attached VPCs are always resolved to private addresses",
        "routes": "routes go into its route_tables, and into those of the VPCs",
    },
)
