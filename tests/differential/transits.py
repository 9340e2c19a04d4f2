"""Random transit gateways: attachments by zone, tables, association, propagation, static routes, and two plans that
people have: egress by one VPC's NAT gateway, and inspection by an appliance of one VPC.
"""

from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from tests.differential.blocks import blocks_of, leads, table_of, zones_of
from tests.differential.dice import Dice

Document = dict[str, Any]

_EVERYWHERE = "0.0.0.0/0"
_WIDE = "10.0.0.0/8"
_PEERING = "tp"


def draw(dice: Dice, vpcs: dict[str, Document]) -> Document:
    """One gateway, as a rule, for the VPCs of one region; the routes to it are put into the VPCs."""
    home = [name for name, vpc in vpcs.items() if not vpc.get("region") and dice.chance(92)]
    away = [name for name, vpc in vpcs.items() if vpc.get("region")]
    if not away and len(home) > 1 and dice.chance(20):  # peered in one region, too
        home, away = home[:-1], home[-1:]
    if home and away and dice.chance(75):
        return _peered(dice, vpcs, home, away)
    twice = len(home) > 1 and dice.chance(8)
    made: Document = {}
    for number in range((2 if twice else 1) if home else 0):
        gateway = _Gateway(dice, f"tg{number}", {name: vpcs[name] for name in home}, {})
        if not twice and _apart(vpcs) and dice.chance(50):
            gateway.name_groups()
        made[gateway.name] = gateway.document()
    return {"transit_gateways": made} if made else {}


def _peered(dice: Dice, vpcs: dict[str, Document], *sides: list[str]) -> Document:
    """TGW-50: two gateways, and the peering attachment between them."""
    made: Document = {}
    for number, own in enumerate(sides):
        far = {name: vpcs[name] for name in sides[1 - number]}
        made[f"tg{number}"] = _Gateway(dice, f"tg{number}", {name: vpcs[name] for name in own}, far).document()
    joined: Document = {"transit_gateway": "tg0", "peer_transit_gateway": "tg1"}
    if dice.chance(90):
        joined["accepted"] = True
    return {"transit_gateways": made, "transit_gateway_peering_attachments": {_PEERING: joined}}


def _apart(vpcs: dict[str, Document]) -> bool:
    """Whether an address is of one VPC. Else a rule that names a group would have to tell senders apart."""
    blocks = [IPv4Network(block) for vpc in vpcs.values() for block in blocks_of(vpc)]
    return not any(one.overlaps(other) for one, other in combinations(blocks, 2))


