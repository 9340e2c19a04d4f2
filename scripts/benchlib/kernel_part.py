"""Prints the milliseconds that vpcemu's kernel layer takes to carry out the steps of a first `up` of a file."""

import sys
import time

from emulator.kernel.host import Host

from .product import Lab


def main(path: str) -> None:
    with open(path) as file:
        text = file.read()
    held = Lab(path.rpartition("/")[2].removesuffix(".yaml"), text)
    steps = held.steps
    start = time.monotonic()
    Host().execute(steps, held.name)
    print(f"{(time.monotonic() - start) * 1000:.3f}")


main(sys.argv[1])
