"""`vpcemu test` on real labs: each exit code for its real reason, and a machine that is as it was."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from emulator import api
from emulator.lab import places
from emulator.lab.faults import break_, undo
from emulator.lab.record import read as read_record
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.wait import eventually

ROOT = Path(__file__).parent.parent.parent
LAB = """
name: NAME
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.1.0/24, route_table: public}
      private: {cidr_block: 10.0.2.0/24, route_table: private}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.9}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}
      dev: {ingress: [{protocol: icmp, icmp_type: all, from: web}]}
    instances:
      web: {subnet: public, security_groups: [web], associate_public_ip_address: true, services: [http]}
      dev: {subnet: private, security_groups: [dev]}
internet:
  hosts:
    outside: {ip: 198.51.100.7}
expect:
"""
GOOD = """
  - {name: web is public, from: internet, to: web, port: 80, result: pass, seen_as: 198.51.100.7, via: igw}
  - {name: out, from: {subnet: private}, to: internet, ports: [443, 8443], result: pass, seen_as: 203.0.113.9,
     via: [nat, igw], payload: true}
  - {name: closed, from: {subnet: private}, to: internet, port: 81, result: refused}
  - {name: outbound only, from: [internet, {group: web}], to: {subnet: private}, ports: [22, 80], result: drop}
  - {from: {group: web}, to: dev, protocol: icmp, icmp_type: 13, result: pass}
  - {from: outside, to: nat, protocol: icmp, result: drop}
"""


@pytest.fixture
def file(tmp_path: Path, lab_name: str) -> Path:
    made = tmp_path / f"{lab_name}.yaml"
    write(made, GOOD)
    return made


def write(file: Path, expect: str, lab: str = LAB) -> None:
    file.write_text(lab.replace("NAME", file.stem) + expect)


def run(*arguments: str | Path, code: int, before: tuple[str, ...] = ()) -> str:
    """`vpcemu test`; what it printed."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "emulator", "test", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def read(file: Path, *, code: int) -> Any:
    return json.loads(run(file, "--json", code=code))


def gone(lab: str) -> bool:
    return not places.named_namespaces(lab) and not os.path.exists(places.directory(lab))


def test_0_as_expected_and_gone_afterwards(file: Path) -> None:
    facts = read(file, code=0)
    assert facts["summary"] == {"flows": 10, "ok": 10, "differs": 0, "inconclusive": 0}
    assert facts["brought_up"]
    assert {flow["got"]["receiver"] for flow in facts["flows"] if flow["name"] == "out"} == {"outside"}
    assert gone(file.stem)


def test_1_a_lab_broken_on_purpose_names_the_rule_that_does_it(file: Path, tmp_path: Path) -> None:
    write(file, GOOD, edited(LAB, {"port: 80, from: 0.0.0.0/0": "port: 8080, from: 0.0.0.0/0"}))
    facts = read(file, code=1)
    wrong = [flow for flow in facts["flows"] if flow["outcome"] != "ok"]
    assert [(flow["from"], flow["to"], flow["port"], flow["got"]["result"]) for flow in wrong] == [
        ("outside", "web", 80, "drop")
    ]
    reason = wrong[0]["reasons"][0]
    assert (reason["component"], reason["name"], reason["direction"]) == ("security_group", "web", "ingress")
    assert reason["what"] == "no ingress rule of security group web allows tcp 80 from 198.51.100.7"
    assert (
        file.read_text()
        .splitlines()[reason["line"] - 1]
        .strip()
        .startswith("web: {ingress: [{protocol: tcp, port: 8080")
    )
    assert gone(file.stem)

    report = tmp_path / "results.xml"
    text = run(file, "--junit", report, "--markdown", code=1)
    assert "❌ **outside to web, tcp 80**" in text
    (failure,) = ElementTree.parse(report).getroot().iter("failure")
    assert "no ingress rule of security group web" in (failure.text or "")


