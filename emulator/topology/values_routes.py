"""Where a route leads: the text of a destination -> a block, or the name of a prefix list."""

import re
from ipaddress import IPv4Network

from emulator.names import RESOURCE_NAME
from emulator.topology.suggest import show
from emulator.topology.values import CIDR, CIDR_PATTERN, CIDR_TEXT, Bad, Scalar, Word, whole

# Terraform writes a route as a map of these.
_OF_A_ROUTE = re.compile(
    "(?:destination_)?(?:ipv6_)?(?:cidr_block|prefix_list_id)|[a-z_]*gateway_id|network_interface_id"
)


def _read_destination(text: str) -> IPv4Network | Word:
    if _OF_A_ROUTE.fullmatch(text):
        what = f"{show(text)} is no destination"
        raise Bad(what, "a route is one line: 0.0.0.0/0: igw, or for a prefix list its name: office: igw")
    if RESOURCE_NAME.fullmatch(text) and not CIDR_TEXT.fullmatch(text):
        return Word(text)
    return CIDR.read(text)  # type: ignore[return-value]  # a block


DESTINATION = Scalar(
    "a CIDR block or the name of a prefix list",
    _read_destination,
    {"type": "string", "pattern": whole(f"{CIDR_PATTERN}|{RESOURCE_NAME.pattern}")},
)