class _Gateway:
    """A gateway under way. far: the VPCs that are at its peer."""

    def __init__(self, dice: Dice, name: str, vpcs: dict[str, Document], far: dict[str, Document]) -> None:
        self.dice, self.name, self.vpcs, self.far = dice, name, vpcs, far
        self.options: Document = {}
        self.attachments = {f"at-{vpc}": vpc for vpc in vpcs}
        self.plan = dice.pick(("", "", "", "egress", "inspection"))
        self.hub = self._hub()

    def _hub(self) -> str:
        """The VPC that the others go by, "" if there is none."""
        wanted = {"egress": "nat_gateways", "inspection": "instances"}.get(self.plan)
        able = [name for name, vpc in self.vpcs.items() if wanted and self._ways(vpc, wanted)]
        return self.dice.pick(able) if able else ""

    def _ways(self, vpc: Document, kind: str) -> list[str]:
        held = vpc.get(kind, {})
        if kind == "nat_gateways":
            return [name for name, one in held.items() if one.get("state") != "deleted"]
        return [
            name for name, one in held.items() if "services" in one and "network_interfaces" not in one and _lives(one)
        ]

    def document(self) -> Document:
        dice = self.dice
        made: Document = self.options | {
            "vpc_attachments": {name: self._attachment(vpc) for name, vpc in self.attachments.items()}
        }
        for vpc in self.vpcs:
            self._routes(vpc)
        if self.hub:
            self._to_the_hub(made["vpc_attachments"])
        tables = self._hub_tables() if self.hub and dice.chance(75) else self._tables()
        for key in ("association", "propagation"):
            if "spokes" in tables or dice.chance(20):
                made[f"default_route_table_{key}"] = "disable"
        disabled = all(made.get(f"default_route_table_{key}") for key in ("association", "propagation"))
        if not disabled and dice.chance(40):
            tables["default"] = {"routes": self._static()}
        if self.far:
            self._to_the_peer(tables, disabled)
        if tables:
            made["route_tables"] = tables
        return made

    def name_groups(self) -> None:
        """SG-34: rules of one VPC that name groups of another one, and the switches for that."""
        dice = self.dice
        if dice.chance(75):
            self.options["security_group_referencing_support"] = "enable"
        for name, vpc in self.vpcs.items():
            for other, there in self.vpcs.items():
                for group in vpc["security_groups"].values() if other != name else ():
                    for direction, key, often in (("ingress", "from", 30), ("egress", "to", 15)):
                        rule = {"protocol": "all", key: f"{other}/{dice.pick(tuple(there['security_groups']))}"}
                        if dice.chance(often) and rule not in (held := group.get(direction) or [rule]):
                            held.append(rule)

    def _to_the_peer(self, tables: Document, disabled: bool) -> None:
        """Static routes over the peering attachment, and its association where that is not the default."""
        dice = self.dice
        if disabled and tables and dice.chance(85):
            tables[dice.pick(tuple(tables))].setdefault("associations", []).append(_PEERING)
        if not disabled:
            tables.setdefault("default", {})
        for table in tables.values():
            for vpc in self.far.values():
                for block in blocks_of(vpc):
                    if dice.chance(85):
                        table.setdefault("routes", {})[block] = _PEERING

    def _attachment(self, name: str) -> Document:
        """TGW-04: one subnet in each zone, or not in each."""
        dice = self.dice
        zones = zones_of(self.vpcs[name])
        chosen = [dice.pick(subnets) for subnets in zones.values() if dice.chance(85)]
        made: Document = {"vpc": name, "subnets": chosen or [next(iter(zones.values()))[0]]}
        if self.options and dice.chance(12):
            made["security_group_referencing_support"] = "disable"
        if dice.chance(40 if name == self.hub else 12):
            made["appliance_mode_support"] = "enable"
        for key in ("association", "propagation"):
            if dice.chance(8):
                made[f"transit_gateway_default_route_table_{key}"] = dice.chance(50)
        return made

    # --- in the VPCs -------------------------------------------------------------------------------------------

    def _routes(self, name: str) -> None:
        dice, vpc = self.dice, self.vpcs[name]
        forgetful = dice.chance(10)
        for table, held in vpc["route_tables"].items():
            if table == "edge":
                continue
            routes = held["routes"]
            for other, there in (self.vpcs | self.far).items():
                for block in blocks_of(there) if other != name else ():
                    if leads(vpc, block) and dice.chance(20 if forgetful else 80):
                        routes[block] = self.name
            if dice.chance(12):
                routes[_EVERYWHERE] = self.name
            if dice.chance(12) and leads(vpc, _WIDE):
                routes[_WIDE] = self.name

    def _to_the_hub(self, attachments: Document) -> None:
        """What the hub needs: from its attachment to the NAT gateway or the appliance, from there to the others."""
        dice, hub = self.dice, self.vpcs[self.hub]
        kind = "nat_gateways" if self.plan == "egress" else "instances"
        way = dice.pick(self._ways(hub, kind))
        held_by = hub[kind][way]
        # A regional NAT gateway has a table of its own (RNAT-02).
        own = table_of(hub, held_by["subnet"]) if "subnet" in held_by else held_by.setdefault("routes", {})
        for subnet in attachments[f"at-{self.hub}"]["subnets"]:
            routes = table_of(hub, subnet)
            if routes is not own:
                routes[_EVERYWHERE] = way
                for other in self.vpcs:
                    for block in blocks_of(self.vpcs[other]) if other != self.hub else ():
                        if routes.get(block) == self.name:
                            del routes[block]
        for name, vpc in self.vpcs.items():
            for block in blocks_of(vpc) if name != self.hub else ():
                if leads(hub, block):
                    own[block] = self.name
            for table, held in vpc["route_tables"].items():
                if name != self.hub and table != "edge" and dice.chance(70):
                    held["routes"][_EVERYWHERE] = self.name

    # --- in the gateway ----------------------------------------------------------------------------------------

    def _hub_tables(self) -> Document:
        hub = f"at-{self.hub}"
        spokes = [name for name in self.attachments if name != hub]
        kept: Document = {_EVERYWHERE: hub}
        if self.plan == "egress":  # the spokes meet by their own routes, or not at all, or by way of the hub
            kept |= {_WIDE: "blackhole"} if self.dice.chance(40) else {}
        made: Document = {"associations": spokes, "routes": kept}
        if self.plan == "egress" and self.dice.chance(40):
            made["propagations"] = list(self.attachments)
        return {"spokes": made, "hub": {"associations": [hub], "propagations": list(self.attachments)}}

    def _tables(self) -> Document:
        dice = self.dice
        names = [f"r{number}" for number in range(dice.pick((0, 0, 1, 2)))]
        made: Document = {name: {} for name in names}
        for name in self.attachments:
            if names and dice.chance(60):
                made[dice.pick(names)].setdefault("associations", []).append(name)
        for held in made.values():
            held["propagations"] = dice.some(tuple(self.attachments), len(self.attachments) // 2, len(self.attachments))
            if dice.chance(50):
                held["routes"] = self._static()
        return made

    def _static(self) -> dict[str, str]:
        dice = self.dice
        targets = (*self.attachments, "blackhole")
        parts = [subnet["cidr_block"] for vpc in self.vpcs.values() for subnet in vpc["subnets"].values()]
        blocks = [block for vpc in self.vpcs.values() for block in blocks_of(vpc)]
        found = dice.some((_EVERYWHERE, _WIDE, *dict.fromkeys(blocks), *dict.fromkeys(parts)), 0, 3)
        return {block: dice.pick(targets) for block in dict.fromkeys(found)}


def _lives(instance: Document) -> bool:
    return "state" not in instance
