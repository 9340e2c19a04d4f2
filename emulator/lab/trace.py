"""trace: the way of real packets through a lab that is up. Leaves nothing behind, also when killed (`kernel.watch`)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from emulator.errors import KernelError, UsageError
from emulator.lab import doors, lock, places, running
from emulator.topology.flows import ECHO_REQUEST, Flow, flow
from emulator.topology.traces import Trace


def question(
    lab: str | None,
    source: str,
    target: str,
    protocol: str,
    port: int = 0,
    icmp_type: int = ECHO_REQUEST,
    source_port: int = 0,
) -> tuple[str, Flow]:
    """The lab's name, and the flow between two things of it that a person names. UsageError for what is not there."""
    if (protocol == "icmp") is bool(port) or (protocol == "icmp" and source_port):
        what = "icmp has no ports" if protocol == "icmp" else f"{protocol} needs a port"
        raise UsageError(what, "`--protocol tcp --port 443`")
    if protocol != "icmp" and icmp_type != ECHO_REQUEST:
        raise UsageError(f"{protocol} has no ICMP type", "leave --type out, or --protocol and --port")
    found = running.recall(lab)
    asked = flow(found.topology, found.addresses, source, target, protocol, port, source_port)  # type: ignore[arg-type]
    return found.lab, replace(asked, icmp_type=icmp_type)


def trace(lab: str | None, flows: Sequence[Flow], say: Callable[[str], None] = doors.quiet) -> list[Trace]:
    """Send each flow's packet and tell what the kernel did with it, in the order of `flows`; many go together.

    Holds the lab's lock, so that nobody changes the rules meanwhile. say: gets a sentence when that takes a while.
    UsageError: there is no such lab. KernelError: it is not as it should be, or the kernel cannot be listened to.
    """
    name = places.choose(lab)
    with lock.hold(name, lambda holder: say(f"lab {name} is being changed by process {holder}: waiting for it")):
        found = running.recall(name)
        from emulator.compile.lab import compile_lab
        from emulator.observe import tracer

        state = compile_lab(found.topology, found.addresses)
        try:
            return tracer.trace(tracer.Lab(found.topology, found.addresses, state), flows)
        except OSError as reason:
            raise KernelError(
                f"trace in lab {name}: {reason}", f"`vpcemu status {name}` says what is wrong"
            ) from reason
