"""`python -m emulator.agent LAB [RUN_BASE [NETNS_BASE]]`: become the lab's agent, in the background."""

import sys

from emulator.agent.places import Places
from emulator.agent.server import run


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 3:
        sys.stderr.write("usage: python -m emulator.agent LAB [RUN_BASE [NETNS_BASE]]\n")
        return 2
    return run(Places(*arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
