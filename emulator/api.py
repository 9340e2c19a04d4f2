"""The public Python API: what the command line does, as functions.

    from emulator import api
    outcome = api.up("topologies/nat.yaml")
    assert api.status("nat")["healthy"]
    api.down("nat")

Expected failures are VpcemuErrors (see `emulator.errors`); everything else here is a plain value.
"""

from emulator.errors import ExitCode, KernelError, Problem, TopologyError, UnsupportedError, UsageError, VpcemuError
from emulator.lab.doctor import doctor
from emulator.lab.down import Removed, down
from emulator.lab.gc import gc
from emulator.lab.inside import enter
from emulator.lab.listing import listing
from emulator.lab.plan import Plan, Wanted, plan, validate
from emulator.lab.status import status
from emulator.lab.up import Outcome, up

__all__ = [
    "ExitCode",
    "KernelError",
    "Outcome",
    "Plan",
    "Problem",
    "Removed",
    "TopologyError",
    "UnsupportedError",
    "UsageError",
    "VpcemuError",
    "Wanted",
    "doctor",
    "down",
    "enter",
    "gc",
    "listing",
    "plan",
    "status",
    "up",
    "validate",
]