def test_1_what_passes_and_should_not_names_the_rule_that_lets_it(file: Path) -> None:
    write(
        file,
        "  - {from: outside, to: web, port: 80, result: drop}\n  - {from: outside, to: web, port: 80, result: pass}",
    )
    (wrong,) = [flow for flow in read(file, code=1)["flows"] if flow["outcome"] != "ok"]
    assert wrong["why"] == "silence was expected, but it passes (connected)"
    assert wrong["reasons"][0]["what"] == "allowed by security group web, ingress rule 1 (tcp 80 from 0.0.0.0/0)"


def test_1_another_address_another_way(file: Path) -> None:
    write(
        file,
        "  - {from: dev, to: outside, port: 443, result: pass, seen_as: 203.0.113.10}\n"
        "  - {from: dev, to: web, port: 80, result: pass, via: nat}\n",
    )
    seen, way = read(file, code=1)["flows"]
    assert seen["why"] == "outside saw it as 203.0.113.9, not as 203.0.113.10"
    assert [reason["what"] for reason in seen["reasons"]] == [
        "nat: source 10.0.2.4 to 10.0.1.4",
        "igw: source 10.0.1.4 to 203.0.113.9",
    ]
    assert way["why"] == "it does not go via nat; its way is dev → web"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(LAB + GOOD) as made:
        yield made


def test_a_lab_that_is_up_is_used_and_stays_up(lab: Lab) -> None:
    file = Path(lab.file)
    before = file.read_text()
    assert not read(file, code=0)["brought_up"]
    assert "10 as expected" in run(lab.name, code=0)
    # Only the expectations are others: the lab is still what the file says.
    file.write_text(before + "  - {from: outside, to: web, port: 81, result: pass}\n")
    assert len(read(file, code=1)["flows"]) == 11
    file.write_text(before.replace("port: 80,", "port: 81,", 1))
    assert "is up, and is not what" in run(file, code=2)
    file.write_text(before)
    assert api.status(lab.name)["healthy"]


def test_1_what_was_changed_by_hand_is_found_on_the_wire(lab: Lab) -> None:
    """The model knows nothing of it: the reason is what the packet met."""
    lab.must("web", "nft add table ip hand", "nft 'add chain ip hand c { type filter hook input priority 0 ; }'")
    lab.must("web", "nft add rule ip hand c tcp dport 80 drop")
    try:
        (wrong,) = [flow for flow in read(Path(lab.file), code=1)["flows"] if flow["outcome"] != "ok"]
    finally:
        lab.must("web", "nft delete table ip hand")
    assert wrong["name"] == "web is public"
    (reason,) = wrong["reasons"]
    assert (reason["component"], reason["name"], reason["source"]) == ("instance", "web", "trace")
    assert "nft table ip hand" in reason["what"]


def test_3_a_silent_end_that_is_dead_proves_nothing(lab: Lab) -> None:
    """dev cannot be reached for want of a route of its own: a drop of that kind says nothing about the groups."""
    lab.must("dev", "ip link set eth0 down")
    try:
        flows = read(Path(lab.file), code=1)["flows"]
    finally:
        lab.must("dev", "ip link set eth0 up")
        api.up(lab.file)
    silent = [flow for flow in flows if flow["name"] == "outbound only"]
    assert {flow["outcome"] for flow in silent} == {"inconclusive"}
    assert all("dev gives no sign of life" in flow["why"] for flow in silent)
    (other,) = [flow for flow in flows if flow["to"] == "nat"]
    assert other["outcome"] == "ok", "its ends are well"


def test_3_without_anything_that_gets_through_nothing_is_proven(file: Path) -> None:
    write(file, "  - {from: outside, to: dev, port: 22, result: drop}\n")
    facts = read(file, code=3)
    assert facts["summary"] == {"flows": 1, "ok": 0, "differs": 0, "inconclusive": 1}
    assert "nothing got through" in facts["flows"][0]["why"]
    write(
        file,
        "  - {from: outside, to: dev, port: 22, result: drop}\n  - {from: outside, to: web, port: 80, result: pass}\n",
    )
    assert read(file, code=0)["summary"]["ok"] == 2


@pytest.mark.parametrize("fault", ["nat-gateway-deleted", "public-ip-missing"])
def test_a_lab_broken_on_purpose_is_held_against_its_file_and_a_secret_stays_one(lab: Lab, fault: str) -> None:
    break_(lab.name, fault, secret=True)
    try:
        facts = read(Path(lab.file), code=1)
        wrong = [flow for flow in facts["flows"] if flow["outcome"] == "differs"]
        assert wrong
        assert not any(flow["reasons"] for flow in wrong), "it is for somebody to find out"
    finally:
        undo(lab.name)
    assert read(Path(lab.file), code=0)


