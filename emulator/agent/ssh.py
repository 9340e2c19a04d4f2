"""The `ssh` service: the machine's own OpenSSH server, in the sandbox in which commands run.

It runs under the lab's unprivileged uid, so it can log in nobody but that uid: the sandbox shows an /etc/passwd and an
/etc/group of its own, in which `ec2-user` has it. It takes the lab's key and nothing else.
"""

import os
from shutil import which

from emulator.agent import sandbox

LOGIN = "ec2-user"
UNPACKED = "/var/lib/vpcemu/openssh"  # where scripts/_bootstrap puts Debian's package without installing it
KEYS = "ssh"  # the folder of the lab's that holds the next two
HOST_KEY, USER_KEY = "host_key", "user_key"
LISTENING = b"Server listening on "  # sshd's own words

_THERE = "/run/ssh"  # in the sandbox, whose /run is empty
_CONFIG = f"""\
HostKey {_THERE}/host_key
AuthorizedKeysFile {_THERE}/authorized_keys
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
"""


def find() -> str:
    """The path of sshd, or ""."""
    return which("sshd", path=f"{sandbox.PATH}:{UNPACKED}/usr/sbin") or ""


def argv(port: int) -> list[str]:
    """LookupError: this machine has no sshd."""
    program = find()
    if not program:
        raise LookupError("this machine has no OpenSSH server")
    return [program, "-D", "-e", "-f", f"{_THERE}/sshd_config", "-p", str(port), *_helpers(program)]


def _helpers(program: str) -> list[str]:
    """From OpenSSH 9.8 on sshd is several programs, and knows only where the others are when installed."""
    helpers = f"{UNPACKED}/usr/lib/openssh"
    if not program.startswith(UNPACKED) or not os.path.exists(f"{helpers}/sshd-session"):
        return []
    found = ["-o", f"SshdSessionPath={helpers}/sshd-session"]
    return found + (["-o", f"SshdAuthPath={helpers}/sshd-auth"] if os.path.exists(f"{helpers}/sshd-auth") else [])


def files(keys: str, who: sandbox.Identity) -> dict[str, str]:
    """What the sandbox shows of the lab's keys, and over the machine's own files. LookupError: a key is missing.

    No group `tty`: an unprivileged sshd could not give it the terminals that it makes.
    """
    return {
        f"{_THERE}/sshd_config": _CONFIG,
        f"{_THERE}/host_key": _read(f"{keys}/{HOST_KEY}"),
        f"{_THERE}/authorized_keys": _read(f"{keys}/{USER_KEY}.pub"),
        "/etc/passwd": f"root:x:0:0::/:/usr/sbin/nologin\n{LOGIN}:x:{who.uid}:{who.gid}::{who.home}:/bin/sh\n",
        "/etc/group": f"root:x:0:\n{LOGIN}:x:{who.gid}:\n",
        "/etc/hosts.allow": "",  # the machine's rules are not the instance's
        "/etc/hosts.deny": "",
    }


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        raise LookupError("the keys of the lab are gone") from None


def has_client() -> bool:
    """Whether keys can be made and used here."""
    return all(which(program, path=f"{sandbox.PATH}:{os.environ.get('PATH', '')}") for program in ("ssh", "ssh-keygen"))
