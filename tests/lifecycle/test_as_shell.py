"""`plan --as-shell`: the script builds what `up` builds, seen with the machine's own tools, and `up` takes it over."""

import subprocess
from pathlib import Path

import pytest

from emulator.lab import places
from tests.conftest import LabNames
from tests.lifecycle.conftest import Make
from tests.support.leaks import assert_nothing_left
from tests.support.lifecycle import Document, Lab, edited, nat, small, vpcemu
from tests.support.picture import difference

REPOSITORY = Path(__file__).parent.parent.parent


def script(lab: Lab) -> str:
    made = vpcemu("plan", "--as-shell", lab.write())
    assert made.returncode == 0, made.stderr
    return made.stdout


def run(text: str, *arguments: str) -> None:
    done = subprocess.run(
        ["bash", "-s", "-", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


INTERFACES = edited(
    nat(),
    lambda document: document["vpcs"]["main"]["instances"]["dev"].update(
        secondary_private_ips=["10.0.20.5"], network_interfaces=[{"subnet": "public", "private_ip": "10.0.10.78"}]
    ),
)


@pytest.mark.parametrize("document", [nat(), small(service=False), INTERFACES], ids=["nat", "small", "interfaces"])
def test_the_script_builds_what_up_builds(make: Make, document: Document) -> None:
    lab = make(document)
    text = script(lab)
    lab.up()
    made_by_up = lab.picture()
    lab.down()
    run(text)
    different = difference(made_by_up, lab.picture())
    assert not different, different


def test_topologies_nat_yaml(make: Make, lab_names: LabNames) -> None:
    lab = Lab(lab_names(), {})
    text = (REPOSITORY / "topologies" / "nat.yaml").read_text().replace("name: nat\n", f"name: {lab.name}\n", 1)
    Path(lab.file).write_text(text)
    try:
        made = vpcemu("plan", "--as-shell", lab.file)
        assert vpcemu("up", lab.file).returncode == 0
        made_by_up = lab.picture()
        lab.down()
        run(made.stdout)
        different = difference(made_by_up, lab.picture())
        assert not different, different
    finally:
        lab.close()


def test_up_takes_it_over_and_down_removes_it(make: Make) -> None:
    lab = make(nat())
    run(script(lab))
    assert not [step for step in lab.plan().steps if type(step.item).__name__ != "Service"]
    lab.up()
    lab.assert_settled()
    lab.down()
    assert_nothing_left(lab.name)
    run(script(lab))
    assert lab.down().what  # without a record: by the marks
    assert_nothing_left(lab.name)


def test_under_another_name_and_away_by_hand(make: Make, lab_names: LabNames) -> None:
    lab, other = make(small()), lab_names()
    text = script(lab)
    run(text, other)
    assert not places.named_namespaces(lab.name)
    assert "web" in places.named_namespaces(other)
    removal = next(line.lstrip("# ") for line in text.splitlines() if "xargs" in line)
    subprocess.run(["bash", "-c", removal.replace(f"^{lab.name}", f"^{other}")], check=True)
    assert_nothing_left(other)
