"""`python -m emulator`: the same as `vpcemu`."""

from emulator.cli import console

if __name__ == "__main__":
    console()
