"""The kernel's nouns: what a lab is made of, as plain values that can be compared, printed and hashed.

NamedTuples and not dataclasses: a lab of 1,000 instances has some 10,000 of these, and a tuple is made and compared
several times faster. The same types hold what should be (from `lab.py`) and what is (from `kernel/host.py`).

Strings are in the kernel's own notation: addresses "10.0.0.1", prefixes "10.0.0.0/16", MACs in lower case,
sysctls as paths below /proc/sys ("net/ipv4/ip_forward"). A node name ("dev", "main.router") names a namespace of the
lab; `names.netns` makes the name that `ip netns` shows.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # the agent imports this file and not the 25 ms of dataclasses behind the model
    from emulator.topology.model import NodeKind

MAIN_TABLE = 254
EMPTY: frozenset[str] = frozenset()
PROXY_PROTOCOL = "proxy_protocol"  # among the words of a service http: it expects the header (NLB-14)
CONFINED = frozenset({"command", "ssh"})  # kinds of services that are programs in the agent's sandbox


class Netns(NamedTuple):
    """A namespace exists, and carries its mark: the alias of `lo` is `names.mark(lab, node)`."""

    kind: "NodeKind"


class Sysctl(NamedTuple):
    key: str
    value: str


class Veth(NamedTuple):
    """A veth pair between two nodes, made with both ends in their final namespaces (moving one costs 16 ms).

    Each end has one queue per direction.

    The first end is the one towards the router: `node` and `link`; the other is `peer_node` and `peer_link`.
    """

    node: str
    link: str
    mac: str
    peer_node: str
    peer_link: str
    peer_mac: str
    mtu: int


class LinkUp(NamedTuple):
    """The link is administratively up.

    IPv6 is not emulated yet: before a link other than lo is raised it is told to give itself no IPv6 address
    (`addrgenmode none`), so it sends no IPv6 packet of its own. Cheaper than the sysctl disable_ipv6 by 175 us a
    namespace. What an owner does about IPv6 in a guest is left alone.
    """

    link: str


class Address(NamedTuple):
    """label: "eth0:eni" on what a guest has only for as long as it is wanted (`names.label`); "" on all others."""

    link: str
    ip: str
    prefixlen: int
    label: str = ""


class Neighbour(NamedTuple):
    """A permanent ARP entry (permanent ones do not count against the machine-wide limit of 1,024)."""

    link: str
    ip: str
    mac: str


class Route(NamedTuple):
    """kind "unicast" goes to `link`, through `via` if given; the other kinds have neither. All have `proto static`.

    A unicast route without `via` has scope link; with it, scope global. `onlink`: do not check that `via` is
    reachable (routers, whose links have no subnet). `mtu`: what fits through, where that is less than the link's MTU.
    """

    table: int
    destination: str
    kind: Literal["unicast", "blackhole", "throw"] = "unicast"
    link: str = ""
    via: str = ""
    onlink: bool = False
    mtu: int = 0


class PolicyRule(NamedTuple):
    """`ip rule add pref <priority> [from <source>] [fwmark <mark>] lookup <table>`: a mark of 0 stands for none."""

    priority: int
    mark: int
    table: int
    source: str = ""


MAIN_RULE = PolicyRule(32766, 0, MAIN_TABLE)  # the kernel's own


class Ruleset(NamedTuple):
    """All of the namespace's nftables: text for `nft -f -` that replaces our one table in one transaction.

    Compared by `digest` alone (see `same`): nft prints sets back re-ordered, so text is never compared.
    `@COMMENT@` in the text is replaced by the kernel door with the table's comment (lab, digest, generation).

    shared: the namespace is a guest, whose owner may load tables beside ours and may edit ours. Ours is put back where
    it is missing or another one; nothing of theirs is deleted, and a generation that moved on means nothing.
    """

    digest: str
    text: str = ""
    shared: bool = False


# Wanted of a guest that was an appliance: our table is not there. (None says nothing: the owner may have any table.)
NO_RULESET = Ruleset("", shared=True)


class FlushConntrack(NamedTuple):
    """Forget tracked translations: needed when a map of them changes under living flows. A step, never part of a State.

    address: only those that bear this one's mark (see `names.address_mark`); "" for all.
    """

    address: str = ""


class Service(NamedTuple):
    """Something the agent runs in the node (see topology.model.Service)."""

    name: str
    kind: str
    port: int
    argv: tuple[str, ...]
    user: str


class Namespace(NamedTuple):
    """All that one namespace must hold, and nothing else, save what `guest` leaves to its owner.

    guest: an instance or outside host belongs to the learner, as a guest does on AWS: what is missing is put back,
    what was added is left alone. Everything else is exact.
    up: names of links that are up ("lo" too).
    has_main_rule: the rule that looks up the main table is there; every namespace is born with it.
    """

    kind: "NodeKind"
    guest: bool = False
    up: frozenset[str] = EMPTY
    sysctls: frozenset[Sysctl] = frozenset()
    addresses: frozenset[Address] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()
    routes: frozenset[Route] = frozenset()
    rules: frozenset[PolicyRule] = frozenset()
    has_main_rule: bool = True
    ruleset: Ruleset | None = None
    services: frozenset[Service] = frozenset()


class Uplink(NamedTuple):
    """The lab's one connection to the machine's own network: a veth into the host's namespace and one nft table there.

    link: the host's end; peer_link: the end in the internet node. Addresses are a /31.
    """

    link: str
    peer_link: str
    ip: str
    peer_ip: str
    table: str


class State(NamedTuple):
    """A lab, as the kernel sees it. `labels` says in AWS's words what an item is for; not compared."""

    lab: str
    namespaces: dict[str, Namespace]
    veths: frozenset[Veth]
    uplink: Uplink | None = None
    labels: dict[tuple[str, object], str] = {}  # noqa: RUF012 - never changed; (node, item) -> "route table private: ..."


Item = (
    Netns
    | Sysctl
    | Veth
    | LinkUp
    | Address
    | Neighbour
    | Route
    | PolicyRule
    | Ruleset
    | FlushConntrack
    | Service
    | Uplink
)


class Step(NamedTuple):
    """One change, in one namespace, with its reason. A list of them is the plan; running it in order is `up`.

    verb: "add" (must not exist), "remove" (may be gone already), "replace" (set, whether or not it exists).
    """

    verb: Literal["add", "remove", "replace"]
    node: str
    item: Item
    reason: str
