"""The keys of transit gateways."""

from emulator.topology import values
from emulator.topology.kinds import Key, ListOf, MapOf, MapTo, Noun
from emulator.topology.values import ACCOUNT, BOOLEAN, CIDR, NAME, REGION

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
        "accepted": Key(
            BOOLEAN, "The gateway's owner has accepted the attachment of another account's VPC; left out: false."
        ),
        "dns_support": Key(
            _SWITCH, "Names of the other VPCs at the gateway stand for private addresses; left out: enable."
        ),
        "security_group_referencing_support": Key(
            _SWITCH, "Rules may name its security groups, and its rules those of others; left out: enable."
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
        "ipv6_support": values.NO_IPV6,
    },
)

ROUTE_TABLE = Noun(
    "transit gateway route table",
    "Routes what comes from the attachments that are associated with it. `default` is the default one.",
    {
        "associations": Key(
            ListOf(NAME), "The attachments, of VPCs or peerings, whose packets it routes; each has at most one table."
        ),
        "propagations": Key(ListOf(NAME), "The attachments whose VPC's blocks become routes."),
        "routes": Key(
            MapTo(CIDR, NAME), "Static routes: a CIDR block to an attachment, a peering attachment, or blackhole."
        ),
    },
    instead={"static_routes": "the key is routes", "route": "the key is routes, a map such as {0.0.0.0/0: egress}"},
)

TRANSIT_GATEWAY = Noun(
    "transit gateway",
    "A router between VPCs. In the VPCs routes lead to it by its name.",
    {
        "region": Key(REGION, "The gateway's region; left out: that of its first VPC."),
        "owner_id": Key(ACCOUNT, "The account that owns it and shares it with the others; left out: the lab's own."),
        "auto_accept_shared_attachments": Key(
            _SWITCH, "enable: VPCs of other accounts need nobody to accept their attachments; left out: disable."
        ),
        "dns_support": Key(
            _SWITCH, "Names of instances in other VPCs at the gateway stand for private addresses; left out: enable."
        ),
        "security_group_referencing_support": Key(
            _SWITCH, "enable: ingress rules may name security groups of other VPCs at the gateway; left out: disable."
        ),
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
        "peering_attachments": "the key is transit_gateway_peering_attachments, beside transit_gateways",
        "amazon_side_asn": "BGP is not emulated",
        "vpn_ecmp_support": "VPN is not emulated",
        "multicast_support": "multicast is not emulated",
        "routes": "routes go into its route_tables, and into those of the VPCs",
    },
)

PEERING_ATTACHMENT = Noun(
    "transit gateway peering attachment",
    "Joins two transit gateways, in one region or in two. Routes to it are static ones, in tables of both gateways.",
    {
        "transit_gateway": Key(NAME, "The gateway that asks.", required=True),
        "peer_transit_gateway": Key(NAME, "The gateway that is asked.", required=True),
        "accepted": Key(BOOLEAN, "The owner of the peer has accepted it; left out: false, and it carries nothing."),
        "state": Key(values.choice("rejected", "deleted"), "How it has ended: the routes to it are blackholes."),
    },
    instead={
        "transit_gateway_id": "the key is transit_gateway",
        "peer_transit_gateway_id": "the key is peer_transit_gateway",
        "peer_region": "the region is a key of the transit gateway: region",
        "peer_account_id": "the account is a key of the transit gateway: owner_id",
        "auto_accept": "a peering of transit gateways has to be accepted, even within an account: accepted: true",
        "routes": "routes go into the route tables of both gateways; its name is their target",
        "options": "dynamic routing is not emulated: routes over a peering are static",
    },
)
