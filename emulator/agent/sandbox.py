"""Where a user's command runs, and what it cannot reach from there.

A topology may come from a stranger, so a command is a stranger's program on the learner's machine. It gets:
- a pid namespace, of which it is the first process: when it ends, all it started ends, and /proc shows nothing else;
- the node's network; a host name, an IPC and a mount namespace of its own;
- an unprivileged uid, no group of the machine, no capability, no way to get one (no_new_privs);
- the machine's file system, read-only and without setuid programs;
- a /tmp, /var/tmp, /dev/shm and /run of its own. The real /run is full of sockets that any user may talk to (D-Bus,
  systemd-resolved: a way out of the node's network) and holds our own records;
- a /dev of seven devices: /dev/kvm, /dev/fuse or /dev/vsock are often open to everybody;
- a keyring of its own.
What it can still do is what any user of the machine can: read files open to all, use memory and CPU, meet kernel bugs.
`user: root` (with the consent of the person at the terminal) has the machine's file system and /dev as they are.
"""

import os
import resource
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from errno import ENOSYS
from typing import NamedTuple, NoReturn

from emulator.agent import linux
from emulator.kernel import syscalls

HIDDEN = ("/run", "/tmp", "/var/tmp", "/dev/shm")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TMP_BYTES = 64 * 1024 * 1024
MAX_PROCESSES = 4096  # of all commands of the lab, which share one uid
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_FILES = (1024, 4096)

FIRST_UID, LAST_UID = 61184, 65519  # systemd's range for users that exist only while a service runs
_TMPFS = syscalls.NO_SUID | syscalls.NO_DEVICES


class Identity(NamedTuple):
    """As whom a command runs."""

    uid: int
    gid: int
    home: str

    @property
    def trusted(self) -> bool:
        return self.uid == 0


class Job(NamedTuple):
    """All that a command needs to start. Descriptors: the network, the mounts to copy, output, and how it went."""

    argv: Sequence[str]
    env: Mapping[str, str]
    identity: Identity
    hostname: str
    files: Mapping[str, str]  # texts over the machine's own, by path
    network: int
    mounts: int
    output: int
    status: int


def identity(lab: str, user: str) -> Identity:
    """LookupError, with a sentence, if there is no such user."""
    import pwd

    if not user:
        return Identity(_lab_uid(lab), _lab_uid(lab), "/tmp")
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise LookupError(f"this machine has no user {user!r}") from None
    if found.pw_uid == 0 and user != "root":
        raise LookupError(f"{user!r} is another name for root: say root if that is meant")
    return Identity(found.pw_uid, found.pw_gid, found.pw_dir if user == "root" else "/tmp")


def _lab_uid(lab: str) -> int:
    """A uid that nobody has: a function of the lab's name, unless that one is taken."""
    import pwd
    from zlib import crc32

    count = LAST_UID - FIRST_UID + 1
    for offset in range(count):
        uid = FIRST_UID + (crc32(lab.encode()) + offset) % count
        if os.path.exists(f"/run/systemd/dynamic-uid/{uid}"):
            continue
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise LookupError(f"all user ids from {FIRST_UID} to {LAST_UID} are taken")


# --- what all commands share: made once, copied for each ---------------------------------------------------------


def make_mounts(trusted: bool) -> int:
    """A descriptor of a mount namespace from which every command's own is copied.

    Copied from ours, each would have all of /run/netns: 1,000 commands times 1,000 mounts.
    """
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.unshare(syscalls.NEW_MOUNTS)
        try:
            syscalls.mount("", "/", "none", linux.PRIVATE | syscalls.RECURSIVE)
            _detach_hidden()
            if not trusted:
                _make_dev()
                _make_read_only()
            return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _go_home(home)
    finally:
        os.close(home)


def _make_read_only() -> None:
    try:
        linux.set_mount_flags("/", syscalls.READ_ONLY | syscalls.NO_SUID)
    except OSError as error:
        if error.errno == ENOSYS:
            raise OSError(ENOSYS, "a command that is not to be trusted with this machine needs Linux 5.12") from None
        raise


def _go_home(home: int) -> None:
    try:
        syscalls.setns(home, syscalls.NEW_MOUNTS)
        os.chdir("/")
    except OSError as error:
        os.write(2, f"vpcemu: cannot leave a mount namespace ({error}); stopping at once\n".encode())
        os._exit(70)


def _detach_hidden() -> None:
    """What is mounted in a hidden directory would be unreachable, and copied for each command all the same."""
    hidden = tuple(os.path.realpath(each) for each in HIDDEN)
    with open("/proc/self/mountinfo", "rb") as file:
        lines = file.read().splitlines()
    for line in reversed(lines):
        fields = line.split(b" ")
        point = os.fsdecode(fields[4].decode("unicode_escape").encode("latin-1"))
        kind = fields[fields.index(b"-") + 1]
        if kind == b"nsfs" or any(point == each or point.startswith(f"{each}/") for each in hidden):
            with suppress(OSError):  # it went with the one it was mounted on
                syscalls.unmount(point)


