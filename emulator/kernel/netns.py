"""Network namespaces: make, open, enter, list, remove. The hazards of setns live here and nowhere else.

A namespace belongs to a thread, not to the process. Whoever enters one must come home on the same thread, and nobody
else may run on that thread meanwhile. So `roam` (and `enter`, for a single one) is the only way in, it is a `with`
block, and a process that cannot go home dies on the spot: to go on would silently change some other network. Ctrl-C
waits meanwhile: an exception could come between "the block is left" and "the thread is home".

`/run/netns` is what iproute2 uses, so `ip netns exec` works. A name there is a file with the namespace mounted on top.
Two marks say whose it is, both written before the name is visible with a namespace on it:
- lo's alias (`names.mark`), which anybody can read with `ip netns exec X ip link show lo`;
- the file itself, a hard link to one that holds "vpcemu:<lab>", made in a single system call. So a name whose mount
  never came (we were killed in between) is known as ours, too, and so is a namespace whose root has changed lo's alias.
A namespace that somebody else made under a name like ours has neither, and is never touched.
"""

import fcntl
import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EBUSY, EINVAL
from typing import Final, NamedTuple

from emulator import names
from emulator.errors import KernelError, UnsupportedError
from emulator.kernel import decode, syscalls, wire
from emulator.kernel.channel import Channel, Part

DIRECTORY: Final = "/run/netns"
_HERE: Final = "/proc/thread-self/ns/net"
_FORWARDING: Final = "/proc/sys/net/ipv4/ip_forward"  # of the namespace of the task that opens it
_FILES_AT_MOST: Final = 65536
INTERRUPTS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM})


class Made(NamedTuple):
    """A new namespace: its file descriptor, a socket in it, its inode."""

    namespace: int
    channel: Channel


class Entry(NamedTuple):
    """A name of ours in /run/netns. `inode` of its namespace; 0: nothing is mounted there."""

    name: str
    lab: str
    node: str
    inode: int


def raise_file_limit() -> None:
    """Two descriptors for each of 4,000 namespaces, and more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, min(_FILES_AT_MOST, hard) if hard != resource.RLIM_INFINITY else _FILES_AT_MOST)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# --- going there and coming back -------------------------------------------------------------------------------


@contextmanager
def roam() -> Iterator[Callable[[int], None]]:
    """Yields a function that moves this thread into the namespace of a descriptor. At the end the thread is home."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        home = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield syscalls.setns
        finally:
            _go_home(home)
            os.close(home)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # what came meanwhile is heard here, at home


def _go_home(home: int) -> None:
    try:
        syscalls.setns(home)
    except OSError as reason:
        if os.fstat(home).st_ino == os.stat(_HERE).st_ino:
            return  # it never left: who may not return may not leave either (no root)
        # Not an exception: whoever caught it would go on in the wrong namespace.
        os.write(2, f"vpcemu: cannot leave a network namespace ({reason}); stopping at once\n".encode())
        os._exit(70)


@contextmanager
def enter(namespace: int) -> Iterator[None]:
    """This thread is in the namespace until the end of the block."""
    with roam() as go:
        go(namespace)
        yield


@contextmanager
def nowhere() -> Iterator[None]:
    """This thread is in a namespace with no network at all, which is gone at the end of the block."""
    with roam():
        syscalls.unshare(syscalls.NEW_NETWORK)
        yield


def path(name: str) -> str:
    return f"{DIRECTORY}/{name}"


def open_namespace(name: str) -> int:
    """A descriptor of the namespace called so, to be closed by the caller."""
    try:
        return os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as reason:
        raise KernelError(f"there is no namespace {name}") from reason


def channel_in(namespace: int, family: int = 0) -> Channel:
    """A netlink socket of that namespace. The thread is home again before anything is sent."""
    with enter(namespace):
        return Channel(family)


# --- making ----------------------------------------------------------------------------------------------------


