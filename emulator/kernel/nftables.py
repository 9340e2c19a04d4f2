"""nftables: run a script inside a namespace; read back whose table it is without running anything.

The text goes through `nft -f -`, nft's documented interface; starting it costs 1.3 ms. To observe, two hand-packed
messages are enough: the table's comment holds the digest of what was meant, and the kernel's generation id tells
whether anybody has changed anything in the namespace's ruleset since: every commit, whoever makes it, adds one.
"""

import os
from collections.abc import Iterator
from struct import Struct
from typing import Final

from emulator import names
from emulator.compile.diff import TAMPERED
from emulator.compile.state import Ruleset
from emulator.errors import KernelError, UnsupportedError
from emulator.kernel import decode, netns, process
from emulator.kernel.channel import NETFILTER_FAMILY, Channel, Part
from emulator.kernel.trace_decode import user_comment
from emulator.kernel.trace_wire import get_element
from emulator.kernel.wire import ACK, U32, Request, attribute

_NFTABLES, _CONNTRACK = 10 << 8, 1 << 8
_GET_TABLE, _GET_GENERATION, _DELETE_CONNTRACK = _NFTABLES | 1, _NFTABLES | 16, _CONNTRACK | 2
_MARK, _MARK_MASK = 8, 21
_IPV4: Final = b"\2\0\0\0"  # family, version, resource
_TABLE_NAME, _TABLE_USERDATA, _GENERATION_ID = 1, 6, 1
_TABLE_HANDLE: Final = 4
_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_BE32: Final = Struct(">I")
_BE64: Final = Struct(">Q")


def run(namespace: int, script: str) -> None:
    """`nft -f -` in the namespace: all of the script or none of it."""
    _nft(namespace, script, ())


def check(namespace: int, script: str) -> None:
    """The same, without a change (`nft --check`)."""
    _nft(namespace, script, ("--check",))


def _nft(namespace: int | None, script: str, options: tuple[str, ...]) -> None:
    finish(_begin(namespace, script, options))


def _begin(namespace: int | None, script: str, options: tuple[str, ...] = ()) -> process.Begun:
    try:
        return process.begin(("nft", *options, "-f", "-"), namespace, stdin=script)
    except FileNotFoundError as reason:
        raise UnsupportedError("the program nft is missing", "install nftables (apt install nftables)") from reason


def finish(begun: process.Begun) -> None:
    """Wait for a `replace` that was begun. Raises KernelError if nft has refused it."""
    done = begun.done()
    if done.code:
        raise KernelError(f"nft refused the ruleset: {_first_error(done.stderr)}")


def run_at_home(script: str) -> None:
    """`nft -f -` in the namespace of this process: for the uplink's own table, nothing else."""
    _nft(None, script, ())


