"""doctor: can this machine carry a lab? Looks at each need, then builds a small lab for real and removes it."""

import os
import shutil
import sys
import time
from typing import Literal

from emulator.compile.diff import diff
from emulator.compile.lab import compile_lab
from emulator.errors import VpcemuError
from emulator.kernel import arp
from emulator.lab import doors, services
from emulator.report.shapes import Check
from emulator.topology.addresses import assign
from emulator.topology.load import load

_TRIAL = """\
name: {name}
vpcs:
  trial:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    main_route_table: public
    subnets:
      public: {{cidr_block: 10.0.0.0/24, route_table: public}}
      private: {{cidr_block: 10.0.1.0/24, route_table: private}}
    nat_gateways:
      nat: {{subnet: public}}
    route_tables:
      public: {{routes: {{0.0.0.0/0: igw}}}}
      private: {{routes: {{0.0.0.0/0: nat}}}}
    security_groups:
      web: {{ingress: [{{protocol: tcp, port: 443, from: 0.0.0.0/0}}]}}
    instances:
      web: {{subnet: private, security_groups: [web]}}
    target_groups:
      web: {{port: 443, protocol: TCP, targets: [web, {{id: web, port: 444}}]}}
      sticky: {{port: 443, protocol: TCP, targets: [web, {{id: web, port: 444}}], stickiness: {{type: source_ip}}}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [private]
        listeners:
          - {{port: 443, protocol: TCP, target_group: web}}
          - {{port: 444, protocol: TCP, target_group: sticky, tcp_idle_timeout_seconds: 60}}
internet:
  hosts:
    host.example: {{ip: 8.8.8.8}}
"""

# (command, Debian package, is it needed or only used in exercises)
_TOOLS = (
    ("nft", "nftables", True),
    ("ip", "iproute2", False),
    ("ping", "iputils-ping", False),
    ("curl", "curl", False),
    ("tcpdump", "tcpdump", False),
    ("conntrack", "conntrack", False),
    ("traceroute", "traceroute", False),
)


def doctor(checkpoint: doors.Checkpoint = doors.quiet) -> list[Check]:
    """Every finding, the decisive one last."""
    root = os.geteuid() == 0
    checks = [
        _check("root", root, "yes" if root else "no", "run it with sudo: the trial below needs root too"),
        _check("Python 3.11", sys.version_info >= (3, 11), sys.version.split()[0], "install python3.11 or later"),
        _check("Linux 5.4", _kernel() >= (5, 4), os.uname().release, "boot a kernel of 5.4 or later"),
        *(_tool(*tool) for tool in _TOOLS),
        _limit("user/max_net_namespaces", 512, "sysctl -w user.max_net_namespaces=10000"),
    ]
    if root and _limit_path("net/netfilter/nf_conntrack_max"):
        checks.append(
            _limit("net/netfilter/nf_conntrack_max", 16384, "sysctl -w net.netfilter.nf_conntrack_max=262144")
        )
    checks += _neighbours()
    if root:
        checks += _uplink()
        checks.append(_trial(checkpoint))
    return checks


def _uplink() -> list[Check]:
    """What `internet: {uplink: true}` needs of this machine; nothing else does."""
    from emulator.kernel.uplink import forward_drops

    with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
        forwards = file.read().strip() != "0"
    drops = forward_drops()
    return [
        _check(
            "net.ipv4.ip_forward",
            forwards,
            "1" if forwards else "0; needed for an uplink only",
            "sysctl -w net.ipv4.ip_forward=1",
            "warning",
        ),
        _check(
            "forwarded packets",
            not drops,
            f"dropped by {', '.join(drops)}; matters for an uplink only" if drops else "no chain drops them",
            "accept interfaces vpcemu-* there; with Docker: iptables -I DOCKER-USER -i vpcemu-+ -j ACCEPT, "
            "and the same with -o",
            "warning",
        ),
    ]


def _check(name: str, good: bool, found: str, remedy: str, bad: Literal["warning", "missing"] = "missing") -> Check:
    return Check(check=name, result="ok" if good else bad, found=found, remedy="" if good else remedy)


def _kernel() -> tuple[int, int]:
    major, minor, *_ = os.uname().release.split(".")
    return int(major), int("".join(sign for sign in minor if sign.isdigit()) or "0")


def _tool(command: str, package: str, needed: bool) -> Check:
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    use = "" if needed else "not installed; used in exercises only"
    return _check(
        command, path is not None, path or use, f"apt-get install {package}", "missing" if needed else "warning"
    )


def _limit_path(key: str) -> bool:
    return os.path.exists(f"/proc/sys/{key}")


def _limit(key: str, least: int, remedy: str) -> Check:
    """One of the machine's own limits. Never changed by us: it is not a lab's to change."""
    try:
        with open(f"/proc/sys/{key}", encoding="ascii") as file:
            value = int(file.read())
    except (OSError, ValueError):
        return _check(key.replace("/", "."), False, "cannot be read", "a kernel without it?", "warning")
    return _check(key.replace("/", "."), value >= least, f"{value:,}", remedy, "warning" if value else "missing")


def _neighbours(statistics: str = arp.STATISTICS) -> list[Check]:
    """The table of learned neighbours is one for the whole machine. While it is full, instances of one subnet
    that have not met yet do not find each other, and nobody says why. (Routers and gateways have permanent entries.)
    """
    if not os.path.exists(statistics):
        return []
    full = arp.refused(statistics)
    found = f"was full {full:,} times since this machine started: packets within a subnet were lost"
    remedy = "fewer labs at a time, or sysctl -w net.ipv4.neigh.default.gc_thresh3=16384"
    return [_check("ARP table", not full, found if full else "never full", remedy, "warning")]


def _trial(checkpoint: doors.Checkpoint) -> Check:
    """Build, check and remove a lab of one instance, so that no missing kernel feature goes unnoticed."""
    name = f"doctor-{os.getpid()}"
    topology, problems = load(_TRIAL.format(name=name))
    assert topology is not None, problems
    wanted = compile_lab(topology, assign(topology, None)[0])
    kernel = doors.kernel(checkpoint)
    started = time.monotonic()
    try:
        kernel.execute(services.split(diff(kernel.observe(name, wanted), wanted))[0], name)
        left = services.split(diff(kernel.observe(name, wanted), wanted))[0]  # without an agent
    except VpcemuError as error:
        return _check("a trial lab", False, str(error), error.hint or _features())
    finally:
        kernel.destroy(name, tuple(wanted.namespaces))
    took = f"built and removed in {time.monotonic() - started:.2f} s"
    return _check("a trial lab", not left, took if not left else f"{len(left)} steps had no effect", _features())


def _features() -> str:
    return (
        "the kernel needs CONFIG_NET_NS, VETH, NF_TABLES, NFT_CT, NFT_NAT, NFT_MASQ, NFT_NUMGEN, NFT_HASH, "
        "NF_CONNTRACK, NF_CONNTRACK_TIMEOUT (modprobe nf_tables)"
    )