def _make_dev() -> None:
    """Made in /tmp, which each command covers, from the machine's own devices: making new ones is often forbidden."""
    made = "/tmp"
    syscalls.mount("tmpfs", made, "tmpfs", syscalls.NO_SUID | syscalls.NO_EXEC, "mode=755,size=64k")
    for device in DEVICES:
        if os.path.exists(f"/dev/{device}"):
            os.close(os.open(f"{made}/{device}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
            syscalls.mount(f"/dev/{device}", f"{made}/{device}", "none", syscalls.BIND)
    os.mkdir(f"{made}/shm")
    os.mkdir(f"{made}/pts")
    os.symlink("pts/ptmx", f"{made}/ptmx")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{made}/{name}")
    os.symlink("/proc/self/fd", f"{made}/fd")
    syscalls.mount(made, "/dev", "none", linux.MOVE)


# --- the command itself ------------------------------------------------------------------------------------------


def spawn(job: Job, own_processes: int) -> int:
    """Start the command. The process id is in our own pid namespace, whose descriptor is `own_processes`.

    What the command's side has to say comes through `job.status`: its pid as the machine sees it, and, if it could
    not become the program, the reason. The end of that pipe means that it has become the program.
    """
    syscalls.unshare(linux.NEW_PROCESSES)  # the next child is the first process of a new pid namespace
    try:
        pid = os.fork()
        if pid == 0:
            _become(job)
    finally:
        syscalls.setns(own_processes, linux.NEW_PROCESSES)
    return pid


def _become(job: Job) -> NoReturn:
    status = job.status
    try:
        os.write(status, os.readlink("/proc/self").encode() + b"\n")  # still the machine's /proc
        _reset_process()
        _enter(job)
        status = _keep_four(job)
        _drop(job.identity)
        try:
            os.execvpe(job.argv[0], list(job.argv), dict(job.env))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            os.write(status, f"cannot run {job.argv[0]}: {reason}".encode(errors="replace"))
    except BaseException as error:  # noqa: BLE001 - nothing may climb from here into the agent's own code
        with suppress(OSError):
            os.write(status, f"cannot confine the command: {error}".encode(errors="replace"))
    finally:
        os._exit(127)


def _keep_four(job: Job) -> int:
    """Descriptors 0 to 2 as the command will have them, 3 for what goes wrong; it closes as the program begins.

    Before the limits: the agent of a large lab has descriptors with numbers far beyond a command's limit.
    """
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(job.output, 1)
    os.dup2(job.output, 2)
    if job.status != 3:
        os.dup2(job.status, 3, inheritable=False)
    linux.close_from(4)
    return 3


def _reset_process() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    os.umask(0o022)
    linux.new_session_keyring()
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")  # when memory is short, a command goes before the agent


def _enter(job: Job) -> None:
    trusted = job.identity.trusted
    syscalls.setns(job.network)
    syscalls.setns(job.mounts, syscalls.NEW_MOUNTS)
    syscalls.unshare(syscalls.NEW_MOUNTS | syscalls.NEW_HOST_NAME | linux.NEW_IPC)
    syscalls.set_host_name(job.hostname[:64])
    syscalls.mount("proc", "/proc", "proc", _TMPFS | syscalls.NO_EXEC)
    read_only = 0 if trusted else syscalls.READ_ONLY
    syscalls.mount("sysfs", "/sys", "sysfs", _TMPFS | syscalls.NO_EXEC | read_only)
    syscalls.mount("tmpfs", "/run", "tmpfs", _TMPFS, "mode=755,size=4m")
    syscalls.mount("tmpfs", "/tmp", "tmpfs", _TMPFS, f"mode=1777,size={TMP_BYTES}")
    syscalls.mount("tmpfs", "/dev/shm", "tmpfs", _TMPFS, f"mode=1777,size={TMP_BYTES}")
    if os.path.isdir("/var/tmp"):
        syscalls.mount("/tmp", "/var/tmp", "none", syscalls.BIND)
    if not trusted:
        syscalls.mount("devpts", "/dev/pts", "devpts", syscalls.NO_SUID | syscalls.NO_EXEC, "newinstance,ptmxmode=0666")
    for path, text in job.files.items():
        _cover(path, text)
    os.chdir("/")


def _cover(path: str, text: str) -> None:
    """A text over a file of the machine. /etc/resolv.conf is often a link into /run, which is empty now."""
    target = os.path.realpath(path)
    if target.startswith("/run/"):
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        _write(target, text)
    elif os.path.exists(target):
        source = "/run/.text"
        _write(source, text)
        syscalls.mount(source, target, "none", syscalls.BIND)
        os.unlink(source)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)


def _drop(who: Identity) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_FILES[0], hard), min(MAX_FILES[1], hard)))
    os.setgroups([])
    if who.trusted:
        return
    resource.setrlimit(resource.RLIMIT_NPROC, (MAX_PROCESSES, MAX_PROCESSES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    linux.drop_capability_bounds()
    os.setresgid(who.gid, who.gid, who.gid)
    os.setresuid(who.uid, who.uid, who.uid)
    linux.forbid_new_privileges()
    if os.getresuid() != (who.uid,) * 3 or os.getresgid() != (who.gid,) * 3 or os.getgroups():
        raise PermissionError("the command would keep privileges")
