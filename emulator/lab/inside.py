"""exec and shell: become a process inside a node. Nothing is left of vpcemu afterwards, so Ctrl-C and exit codes are
the command's own. Keep the imports of this file and its callers few: start-up is what `vpcemu exec` costs.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from emulator.errors import UnsupportedError, UsageError
from emulator.lab import places, view

# vpcemu's own failures end with 125 and a line on stderr, as those of `env` and `nohup` do.
OURS: Final = 125
_PROGRAM: Final = f"""\
import sys
sys.path.insert(0, sys.argv[1])
from emulator.errors import VpcemuError
from emulator.lab.inside import enter
try:
    enter(sys.argv[2], sys.argv[3], sys.argv[4:])
except VpcemuError as error:
    print("vpcemu:", error, file=sys.stderr)
    sys.exit({OURS})
"""


def enter(lab: str | None, name: str, argv: Sequence[str] = ()) -> NoReturn:
    """Run `argv` in the node in place of this process; without `argv`, an interactive shell."""
    if os.geteuid() != 0:
        raise UnsupportedError("entering a node needs root")
    seen = view.read(places.choose(lab))
    node = view.node(seen, name)
    if node.get("stopped"):
        raise UsageError(f"{name} is stopped", f"`state: running` for {name} in the file, and `vpcemu up`, start it")
    namespace = f"{places.NETNS}/{node['netns']}"
    if not os.path.exists(namespace):
        raise UsageError(f"{name} is not there (any more)", f"`vpcemu status {seen.lab}` says what is wrong")
    env = dict(os.environ) | {
        "VPCEMU_LAB": seen.lab,
        "VPCEMU_NODE": name,
        "VPCEMU_IP": node["private"] or node["public"],
    }
    # Loaded late: it pulls in ctypes.
    from emulator.kernel.enter import enter_and_exec

    enter_and_exec(
        namespace,
        list(argv) or _shell(seen.lab, env),
        env,
        hostname=name,
        hosts_text=view.hosts(seen, name),
        resolv_text=view.resolv(seen, name),
        ssh_text=view.ssh_config(seen),
    )


def program(lab: str, name: str, argv: Sequence[str]) -> list[str]:
    """The command line of a process that calls `enter` at once: with nothing of Python's but what that needs."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, root, lab, name, *argv]


def _shell(lab: str, env: dict[str, str]) -> list[str]:
    """bash with our prompt; else sh, which takes its prompt from the environment."""
    from shutil import which

    bash = which("bash")
    rc = places.path(lab, view.BASHRC)
    if bash and os.path.exists(rc):
        return [bash, "--rcfile", rc, "-i"]
    ip = f" {env['VPCEMU_IP']}" if env["VPCEMU_IP"] else ""
    env["PS1"] = f"[{env['VPCEMU_NODE']}@{lab}{ip}] # "
    env.pop("ENV", None)
    return ["/bin/sh", "-i"]
