"""Mistakes in load balancers: which target, as whom, and back by which way."""

from tests.mutation.mutant import BALANCERS, BALANCERS_IDLE, Mutant

_NODE, _BACK, _GROUPS = (f"compile/{name}.py" for name in ("balancer", "returning", "security"))

MUTANTS = (
    Mutant(
        "a target's answer takes its own way to the client (NLB-08)",
        _BACK,
        'nft.Hook("filter", "prerouting", "mangle", "accept")',
        'nft.Hook("filter", "forward", "mangle", "accept")',
        BALANCERS,
    ),
    Mutant(
        "the client's address is never kept (NLB-07)",
        _NODE,
        "    if not group.preserve_client_ip:\n        rules.append",
        "    if True:\n        rules.append",
        BALANCERS,
    ),
    Mutant(
        "the client's address is always kept (NLB-07)",
        _NODE,
        "    if not group.preserve_client_ip:\n        rules.append",
        "    if False:\n        rules.append",
        BALANCERS,
    ),
    Mutant(
        "a target beyond the VPC is reached with the client's address (NLB-08)",
        _NODE,
        "        if group.preserve_client_ip\n        for target in targets.get",
        "        if not group.preserve_client_ip\n        for target in targets.get",
        BALANCERS,
    ),
    Mutant(
        "a node resets what has no listener (NLB-19)",
        _NODE,
        'nft.Rule("drop", remarks.balancer(eni.name, "no listener")),\n                    ),\n'
        '                    nft.Hook("filter", "input"',
        'nft.Rule("reject", remarks.balancer(eni.name, "no listener")),\n                    ),\n'
        '                    nft.Hook("filter", "input"',
        BALANCERS,
    ),
    Mutant(
        "a segment of no known flow is dropped in silence (NLB-06)",
        _NODE,
        "meta l4proto . th dport @service meta l4proto tcp ct state invalid reject with tcp reset",
        "meta l4proto . th dport @service meta l4proto tcp ct state invalid drop",
        (*BALANCERS, *BALANCERS_IDLE),
    ),
    Mutant(
        "a flow is picked up in the middle after it was idle (NLB-06)",
        "compile/tracking.py",
        'Sysctl(f"{_PREFIX}tcp_loose", "0")',
        'Sysctl(f"{_PREFIX}tcp_loose", "1")',
        (*BALANCERS, *BALANCERS_IDLE),
    ),
    Mutant(
        "all listeners have one idle timeout (NLB-05)",
        _NODE,
        "                        if held.tcp_idle_timeout != TCP_IDLE\n",
        "                        if held.tcp_idle_timeout == TCP_IDLE - 1\n",
        BALANCERS_IDLE,
    ),
    Mutant(
        "every node uses the targets of all zones (LB-20)",
        "topology/targets.py",
        "zones = enabled if crosses(balancer, group) else {own}",
        "zones = enabled",
        BALANCERS,
    ),
    Mutant(
        "who names a load balancer's group means its nodes' addresses alone (NLB-04)",
        _GROUPS,
        'if direction == "ingress" and peer in elsewhere.fronts:',
        "if False:",
        BALANCERS,
    ),
    Mutant(
        "the load balancer's groups are not asked (NLB-03)",
        "compile/eni.py",
        "made(held.node(name), held.node(name), 0, name, 1, held.security_groups, False)",
        "made(held.node(name), held.node(name), 0, name, 1, (), False)",
        BALANCERS,
    ),
)
