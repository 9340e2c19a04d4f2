"""System calls that only the agent needs: processes and confinement. The others are in `kernel.syscalls`."""

import ctypes
import os
from typing import Final

NEW_IPC: Final = 0x08000000
NEW_PROCESSES: Final = 0x20000000
PRIVATE: Final = 1 << 18
MOVE: Final = 0x2000

_PR_SET_NAME, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 15, 24, 38
_CAPABILITIES = 64  # more than there are

# Numbers from before 2019 differ between machines, later ones do not.
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "loongarch64": 219}
_JOIN_SESSION_KEYRING = 1
_CLOSE_RANGE, _MOUNT_SETATTR = 436, 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_libc.syscall.restype = ctypes.c_long


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _syscall(number: int, *arguments: int | bytes | object) -> int:
    # An int would be passed as 32 bits, with whatever was above it in the register.
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *words))


def set_mount_flags(target: str, flags: int) -> None:
    """Add flags (read-only, no setuid programs) to the mount at `target` and to every mount below (Linux 5.12)."""
    attributes = _MountAttributes(flags, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    done = _syscall(_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, ctypes.byref(attributes), size)
    _check(done, f"mount_setattr {target}")


def set_process_name(name: str) -> None:
    text = ctypes.create_string_buffer(name.encode()[:15])
    _libc.prctl(_PR_SET_NAME, ctypes.addressof(text), 0, 0, 0)


def drop_capability_bounds() -> None:
    """Whatever this process becomes, it gets no capability back."""
    for capability in range(_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # the first that this kernel does not know


def forbid_new_privileges() -> None:
    """A setuid program runs as whoever starts it."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def new_session_keyring() -> None:
    """Leave the keyring of whoever started us: holding it is enough to read its keys, whatever the uid."""
    number = _KEYCTL.get(os.uname().machine)
    if number is not None:
        _syscall(number, _JOIN_SESSION_KEYRING, 0)  # ENOSYS: no keyrings, nothing to leave


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` on."""
    if _syscall(_CLOSE_RANGE, lowest, 0xFFFFFFFF, 0) < 0:
        os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))
