"""What the file of a running lab was understood as, so that `up` after an edit reads one file and not two.

Only ever a shortcut. `topology.pickle` is used if this very code has made it of this very text; if it is missing, cut
off or from another version, the text is read as it would be without it. It lies in the lab's directory, and a pickle
can name any function, so neither the place nor the content is simply believed.
"""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from stat import S_ISDIR, S_ISREG

from emulator.errors import Problem
from emulator.lab import places, record
from emulator.topology import model

NAME = "topology.pickle"
Loaded = tuple[model.Topology | None, list[Problem]]

_DIGEST = 32
# Whose classes a topology is made of: the nouns' own package, positions in the file, and addresses.
_NOUNS = "emulator.topology."
_OTHERS = ("emulator.errors", "ipaddress")
_LAB = re.compile(r"^name:[ \t]*[\"']?([a-z0-9-]+)", re.MULTILINE)


def load(text: str, file: str, lab: str = "") -> Loaded:
    """`topology.load.load`, or its answer of last time. `lab`: whose; left out, the one that the text seems to name."""
    if not lab:
        found = _LAB.search(text)
        lab = found[1] if found else ""
    remembered = _recall(lab, text) if lab else None
    if remembered is not None:
        return remembered
    from emulator.topology.load import load as load_text

    return load_text(text, file)


def keep(topology: model.Topology, problems: Sequence[Problem], text: str) -> None:
    """Remember for the next time. Without the lab's lock, this is nobody's to call."""
    if _content(topology.name, text) is not None:
        return
    import pickle

    content = pickle.dumps((topology, list(problems)), 5)
    with suppress(OSError):
        record.replace(topology.name, NAME, _digest(text, content) + content)


def _recall(lab: str, text: str) -> Loaded | None:
    content = _content(lab, text)
    if content is None:
        return None
    import pickle

    class Unpickler(pickle.Unpickler):
        """Makes the nouns of a topology, and calls nothing else."""

        def find_class(self, module: str, name: str) -> type:
            ours = module in _OTHERS or module.startswith(_NOUNS)
            found = super().find_class(module, name) if ours and "." not in name else None
            if isinstance(found, type) and found.__module__ == module:
                return found
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a topology")

    try:
        topology, problems = Unpickler(BytesIO(content)).load()
    except Exception:  # noqa: BLE001  (a pickle can fail in any way, and the text is still there)
        return None
    return topology, problems


def _content(lab: str, text: str) -> bytes | None:
    """The pickle, if it is ours and of this text."""
    try:
        directory = os.stat(places.directory(lab), follow_symlinks=False)
        if not S_ISDIR(directory.st_mode) or not _private(directory):
            return None
        with open(os.open(places.path(lab, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            there = os.fstat(file.fileno())
            if not S_ISREG(there.st_mode) or there.st_uid != os.geteuid():
                return None
            digest, content = file.read(_DIGEST), file.read()
    except OSError:
        return None
    return content if digest == _digest(text, content) else None


def _private(directory: os.stat_result) -> bool:
    return directory.st_uid == os.geteuid() and not directory.st_mode & 0o077


def _digest(text: str, content: bytes) -> bytes:
    """Of the text, of what it became, and of the code in between: every file of `topology/` as it lies there."""
    found = blake2b(digest_size=_DIGEST)
    with os.scandir(os.path.dirname(model.__file__)) as entries:
        files = sorted((entry.name, entry.stat()) for entry in entries if entry.name.endswith(".py"))
    for name, stat in files:
        found.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    found.update(f"{sys.version}\n{len(text)}\n{text}\n".encode(errors="surrogatepass"))
    found.update(content)
    return found.digest()
