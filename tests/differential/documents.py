"""Random topologies: documents that are right by construction, with every component that decides about packets.

A document is what a person would write, so a failure can be handed over as a file. Names are short and say the kind:
s0 a subnet, t0 a route table, n0 a NAT gateway, i0 an instance, g0 a group, a0 an ACL, p0 a prefix list.
"""

import random
from ipaddress import IPv4Network
from typing import Any

import yaml

from tests.differential import associations, balancers, endpoints, filters, peerings, public_access, transits
from tests.differential.blocks import blocks_of
from tests.differential.dice import Dice
from tests.differential.filters import Peers, Record

Document = dict[str, Any]

NAME = "differential"
_HOSTS = {"far": "45.83.64.9", "dns": "8.8.8.8", "odd": "198.51.100.7"}
# Primary block -> what may be added to it (VPC-13). 45.83.0.0/16 holds an outside host (VPC-06).
_BLOCKS = {
    "10.0.0.0/16": ("100.64.0.0/16", "10.1.0.0/16", "45.83.0.0/16"),
    "192.168.4.0/22": ("192.168.12.0/24", "100.64.0.0/16"),
    "172.31.0.0/16": ("100.66.0.0/20", "45.83.0.0/16"),
    "100.64.0.0/16": ("100.65.0.0/16",),
    "10.2.0.0/16": ("10.3.0.0/20",),
    "172.16.0.0/20": ("172.18.0.0/24",),
    "44.0.0.0/20": ("45.83.0.0/16", "100.64.0.0/16"),
}
_VPCS = ("main", "other", "third", "fourth")
_SUFFIXES = ("", "x", "y", "z")  # names of instances and gateways are unique in the lab


def document(chances: random.Random, within: bool = False) -> Document:
    """One topology. within: nothing but what each VPC has of its own: no load balancer, nothing that joins VPCs."""
    dice = Dice(chances)
    hosts = dict(dice.some(list(_HOSTS.items()), 1, 3))
    vpcs = _vpcs(dice, hosts)
    between: Document = {} if within else _joined(dice, vpcs)
    # Prefix lists are the lab's, so VPCs share them; their names are known to all rules.
    lists = filters.prefix_lists(dice, ("0.0.0.0/0", "10.0.0.0/8", "45.0.0.0/8", "203.0.113.0/24", "10.0.0.0/25"))
    lists[ROUTED] = {"entries": dice.some(("45.0.0.0/8", "8.0.0.0/8", "203.0.113.0/25", "198.51.100.7/32"), 1, 3)}
    named = _named_lists(vpcs)
    lists = {name: lists.get(name, {"entries": []}) for name in sorted(named)}
    outside = {"hosts": {name: {"ip": ip} for name, ip in hosts.items()}}
    made: Document = {"name": NAME, "vpcs": vpcs, "internet": outside}
    return made | ({"prefix_lists": lists} if lists else {}) | between | public_access.draw(dice, vpcs)


def _joined(dice: Dice, vpcs: dict[str, Record]) -> Document:
    """Puts load balancers and endpoints into the VPCs; what stands beside them."""
    balancers.draw(dice, vpcs)
    between: Document = {}
    if len(vpcs) > 1:
        if len(vpcs) == 2 or dice.chance(50):
            between |= peerings.draw(dice, vpcs)
        if len(vpcs) > 2 or dice.chance(40):
            between |= transits.draw(dice, vpcs)
    endpoints.draw(dice, vpcs)
    associations.draw(dice, vpcs)
    return between


def text(document: Document) -> str:
    """The document as a file."""
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=None, width=120)


def _vpcs(dice: Dice, hosts: dict[str, str]) -> dict[str, Document]:
    """One as a rule; several are there to be connected, so as a rule their blocks do not overlap."""
    made = {"main": _Vpc(dice, 0, hosts, {}).document()}
    for number in range(1, dice.pick((1, 1, 1, 2, 2, 3, 3, 4))):
        free = {
            primary: more
            for primary, more in _BLOCKS.items()
            if not any(
                _overlap(one, other) for one in (primary, *more) for vpc in made.values() for other in blocks_of(vpc)
            )
        }
        made[_VPCS[number]] = _Vpc(dice, number, hosts, {} if dice.chance(10) else free).document()
    return made


