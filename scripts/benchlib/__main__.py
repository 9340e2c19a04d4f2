"""`scripts/bench`: choose, measure, print, write."""

import argparse
import os
import sys
import traceback
from dataclasses import replace

from . import comparisons, machine, report, sandbox
from .comparisons import COMPARISONS
from .product import REPOSITORY
from .profile import profiles
from .rounds import QUICK, Choices
from .stats import Result, results_table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition(":")[0])
    every = [*COMPARISONS, "phases"]
    parser.add_argument("--only", action="append", choices=every, metavar="NAME", help=f"one of {', '.join(every)}")
    parser.add_argument("--quick", action="store_true", help="fewer hosts and rounds: to see that it works")
    parser.add_argument("--hosts", type=int, help=f"instances (default {Choices.hosts})")
    parser.add_argument("--rounds", type=int, help=f"of each comparison (default {Choices.rounds})")
    page = os.path.join(REPOSITORY, "docs", "performance.md")
    parser.add_argument("--write", nargs="?", const=page, metavar="FILE", help="write docs/performance.md")
    return parser.parse_args()


def main(asked: argparse.Namespace) -> int:
    choices = QUICK if asked.quick else Choices()
    choices = replace(choices, hosts=asked.hosts or choices.hosts, rounds=asked.rounds or choices.rounds)
    facts = [*machine.facts(), *comparisons.versions()]
    print(f"{choices.hosts} instances in {choices.subnets} subnets, {choices.rounds} rounds", file=sys.stderr)
    results: list[Result] = []
    failures: dict[str, str] = {}
    runs = {}
    for name in asked.only or [*COMPARISONS, "phases"]:
        print(name, file=sys.stderr, flush=True)
        try:
            if name == "phases":
                runs = profiles(choices)
                print(report.phases_table(runs), flush=True)
            else:
                found = COMPARISONS[name](choices)
                results += found
                if found:
                    print(results_table(found), flush=True)
        except Exception as reason:  # noqa: BLE001 - one comparison that cannot be made does not spoil the others
            traceback.print_exc()
            failures[name] = str(reason).partition("\n")[0]
    if asked.write:
        how = (
            f"{choices.hosts} instances in {choices.subnets} subnets of one VPC with internet gateway and NAT gateway; "
            f"{choices.rounds} rounds of each comparison, {choices.samples} where traffic was measured."
        )
        os.makedirs(os.path.dirname(asked.write) or ".", exist_ok=True)
        with open(asked.write, "w") as file:
            file.write(report.document(facts, how, results, runs, failures))
    missed = [result for result in results if result.verdict == "missed"]
    print(f"{len(results)} lines, {len(missed)} bounds missed, {len(failures)} comparisons failed", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    chosen = arguments()
    sys.exit(sandbox.enter(lambda: main(chosen)))
