"""The text of one scalar -> one value. Each kind also knows its JSON Schema, so editor and loader agree.

A reader raises Bad and nothing else. Numbers are plain decimal: octal, hexadecimal, `1_000` and `22:30` are refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.names import HOST_NAME, LAB_NAME, RESOURCE_NAME
from emulator.topology.elsewhere import cidr_hint, port_hint, protocol_hint
from emulator.topology.suggest import did_you_mean, show


class Bad(Exception):
    """A value of the wrong kind: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, hint: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what, self.hint, self.code = what, hint, code


class Scalar(NamedTuple):
    """A kind of scalar: `phrase` names it in messages ("a CIDR block such as 10.0.0.0/16")."""

    phrase: str
    read: Callable[[str], object]
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Word:
    """The name of another resource, and not a CIDR block: what `from` and `to` may hold besides one."""

    name: str


OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
ADDRESS_PATTERN = rf"{OCTET}\.{OCTET}\.{OCTET}\.{OCTET}"
CIDR_PATTERN = rf"{ADDRESS_PATTERN}/(?:[12]?[0-9]|3[0-2])"
NUMBER_PATTERN = r"(?:0|[1-9][0-9]{0,8})"
ADDRESS_TEXT = re.compile(ADDRESS_PATTERN)
CIDR_TEXT = re.compile(CIDR_PATTERN)
LOOKS_NUMERIC = re.compile(r"[0-9]+(?:\.[0-9]+)+(?:/[0-9.]*)?")
LOOKS_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?")
NUMBER_TEXT = re.compile(NUMBER_PATTERN)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
NO_IPV6 = "IPv6 is not emulated yet"


def whole(pattern: str) -> str:
    """A pattern for JSON Schema, which searches where Python's fullmatch does not."""
    return f"^(?:{pattern})$"


# ---- names ---------------------------------------------------------------------------------------------------------


def _named(pattern: re.Pattern[str], phrase: str, longest: int) -> Scalar:
    match = pattern.fullmatch

    def read(text: str) -> str:
        if match(text):
            return text
        raise Bad(f"{show(text)} is not {phrase}", _why_not_a_name(text, longest))

    return Scalar(phrase, read, {"type": "string", "pattern": whole(pattern.pattern)})


def _why_not_a_name(text: str, longest: int) -> str:
    if len(text) > longest:
        return f"{len(text)} characters; the limit is {longest}"
    allowed = {63: "letters, digits, - and _, with a letter or digit at both ends"}
    return allowed.get(longest, "lower-case letters, digits and -, with a letter or digit at both ends")


def _read_host_name(text: str) -> str:
    if HOST_NAME.fullmatch(text) and ".." not in text:
        return text
    raise Bad(f"{show(text)} is not a host's name", "letters, digits, dots and -, at most 63, such as dns.example")


NAME = _named(RESOURCE_NAME, "a name", 63)
LAB = _named(LAB_NAME, "a lab's name", 31)


def _read_domain(text: str) -> str:
    if HOST_NAME.fullmatch(text) and ".." not in text:
        return text
    raise Bad(f"{show(text)} is not a domain", "one name of letters, digits, dots and -, such as corp.example")


DOMAIN = Scalar("a domain", _read_domain, {"type": "string", "pattern": whole(HOST_NAME.pattern)})
HOST = Scalar("a host's name", _read_host_name, {"type": "string", "pattern": whole(HOST_NAME.pattern)})


def _read_text(text: str) -> str:
    if UNPRINTABLE.search(text):
        raise Bad(f"{show(text)} holds a control character")
    if len(text) > 65535:
        raise Bad(f"{len(text)} characters are too long")
    return text


def _read_description(text: str) -> str:
    if len(text) > 255:
        raise Bad(f"a description of {len(text)} characters is too long", "at most 255", "InvalidParameterValue")
    if "\n" in text:
        raise Bad("a description is one line")
    return _read_text(text)


TEXT = Scalar("text", _read_text, {"type": "string", "maxLength": 65535})
DESCRIPTION = Scalar("text of at most 255 characters", _read_description, {"type": "string", "maxLength": 255})


def choice(*words: str, otherwise: str = "") -> Scalar:
    """One of a few fixed words; `otherwise` is the hint where no word looks like what is written."""
    phrase = f"one of {', '.join(words)}"

    def read(text: str) -> str:
        if text in words:
            return text
        raise Bad(f"{show(text)} is not {phrase}", did_you_mean(text, words, otherwise))

    return Scalar(phrase, read, {"enum": list(words)})


def _read_boolean(text: str) -> bool:
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    raise Bad(
        f"{show(text)} is neither true nor false", "write true or false; yes, no, on and off are not read as booleans"
    )


BOOLEAN = Scalar("true or false", _read_boolean, {"type": "boolean"})


def _pattern(pattern: str, phrase: str, hint: str = "", code: str = "") -> Scalar:
    match = re.compile(pattern).fullmatch

    def read(text: str) -> str:
        if match(text):
            return text
        raise Bad(f"{show(text)} is not {phrase}", f"write {text.lower()}" if match(text.lower()) else hint, code)

    return Scalar(phrase, read, {"type": "string", "pattern": whole(pattern)})


