"""The part of a node's ruleset that follows the health of its targets: one chain for each listener.

All chains change in one transaction, which notes in our table that it is our own doing, as a trace does; so `status`
finds nobody's fingers in it, and the next `up` nothing to do.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from emulator import names
from emulator.errors import VpcemuError

_TRIES = 5
_TARGET = 0x7FFFFFFF  # of a flow's mark: which target it has


class Rules:
    """Of one node. wanted: by chain, the rule's body and its comment."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._put: Mapping[str, tuple[str, str]] | None = None
        self._generation = -1

    def put(self, wanted: Mapping[str, tuple[str, str]]) -> str:
        """ "" or why it could not be done; then it is tried again when `changed` is asked next."""
        if wanted == self._put or not wanted:
            return ""
        try:
            self._write(wanted)
        except (VpcemuError, OSError) as error:
            self._put = None
            return f"the rules stay as they are: {error}"
        self._put = dict(wanted)
        return ""

    def changed(self) -> bool:
        """Whether the ruleset is another one than `put` has left."""
        from emulator.kernel import nftables

        try:
            there = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            with nftables.netfilter_channel(there) as channel:
                generation = nftables.generation(channel)
        except (VpcemuError, OSError):
            return False
        finally:
            os.close(there)
        if self._put is not None and generation == self._generation:
            return False
        self._put = None
        return True

    def forget(self, mark: int) -> None:
        """End the flows of a target: nobody remembers them."""
        from emulator.kernel import nftables

        with suppress(VpcemuError, OSError):  # the namespace is gone, and they with it
            there = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                with nftables.netfilter_channel(there) as channel:
                    nftables.flush_conntrack(channel, mark, _TARGET)
            finally:
                os.close(there)

    def _write(self, wanted: Mapping[str, tuple[str, str]]) -> None:
        from emulator.kernel import nftables  # not for a lab without load balancers

        table = f"ip {names.NFT_TABLE}"
        script = "".join(
            f'flush chain {table} {chain}\nadd rule {table} {chain} {body} comment "{comment}"\n'
            for chain, (body, comment) in wanted.items()
        )
        there = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with nftables.netfilter_channel(there) as channel:
                for _ in range(_TRIES):
                    now = nftables.generation(channel)
                    noted = ""
                    if nftables.is_own(channel, now):  # else somebody has been there, which `status` shall see
                        ours = f"{table} {names.OWN_GENERATION}"
                        noted = f"flush set {ours}\nadd element {ours} {{ {now + 1} }}\n"
                    nftables.run(there, script + noted)
                    self._generation = nftables.generation(channel)
                    if self._generation == now + 1:
                        return
        finally:
            os.close(there)