def test_3_a_lab_that_is_changed_meanwhile_is_not_judged(lab_name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{lab_name}.yaml"
    write(file, GOOD)
    api.up(str(file))
    for change in (lambda: api.up(str(file)), lambda: api.down(lab_name)):
        with ThreadPoolExecutor(1) as pool:
            tried = pool.submit(api.test, lab_name, window=4)
            eventually(lambda: _port_is_open(lab_name), "the probe is under way")
            write(file, GOOD, LAB.replace("port: 80, from", "port: 81, from"))
            change()
            with pytest.raises(api.VpcemuError, match="was changed") as raised:
                tried.result()
        assert raised.value.exit_code == api.ExitCode.INCONCLUSIVE


def _port_is_open(lab: str) -> bool:
    """Port 22 of dev, on which nobody listens but a probe."""
    argv = ["ip", "netns", "exec", f"{lab}.dev", "ss", "-Hltn", "sport = :22"]
    return bool(subprocess.run(argv, capture_output=True, text=True, check=False).stdout)


def test_a_cancelled_run_takes_its_lab_down(file: Path) -> None:
    """CI systems cancel a job by SIGTERM."""
    argv = [sys.executable, "-m", "emulator", "test", "--window", "30", str(file)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        eventually(lambda: (record := read_record(file.stem)) and record.complete, "the lab is up")
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=30)
    assert running.returncode == 130, output
    assert "interrupted" in output
    assert gone(file.stem)


def test_2_a_wrong_file_and_one_that_expects_nothing(file: Path) -> None:
    write(file, "  - {from: dvee, to: web, port: 80, result: pass}\n")
    report = file.with_suffix(".xml")
    assert "no node is called `dvee`" in run(file, "--junit", report, "--markdown", code=2)
    (error,) = ElementTree.parse(report).getroot().iter("error")
    assert "no node is called `dvee`" in error.attrib["message"], "and no CI system takes it for a green run"
    write(file, "  - {from: 9.9.9.9, to: web, port: 80, result: pass}\n")
    assert "nobody in this lab sends from 9.9.9.9" in run(file, code=2)
    file.write_text(LAB.replace("NAME", file.stem).replace("expect:\n", ""))
    assert "expects nothing" in run(file, code=2)
    assert "no lab is called" in run("no-such-lab", code=2)
    write(file, GOOD)
    assert "No such file or directory" in run(file, "--junit", "/nowhere/results.xml", code=2)
    assert gone(file.stem)


def test_of_several_files_each_is_tried_and_the_worst_decides(file: Path, tmp_path: Path) -> None:
    write(file, GOOD)
    other = tmp_path / "other.yaml"
    other.write_text(LAB.replace("NAME", file.stem) + "  - {from: outside, to: web, port: 80, result: drop}\n")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(LAB.replace("NAME", file.stem) + "  - {from: dvee, to: web, port: 80, result: pass}\n")
    report = tmp_path / "report.xml"
    said = run(file, other, "--junit", report, code=1)
    assert said.index(" as expected (") < said.index("1 not"), "in their order"
    assert "2 labs: 1 as expected, 1 not" in said
    root = ElementTree.parse(report).getroot()
    assert [suite.attrib["failures"] for suite in root] == ["0", "1"]
    shape, _ = json.JSONDecoder().raw_decode(run(wrong, file, "--json", "--junit", report, code=2))
    assert not shape["ok"]
    assert "dvee" in shape["tests"][0]["error"]["what"]
    assert shape["tests"][1]["summary"]["ok"] == shape["tests"][1]["summary"]["flows"] > 0
    assert [suite.attrib["errors"] for suite in ElementTree.parse(report).getroot()] == ["1", "0"]
    assert gone(file.stem)


def test_4_without_root_nothing_can_be_tried(file: Path) -> None:
    assert "this needs root" in run(file, code=4, before=("unshare", "--user"))