REGION = _pattern("[a-z]{2}(?:-[a-z]{2,12}){1,3}-[1-9]", "a region", "such as us-east-1 or ap-northeast-1")
ZONE = _pattern(
    "[a-z]|[a-z]{2}(?:-[a-z]{2,12}){1,3}-[1-9][a-z]",
    "an availability zone",
    "a single letter such as a, or the region's name and a letter such as us-east-1a",
    "InvalidParameterValue",
)
ACCOUNT = _pattern("[0-9]{12}", "an account's id", "12 digits, such as 111122223333")
USER = _pattern(
    "[a-z_][a-z0-9_-]{0,30}", "a user's name", "lower-case letters, digits, - and _, such as root or nobody"
)


# ---- addresses -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _read_cidr(text: str) -> IPv4Network:
    # VPC-03: host bits are cleared and not refused.
    if CIDR_TEXT.fullmatch(text):
        return IPv4Network(text, strict=False)
    raise _not_a_cidr(text)


def _not_a_cidr(text: str) -> Bad:
    code = "InvalidParameterValue"
    if LOOKS_IPV6.fullmatch(text):
        return Bad(f"{show(text)} is an IPv6 block", NO_IPV6, code)
    if hint := cidr_hint(text):
        what = "has no prefix length" if ADDRESS_TEXT.fullmatch(text) else "is not a CIDR block"
        return Bad(f"{show(text)} {what}", hint, code)
    if ADDRESS_TEXT.fullmatch(text):
        hint = f"{text}/24 are 256 addresses, {text}/32 is this one; 0.0.0.0/0 is every address"
        return Bad(f"{show(text)} has no prefix length", hint, code)
    if LOOKS_NUMERIC.fullmatch(text):
        return Bad(
            f"{show(text)} is not a CIDR block", "four numbers from 0 to 255, then / and a length from 0 to 32", code
        )
    return Bad(f"{show(text)} is not a CIDR block", "such as 10.0.0.0/16", code)


def _read_address(text: str) -> IPv4Address:
    if ADDRESS_TEXT.fullmatch(text):
        return IPv4Address(text)
    if LOOKS_IPV6.fullmatch(text):
        raise Bad(f"{show(text)} is an IPv6 address", NO_IPV6, "InvalidParameterValue")
    hint = (
        "leave out the prefix length" if CIDR_TEXT.fullmatch(text) else "four numbers from 0 to 255, such as 10.0.1.10"
    )
    raise Bad(f"{show(text)} is not an IPv4 address", hint, "InvalidParameterValue")


AMAZON_DNS = "AmazonProvidedDNS"


def _read_name_server(text: str) -> IPv4Address | str:
    if text.lower() == AMAZON_DNS.lower():
        return AMAZON_DNS
    if HOST_NAME.fullmatch(text) and not LOOKS_NUMERIC.fullmatch(text):
        raise Bad(
            f"{show(text)} is not a name server's address",
            f"an IPv4 address such as 8.8.8.8, or {AMAZON_DNS}",
            "InvalidParameterValue",
        )
    return _read_address(text)


# A group of a peered VPC. Never digits alone: those are a block, or an account of AWS's.
GROUP_OF_PEER = re.compile(rf"(?![0-9]+/)(?:{RESOURCE_NAME.pattern})/(?![0-9]+$)(?:{RESOURCE_NAME.pattern})")


def _read_peer(text: str) -> IPv4Network | Word:
    """What a security group rule allows: a CIDR block, or the name of a group (`self` included) or prefix list."""
    if CIDR_TEXT.fullmatch(text):
        return _read_cidr(text)
    if RESOURCE_NAME.fullmatch(text) or GROUP_OF_PEER.fullmatch(text):
        return Word(text)
    if "." in text or "/" in text or ":" in text:
        raise _not_a_cidr(text)
    raise Bad(
        f"{show(text)} is neither a CIDR block, nor the name of a security group or a prefix list, nor self",
        cidr_hint(text),
    )


def _read_block(text: str) -> IPv4Network:
    """What an entry of a network ACL matches: a CIDR block, and nothing that has a name (ACL-10)."""
    if not CIDR_TEXT.fullmatch(text) and RESOURCE_NAME.fullmatch(text):
        hint = "a network ACL knows CIDR blocks only, no security groups and no prefix lists"
        raise Bad(f"{show(text)} is not a CIDR block", hint, "InvalidParameterValue")
    return _read_cidr(text)


def _read_end(text: str) -> IPv4Address | str:
    """One end of an expectation: a node's name or an address."""
    if ADDRESS_TEXT.fullmatch(text):
        return IPv4Address(text)
    if HOST_NAME.fullmatch(text) or RESOURCE_NAME.fullmatch(text):
        return text
    hint = "the port goes into `port`" if ":" in text else "one address, such as 10.0.1.10" if "/" in text else ""
    raise Bad(f"{show(text)} is neither a node's name nor an IPv4 address", hint)


