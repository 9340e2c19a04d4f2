"""The few system calls that Python 3.11 does not offer. The only file with ctypes."""

import ctypes
import os
from typing import Final

NEW_NETWORK: Final = 0x40000000
NEW_MOUNTS: Final = 0x00020000
NEW_HOST_NAME: Final = 0x04000000
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, BIND, RECURSIVE, SLAVE, SHARED = (
    0x1, 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x80000, 0x100000,
)  # fmt: skip
DETACH: Final = 2
# One number each on every architecture but alpha.
_FSOPEN, _FSCONFIG, _FSMOUNT, _FSCONFIG_CREATE = 430, 431, 432, 6
_OPEN_TREE, _OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 428, 1, os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)
_libc.sethostname.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
_libc.syscall.restype = ctypes.c_long

# Bound once: an attribute lookup on the library costs as much as the call.
_setns, _unshare = _libc.setns, _libc.unshare


def _check(result: int, what: str = "") -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what or None)
    return result


def setns(namespace: int, kind: int = NEW_NETWORK) -> None:
    """Move the calling thread. Use `netns.roam`, which brings it home."""
    if _setns(namespace, kind) < 0:
        _check(-1)


def unshare(kinds: int) -> None:
    if _unshare(kinds) < 0:
        _check(-1)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    text = options.encode() or None
    _check(_libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, text), target)


def unmount(target: str) -> None:
    """Lazily: it goes when its last user goes."""
    _check(_libc.umount2(target.encode(), DETACH), target)


def set_host_name(name: str) -> None:
    _check(_libc.sethostname(name.encode(), len(name.encode())))


def beneath(directory: str) -> int:
    """A file descriptor of the directory as it is below what is mounted on its entries (a detached copy)."""
    path = ctypes.c_char_p(directory.encode())
    return _check(_libc.syscall(_OPEN_TREE, -100, path, _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC), directory)


def own_proc() -> int:
    """A descriptor of a /proc of its own, mounted nowhere; it goes when it is closed."""
    context = _check(_libc.syscall(_FSOPEN, ctypes.c_char_p(b"proc"), 1), "proc")
    try:
        _check(_libc.syscall(_FSCONFIG, context, _FSCONFIG_CREATE, None, None, 0), "proc")
        return _check(_libc.syscall(_FSMOUNT, context, 1, 0), "proc")
    finally:
        os.close(context)
