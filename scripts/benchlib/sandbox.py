"""A place of its own for the whole bench, so that nothing of it can be left behind.

The bench runs in new mount, network and process namespaces with its own /run: labs, links, names and processes die with
it, whatever ends it, Ctrl-C and SIGKILL included. "The host" of the labs under test is the inside of this place.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

_CLONE_NEWNS, _CLONE_NEWPID, _CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_SCRATCH = "/run/bench"

_libc = ctypes.CDLL(None, use_errno=True)


def enter(main: Callable[[], int]) -> int:
    """Run `main` inside and return what it returns."""
    if os.geteuid() != 0:
        print("scripts/bench needs root: sudo scripts/bench", file=sys.stderr)
        return 4
    if _libc.unshare(_CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    first = os.fork()
    if first == 0:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # and with process 1 goes everything inside
        os._exit(_first_process(main))
    while True:
        try:
            return _exit_code(os.waitpid(first, 0)[1])
        except KeyboardInterrupt:  # the inside has heard it, too
            continue


def _first_process(main: Callable[[], int]) -> int:
    """Process 1 inside: collects the orphans (a lab's agent becomes one) while its only child does the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # `ip netns` and vpcemu mount on /run/netns: a fresh /run keeps those names and mounts off the machine's own.
    for command in (
        "mount --make-rprivate /",
        "mount -t proc proc /proc",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        "ip link set lo up",
        "ip netns add first",  # makes /run/netns the kind of mount it has to be
        "ip netns del first",
    ):
        subprocess.run(command.split(), check=True)
    os.makedirs(_SCRATCH)
    worker = os.fork()
    if worker == 0:
        os._exit(_work(main))
    while True:
        child, status = os.wait()
        if child == worker:
            return _exit_code(status)


def _work(main: Callable[[], int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main()
    except KeyboardInterrupt:
        print("\ninterrupted; everything the bench made goes with it", file=sys.stderr)
        return 130
    except SystemExit as reason:
        print(reason, file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - this is the last stop before os._exit
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _exit_code(status: int) -> int:
    return max(os.waitstatus_to_exitcode(status), 1) if status else 0


def scratch(name: str) -> str:
    """The path of a file that goes away with the sandbox."""
    return f"{_SCRATCH}/{name}"


def compiled(source: str) -> str:
    """The program made from a C file, which the sandbox keeps."""
    program = scratch(os.path.basename(source).removesuffix(".c"))
    if not os.path.exists(program):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("scripts/bench needs a C compiler: apt-get install gcc libc6-dev")
        subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return program


def switch(namespace: int) -> None:
    """Move this thread into an open network namespace."""
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
