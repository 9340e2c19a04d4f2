"""Mistakes in what tells the interfaces of one instance, and the addresses of one interface, apart."""

from tests.mutation.mutant import INTERFACES, Mutant

_ENI, _GUEST, _SOURCE, _SECURITY, _INTERNET = (
    f"compile/{name}.py" for name in ("eni", "guest", "source", "security", "internet")
)

MUTANTS = (
    Mutant(
        "an interface sends with the addresses of its instance's others (SDC-01)",
        _SOURCE,
        "                for eni in checked\n                for ip in eni.ips\n",
        "                for eni in checked\n"
        "                for ip in (address for other in enis if other.node == eni.node for address in other.ips)\n",
        INTERFACES,
    ),
    Mutant(
        "a group means the primary addresses of its members (SG-30)",
        _SECURITY,
        "            for ip in eni.ips\n",
        "            for ip in eni.ips[:1]\n",
        INTERFACES,
    ),
    Mutant(
        "all interfaces of an instance have the groups of the first (SG-01)",
        _ENI,
        "len(held.addresses), held.security_groups, held.source_dest_check,",
        "len(held.addresses), instance.security_groups, held.source_dest_check,",
        INTERFACES,
    ),
    Mutant(
        "a secondary address has no public one (EIP-01)",
        _INTERNET,
        "    held = (one.name for one in slots(vpc))\n",
        '    held = (one.name for one in slots(vpc) if "+" not in one.name)\n',
        INTERFACES,
    ),
    Mutant(
        "everything leaves an instance by eth0",
        _GUEST,
        "    bound = enis if len(enis) > 1 else ()\n",
        "    bound: tuple[Eni, ...] = ()\n",
        INTERFACES,
    ),
    Mutant(
        "a route to an interface leads to the first one (RT-33)",
        "topology/routes.py",
        "names.interface(instance.name, index))",
        "instance.name)",
        INTERFACES,
    ),
)
