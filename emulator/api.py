"""The public Python API: what the command line does, as functions.

    from emulator import api
    outcome = api.up("topologies/nat.yaml")
    assert api.status("nat")["healthy"]
    api.down("nat")

A lab as an object, with its nodes, packets and captures (docs/testing.md):

    with api.lab("topologies/nat.yaml") as vpc:
        print(vpc["dev"].run(["curl", "-sS", "http://web.example"]).stdout)

Expected failures are VpcemuErrors (see `emulator.errors`); everything else here is a plain value.
"""

from emulator.analysis import Analysis, Explanation, Hop
from emulator.errors import ExitCode, KernelError, Problem, TopologyError, UnsupportedError, UsageError, VpcemuError
from emulator.lab.analyze import analyze
from emulator.lab.cost import cost
from emulator.lab.doctor import doctor
from emulator.lab.down import Removed, down
from emulator.lab.faults import break_, break_at_random, reveal, undo
from emulator.lab.gc import gc
from emulator.lab.held import Lab, lab
from emulator.lab.inside import enter
from emulator.lab.listing import listing
from emulator.lab.matrix import matrix
from emulator.lab.node import CommandFailed, Interface, Node, Run
from emulator.lab.plan import Plan, Wanted, plan, validate
from emulator.lab.reach import Inconclusive, Reach
from emulator.lab.sniff import NotSeen, Sniff
from emulator.lab.status import status
from emulator.lab.test import check as test
from emulator.lab.trace import trace
from emulator.lab.up import Outcome, up
from emulator.lab.zones import down as az_down
from emulator.lab.zones import up as az_up

__all__ = [
    "Analysis",
    "CommandFailed",
    "ExitCode",
    "Explanation",
    "Hop",
    "Inconclusive",
    "Interface",
    "KernelError",
    "Lab",
    "Node",
    "NotSeen",
    "Outcome",
    "Plan",
    "Problem",
    "Reach",
    "Removed",
    "Run",
    "Sniff",
    "TopologyError",
    "UnsupportedError",
    "UsageError",
    "VpcemuError",
    "Wanted",
    "analyze",
    "az_down",
    "az_up",
    "break_",
    "break_at_random",
    "cost",
    "doctor",
    "down",
    "enter",
    "gc",
    "lab",
    "listing",
    "matrix",
    "plan",
    "reveal",
    "status",
    "test",
    "trace",
    "undo",
    "up",
    "validate",
]
