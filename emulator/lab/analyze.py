"""analyze: questions about a file, or about a lab as it was made. Nothing is sent, and nothing is touched."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from emulator.analysis import Analysis, Analyzer, reach
from emulator.errors import TopologyError, UsageError
from emulator.lab import running, source
from emulator.lab.plan import Plan
from emulator.topology.addresses import assign
from emulator.topology.flows import Directory, Flow, Protocol
from emulator.topology.given import Addresses
from emulator.topology.model import Topology
from emulator.topology.targets import Serving

PLAN_BUDGET = 5_000  # classes of endpoints times parts of the traffic: some 0.5 s


class Question(NamedTuple):
    """A command line, understood. subjects: one file or lab, or two; "" for the only lab that is up."""

    subjects: tuple[str, ...]
    start: str = ""
    target: str = ""
    protocol: Protocol = "icmp"
    ports: tuple[int, ...] = ()
    source_port: int = 0


class Subject(NamedTuple):
    """What the question is about. file: for the lines in answers. serving: of a lab that is up, who is healthy."""

    file: str
    topology: Topology
    addresses: Addresses
    serving: Serving | None = None


class Answer(NamedTuple):
    """About one flow. target: as the user calls it. started: when it was asked, in ISO 8601."""

    found: Analysis
    subject: Subject
    target: str
    started: str


class Whole(NamedTuple):
    """About a whole lab."""

    found: reach.Survey
    subject: Subject


def understand(
    words: Sequence[str],
    lab: str | None,
    protocol: Protocol | None,
    ports: Sequence[int],
    source_port: int,
    *,
    everything: bool,
    diff: bool,
) -> Question:
    """What a command line asks. UsageError if it leaves open what is meant."""
    if everything and diff:
        raise UsageError("--all and --diff are two questions", "ask one of them")
    if diff:
        if len(words) != 2 or lab:
            raise UsageError("which two?", "vpcemu analyze --diff OLD NEW; both are files or labs")
        return Question(tuple(words))
    ends = 0 if everything else 2
    forgotten = ends == len(words) == 2 and ("/" in words[0] or words[0].endswith((".yaml", ".yml")))
    if len(words) - ends not in (0, 1) or (lab and len(words) != ends) or forgotten:
        usage = "--all [FILE|LAB]" if everything else "[FILE|LAB] SRC DST, such as: topologies/nat.yaml dev 8.8.8.8"
        raise UsageError("what is asked?", f"vpcemu analyze {usage}")
    about = words[0] if len(words) > ends else lab or ""
    if everything:
        return Question((about,), protocol=protocol or "tcp", ports=tuple(ports))
    chosen: Protocol = protocol or ("tcp" if ports else "icmp")
    if chosen == "icmp" and ports:
        raise UsageError("icmp has no ports", "leave --port out, or ask for tcp or udp")
    if chosen == "icmp" and source_port:
        raise UsageError("icmp has no ports", "leave --source-port out, or ask for tcp or udp with --port")
    if chosen != "icmp" and len(ports) != 1:
        raise UsageError(f"which {chosen} port?", f"--protocol {chosen} --port 443; or --all, for all of them")
    return Question((about,), words[-2], words[-1], chosen, tuple(ports), source_port)


def is_file(word: str) -> bool:
    """Whether a word on the command line means a topology file and not a lab. A lab's name has no dot and no slash."""
    return word == source.STDIN or "/" in word or "." in word or os.path.isfile(word)


def analyze(
    about: str | None,
    source: str,
    target: str,
    *,
    protocol: Protocol | None = None,
    port: int = 0,
    source_port: int = 0,
) -> Analysis:
    """What becomes of a flow, and why: `vpcemu analyze`, for the Python API.

    about: a topology file, a lab that is up, or None for the only one. protocol: left out, tcp with a port and a ping
    without. UsageError for what is not there.
    """
    words = [*filter(None, [about]), source, target]
    question = understand(words, None, protocol, [port] if port else [], source_port, everything=False, diff=False)
    return answer(question).found


def answer(question: Question) -> Answer:
    """What becomes of one flow. UsageError for what is not there."""
    subject = _subject(question.subjects[0])
    directory = Directory(subject.topology, subject.addresses)
    node, own = directory.source(question.start)
    port = question.ports[0] if question.ports else 0
    to = directory.target(question.target, node)
    asked = Flow(node, own, to, question.protocol, port, question.source_port)
    found = Analyzer(subject.topology, subject.addresses, subject.serving).analyze(asked)
    return Answer(found, subject, question.target, datetime.now(UTC).isoformat(timespec="seconds"))


def survey(question: Question) -> Whole:
    """Who reaches whom in all of a lab; only on these ports, if any are named."""
    subject = _subject(question.subjects[0])
    wanted = [(question.protocol, port) for port in question.ports]
    return Whole(reach.survey(subject.topology, subject.addresses, wanted), subject)


def difference(question: Question) -> reach.Difference:
    """The flows that an edit opens and closes. Addresses stick, as in `up` (SUB-18)."""
    old, new = question.subjects
    before, after = _subject(old), _subject(new)
    if is_file(new):
        after = _placed(new, after.topology, before.addresses)
    return reach.difference((before.topology, before.addresses), (after.topology, after.addresses))


def edit(made: Plan) -> tuple[bool, reach.Difference | None]:
    """The flows that carrying out a plan would open and close, and whether that is known.

    (True, None): nothing is up that could be edited. (False, None): it would take longer than a plan may.
    """
    if made.old is None or made.held is None or made.secret or not made.changes:
        return True, None
    new = (made.wanted.topology, made.wanted.addresses)
    found = reach.quick_difference((made.old, made.held), new, PLAN_BUDGET)
    return found is not None, found


def _subject(word: str) -> Subject:
    if not word or not is_file(word):
        found = running.recall(word or None)
        from emulator.lab import serving  # only a lab that is up pays for the agent

        return Subject(found.record.file, found.topology, found.addresses, serving.of(found.lab, found.topology))
    topology, _ = source.load(source.read(word), word)
    return _placed(word, topology, None)


def _placed(file: str, topology: Topology, held: Addresses | None) -> Subject:
    """With the addresses that `up` would give out."""
    addresses, problems = assign(topology, held)
    if any(not problem.warning for problem in problems):
        raise TopologyError(file, tuple(problems))
    return Subject(file, topology, addresses)