def _first_error(stderr: str) -> str:
    """nft says `/dev/stdin:3:5-9: Error: ...`, then quotes the line: keep the sentence, and the line in question."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "Error:" in line:
            quoted = lines[number + 1].strip() if number + 1 < len(lines) else ""
            place, _, sentence = line.partition("Error:")
            where = place.rstrip(": ").rpartition("stdin:")[2]
            return f"{sentence.strip()} (line {where}: {quoted[:200]})" if quoted else sentence.strip()
    return lines[0] if lines else "no reason given"


def replace(namespace: int, channel: Channel, lab: str, ruleset: Ruleset) -> process.Begun:
    """Put our one table in place, with a comment that says what it is and which generation this very commit makes.

    A namespace with a ruleset of ours has nothing else, so tables of others go in the same transaction; save in a
    guest, where they are its owner's.

    It is begun here, and to be `finish`ed: most of its time nft waits for the kernel, so others may begin meanwhile.
    """
    ours = (generation(channel) + 1) & 0xFFFFFFFF
    text = ruleset.text.replace("@COMMENT@", comment(lab, ruleset.digest, ours))
    return _begin(namespace, text if ruleset.shared else "".join(_deletions_of_others(channel)) + text)


def _deletions_of_others(channel: Channel) -> Iterator[str]:
    for part in channel.dump(Request(_GET_TABLE, 0, b"\0\0\0\0")):
        got = decode.attributes(part.data, part.start + 4, part.end)
        family, name = _FAMILIES.get(part.data[part.start], ""), got[_TABLE_NAME].rstrip(b"\0").decode()
        if family and (family, name) != ("ip", names.NFT_TABLE):
            # By handle, since the name could be anything.
            yield f"delete table {family} handle {_BE64.unpack(got[_TABLE_HANDLE])[0]}\n"


def delete(namespace: int) -> None:
    """Our table, if it is there."""
    run(namespace, f"table ip {names.NFT_TABLE}\ndelete table ip {names.NFT_TABLE}\n")


def comment(lab: str, digest: str, generation: int) -> str:
    return f"vpcemu {lab} {digest} gen {generation}"


def observe(channel: Channel, *, shared: bool = False) -> Ruleset | None:
    """Whose table is there. None: there is none, and nobody ever touched this namespace's ruleset.

    "tampered" if the ruleset is not as our last commit left it; who shares it may do that. A trace's own doing does not
    count: it leaves the generation that it made in a set of our table (see `watch`).
    """
    table, generation = channel.ask([_get_table(names.NFT_TABLE), Request(_GET_GENERATION, 0, b"\0\0\0\0")])
    now = _generation_of(generation)
    if not isinstance(table, Part):
        # Deleted, or never made. Tables of others without ours: somebody's, but not what was meant.
        return None
    words = _comment_of(table).split()
    if len(words) != 5 or words[0] != "vpcemu" or words[3] != "gen":
        return Ruleset(TAMPERED)
    if words[4] != str(now) and not shared and not _is_noted(channel, now):
        return Ruleset(TAMPERED)
    return Ruleset(words[2])


def is_own(channel: Channel, generation: int) -> bool:
    """Whether our table is there and nobody else has touched the ruleset up to this generation."""
    words = (table_comment(channel, names.NFT_TABLE) or "").split()
    return len(words) == 5 and words[0] == "vpcemu" and (words[4] == str(generation) or _is_noted(channel, generation))


def _is_noted(channel: Channel, generation: int) -> bool:
    key = U32.pack(generation)
    return isinstance(channel.ask([get_element(2, names.NFT_TABLE, names.OWN_GENERATION, key)])[0], Part)


def has_table(channel: Channel, name: str) -> bool:
    return isinstance(channel.ask([_get_table(name)])[0], Part)


def table_comment(channel: Channel, name: str) -> str | None:
    """None: there is no such table."""
    (answer,) = channel.ask([_get_table(name)])
    return _comment_of(answer) if isinstance(answer, Part) else None


def flush_conntrack(channel: Channel, mark: int | None = None, mask: int = 0xFFFFFFFF) -> None:
    """Forget the tracked connections of the channel's namespace: every one, or those with this mark."""
    wanted = b"" if mark is None else attribute(_MARK, _BE32.pack(mark)) + attribute(_MARK_MASK, _BE32.pack(mask))
    if refusals := channel.send([Request(_DELETE_CONNTRACK, ACK, b"\0\0\0\0" + wanted)]):
        raise KernelError(f"flush conntrack: {os.strerror(refusals[0].errno)}")


def netfilter_channel(namespace: int) -> Channel:
    return netns.channel_in(namespace, NETFILTER_FAMILY)


def _get_table(name: str) -> Request:
    return Request(_GET_TABLE, 0, _IPV4 + attribute(_TABLE_NAME, name.encode() + b"\0"))


def generation(channel: Channel) -> int:
    """How many commits the ruleset has seen, whoever made them."""
    return _generation_of(channel.ask([Request(_GET_GENERATION, 0, b"\0\0\0\0")])[0])


def _generation_of(answer: object) -> int:
    if not isinstance(answer, Part):
        raise UnsupportedError("this kernel has no nftables", "load the module nf_tables (modprobe nf_tables)")
    got = decode.attributes(answer.data, answer.start + 4, answer.end)
    return int(_BE32.unpack(got[_GENERATION_ID])[0])


def _comment_of(answer: Part) -> str:
    got = decode.attributes(answer.data, answer.start + 4, answer.end)
    return user_comment(got.get(_TABLE_USERDATA, b""))
