"""A case: a small topology, some flows, and what becomes of them. A YAML file that a person can read and edit.

topology: ...                     # a lab's file
flows:
- {from: i0, to: 10.0.0.5, protocol: tcp, port: 80, source_port: 33000, result: drop,
   dropped_at: [security_group, i1, main, ingress]}
"""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from emulator.topology.flows import Component, Flow, Verdict
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from tests.differential import questions
from tests.differential.documents import Document

CASES = Path(__file__).parent / "cases"


class Case(NamedTuple):
    """What is kept of a disagreement: the file, and what AWS says about each flow."""

    topology: Document
    flows: tuple[tuple[dict[str, Any], Verdict], ...]


def read(path: Path) -> Case:
    held = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Case(held["topology"], tuple((record, _verdict(record)) for record in held["flows"]))


def write(path: Path, topology: Document, flow: Flow, verdict: Verdict, comment: str) -> None:
    story = "".join(f"# {line}\n" for line in comment.splitlines())
    held = {"topology": topology, "flows": [record(flow, verdict)]}
    body = yaml.dump(held, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=None, width=120)
    path.write_text(story + body, encoding="utf-8")


def record(flow: Flow, verdict: Verdict) -> dict[str, Any]:
    """A flow and what becomes of it, as a line of a case."""
    made: dict[str, Any] = {"from": flow.source, "source_ip": str(flow.source_ip), "to": str(flow.to)}
    made["protocol"] = flow.protocol
    if flow.protocol == "icmp":
        made |= {"icmp_type": flow.icmp_type, "icmp_code": flow.icmp_code}
    else:
        made |= {"port": flow.port, "source_port": flow.source_port}
    made["result"] = verdict.result
    if verdict.on_the_way_back:
        made["on_the_way_back"] = True
    if verdict.receiver:
        made |= {"receiver": verdict.receiver, "seen_as": str(verdict.seen_as)}
    if verdict.dropped_at is not None:
        made["dropped_at"] = list(verdict.dropped_at)
    return made


def _verdict(line: dict[str, Any]) -> Verdict:
    return Verdict(
        line["result"],
        Component(*line["dropped_at"]) if "dropped_at" in line else None,
        line.get("on_the_way_back", False),
        line.get("receiver", ""),
        IPv4Address(line["seen_as"]) if "seen_as" in line else None,
    )


def flow_of(line: dict[str, Any], topology: Topology, addresses: Addresses) -> Flow | None:
    """The flow of a line in this topology; None if nobody there sends from that address."""
    own = {
        str(address): address for node, address in questions.ask(topology, addresses).sources if node == line["from"]
    }
    source = own.get(line.get("source_ip", "")) if "source_ip" in line else next(iter(own.values()), None)
    if source is None:
        return None
    ports = {key: line[key] for key in ("port", "source_port", "icmp_type", "icmp_code") if key in line}
    return Flow(line["from"], source, IPv4Address(line["to"]), line["protocol"], **ports)
