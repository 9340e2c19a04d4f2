"""The table of keys of `expect:`."""

from emulator.topology import values
from emulator.topology.kinds import Key, Noun, OneOrMany, ScalarOr
from emulator.topology.values import ADDRESS, BOOLEAN, DESCRIPTION, END, HOST, NAME, PORT

SELECTOR = Noun(
    "selection",
    "Every instance of which all this holds.",
    {
        "subnet": Key(NAME, "In this subnet."),
        "group": Key(NAME, "In this security group."),
        "security_group": Key(NAME, "The same as group."),
        "vpc": Key(NAME, "In this VPC; left out: in all that have such a subnet or group."),
    },
    any_of=("subnet", "group", "security_group", "vpc"),
    instead={"instance": "write its name alone", "sg": "the key is group", "host": "write its name alone"},
)

_ENDS = OneOrMany(ScalarOr(END, SELECTOR, "{subnet: private}"))
_MESSAGE = values.integer(0, 255, "an ICMP number")

EXPECTATION = Noun(
    "expectation",
    "Flows, and what must become of them.",
    {
        "name": Key(DESCRIPTION, "What it proves, in a few words: the title in the report."),
        "from": Key(
            _ENDS,
            "Who sends: an instance, ENI or outside host, an address, internet, {subnet: x}, {group: x}, or a list.",
            required=True,
        ),
        "to": Key(_ENDS, "Who is meant: as in from, or a NAT gateway, or any address.", required=True),
        "protocol": Key(values.choice("tcp", "udp", "icmp"), "tcp, udp or icmp; left out: tcp."),
        "port": Key(OneOrMany(PORT), "The destination port, or a list of them. For tcp and udp."),
        "ports": Key(OneOrMany(PORT), "The same as port."),
        "icmp_type": Key(_MESSAGE, "For icmp: the type; left out: 8, an echo request, which is answered."),
        "icmp_code": Key(_MESSAGE, "For icmp: the code; left out: 0."),
        "result": Key(
            values.choice(
                "pass", "drop", "refused", otherwise="pass: it works; drop: a timeout; refused: nobody listens"
            ),
            "pass, drop (a timeout) or refused (an answer: nobody listens).",
            True,
        ),
        "seen_as": Key(ADDRESS, "The source address that the receiver sees."),
        "via": Key(OneOrMany(HOST), "Gateways or appliances that must be on the path: nat, or [nat, igw]."),
        "payload": Key(BOOLEAN, "More data than one packet holds must come back; left out: false."),
    },
    instead={
        "source": "the key is from",
        "destination": "the key is to",
        "expect": "the key is result",
        "description": "the key is name",
        "type": "the key is icmp_type",
    },
)