def prepare_directory() -> None:
    """/run/netns as iproute2 makes it: a mount of its own, shared, so that every mount namespace sees what comes."""
    os.makedirs(DIRECTORY, 0o755, exist_ok=True)
    lock = os.open(DIRECTORY, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as `ip netns add` does: two of us would mount it twice
        try:
            syscalls.mount("", DIRECTORY, "none", syscalls.SHARED | syscalls.RECURSIVE)
        except OSError as reason:
            if reason.errno != EINVAL:
                raise
            syscalls.mount(DIRECTORY, DIRECTORY, "none", syscalls.BIND | syscalls.RECURSIVE)
            syscalls.mount("", DIRECTORY, "none", syscalls.SHARED | syscalls.RECURSIVE)
    except PermissionError as reason:
        raise UnsupportedError("making network namespaces needs root", "run it with sudo") from reason
    finally:
        os.close(lock)


def create(lab: str, nodes: Iterable[str], checkpoint: Callable[[str], None], made: dict[str, Made]) -> None:
    """Make a namespace for each node and put it into `made` (also if a later one fails: the caller closes them all).

    107 us of the kernel's for each `unshare`, some 25 for all the rest.
    """
    checkpoint(f"prepare {DIRECTORY}")
    prepare_directory()
    directory = os.open(DIRECTORY, os.O_RDONLY | os.O_CLOEXEC)
    owner = os.open(DIRECTORY, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o444)
    try:
        os.write(owner, _owner(lab))
        with roam():
            # A new namespace begins with the machine's IPv4 settings, and where Docker runs that forwards. A guest
            # does only if its owner says so. /proc/sys is slow, so only the first one is asked.
            forwarding = None
            for node in nodes:
                made[node] = _create_one(lab, node, checkpoint, directory, owner)
                if forwarding is None:
                    forwarding = _read_forwarding()
                if forwarding:
                    _stop_forwarding()
    finally:
        os.close(owner)
        os.close(directory)


def _read_forwarding() -> bool:
    with open(_FORWARDING, "rb") as file:
        return file.read().strip() == b"1"


def _stop_forwarding() -> None:
    with open(_FORWARDING, "wb") as file:
        file.write(b"0")


def _create_one(lab: str, node: str, checkpoint: Callable[[str], None], directory: int, owner: int) -> Made:
    name = names.netns(lab, node)
    try:
        syscalls.unshare(syscalls.NEW_NETWORK)
    except PermissionError as reason:
        raise UnsupportedError("making network namespaces needs root", "run it with sudo") from reason
    channel = Channel()
    try:
        if refusals := channel.send([wire.link_alias(wire.LO, names.mark(lab, node))]):
            raise KernelError(f"mark the namespace {name}: {os.strerror(refusals[0].errno)}")
        checkpoint(f"make the file {name}")
        _claim(lab, name, directory, owner)
        checkpoint(f"mount the namespace {name}")
        syscalls.mount(_HERE, path(name), "none", syscalls.BIND)
        return Made(os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC), channel)
    except BaseException:
        channel.close()
        raise


def _claim(lab: str, name: str, directory: int, owner: int) -> None:
    """The file `name`, which says whose it is from its first moment on."""
    try:
        # src_dir_fd only makes Python call linkat(AT_SYMLINK_FOLLOW) instead of link(), which would not follow.
        os.link(f"/proc/self/fd/{owner}", name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=True)
        return
    except FileExistsError:
        pass
    there = os.stat(path(name))
    if there.st_dev == _nsfs():
        raise KernelError(f"a namespace {name} exists already", f"if it is nobody's: ip netns delete {name}")
    # Half-made by somebody who was killed: a file without a namespace. Ours, or as `ip netns add` leaves it.
    if there.st_size and _read(path(name)) != _owner(lab):
        raise KernelError(f"{path(name)} is a file of somebody else's", "remove it, or name the lab otherwise")


