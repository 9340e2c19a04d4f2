"""up: make the machine hold what the file says, changing only what differs.

Read this file from top to bottom and you know what happens; each stage is somewhere else. A SIGKILL between any two
lines leaves a state that the next `up` repairs and `down` removes: nothing is made before the journal names it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from emulator.compile.diff import diff
from emulator.compile.state import CONFINED, Netns, Service, Step, Uplink, Veth
from emulator.errors import KernelError, TopologyError, VpcemuError
from emulator.lab import doors, lock, memory, nodes, record, services, source, ssh, view
from emulator.lab.lent import adopt
from emulator.lab.plan import Plan, Wanted, compare, settle
from emulator.report.words import wrong
from emulator.topology.zones import without_zones

Progress = Callable[[str, int, int], None]


class Outcome(NamedTuple):
    """What `up` did."""

    plan: Plan
    moved_from: str  # the file the lab was made from, if it is another one
    repaired: bool  # an earlier `up` had not finished
    complaints: list[str]  # services that could not be started
    seconds: float  # from the lock to the end
    mended: tuple[str, ...] = ()  # faults that the lab had on purpose

    @property
    def lab(self) -> str:
        return self.plan.wanted.lab

    @property
    def fresh(self) -> bool:
        """Nothing of this lab was there before."""
        return self.plan.old is None


class Interrupted(VpcemuError):
    """Ctrl-C during `up` or `down`."""


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


def up(
    file: str,
    *,
    text: str | None = None,
    trust: bool = False,
    checkpoint: doors.Checkpoint = doors.quiet,
    progress: Progress = no_progress,
    say: Callable[[str], None] = doors.quiet,
) -> Outcome:
    """Bring a lab up, or to what its edited file says.

    text: what to take for the file's content, instead of reading it.
    trust: commands in the file may run as a user of this machine's, root included.
    checkpoint: called with a short text before every change of the machine.
    say: gets a sentence when there is something to wait for.
    """
    text = source.read(file) if text is None else text
    topology, warnings = source.load(text, file)
    refused = [] if trust else source.consent(topology)
    if refused:
        raise TopologyError(file, tuple(refused))
    ssh.require(topology)
    with lock.hold(topology.name, lambda holder: say(_waiting(topology.name, holder))) as held:
        started = time.monotonic()
        adopt(topology.name)
        before = record.read(topology.name)
        kernel = doors.kernel(checkpoint)
        try:
            lost = without_zones(topology, before.dark_zones if before else ())
            wanted = settle(file, text, lost, warnings, before.kept if before else None)
            plan = compare(wanted, before, kernel)
        except BaseException:
            if before is None:
                held.remove()  # nothing was done, so nothing is left: not even the lock
            raise
        try:
            complaints = converge(plan, before, held, kernel, checkpoint, progress)
        except KeyboardInterrupt:
            raise _interrupted(file, wanted.lab) from None
        except VpcemuError as error:
            error.hint = error.hint or _remedy(file, wanted.lab)
            raise
        memory.keep(topology, warnings, text)
        return Outcome(
            plan=plan,
            moved_from=before.file if before and before.file != source.full_path(file) else "",
            repaired=before is not None and not before.complete,
            complaints=complaints,
            seconds=time.monotonic() - started,
            mended=tuple(applied.fault for applied in before.exercise.faults) if before and before.exercise else (),
        )


@contextmanager
def unfinished(lab: str, remedy: str) -> Iterator[None]:
    """Around `converge` for a lab that is up: who is stopped in the middle is told what finishes it."""
    try:
        yield
    except KeyboardInterrupt:
        raise VpcemuError(f"interrupted: lab {lab} is incomplete", remedy) from None
    except VpcemuError as error:
        error.hint = error.hint or f"lab {lab} is incomplete: {remedy}"
        raise


def converge(
    plan: Plan,
    before: record.Record | None,
    held: lock.Held,
    kernel: doors.Kernel,
    checkpoint: doors.Checkpoint,
    progress: Progress,
) -> list[str]:
    """Take the steps and keep the record. A sentence for each service that could not be started."""
    wanted = plan.wanted
    journal = _journal(plan, before)
    as_it_is = before and before == journal._replace(complete=True, changed=before.changed)
    if as_it_is and not plan.steps and nodes.written(wanted.lab):
        return []
    kernel_steps, stop, start = services.split(plan.steps)
    becoming = [step for step in kernel_steps if _makes_way(step, wanted)]
    if before and becoming:
        # What a namespace was made for is written in the record alone, so these go while it is still the old one.
        checkpoint("write the record")
        record.write(before._replace(complete=False))
        _stop(wanted.lab, stop, checkpoint)
        kernel.execute(becoming, wanted.lab)
        kernel_steps = [step for step in kernel_steps if step not in becoming]
        stop = []

    checkpoint("write the record")
    record.write(journal)
    nodes.write(wanted.topology, wanted.addresses)
    ssh.prepare(wanted.topology, checkpoint)

    _stop(wanted.lab, stop, checkpoint)
    kernel.execute(kernel_steps, wanted.lab, lambda done, total: progress("building", done, total))
    complaints = _serve(wanted, start, held, checkpoint, progress)
    _verify(plan, kernel, complaints)

    checkpoint("finish the record")
    record.write(journal._replace(complete=True, namespaces=tuple(wanted.state.namespaces)))
    return complaints


def _makes_way(step: Step, wanted: Wanted) -> bool:
    """The end of a namespace whose name will be something else's: an instance has become a NAT gateway."""
    return step.verb == "remove" and isinstance(step.item, Netns) and step.node in wanted.state.namespaces


