"""pytest inside of a test, with the plugin, for tests of what its users see."""

import subprocess
import sys

import pytest

from emulator.lab import places
from tests.support.lab import TOPOLOGIES

NAT = TOPOLOGIES / "nat.yaml"
VPC = f"""
import os
import pytest

@pytest.fixture(scope="session")
def vpc(vpcemu_lab):
    made = vpcemu_lab({str(NAT)!r})
    with open("labs", "a") as file:
        file.write(made.name + "\\n")
    return made
"""


class Inner:
    """One inner pytest run after another, in a folder of its own; whatever its labs leave behind is noticed."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path

    def run(self, *arguments: str, **files: str) -> pytest.RunResult:
        if files:
            self.pytester.makepyfile(**files)
        return self.pytester.runpytest_subprocess("-p", "emulator.testing.plugin", *arguments, timeout=120)

    def labs(self) -> list[str]:
        """The names that the inner tests wrote down."""
        return (self.folder / "labs").read_text().split()

    def sweep(self) -> None:
        for name in self.labs() if (self.folder / "labs").exists() else []:
            if name in places.recorded():
                subprocess.run([sys.executable, "-m", "emulator", "down", name], check=True, capture_output=True)
