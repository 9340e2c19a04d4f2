"""What an expectation may say: its ends exist, its numbers fit its protocol, and it does not contradict itself."""

from emulator.topology.associations import owner_and_group, with_associated
from emulator.topology.expand import selected
from emulator.topology.expectations import Expectation, Selector
from emulator.topology.model import INTERNET, Topology
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean
from emulator.topology.values import ADDRESS_TEXT
from emulator.topology.zonal import aliases

_ON_A_PATH = ("instance", "nat_gateway", "internet_gateway", "network_load_balancer", "vpc_endpoint")
_SILENT = {"nat_gateway": "a NAT gateway", "network_load_balancer": "a load balancer", "vpc_endpoint": "a VPC endpoint"}


def check(topology: Topology, report: Report) -> None:
    """Every line of `expect:`."""
    names = _Names(topology, report)
    for expected in topology.expect:
        for key, ends in (("from", expected.sources), ("to", expected.targets)):
            for index, end in enumerate(ends):
                here = f"{key}[{index}]" if len(ends) > 1 else key
                if isinstance(end, Selector):
                    names.check_selector(expected, here, end)
                else:
                    names.check_end(expected, here, end, sends=key == "from")
        for index, name in enumerate(expected.via):
            names.check_via(expected, f"via[{index}]" if len(expected.via) > 1 else "via", name)
        _check_numbers(expected, report)
        _check_contradictions(expected, report)


class _Names:
    """What the file's names stand for. A name that may belong to something broken is nobody's fault."""

    def __init__(self, topology: Topology, report: Report) -> None:
        self._topology = topology
        self._report = report
        self._kinds: dict[str, str] = {node.name: node.kind for node in topology.nodes()}
        kinds = dict(self._kinds)
        self._kinds |= {name: kinds[nodes[0]] for name, nodes in aliases(topology).items() if nodes}
        self._stopped: set[str] = set()
        for vpc in topology.vpcs:
            for instance in vpc.instances:
                self._kinds |= {interface.name: "instance" for interface in instance.interfaces}
                if instance.state == "stopped":
                    self._stopped |= {interface.name for interface in instance.interfaces}
        self._talking = [name for name, kind in self._kinds.items() if kind in ("instance", "outside_host")]
        self._incomplete = _incomplete(topology, report)
        self._missing = any(path.startswith("vpcs") for path in report.broken)  # instances, perhaps
        self._broken = {path.partition(".hosts.")[2] or path.rpartition(".")[2] for path in report.broken}

    def check_end(self, expected: Expectation, key: str, name: str, *, sends: bool) -> None:
        if ADDRESS_TEXT.fullmatch(name) or name in self._broken:
            return
        where = expected.where
        kind = self._kinds.get(name)
        if name == INTERNET:
            if not self._topology.internet.hosts and not self._incomplete:
                hint = "`internet: {hosts: {web.example: {ip: 93.184.216.34}}}`"
                self._report.error(where, "the lab's internet has no hosts", hint, key=key)
        elif kind is None:
            if self._is_gone(name):
                # RT-40, NAT-09: what is terminated or deleted has no address any more
                self._report.error(where, f"`{name}` is gone", "its state says so: remove it, or this line", key=key)
            elif not self._incomplete:
                hint = did_you_mean(name, self._talking, "an instance, an outside host, or an address")
                if self._is_group_or_subnet(name):
                    hint = f"all of a subnet or a group: {{subnet: {name}}}, {{group: {name}}}"
                self._report.error(where, f"no node is called `{name}`", hint, key=key)
        elif kind in _SILENT and sends:
            self._report.error(where, f"`{name}` is {_SILENT[kind]}, which sends nothing of its own", key=key)
        elif name in self._stopped and sends:
            # RT-42
            self._report.error(where, f"`{name}` is stopped, and sends nothing", "state: running", key=key)
        elif kind in ("router", "internet_gateway"):
            what = f"`{name}` is no host: nothing can be sent {'from' if sends else 'to'} it"
            self._report.error(where, what, "name an instance, an outside host, or an address", key=key)

    def check_selector(self, expected: Expectation, key: str, end: Selector) -> None:
        if self._incomplete:
            return
        where, vpcs = expected.where, self._topology.vpcs
        if end.vpc and not any(vpc.name == end.vpc for vpc in vpcs):
            hint = did_you_mean(end.vpc, [vpc.name for vpc in vpcs], "a VPC of this file")
            self._report.error(where, f"no VPC is called `{end.vpc}`", hint, key=key)
            return
        inside = [vpc for vpc in vpcs if end.vpc in ("", vpc.name)]
        subnets = [subnet.name for vpc in inside for subnet in vpc.subnets]
        groups = [
            owner_and_group(vpc.name, group.name)[1]
            for vpc in inside
            for group in with_associated(self._topology, vpc).security_groups
        ]
        for noun, name, known in (("subnet", end.subnet, subnets), ("security group", end.group, groups)):
            if name and name not in known and name not in self._broken:
                hint = did_you_mean(name, known, f"a {noun} of this file")
                self._report.error(where, f"no {noun} is called `{name}`", hint, key=key)
                return
        if not self._missing and not any(True for vpc in inside for _ in selected(vpc.name, vpc.instances, end)):
            self._report.error(where, f"no instance is in {end}", "an expectation of nobody is always met", key=key)

    def check_via(self, expected: Expectation, key: str, name: str) -> None:
        kind = self._kinds.get(name)
        if kind in _ON_A_PATH or name in self._broken or (kind is None and self._incomplete):
            return
        if kind is None and self._is_gone(name):
            return  # what is expected is no longer so, which is for `test` to say
        known = [name for name, kind in self._kinds.items() if kind in _ON_A_PATH]
        hint = did_you_mean(name, known, "a gateway, a load balancer, or an instance that forwards")
        what = f"`{name}` is on no path" if kind else f"no gateway and no instance is called `{name}`"
        self._report.error(expected.where, what, hint, key=key)

    def _is_gone(self, name: str) -> bool:
        """Whether the file has it as a terminated instance or a deleted NAT gateway."""
        held = (
            f"{vpc.where.path}.{key}.{name}" for vpc in self._topology.vpcs for key in ("instances", "nat_gateways")
        )
        return name not in self._kinds and any(path in self._report.places for path in held)

    def _is_group_or_subnet(self, name: str) -> bool:
        vpcs = self._topology.vpcs
        subnets = {subnet.name for vpc in vpcs for subnet in vpc.subnets}
        return name in subnets or name in {group.name for vpc in vpcs for group in vpc.security_groups}


