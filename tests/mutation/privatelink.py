"""Mistakes in PrivateLink: who judges, as whom the provider sees it, what is carried."""

from tests.mutation.mutant import PRIVATELINK, Mutant

_BALANCER, _PRIVATELINK = "compile/balancer.py", "compile/privatelink.py"
_PROXIED, _PAIRS = "compile/proxied.py", "topology/privatelink.py"

MUTANTS = (
    Mutant(
        "the load balancer's inbound rules do not judge PrivateLink (PL-37)",
        _PRIVATELINK,
        "if balancer.security_groups and balancer.enforce_private_link:",
        "if False:",
        PRIVATELINK,
    ),
    Mutant(
        "they judge it although enforcement is off (PL-37)",
        _PRIVATELINK,
        "if balancer.security_groups and balancer.enforce_private_link:",
        "if balancer.security_groups:",
        PRIVATELINK,
    ),
    Mutant(
        "targets see the carrier's address (PL-24)",
        _BALANCER,
        "    elif by_carrier:\n",
        "    elif False:\n",
        PRIVATELINK,
    ),
    Mutant(
        "a listener for both takes no datagrams by an endpoint (PL-28)",
        _PRIVATELINK,
        '"TCP_UDP": (nft.TCP, nft.UDP)}',
        '"TCP_UDP": (nft.TCP,)}',
        PRIVATELINK,
    ),
    Mutant(
        "a group of the provider's matches consumers (PL-31)",
        "compile/security.py",
        "known = [rule for rule in _expanded(group, lists).ingress if not isinstance(rule.peer, GroupReference)]",
        'known = [replace(rule, peer=IPv4Network("0.0.0.0/0")) if isinstance(rule.peer, GroupReference) else rule '
        "for rule in _expanded(group, lists).ingress]",
        PRIVATELINK,
    ),
    Mutant(
        "an endpoint that is not accepted carries (PL-03)",
        _PAIRS,
        "if endpoint.available and endpoint.service_vpc != vpc.name",
        "if endpoint.service_vpc != vpc.name",
        PRIVATELINK,
    ),
    Mutant(
        "an endpoint carries within one VPC (PL-27)",
        _PAIRS,
        "if endpoint.available and endpoint.service_vpc != vpc.name",
        "if endpoint.available",
        PRIVATELINK,
    ),
    Mutant(
        "all carriers have one pair of addresses (PL-24)",
        _PRIVATELINK,
        "2 * pair",
        "2 * 0",
        PRIVATELINK,
    ),
    Mutant(
        "large packets pass (PL-30)",
        _PRIVATELINK,
        "meta l4proto != tcp ip length > {MTU} drop",
        "meta l4proto != tcp ip length > {MTU} accept",
        PRIVATELINK,
    ),
    Mutant(
        "the segment size stays (PL-30)",
        _PRIVATELINK,
        'f"tcp flags & (syn | rst) == syn tcp option maxseg size set {MTU - _HEADERS}"',
        'f"tcp flags & (syn | rst) == syn tcp option maxseg size set {ENI_MTU - _HEADERS}"',
        PRIVATELINK,
    ),
    Mutant(
        "the wrong endpoint's id is told (PL-25)",
        _PRIVATELINK,
        "carrier.consumer.name, carrier.endpoint.name)",
        'carrier.provider.name, "endpoint")',
        PRIVATELINK,
    ),
    Mutant(
        "proxy protocol is forgotten (NLB-14)",
        _PROXIED,
        "if held.target_group in wanted)",
        "if not wanted)",
        PRIVATELINK,
    ),
)
