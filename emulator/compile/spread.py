"""How a node of a load balancer spreads new flows over targets: the one rule of its ruleset that changes by itself.

The compiler writes it for all targets, and the agent anew whenever the health of one changes. No imports: both have it.
"""

from collections.abc import Sequence


def chain(protocol: str, port: int) -> str:
    """The chain that holds nothing but this rule, of one listener: choose.tcp.80."""
    return f"choose.{protocol}.{port}"


def rule(marks: Sequence[int], sticky: bool) -> str:
    """Which target a new flow gets, by its mark; nobody at all without targets (LB-22).

    NLB-12: AWS hashes ports, addresses and TCP's sequence number; here it is each in turn, so that a few flows are
    spread as evenly as many. sticky: by the client's address (NLB-13).
    """
    if not marks:
        return "drop"
    if len(marks) == 1:
        return f"ct mark set {marks[0]:#x}"
    turns = ", ".join(f"{number} : {mark:#x}" for number, mark in enumerate(marks))
    how = "jhash ip saddr" if sticky else "numgen inc"
    return f"ct mark set {how} mod {len(marks)} map {{ {turns} }}"