def _incomplete(topology: Topology, report: Report) -> bool:
    """Whether nodes may be missing because what holds them is wrong: all VPCs, one VPC, its instances ..."""
    holders = {"vpcs", "internet", "internet.hosts"}
    holders |= {
        f"{vpc.where.path}.{key}" for vpc in topology.vpcs for key in ("instances", "nat_gateways", "internet_gateway")
    }
    return any(path in holders or (path.startswith("vpcs.") and path.count(".") == 1) for path in report.broken)


def _check_numbers(expected: Expectation, report: Report) -> None:
    where = expected.where
    ports = [key for key in ("port", "ports") if report.given(where, key)]
    kinds = [key for key in ("icmp_type", "icmp_code") if report.given(where, key)]
    if expected.protocol == "icmp":
        for key in ports:
            report.error(where, "icmp has no ports", f"remove {key}", key=key)
        if expected.result == "refused":
            # GEN-02: a refusal is the answer of a host that has no listener.
            report.error(where, "a ping is not refused", "pass or drop", key="result")
        return
    for key in kinds:
        report.error(where, f"{expected.protocol} has no {key}", f"remove {key}", key=key)
    if not ports:
        report.error(where, "`port` is missing", f"a {expected.protocol} flow has a destination port")
    elif len(ports) > 1:
        report.error(where, "port and ports exclude each other", "`ports: [80, 443]`", key="ports")


def _check_contradictions(expected: Expectation, report: Report) -> None:
    where = expected.where
    if expected.seen_as is not None and expected.result == "drop":
        report.error(where, "nobody sees a flow that is dropped", "remove seen_as", key="seen_as")
    if expected.via and expected.result == "drop":
        report.error(where, "a flow that is dropped has no path", "remove via", key="via")
    if expected.payload and expected.result != "pass":
        report.error(where, "only a flow that passes brings anything back", "remove payload", key="payload")
