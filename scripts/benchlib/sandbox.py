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

_INSIDE = "VPCEMU_BENCH_INSIDE"
_CLONE_NEWNET = 0x40000000
_SCRATCH = "/run/bench"

_libc = ctypes.CDLL(None, use_errno=True)


def enter(main: Callable[[], int]) -> int:
    """Run `main` inside; called again by the copy of this program that is inside already."""
    if os.environ.get(_INSIDE):
        return _first_process(main)
    if os.geteuid() != 0:
        print("scripts/bench needs root: sudo scripts/bench", file=sys.stderr)
        return 4
    walls = ["unshare", "--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    itself = ["-m", "benchlib"] if sys.argv[0].endswith("__main__.py") else [sys.argv[0]]
    command = [*walls, sys.executable, *itself, *sys.argv[1:]]
    with subprocess.Popen(command, env=os.environ | {_INSIDE: "1"}) as inside:
        while True:
            try:
                return inside.wait()
            except KeyboardInterrupt:  # the inside has heard it too, and prints what it has
                continue


def _first_process(main: Callable[[], int]) -> int:
    """Process 1 inside: collects the orphans (a lab's agent becomes one) while its only child does the work."""
    # `ip netns` and vpcemu mount on /run/netns: a fresh /run keeps those names and mounts off the machine's own.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    os.makedirs(_SCRATCH)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "netns", "add", "first"], check=True)  # makes /run/netns the kind of mount it has to be
    subprocess.run(["ip", "netns", "del", "first"], check=True)
    sys.stdout.flush()
    worker = os.fork()
    if worker == 0:
        try:
            code = main()
        except KeyboardInterrupt:
            print("\ninterrupted; everything the bench made goes with it", file=sys.stderr)
            code = 130
        except Exception:  # noqa: BLE001 - this is the last stop before os._exit
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        child, status = os.wait()
        if child == worker:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1


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