def _overlap(one: str, other: str) -> bool:
    return IPv4Network(one).overlaps(IPv4Network(other))


def _named_lists(vpcs: dict[str, Document]) -> set[str]:
    """The prefix lists that rules name."""
    found: set[str] = set()

    def look(held: object) -> None:
        if isinstance(held, dict):
            for key, value in held.items():
                look(key)
                look(value)
        elif isinstance(held, list):
            for value in held:
                look(value)
        elif held in (*_LISTS, ROUTED):
            found.add(held)

    look(list(vpcs.values()))
    return found


_LISTS = ("p0", "p1")  # of rules
ROUTED = "p2"  # of routes, which may not lie inside a VPC


class _Vpc:
    """One VPC under way. The order of the draws is that of a person: network first, then who is in it, then filters."""

    def __init__(self, dice: Dice, number: int, hosts: dict[str, str], blocks: dict[str, tuple[str, ...]]) -> None:
        self.dice, self.number, self.hosts = dice, number, hosts
        self.choice = blocks or _BLOCKS
        self.suffix = _SUFFIXES[number]
        self.public = 0  # how many Elastic IPs are given
        self.elastic: list[str] = []

    def document(self) -> Document:
        dice = self.dice
        primary = dice.pick(tuple(self.choice))
        secondary = dice.some(self.choice[primary], 0, 1) if dice.chance(35) else []
        self.blocks = [primary, *secondary]
        gateway = dice.pick(("attached",) * 8 + ("none", "detached"))
        self.gateway = f"igw{self.suffix}" if gateway != "none" else ""
        self.attached = gateway == "attached"
        self.subnets = self._subnets()
        self.nats = tuple(f"n{number}{self.suffix}" for number in range(dice.pick((0, 1, 1, 2))))
        self.names = tuple(f"i{number}{self.suffix}" for number in range(dice.number(2, 6 if self.number == 0 else 3)))
        # RT-34: a route to one that has several interfaces names the interface.
        self.several = {name for name in self.names if dice.chance(12)}
        self.ways = tuple(f"{name}.eth1" if name in self.several else name for name in self.names)
        # Without a plan few packets would find a way through an appliance, or out and back.
        self.appliance = self.names[0] if dice.chance(40) else ""
        tables = self._route_tables()
        nats = self._nat_gateways()
        groups = ("g0", *(f"g{number}" for number in range(1, dice.number(1, 4))), *(["default"] * dice.chance(30)))
        acls = (*(f"a{number}" for number in range(dice.pick((0, 1, 1, 2)))), *(["default"] * dice.chance(10)))
        open_door = self.number > 0 and dice.chance(50)  # else few packets would get as far as another VPC's instances
        if open_door:
            acls = ()
        for subnet in self.subnets.values():
            if acls and dice.chance(40):
                subnet["network_acl"] = dice.pick(acls)
        instances = {name: self._instance(name, groups) for name in self.names}
        blocks = self._peer_blocks(instances)
        document: Document = {"cidr_block": primary}
        if secondary:
            document["secondary_cidr_blocks"] = secondary
        if self.gateway:
            document["internet_gateway"] = self._internet_gateway(tables)
        if "main" not in tables or dice.chance(10):
            document["main_route_table"] = next(iter(tables))
        document |= {"subnets": self.subnets, "route_tables": tables}
        if nats:
            document["nat_gateways"] = nats
        document["security_groups"] = filters.security_groups(dice, groups, Peers(blocks, groups, _LISTS))
        if open_door:
            document["security_groups"]["g0"] = {"ingress": [{"protocol": "all", "from": "0.0.0.0/0"}]}
            for instance in instances.values():
                if dice.chance(70):
                    instance["security_groups"] = ["g0"]
        if acls:
            document["network_acls"] = filters.network_acls(dice, acls, blocks)
        return document | {"instances": instances}

    # --- network -----------------------------------------------------------------------------------------------

    def _subnets(self) -> dict[str, Record]:
        dice = self.dice
        places = [
            place
            for block in self.blocks
            for place in list(IPv4Network(block).subnets(new_prefix=max(24, IPv4Network(block).prefixlen)))[:4]
        ]
        made: dict[str, Record] = {}
        for number, place in enumerate(dice.some(places, 1 if dice.chance(15) else 2, 4)):
            first, *_ = place.subnets(new_prefix=dice.pick((24, 27, 26)))  # a /28 may get too full
            subnet: Record = {"cidr_block": str(first)}
            if dice.chance(50):
                subnet["availability_zone"] = dice.pick(("a", "b", "c"))
            if dice.chance(20):
                subnet["map_public_ip_on_launch"] = True
            made[f"s{number}"] = subnet
        if not self.attached:
            for subnet in made.values():
                subnet.pop("map_public_ip_on_launch", None)
        return made

    def _nat_gateways(self) -> dict[str, Record]:
        dice = self.dice
        made: dict[str, Record] = {}
        for name in self.nats:
            if self.attached and dice.chance(20):
                made[name] = self._regional()
                continue
            gateway: Record = {"subnet": "s0" if dice.chance(80) else dice.pick(tuple(self.subnets))}
            if not self.attached or dice.chance(12):
                gateway["connectivity_type"] = "private"
                if dice.chance(15):
                    gateway["secondary_private_ip_address_count"] = 1
            elif dice.chance(50):
                gateway["elastic_ip"] = self._elastic_ip()
                if dice.chance(15):
                    gateway["secondary_elastic_ips"] = [self._elastic_ip()]
            if dice.chance(5):
                gateway["state"] = "deleted"
            made[name] = gateway
        return made

    def _regional(self) -> Record:
        """In automatic mode, or with some zones; sometimes its own table leads through an appliance."""
        dice = self.dice
        made: Record = {"availability_mode": "regional"}
        if dice.chance(50):
            made["availability_zone_address"] = [
                {"availability_zone": zone, "elastic_ips": [self._elastic_ip() for _ in range(dice.pick((1, 1, 2)))]}
                for zone in dice.some(("a", "b", "c"), 1, 3)
            ]
        if dice.chance(30):
            further = (*(subnet["cidr_block"] for subnet in self.subnets.values()), "0.0.0.0/0", "45.0.0.0/8")
            made["routes"] = {block: dice.pick(self.ways) for block in dice.some(further, 1, 2)}
        return made

    def _elastic_ip(self) -> str:
        self.public += 1
        self.elastic.append(f"203.0.113.{45 * self.number + self.public + 50}")
        return self.elastic[-1]

    def _route_tables(self) -> dict[str, Record]:
        """The main one of the first subnet, which is public as a rule; the others lead where they like."""
        dice = self.dice
        made: dict[str, Record] = {}
        for number in range(1 if dice.chance(15) else dice.number(2, 3)):
            routes: dict[str, str] = {}
            if number == 0 and self.gateway and dice.chance(85):
                routes["0.0.0.0/0"] = self.gateway
            elif dice.chance(85):
                routes["0.0.0.0/0"] = self._target()
            for _ in range(dice.pick((0, 0, 0, 1, 2))):
                self._further_route(routes)
            made["main" if number == 0 else f"t{number}"] = {"routes": routes}
        for name, subnet in self.subnets.items():
            if dice.chance(8 if name == "s0" else 85):
                subnet["route_table"] = dice.pick(tuple(made)[dice.chance(80) :] or ("main",))
        if self.appliance:
            self._through_the_appliance(made)
        return made

    def _through_the_appliance(self, tables: dict[str, Record]) -> None:
        """It stands in the first subnet; the others reach each other, or the internet, through it, mostly both ways."""
        dice = self.dice
        for name, subnet in self.subnets.items():
            if name == "s0" or subnet.get("route_table", "main") == "main":
                continue
            routes = tables[subnet["route_table"]]["routes"]
            if dice.chance(50):
                routes["0.0.0.0/0"] = self.ways[0]
            for other, there in self.subnets.items():
                if other not in ("s0", name) and dice.chance(75):
                    routes[there["cidr_block"]] = self.ways[0]

    def _target(self) -> str:
        gates = [self.gateway] if self.gateway else []
        return self.dice.pick((*gates, *self.nats * 4, *gates, *self.ways[:1], "blackhole"))

    def _further_route(self, routes: dict[str, str]) -> None:
        dice = self.dice
        inside = dice.chance(50)
        if inside:
            # RT-05: a whole subnet, or (RT-04) a block of the VPC's own. RT-06: only these are targets there.
            destination = dice.pick((*(subnet["cidr_block"] for subnet in self.subnets.values()), *self.blocks))
            routes[destination] = dice.pick((*self.ways, *self.nats))
            return
        target = self._target()
        further = [f"{ip}/32" for ip in self.hosts.values()] + [
            "45.0.0.0/8",
            "203.0.113.0/24",
            "10.99.0.0/16",
            "0.0.0.0/1",
        ]
        free = [
            block for block in further if not any(IPv4Network(block).subnet_of(IPv4Network(b)) for b in self.blocks)
        ]
        routes[ROUTED if dice.chance(20) else dice.pick(free)] = target

    def _internet_gateway(self, tables: dict[str, Record]) -> Any:
        dice = self.dice
        if not self.attached:
            return {"name": self.gateway, "attached": False}
        if not dice.chance(20):
            return self.gateway
        inside = [*(subnet["cidr_block"] for subnet in self.subnets.values()), *self.blocks]
        routes = {block: dice.pick(self.ways) for block in dice.some(inside, 0, 2)}
        tables["edge"] = {"routes": routes}
        return {"name": self.gateway, "route_table": "edge"}

    # --- who is in it ------------------------------------------------------------------------------------------

    def _instance(self, name: str, groups: tuple[str, ...]) -> Record:
        dice = self.dice
        forwards = name == self.appliance
        made: Record = {
            "subnet": "s0"
            if forwards and dice.chance(85)
            else dice.pick(tuple(self.subnets)[dice.chance(60) :] or ("s0",))
        }
        if self.attached and dice.chance(70 if forwards else 35):
            made["elastic_ip"] = self._elastic_ip()
        elif name not in self.several and dice.chance(20):
            made["associate_public_ip_address"] = self.attached and dice.chance(70)
        if forwards or dice.chance(80):
            made["security_groups"] = dice.some(groups, 1, 2)
        if dice.chance(10):
            made["source_dest_check"] = dice.chance(20)
        if forwards or dice.chance(8):
            made["services"] = [dice.pick(("router", "nat", "nat", {"firewall": [dice.pick(filters.PORTS)]}))]
            if dice.chance(85):
                made["source_dest_check"] = False
        if dice.chance(15):
            public = {"elastic_ip": self._elastic_ip()} if self.attached and dice.chance(50) else "auto"
            made["secondary_private_ips"] = [public]
        if name in self.several:
            made["network_interfaces"] = [self._interface(made, groups)]
        if dice.chance(3 if forwards else 8):
            made["state"] = dice.pick(("stopped", "terminated"))
        return made

    def _interface(self, instance: Record, groups: tuple[str, ...]) -> Record:
        """A second one, in a subnet of the same zone."""
        dice = self.dice
        zone = self.subnets[instance["subnet"]].get("availability_zone", "a")
        near = [name for name, held in self.subnets.items() if held.get("availability_zone", "a") == zone]
        made: Record = {"subnet": dice.pick([name for name in near if name != instance["subnet"]] or near)}
        if dice.chance(80):
            made["security_groups"] = dice.some(groups, 1, 2)
        if self.attached and dice.chance(30):
            made["elastic_ip"] = self._elastic_ip()
        if ("services" in instance and dice.chance(85)) or dice.chance(10):
            made["source_dest_check"] = False
        return made

    def _peer_blocks(self, instances: dict[str, Record]) -> tuple[str, ...]:
        """Blocks that rules name: whole, halved, single addresses, and some with host bits (VPC-03)."""
        first = IPv4Network(self.subnets["s0"]["cidr_block"])
        return (
            "0.0.0.0/0",
            self.blocks[0],
            *(subnet["cidr_block"] for subnet in self.subnets.values()),
            f"{first[4]}/32",
            f"{first[5]}/31",
            f"{first[6]}/24",
            *(f"{ip}/32" for ip in self.hosts.values()),
            *(f"{ip}/32" for ip in self.elastic[:2]),
            "0.0.0.0/1",
            "128.0.0.0/1",
        )
