"""A lab that wants OpenSSH on a machine that has none is refused before anything is touched."""

from pathlib import Path

import pytest

from emulator import api
from emulator.errors import ExitCode, UnsupportedError
from emulator.lab import places
from tests.support.standins import machine

LAB = """
name: doors
region: eu-west-1
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets: {app: {cidr_block: 10.0.1.0/24}}
    instances: {one: {subnet: app, services: [%s]}}
"""


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.agent.ssh.find", lambda: "")


@pytest.mark.usefixtures("nothing_installed")
def test_the_error_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "doors.yaml"
    file.write_text(LAB % "ssh")
    with machine(tmp_path) as made:
        with pytest.raises(UnsupportedError, match="OpenSSH") as refused:
            api.up(str(file))
        assert not places.recorded()
    assert refused.value.exit_code == ExitCode.UNSUPPORTED
    assert "scripts/get-sshd" in refused.value.hint
    assert not made.kernel.executed


@pytest.mark.usefixtures("nothing_installed")
def test_a_lab_without_it_needs_none(tmp_path: Path) -> None:
    file = tmp_path / "doors.yaml"
    file.write_text(LAB % "http")
    with machine(tmp_path):
        assert api.up(str(file)).fresh
