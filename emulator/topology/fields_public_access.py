"""Keys of VPC Block Public Access: aws_vpc_block_public_access_options and aws_vpc_block_public_access_exclusion."""

from emulator.topology.kinds import Key, ListOf, Noun
from emulator.topology.values import ACCOUNT, NAME, REGION, Bad, Scalar, choice

_MODES = ("off", "block-ingress", "block-bidirectional")


def _read_mode(text: str) -> str:
    # YAML 1.1 takes a bare `off` for false, so a tool that writes the file anew may have made `false` of it.
    if text in ("false", "False", "FALSE"):
        return "off"
    if text in ("true", "True", "TRUE", "on"):
        raise Bad(f"{text} does not say what is blocked", f"one of {', '.join(_MODES)}", "InvalidParameterValue")
    return str(_MODE.read(text))


_MODE = choice(*_MODES)
BLOCK_MODE = Scalar(_MODE.phrase, _read_mode, {"enum": [*_MODES, False]})

_MODE_KEY = Key(
    BLOCK_MODE,
    "off, block-ingress (only NAT gateways get through, from inside) or block-bidirectional (nothing does).",
    required=True,
)

OPTIONS = Noun(
    "block mode",
    "The mode of one account in one region.",
    {
        "region": Key(REGION, "The region; left out: the lab's."),
        "owner_id": Key(ACCOUNT, "The account; left out: that of the VPCs that name none."),
        "internet_gateway_block_mode": _MODE_KEY,
    },
    instead={"mode": "the key is internet_gateway_block_mode", "account": "the key is owner_id"},
)

EXCLUSION = Noun(
    "exclusion",
    "A VPC or a subnet that the mode does not hold for.",
    {
        "vpc": Key(NAME, "The VPC.", required=True),
        "subnet": Key(NAME, "One subnet of it; left out: all of the VPC."),
        "internet_gateway_exclusion_mode": Key(
            choice("allow-bidirectional", "allow-egress"),
            "allow-bidirectional, or allow-egress: with block-bidirectional, out through its NAT gateways.",
            required=True,
        ),
    },
    instead={
        "vpc_id": "the key is vpc",
        "subnet_id": "the keys are vpc and subnet",
        "subnets": "the key is subnet: an exclusion for each",
        "mode": "the key is internet_gateway_exclusion_mode",
    },
)

BLOCK_PUBLIC_ACCESS = Noun(
    "VPC Block Public Access",
    "What accounts let through the internet gateways of their VPCs, whatever routes, groups and ACLs say.",
    {
        "internet_gateway_block_mode": Key(
            BLOCK_MODE,
            "The mode wherever `options` says nothing: off, block-ingress or block-bidirectional; left out: off.",
        ),
        "options": Key(ListOf(OPTIONS), "Modes of single accounts and regions."),
        "exclusions": Key(ListOf(EXCLUSION), "VPCs and subnets that the mode does not hold for."),
    },
    instead={
        "mode": "the key is internet_gateway_block_mode",
        "exclusion": "the key is exclusions, a list",
        "internet_gateway_exclusion_mode": "it is a key of each exclusion: exclusions: [{vpc: main, ...}]",
        "region": "options: [{region: eu-west-1, internet_gateway_block_mode: block-ingress}]",
        "regions": "options: [{region: eu-west-1, internet_gateway_block_mode: block-ingress}]",
    },
)
