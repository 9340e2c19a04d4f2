"""Every file in topologies/ is a lesson, and does what it says: in its `expect:` list and in the comment at its top."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulator import api
from emulator.errors import UnsupportedError
from emulator.lab import places, ssh
from emulator.topology.model import Expectation
from tests.support import lab as labs
from tests.support.lab import Lab
from tests.support.packets import Tap
from tests.support.probes import Probe, check

LESSONS = sorted(labs.TOPOLOGIES.glob("*.yaml"))
PROTOCOLS = {"icmp": "ICMP", "tcp": "TCP", "udp": "UDP"}

each_lesson = pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)


@each_lesson
def test_what_it_expects_is_what_the_wire_does(file: Path) -> None:
    """GEN-01: a drop is silence, so the file's own passes stand beside its drops."""
    read = api.validate(str(file))
    try:
        ssh.require(read.topology)
    except UnsupportedError as reason:
        pytest.skip(str(reason))
    with labs.up(file) as lab:
        expected = lab.topology.expect
        results = {each.result for each in expected}
        assert {"pass", "drop"} <= results, "a lesson shows something that passes and something that is dropped"
        # TCP servers say whom they see; for the rest somebody has to watch.
        watched = [(each, Tap(lab, _node(lab, each))) for each in expected if each.seen_as and each.protocol != "tcp"]
        check(lab, [_probe(lab, each) for each in expected])
        for each, tap in watched:
            tap.wait_for(partial(_is_it, each), f"{each.protocol} from {each.seen_as}")
    assert not places.named_namespaces(lab.name)
    assert not os.path.exists(places.directory(lab.name))


@each_lesson
def test_it_is_called_as_its_file_and_warns_of_nothing(file: Path) -> None:
    read = api.validate(str(file))
    assert read.lab == file.stem
    assert not read.warnings or "warning" in _comment(file), "a warning is only right where it is the lesson"


@each_lesson
def test_its_comment_tells_what_to_learn_and_what_to_type(file: Path) -> None:
    comment = _comment(file)
    assert "What it teaches" in comment
    assert f"vpcemu up topologies/{file.name}" in comment.partition("What to try")[2]
    nodes = {node.name for node in api.validate(str(file)).topology.nodes()}
    entered = re.findall(r"vpcemu (?:exec|shell|logs) (?:-l \S+ )?(\S+)", comment)
    called = [name for name in re.findall(r"https?://([^\s/:)]+)", comment) if not re.fullmatch(r"[\d.]+", name)]
    assert entered, "no command to try inside a node"
    assert not {*entered, *called} - nodes
    named = re.findall(r"topologies/([\w.-]+\.yaml)", comment)
    assert not [name for name in named if not (labs.TOPOLOGIES / name).exists()]


def _comment(file: Path) -> str:
    """The one at the top, which a learner reads first."""
    return "\n".join(re.findall(r"\A(?:#.*\n|\n)+", file.read_text(encoding="utf-8")))


def _probe(lab: Lab, each: Expectation) -> Probe:
    seen_as = str(each.seen_as) if each.seen_as and each.protocol == "tcp" else ""
    return Probe(_source(lab, each), _address(lab, each), each.protocol, each.port or 0, each.result, seen_as)


def _source(lab: Lab, each: Expectation) -> str:
    return each.source if each.source in lab.state.namespaces else _owner(lab, each.source)


def _address(lab: Lab, each: Expectation) -> str:
    """What /etc/hosts says in the source: the private address within a VPC, else the public one.

    A node without a public address is still probed from outside: at the private one, which nobody routes there.
    """
    if each.target not in lab.state.namespaces:
        return each.target
    vpcs = {node.name: node.vpc for node in lab.topology.nodes()}
    near = vpcs[_source(lab, each)] == vpcs[each.target] != ""
    if near or each.target not in lab.addresses.public:
        return lab.private(each.target)
    return lab.public(each.target)


def _node(lab: Lab, each: Expectation) -> str:
    return each.target if each.target in lab.state.namespaces else _owner(lab, each.target)


def _owner(lab: Lab, address: str) -> str:
    """Whose address it is."""
    held = [*lab.addresses.private.items(), *lab.addresses.public.items()]
    owners = [node for node, ip in held if str(ip) == address]
    assert len(owners) == 1, f"{address} belongs to {owners or 'nobody'}"
    return owners[0]


def _is_it(each: Expectation, packet: Any) -> bool:
    layer = PROTOCOLS[each.protocol]
    if layer not in packet or packet["IP"].src != str(each.seen_as):
        return False
    return each.port is None or packet[layer].dport == each.port
