"""What a lab with an `ssh` service needs before the agent starts it: keys, and settings for the client.

/run/vpcemu/<lab>/ssh/ is root's alone, as the learner is. `vpcemu exec` mounts `config` over /etc/ssh/ssh_config, so
that `ssh -J bastion app` needs no option.
"""

import os
import shutil
from contextlib import suppress

from emulator.agent import ssh as server
from emulator.errors import KernelError, UnsupportedError
from emulator.kernel import process
from emulator.lab import doors, places, record, view
from emulator.topology.model import Topology


def used(topology: Topology) -> bool:
    """Whether any node has an ssh service."""
    held = [instance.services for vpc in topology.vpcs for instance in vpc.instances]
    held += [host.services for host in topology.internet.hosts]
    return any(service.kind == "ssh" for services in held for service in services)


def require(topology: Topology) -> None:
    """UnsupportedError if the lab wants OpenSSH and this machine has none."""
    if not used(topology) or (server.find() and server.has_client()):
        return
    raise UnsupportedError(
        f"lab {topology.name} has a service ssh, and OpenSSH's server or client is missing here",
        "in a clone `sudo scripts/get-sshd` fetches them without starting a server; "
        "else install openssh-server and openssh-client",
    )


def prepare(topology: Topology, checkpoint: doors.Checkpoint) -> None:
    """Make what is missing; what is there stays, or a second `up` would lock people out."""
    folder = places.path(topology.name, server.KEYS)
    if not used(topology):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in (server.HOST_KEY, server.USER_KEY):
        if not (os.path.exists(f"{folder}/{name}") and os.path.exists(f"{folder}/{name}.pub")):
            checkpoint(f"make the SSH {name}")
            _make_key(f"{folder}/{name}", f"{name}@{topology.name}")
    with open(f"{folder}/{server.HOST_KEY}.pub", encoding="ascii") as file:
        kind, key = file.read().split()[:2]
    record.replace(topology.name, f"{server.KEYS}/known_hosts", f"* {kind} {key}\n".encode())
    record.replace(topology.name, view.SSH_CONFIG, _config(folder).encode())


def _make_key(path: str, comment: str) -> None:
    for half in (path, f"{path}.pub"):
        with suppress(FileNotFoundError):
            os.unlink(half)  # what an interrupted `up` left without its other half
    done = process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    if done.code:
        raise KernelError(f"ssh-keygen: {(done.stderr or done.stdout).strip()}")


def _config(folder: str) -> str:
    return f"""\
# Written by `vpcemu up`: all instances of the lab have one host key, and take one key of yours.
User {server.LOGIN}
IdentityFile {folder}/{server.USER_KEY}
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
GlobalKnownHostsFile none
StrictHostKeyChecking yes
CheckHostIP no
ConnectTimeout 5
"""
