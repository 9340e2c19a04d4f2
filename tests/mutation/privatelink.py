"""Mistakes in PrivateLink: who judges, as whom the provider sees it, what is carried."""

from tests.mutation.mutant import PRIVATELINK, Mutant

_BALANCER, _PRIVATELINK = "compile/balancer.py", "compile/privatelink.py"

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
)