CIDR = Scalar("a CIDR block such as 10.0.0.0/16", _read_cidr, {"type": "string", "pattern": whole(CIDR_PATTERN)})
BLOCK = CIDR._replace(read=_read_block)
ADDRESS = Scalar("an IPv4 address", _read_address, {"type": "string", "pattern": whole(ADDRESS_PATTERN)})
NAME_SERVER = Scalar(
    f"a name server's address or {AMAZON_DNS}",
    _read_name_server,
    {"type": "string", "pattern": whole(f"{ADDRESS_PATTERN}|{AMAZON_DNS}")},
)
PEER = Scalar(
    "a CIDR block, the name of a security group or a prefix list, or self",
    _read_peer,
    {"type": "string", "pattern": whole(f"{CIDR_PATTERN}|{RESOURCE_NAME.pattern}|{GROUP_OF_PEER.pattern}")},
)
END = Scalar(
    "a node's name or an IPv4 address",
    _read_end,
    {"type": "string", "pattern": whole(HOST_NAME.pattern + "|" + RESOURCE_NAME.pattern)},
)


# ---- numbers, ports, protocols -------------------------------------------------------------------------------------


def _number(text: str, low: int, high: int, phrase: str) -> int:
    if NUMBER_TEXT.fullmatch(text):
        number = int(text)
        if low <= number <= high:
            return number
        raise Bad(f"{number} is not {phrase}", f"from {low} to {high}", "InvalidParameterValue")
    hint = (phrase == "a port" and port_hint(text)) or f"a plain decimal number from {low} to {high}"
    raise Bad(f"{show(text)} is not {phrase}", hint, "InvalidParameterValue")


def integer(low: int, high: int, phrase: str) -> Scalar:
    """A plain decimal number within limits."""
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(phrase, lambda text: _number(text, low, high, phrase), schema)


PORT = integer(1, 65535, "a port")
RULE_NUMBER = integer(1, 32766, "a rule number")  # ACL-04


def _read_ports(text: str) -> tuple[int, int]:
    if text == "all":
        return 0, 65535
    low, dash, high = text.partition("-")
    if low and dash:
        first, last = _number(low.strip(), 0, 65535, "a port"), _number(high.strip(), 0, 65535, "a port")
        if first > last:
            raise Bad(f"{show(text)} ends before it begins", f"write {last}-{first}", "InvalidParameterValue")
        return first, last
    if not NUMBER_TEXT.fullmatch(text):
        raise Bad(
            f"{show(text)} is neither a port nor a range of ports",
            port_hint(text) or "443, 8000-8100 or all",
            "InvalidParameterValue",
        )
    only = _number(text, 0, 65535, "a port")
    return only, only


def _read_icmp(text: str) -> int:
    return -1 if text in ("all", "-1") else _number(text, 0, 255, "an ICMP number")


def _read_raw_port(text: str) -> int:
    """Terraform's from_port and to_port, which are an ICMP type and code as well."""
    return -1 if text == "-1" else _number(text, 0, 65535, "a port")


PORTS = Scalar(
    "a port, a range such as 8000-8100, or all",
    _read_ports,
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 65535},
            {"type": "string", "pattern": whole(f"all|{NUMBER_PATTERN}(?: *- *{NUMBER_PATTERN})?")},
        ]
    },
)
ICMP = Scalar(
    "an ICMP number from 0 to 255, or all",
    _read_icmp,
    {"anyOf": [{"type": "integer", "minimum": -1, "maximum": 255}, {"const": "all"}]},
)
RAW_PORT = Scalar("a port, or -1", _read_raw_port, {"type": "integer", "minimum": -1, "maximum": 65535})

ALL_PROTOCOLS = -1
ICMP_PROTOCOL, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOLS = {
    "all": ALL_PROTOCOLS,
    "-1": ALL_PROTOCOLS,
    "tcp": TCP,
    "udp": UDP,
    "icmp": ICMP_PROTOCOL,
    "icmpv6": ICMPV6,
    "igmp": 2,
    "ipip": 4,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ospf": 89,
    "vrrp": 112,
    "sctp": 132,
}
PROTOCOL_WORDS = {number: word for word, number in reversed(PROTOCOLS.items())}


def _read_protocol(text: str) -> int:
    number = PROTOCOLS.get(text)
    if number is not None:
        return number
    if NUMBER_TEXT.fullmatch(text) and int(text) <= 255:
        return int(text)
    hint = protocol_hint(text) or "tcp, udp, icmp, all, or a number from 0 to 255"
    if text.lower() in PROTOCOLS:
        hint = f"write {text.lower()}"
    raise Bad(f"{show(text)} is not an IP protocol", hint, "InvalidParameterValue")


PROTOCOL = Scalar(
    "an IP protocol",
    _read_protocol,
    {
        "anyOf": [
            {"enum": list(PROTOCOLS)},
            {"type": "integer", "minimum": -1, "maximum": 255},
            {"type": "string", "pattern": whole("[1-9]?[0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]")},
        ]
    },
)
