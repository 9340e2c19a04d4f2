"""A VPC in which `mallory` is root, what she may do, and everything she might try in order to do more."""

from itertools import product

from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      app: {cidr_block: 10.0.1.0/24, route_table: private}
      data: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.1}
    security_groups:
      client: {}
      server: {ingress: [{protocol: tcp, port: 80, from: client}]}
      db: {ingress: [{protocol: tcp, port: 5432, from: server}]}
      web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}
    instances:
      mallory: {subnet: app, security_groups: [client]}
      neighbour: {subnet: app, security_groups: [client]}
      ally: {subnet: app, security_groups: [server]}
      db: {subnet: data, security_groups: [db]}
      front: {subnet: public, elastic_ip: 203.0.113.2, security_groups: [web]}
  other:
    cidr_block: 10.0.0.0/16
    subnets:
      app: {cidr_block: 10.0.3.0/24}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      stranger: {subnet: app, private_ip: 10.0.3.50, security_groups: [open]}
internet:
  hosts:
    friend: {ip: 198.51.100.7}
    far: {ip: 45.83.64.9}
"""
MALLORY = "mallory"
OTHERS = ("neighbour", "ally", "db", "front", "stranger", "friend", "far")


def serve(lab: Lab) -> None:
    for node in ("ally", "neighbour", "front", "friend", "far", "db", "stranger"):
        lab.serve(node, tcp=(22, 80, 5432), udp=(514,))


def check_as_ever(lab: Lab) -> None:
    """Everybody can do what the groups allow, mallory too, and she nothing else."""
    check(
        lab,
        passes(MALLORY, "ally", "tcp", 80),
        [Probe(MALLORY, "friend", "tcp", 80, seen_as="203.0.113.1")],
        _bystanders(lab),
        drops(MALLORY, "ally", "tcp", 22),
        drops(MALLORY, "db", "tcp", 5432),
        drops(MALLORY, "neighbour", "tcp", 80),
        drops(MALLORY, "front", "tcp", 22),
        drops(MALLORY, "10.0.3.50", "tcp", 80),
        drops("db", MALLORY, "tcp", 22),
    )


def _bystanders(lab: Lab) -> list[Probe]:
    return [
        Probe("ally", "db", "tcp", 5432, seen_as=lab.private("ally")),
        Probe("neighbour", "ally", "tcp", 80, seen_as=lab.private("neighbour")),
        Probe("neighbour", "friend", "tcp", 80, seen_as="203.0.113.1"),
        Probe("far", "203.0.113.2", "tcp", 80, seen_as="45.83.64.9"),
    ]


def stolen_sources(lab: Lab) -> list[str]:
    """Addresses that are not mallory's."""
    mine = [lab.private(node) for node in ("ally", "neighbour", "db", "front", "nat")]
    public = ["203.0.113.1", "203.0.113.2", "198.51.100.7", "45.83.64.9"]
    routers = ["10.0.1.1", "10.0.2.1", "169.254.0.1", "169.254.0.2", "192.0.2.1"]
    odd = ["10.0.1.99", "10.0.1.0", "10.0.1.255", "0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "240.0.0.1"]
    return [*mine, *public, *routers, *odd]


class Watch:
    """Taps on everybody but mallory, and on her to see whether others' packets come to her."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.taps = {node: Tap(lab, node) for node in (*OTHERS, MALLORY)}

    def nobody_got(self, mark: bytes) -> None:
        """After two packets of others have arrived, where they belong and only there."""
        to_ally, to_db = packets.cookie(), packets.cookie()
        syn = packets.TCP(sport=6000, dport=80, flags="S")
        Sender(self.lab, "neighbour").send("ally", syn / packets.Raw(to_ally))
        Sender(self.lab, "ally").send("db", packets.TCP(sport=6000, dport=5432, flags="S") / packets.Raw(to_db))
        self.taps["ally"].wait(to_ally)
        self.taps["db"].wait(to_db)
        silent(*(self.taps[node] for node in OTHERS), about=mark)
        silent(self.taps[MALLORY], about=to_ally, after=0)
        silent(self.taps[MALLORY], about=to_db, after=0)


def try_everything(lab: Lab, mark: bytes) -> None:
    """What mallory may not send: forbidden packets from her own address, and any from another's, by every MAC."""
    sender = Sender(lab, MALLORY)
    macs = [sender.next_mac, *(lab.veth(node).peer_mac for node in ("ally", "neighbour", "db", "nat"))]
    macs += ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"]
    payload = packets.Raw(mark)
    forbidden = [
        ("ally", packets.TCP(dport=22, flags="S")),
        ("ally", packets.UDP(dport=80)),
        ("ally", packets.ICMP()),
        ("db", packets.TCP(dport=5432, flags="S")),
        ("db", packets.TCP(dport=5432, flags="A")),
        ("neighbour", packets.TCP(sport=80, dport=6000, flags="SA")),
        ("neighbour", packets.ICMP(type=0)),
        ("10.0.3.50", packets.UDP(dport=514)),
    ]
    for to, upper in forbidden:
        for mac in macs:
            sender.put(sender.packet(to, upper / payload), dst=mac)
    stolen = [
        packets.TCP(sport=6000, dport=80, flags="S"),
        packets.UDP(dport=514),
        packets.ICMP(),
        packets.TCP(sport=80, dport=6000, flags="SA"),
    ]
    targets = ("ally", "db", "neighbour", "front", "friend", "far", "203.0.113.2")
    for number, (source, to) in enumerate(product(stolen_sources(lab), targets)):
        mac = (sender.next_mac, "ff:ff:ff:ff:ff:ff")[number % 5 == 4]
        sender.put(sender.packet(to, stolen[number % 4] / payload, src=source), dst=mac)
