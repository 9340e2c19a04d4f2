"""Steps as a bash script of plain `ip`, `nft` and `sysctl`, for people who want to see how a lab is made by hand.

Only steps from an empty machine are rendered: a script cannot observe. Words of the user's that reach the script
(comments of rules, descriptions) are escaped: a topology may come from a stranger, and this will be run by root.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from emulator import names
from emulator.compile.state import (
    MAIN_TABLE,
    Address,
    LinkUp,
    Neighbour,
    Netns,
    PolicyRule,
    Route,
    Ruleset,
    Service,
    Step,
    Sysctl,
    Uplink,
    Veth,
)
from emulator.compile.words import KIND, describe
from emulator.report.text import one_line

_TOP = """\
#!/usr/bin/env bash
# Builds the lab {lab} by hand: the same namespaces as `vpcemu up {file}`, in plain ip, nft and sysctl.
# Made by `vpcemu plan --as-shell`. Run it as root, while the lab is not up:
#
#     bash {lab}.sh{other}
#     ip netns exec {lab}.NODE COMMAND
#
# To remove it: vpcemu down {lab}. Or by hand, since whatever is in a namespace goes with it:
#
#     ip netns list | grep -o '^{lab}\\.[^ ]*' | xargs -rn1 ip netns delete{uplink_gone}
set -eu
"""
_ANY_NAME = """\
LAB=${{1:-{lab}}}
"""
_ONE_NAME = """\
LAB={lab} # the uplink's names on this machine are made of it
"""

_PHASES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((Netns,), "1. Namespaces. The alias of lo says whose they are: `vpcemu down` and `gc` go by it."),
    ((Ruleset,), "2. Firewalls, before there is a link: nothing is open while the lab is being built."),
    ((Sysctl,), "3. Settings of each namespace."),
    ((Veth, Uplink), "4. Links. Both ends are made where they belong: moving one afterwards takes 16 ms."),
    ((Sysctl, Address, LinkUp, Neighbour, Route, PolicyRule), "5. Addresses, neighbours and routes, node by node."),
)


def script(lab: str, file: str, steps: Sequence[Step], tables: Mapping[int, str] = {}) -> str:
    """The whole script. `steps`: all that `diff` says for an empty machine, in its order.

    tables: what a kernel table's number stands for ("route table private"), for the comments.
    """
    uplink = next((step.item for step in steps if isinstance(step.item, Uplink)), None)
    gone = f"\n#     ip link delete {uplink.link}; nft delete table ip {uplink.table}" if uplink else ""
    other = "" if uplink else f"          # `bash {lab}.sh other` builds it under another name"
    parts = [_TOP.format(lab=lab, file=one_line(file), other=other, uplink_gone=gone)]
    parts.append((_ONE_NAME if uplink else _ANY_NAME).format(lab=lab))
    phase, node, services = -1, "", []
    for step in steps:
        if isinstance(step.item, Service):
            services.append(step)
            continue
        now = _phase(phase, step)
        if now != phase:
            phase, node = now, ""
            parts.append(f"\n# {'-' * 100}\n# {_PHASES[phase][1]}\n")
        if phase != 0 and step.node != node:
            node = step.node
            parts.append(f"\n# {node}\n")
        parts.append(_command(step, _reason(step, tables)))
    if services:
        parts.append("\n# Not in this script: services, which the lab's agent runs.\n")
        parts += [f"#   {step.node}: {one_line(describe(step.item))}\n" for step in services]
    return "".join(parts)


def _reason(step: Step, tables: Mapping[int, str]) -> str:
    """The step's reason, less what is plain: in a script from nothing everything is new."""
    why = re.sub(r"(^|: )(new|missing|setting)$", "", step.reason)
    if not why and isinstance(step.item, Route | PolicyRule):
        return tables.get(step.item.table, "")
    return why


def _phase(current: int, step: Step) -> int:
    """The phase the step is in: never an earlier one."""
    for number in range(max(current, 0), len(_PHASES)):
        if isinstance(step.item, _PHASES[number][0]):
            return number
    raise ValueError(f"no place in the script for {step}")


