"""Runs `benchlib.phases` for the commands whose time is worth taking apart."""

import json
import subprocess
import sys
import time

from . import generate, machine, product
from .product import Lab
from .rounds import Choices
from .sandbox import scratch

Run = tuple[dict[str, float], float]


def profiles(choices: Choices) -> dict[str, Run]:
    """A first `up`, an `up` after one rule has changed, an `up` that changes nothing, and `down`."""
    name = "bench-phases"
    held = product.lab(name, choices.hosts, subnets=choices.subnets)
    edited = Lab(f"{name}-edited", generate.topology(name, choices.hosts, subnets=choices.subnets, web_port=444))
    machine.settle()
    return {
        "first `up`": _run("up", held.path),
        "`up`, one rule changed": _run("up", edited.path),
        "`up`, nothing changed": _run("up", edited.path),
        "`down`": _run("down", name),
    }


def _run(*arguments: str) -> Run:
    out = scratch("phases.json")
    start = time.monotonic()
    command = [sys.executable, "-m", "benchlib.phases", out, str(start), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    end = time.monotonic()
    with open(out) as file:
        found = json.load(file)
    spent = dict(found["phases"])
    spent["end of Python"] = end - found["end"]
    return spent, end - start
