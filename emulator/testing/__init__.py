"""The pytest plugin. docs/testing.md has the words for users; here are the types that a test may name.

from emulator.testing import Lab, LabFactory

@pytest.fixture(scope="session")
def vpc(vpcemu_lab: LabFactory) -> Lab:
    return vpcemu_lab("topologies/nat.yaml")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.lab.held import Lab
    from emulator.testing.labs import LabFactory

__all__ = ["Lab", "LabFactory"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: pytest imports this package in every run where vpcemu is installed."""
    if name == "Lab":
        from emulator.lab.held import Lab

        return Lab
    if name == "LabFactory":
        from emulator.testing.labs import LabFactory

        return LabFactory
    raise AttributeError(name)
