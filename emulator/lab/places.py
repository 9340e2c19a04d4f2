"""Where a lab keeps its files, and which labs there are. Imports nothing heavy: `vpcemu exec` comes through here.

/run/vpcemu/<lab>/          mode 0700
    lock                    flock: one `up` or `down` at a time
    test.lock               flock: a `test` has brought the lab up for itself
    record.json             what `up` was asked for; written before the first change
    nodes.json              what `exec` needs to know of each node
    topology.pickle         what the record's text was understood as, to save time only
    bashrc                  the prompt of `shell`
    ssh/                    keys and the client's settings, if a node has the service ssh
    agent.sock agent.lock logs/   the agent's
"""

import os

from emulator.errors import UsageError

RUN = "/run/vpcemu"
TEST = "test.lock"
NETNS = "/run/netns"


def directory(lab: str) -> str:
    """The lab's directory, whether or not it exists."""
    return f"{RUN}/{lab}"


def path(lab: str, name: str) -> str:
    """A file in the lab's directory."""
    return f"{RUN}/{lab}/{name}"


def recorded() -> list[str]:
    """Labs with a directory, sorted. Says nothing on what is left of them in the kernel."""
    try:
        with os.scandir(RUN) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def named_namespaces(lab: str) -> list[str]:
    """Node names of the namespaces in /run/netns called after the lab. A name proves no ownership: the mark does."""
    prefix = f"{lab}."
    try:
        return sorted(name[len(prefix) :] for name in os.listdir(NETNS) if name.startswith(prefix))
    except FileNotFoundError:
        return []


def make(lab: str) -> None:
    """The lab's directory. FileNotFoundError: a `down` has removed it in between, try again."""
    # 0755 above, so that completion can list labs without root; 0700 below.
    try:
        os.makedirs(RUN, mode=0o755, exist_ok=True)
    except FileExistsError:  # it was there, and is gone before makedirs has looked what it is
        if os.path.exists(RUN):
            raise
        raise FileNotFoundError(RUN) from None
    os.makedirs(directory(lab), mode=0o700, exist_ok=True)


def choose(lab: str | None) -> str:
    """The lab that is meant: the one named, or the only one there is."""
    labs = recorded()
    if lab is not None:
        if lab in labs:
            return lab
        refuse_file(lab)
        raise UsageError(f"no lab is called {lab}", _known(labs))
    if len(labs) == 1:
        return labs[0]
    if not labs:
        raise UsageError("no lab is up", "`vpcemu up FILE` starts one")
    raise UsageError("several labs are up: which one?", f"name it, with -l before a node; {_known(labs)}")


def refuse_file(lab: str) -> None:
    """UsageError if the word is a file's, where only a lab will do. A lab's name has no dot and no slash."""
    if "/" in lab or "." in lab:
        raise UsageError(
            f"no lab is called {lab}: that looks like a file",
            f"a lab is called what its file says under `name:`; {_known(recorded())}",
        )


def _known(labs: list[str]) -> str:
    if not labs:
        return "no lab is up; `vpcemu up FILE` starts one"
    return "the labs here: " + ", ".join(labs)
