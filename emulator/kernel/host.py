"""The kernel's front door: what is there, make it so, take it away."""

from collections.abc import Callable, Collection, Sequence

from emulator.compile.state import State, Step
from emulator.errors import KernelError
from emulator.kernel import netns, process, uplink
from emulator.kernel.execute import execute
from emulator.kernel.observe import observe, observe_again
from emulator.names import netns as netns_name


def _ignore(*_: object) -> None:
    """Nobody is listening."""


class Host:
    """The machine this runs on.

    `checkpoint` is called with a few words before every change, so that a test can kill the process at each of them.
    """

    def __init__(self, checkpoint: Callable[[str], None] = _ignore) -> None:
        self._checkpoint = checkpoint

    def observe(self, lab: str, wanted: State | None = None) -> State:
        """What is there of the lab now. `wanted` says which settings to read, and which namespaces are guests'."""
        try:
            return observe(lab, wanted)
        except OSError as reason:
            raise KernelError(f"look at the lab {lab}: {reason}") from reason

    def observe_again(self, lab: str, wanted: State, nodes: Collection[str]) -> State:
        """The insides of these nodes as they are now, and all else as `wanted` says.

        For after steps that touched no link and no namespace as such: of 1,000 nodes one is looked at.
        """
        try:
            return observe_again(lab, wanted, nodes)
        except OSError as reason:
            raise KernelError(f"look at the lab {lab}: {reason}") from reason

    def execute(self, steps: Sequence[Step], lab: str, progress: Callable[[int, int], None] = _ignore) -> None:
        """Carry the steps out, in order; `progress` hears (done, all). Returns when every link raised can send.

        Raises KernelError with the step in words when the kernel refuses one. Those before it are done, and, in the
        same namespace, possibly some behind it.
        """
        execute(steps, lab, self._checkpoint, progress)

    def destroy(self, lab: str, names: Collection[str] = ()) -> list[str]:
        """Remove all that is the lab's, found by its marks; what was removed, in words. Repeatable.

        `names`: nodes or namespaces that the lab's record lists; of these, empty files without a namespace go, too.
        """
        entries = netns.owned(lab)
        removed = []
        self._checkpoint("kill what lives in the lab")
        if killed := process.kill_in({entry.inode for entry in entries if entry.inode}):
            removed.append(f"{len(killed)} processes")
        self._checkpoint("remove the uplink")
        removed += uplink.remove(lab)
        mine = {entry.name: None for entry in entries}  # in order
        listed = {name if name.startswith(f"{lab}.") else netns_name(lab, name) for name in names} - mine.keys()
        mine.update(dict.fromkeys(sorted(name for name in listed if netns.is_half_made(lab, name))))
        removed += [f"the namespace {name}" for name in netns.remove(mine, self._checkpoint)]
        return removed

    def labs(self) -> dict[str, list[str]]:
        """Every lab on this machine and its nodes, found by the marks alone."""
        found: dict[str, list[str]] = {}
        for entry in netns.owned():
            found.setdefault(entry.lab, []).append(entry.node)
        return {lab: sorted(nodes) for lab, nodes in sorted(found.items())}