def _stop(lab: str, stop: list[tuple[str, str]], checkpoint: doors.Checkpoint) -> None:
    if stop:
        with doors.asking(lab) as agent:
            if agent:
                checkpoint(f"stop {len(stop)} services")
                agent.apply([], stop)


def _journal(plan: Plan, before: record.Record | None) -> record.Record:
    """What is remembered while the work is under way: the namespaces of before and after."""
    wanted, now = plan.wanted, time.time()
    old = before.namespaces if before else ()
    return record.Record(
        lab=wanted.lab,
        file=source.full_path(wanted.file),
        text=wanted.text,
        addresses=wanted.addresses,
        namespaces=tuple(dict.fromkeys((*wanted.state.namespaces, *old))),
        started=before.started if before else now,
        changed=now,
        complete=False,
        exercise=wanted.exercise,
        dark_zones=wanted.topology.dark_zones,
    )


def _serve(
    wanted: Wanted,
    start: list[tuple[str, Service]],
    held: lock.Held,
    checkpoint: doors.Checkpoint,
    progress: Progress,
) -> list[str]:
    """Have the agent run what the file asks for. A sentence for each service that could not be started."""
    if not services.wanted(wanted.state):
        doors.end_agent(wanted.lab, checkpoint)
        return []
    agent = doors.agent_or_killed(wanted.lab, checkpoint)
    if agent is None:
        checkpoint("start the agent")
        agent = doors.start_agent(wanted.lab, held.fd)
    progress("starting services", 0, len(start))
    checkpoint(f"start {len(start)} services")
    seen = nodes.view(wanted.topology, wanted.addresses)
    commands = {node for node, service in start if service.kind in CONFINED}
    try:
        complaints = agent.zone(view.public(seen))
        hosts = {node: view.hosts(seen, node) for node in commands}
        resolv = {node: view.resolv(seen, node) for node in commands}
        return complaints + agent.apply(start, [], hosts=hosts, resolv=resolv)
    finally:
        agent.close()


def _verify(plan: Plan, kernel: doors.Kernel, complaints: list[str]) -> None:
    """What was done must be what was meant: observe again what was touched, and the second diff is empty."""
    wanted = plan.wanted
    if any(isinstance(step.item, Netns | Veth | Uplink) for step in plan.steps):
        observed = kernel.observe(wanted.lab, wanted.state)
    else:
        observed = kernel.observe_again(wanted.lab, wanted.state, {step.node for step in plan.steps})
    with doors.asking(wanted.lab) as agent:
        observed = services.merge(observed, agent)
    left = diff(observed, wanted.state)
    if complaints:  # they are reported as such
        left = [step for step in left if not isinstance(step.item, Service)]
    if left:
        listed = "\n".join(f"  {step.node}: {wrong(step)}" for step in left[:20])
        more = f"\n  and {len(left) - 20} more" if len(left) > 20 else ""
        raise KernelError(f"lab {wanted.lab} is not what it should be after all steps went through:\n{listed}{more}")


def _waiting(lab: str, holder: str) -> str:
    return f"lab {lab} is being changed by process {holder}: waiting for it"


def _remedy(file: str, lab: str) -> str:
    return f"lab {lab} is incomplete: `vpcemu up {file}` tries again, `vpcemu down {lab}` removes it"


def _interrupted(file: str, lab: str) -> Interrupted:
    return Interrupted(
        f"interrupted: lab {lab} is incomplete", f"`vpcemu up {file}` finishes it, `vpcemu down {lab}` removes it"
    )