def _owner(lab: str) -> bytes:
    return f"vpcemu:{lab}\n".encode()


def _read(name: str, directory: int | None = None) -> bytes:
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return b""
    try:
        return os.read(file, 256)
    finally:
        os.close(file)


def _nsfs() -> int:
    """The device number that all namespaces have as files."""
    return os.stat(_HERE).st_dev


# --- finding ---------------------------------------------------------------------------------------------------


def owned(lab: str | None = None) -> list[Entry]:
    """Every name in /run/netns that is ours (of one lab, or of all), found by the marks alone."""
    try:
        listed = os.listdir(DIRECTORY)
    except FileNotFoundError:
        return []
    prefix = f"{lab}." if lab else ""
    candidates = [name for name in listed if name.startswith(prefix) and "." in name]
    if not candidates:
        return []
    try:
        below = syscalls.beneath(DIRECTORY)
    except PermissionError as reason:
        raise UnsupportedError("seeing whose a namespace is needs root", "run it with sudo") from reason
    entries: list[Entry] = []
    doubtful: list[Entry] = []
    owners: dict[int, bytes] = {}
    try:
        nsfs = _nsfs()
        for name in candidates:
            its_lab, _, node = name.partition(".")
            try:
                file, mounted = os.stat(name, dir_fd=below, follow_symlinks=False), os.stat(path(name))
            except OSError:
                continue  # gone meanwhile
            if file.st_ino not in owners:
                owners[file.st_ino] = _read(name, below)
            entry = Entry(name, its_lab, node, mounted.st_ino if mounted.st_dev == nsfs else 0)
            (entries if owners[file.st_ino] == _owner(its_lab) else doubtful).append(entry)
    finally:
        os.close(below)
    entries += [entry for entry in doubtful if entry.inode and _alias(entry.name) == names.mark(entry.lab, entry.node)]
    return entries


def is_half_made(lab: str, name: str) -> bool:
    """An empty file with a name of the lab's, and no namespace on it."""
    try:
        there = os.stat(path(name), follow_symlinks=False)
    except OSError:
        return False
    return name.startswith(f"{lab}.") and "/" not in name and there.st_dev != _nsfs() and there.st_size == 0


def _alias(name: str) -> str:
    try:
        namespace = open_namespace(name)
    except (OSError, KernelError):
        return ""
    try:
        with channel_in(namespace) as channel:
            (answer,) = channel.ask([wire.get_link(wire.LO)])
            return decode.link(answer).alias if isinstance(answer, Part) else ""
    except OSError:
        return ""
    finally:
        os.close(namespace)


# --- removing --------------------------------------------------------------------------------------------------


def remove(names: Iterable[str], checkpoint: Callable[[str], None]) -> list[str]:
    """Take the names away; those that were there. The kernel frees the namespaces and their links behind us.

    They are all held open until the last name is gone: else the kernel would begin at once, and with 1,000 of them
    each unmount would have to wait for that (0.5 s in all instead of 0.04).
    """
    raise_file_limit()
    held: list[int] = []
    removed = []
    try:
        for name in names:
            with suppress(OSError):
                held.append(os.open(path(name), os.O_RDONLY | os.O_CLOEXEC))
            checkpoint(f"remove the namespace {name}")
            if _remove_one(name):
                removed.append(name)
    finally:
        for namespace in held:
            os.close(namespace)
    return removed


def _remove_one(name: str) -> bool:
    there = False
    for _ in range(8):  # somebody may have mounted on top of it again
        with suppress(OSError):
            syscalls.unmount(path(name))
            there = True
        try:
            os.unlink(path(name))
        except FileNotFoundError:
            return there
        except OSError as reason:
            if reason.errno != EBUSY:
                raise KernelError(f"remove {path(name)}: {reason.strerror}") from reason
            continue
        return True
    raise KernelError(f"remove {path(name)}: it stays busy")