def _command(step: Step, reason: str) -> str:
    """One step as one command, with the reason behind it."""
    item = step.item
    if step.verb == "remove":
        raise ValueError(f"a script builds from nothing, and this removes: {step}")
    match item:
        case Netns():
            mark = names.mark("$LAB", step.node)
            made = _with_reason(f"ip netns add {_ns(step.node)}", reason or KIND[item.kind])
            return f'{made}ip -n {_ns(step.node)} link set lo alias "{mark}"\n'
        case Ruleset():
            return f"# {one_line(reason)}\nip netns exec {_ns(step.node)} nft -f - <<{_ruleset(item)}"
        case Veth():
            queues = "numtxqueues 1 numrxqueues 1"
            return _with_reason(
                f"ip -n {_ns(item.node)} link add {item.link} address {item.mac} mtu {item.mtu} {queues} type veth"
                f" peer {item.peer_link} netns {_ns(item.peer_node)} address {item.peer_mac} mtu {item.mtu} {queues}",
                reason,
            )
        case LinkUp(link) if link != "lo":
            # A kernel without IPv6 refuses this one, and nothing is lost.
            quiet = f"ip -n {_ns(step.node)} link set {link} addrgenmode none"
            return f"{quiet} 2>/dev/null || :\n" + _with_reason(f"ip -n {_ns(step.node)} {_ip(item)}", reason)
        case Uplink():
            return _uplink(item)
        case Sysctl():
            return _with_reason(f'ip netns exec {_ns(step.node)} sysctl -qw "{item.key}={item.value}"', reason)
        case _:
            return _with_reason(f"ip -n {_ns(step.node)} {_ip(item)}", reason)


def _ip(item: object) -> str:
    match item:
        case LinkUp(link):
            return f"link set {link} up"
        case Address(link, ip, prefixlen, label):
            return f"address add {ip}/{prefixlen} dev {link}" + (f" label {label}" if label else "")
        case Neighbour(link, ip, mac):
            return f"neighbour replace {ip} lladdr {mac} dev {link} nud permanent"
        case Route():
            return " ".join(_route(item))
        case PolicyRule(priority, mark, table, source):
            who = f"from {source}" if source else f"fwmark {mark}"
            return f"rule add pref {priority} {who} lookup {table} protocol static"
    raise ValueError(f"no command for {item}")


def _route(item: Route) -> Iterable[str]:
    yield "route replace"
    if item.kind != "unicast":
        yield item.kind
    yield item.destination
    if item.via:
        yield f"via {item.via}"
    if item.link:
        yield f"dev {item.link}"
    if item.table != MAIN_TABLE:
        yield f"table {item.table}"
    yield "proto static"
    if item.onlink:
        yield "onlink"
    if item.mtu:
        yield f"mtu {item.mtu}"


def _ruleset(item: Ruleset) -> str:
    """A here-document. Unquoted, for the sake of $LAB in the table's comment; everything else in it is escaped.

    The generation is what the kernel counts to with the first commit in a new namespace: `up` knows by it that nobody
    else has touched the rules since.
    """
    text = item.text.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
    text = text.replace("@COMMENT@", f"vpcemu $LAB {item.digest} gen 2")
    return _here_document(text)


def _here_document(text: str) -> str:
    lines, end = text.splitlines(), "EOF"
    while end in lines:
        end += "F"
    return "\n".join((end, *lines, end)) + "\n"


def _uplink(item: Uplink) -> str:
    """The one thing that is made outside the lab's namespaces. The same as `kernel/uplink.py` makes."""
    mark = names.mark("$LAB", "uplink")
    table = f"""\
table ip {item.table} {{
	comment "{mark}"
	chain translate {{
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr {item.peer_ip} oifname != "{item.link}" masquerade
	}}
}}
"""
    return (
        "# The uplink: one link and one nftables table in this machine's own network. It has to forward already.\n"
        '[ "$(sysctl -n net.ipv4.ip_forward)" = 1 ] || { echo "net.ipv4.ip_forward is 0 here" >&2; exit 4; }\n'
        f"nft -f - <<{_here_document(table)}"
        f"ip link add {item.link} type veth peer {item.peer_link} netns {_ns('internet')}\n"
        f'ip link set {item.link} alias "{mark}"\n'
        f"ip address add {item.ip}/31 dev {item.link}\n"
        f"ip link set {item.link} up\n"
    )


def _ns(node: str) -> str:
    return f'"{names.netns("$LAB", node)}"'


def _with_reason(command: str, reason: str) -> str:
    return f"{command}  # {one_line(reason)}\n" if reason else f"{command}\n"
