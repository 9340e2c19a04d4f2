"""What `up` says at its end."""

from ipaddress import IPv4Address

from emulator.report import summary
from emulator.topology.changes import Change
from emulator.topology.given import Addresses
from emulator.topology.instances import Service
from emulator.topology.model import Internet, OutsideHost, Topology
from tests.support import samples

NOBODY = Addresses({}, {})


def test_a_private_instance_is_sent_on_a_journey() -> None:
    hints = summary.try_next(samples.topology(), samples.ADDRESSES, "vpcemu")
    assert hints[0].command.startswith("vpcemu exec dev -- ping -c1 ")
    assert "through" not in hints[0].why
    assert [hint.command for hint in hints[-2:]] == ["vpcemu status", "vpcemu down"]


def test_with_several_labs_every_hint_names_its_own() -> None:
    hints = summary.try_next(samples.topology(), samples.ADDRESSES, "sudo vpcemu", " -l sample")
    assert all(hint.command.startswith("sudo vpcemu ") for hint in hints)
    assert all(" -l sample " in hint.command or hint.command.endswith(f" {samples.topology().name}") for hint in hints)


def test_an_empty_internet_still_has_hints() -> None:
    topology = Topology("bare", "us-east-1", ())
    assert [hint.command for hint in summary.try_next(topology, NOBODY, "vpcemu")] == ["vpcemu status", "vpcemu down"]
    assert summary.headline(topology, [], 0.1, fresh=True) == "bare: nothing to change"


def test_the_first_ping_goes_to_where_everybody_pings() -> None:
    hosts = tuple(OutsideHost(f"h{ip}", IPv4Address(ip)) for ip in ("9.9.9.9", "8.8.8.8"))
    web = OutsideHost("web.example", IPv4Address("1.2.3.4"), (Service("http", "http", 8080),))
    held = samples.topology()
    topology = Topology(held.name, held.region, held.vpcs, Internet((*hosts, web)))
    commands = [hint.command for hint in summary.try_next(topology, samples.ADDRESSES, "vpcemu")]
    assert commands[0].endswith("ping -c1 8.8.8.8")
    assert commands[1].endswith("curl -s http://web.example:8080")


def test_a_big_edit_is_cut() -> None:
    changes = [Change("add", f"vpcs.a.instances.i{n}", "a", "instance", f"i{n} in a") for n in range(20)]
    lines = summary.edited(changes)
    assert len(lines) == 1 + summary.SHOWN + 1
    assert lines[-1] == "  and 8 more changes"
