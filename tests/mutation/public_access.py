"""Mistakes in VPC Block Public Access."""

from tests.mutation.mutant import PUBLIC_ACCESS, Mutant

_FILE = "compile/public_access.py"

MUTANTS = (
    Mutant(
        "nothing is blocked on the way in (BPA-03)",
        _FILE,
        'coming = f"iifname {gateway} oifname @{_BLOCKED} drop"',
        'coming = f"iifname {gateway} oifname @{_BLOCKED} accept"',
        PUBLIC_ACCESS,
    ),
    Mutant(
        "nothing is blocked on the way out (BPA-03)",
        _FILE,
        'going = f"oifname {gateway} iifname @{_BLOCKED} drop"',
        'going = f"oifname {gateway} iifname @{_BLOCKED} accept"',
        PUBLIC_ACCESS,
    ),
    Mutant(
        "block-bidirectional lets NAT gateways through (BPA-03)",
        _FILE,
        'is_nat_gateway and (mode == "block-ingress" or',
        'is_nat_gateway and (mode != "off" or',
        PUBLIC_ACCESS,
    ),
    Mutant(
        "allow-egress counts with block-ingress (BPA-04)",
        _FILE,
        '    if "allow-bidirectional" in excluded:',
        '    if "allow-bidirectional" in excluded or (mode == "block-ingress" and excluded):',
        PUBLIC_ACCESS,
    ),
    Mutant(
        "an exclusion of a VPC is one of no subnet (BPA-04)",
        "topology/public_access.py",
        'held.subnet in ("", subnet)',
        "held.subnet == subnet",
        PUBLIC_ACCESS,
    ),
    Mutant(
        "a region has no mode of its own (BPA-01)",
        "topology/public_access.py",
        "return held.mode if held else self.mode",
        "return self.mode",
        PUBLIC_ACCESS,
    ),
)
