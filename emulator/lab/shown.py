"""A trace in a script: a value to ask, and text to print."""

from emulator.topology.traces import Trace


class ShownTrace(Trace):
    """Prints as `vpcemu trace` shows it."""

    __slots__ = ()

    def __str__(self) -> str:
        from emulator.report import trace

        return "\n".join(trace.render(self))
