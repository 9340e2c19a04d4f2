"""What `vpcemu az` does and prints, with and without a watch."""

import json
import time

from emulator.cli.output import colours, echo, echo_error, echo_json, sudo_program
from emulator.cli.progress import Progress
from emulator.errors import ExitCode, UsageError


def run(down: bool, zone: str, lab: str | None, *, watch: bool, seconds: float | None, as_json: bool) -> int:
    """The exit code: 1 if a service could not be started."""
    from emulator.lab import zones
    from emulator.lab.watch import Event, Watch
    from emulator.report import zones as report
    from emulator.report.text import Paint

    if seconds is not None and not watch:
        raise UsageError("--seconds goes with --watch")
    paint = Paint(colours())
    watched = Watch(lab) if watch else None
    with Progress() as progress:
        if watched:
            watched.first()
        done = (zones.down if down else zones.up)(zone, lab, progress=progress, say=echo_error)
    for complaint in done.complaints:
        echo_error(complaint)
    shape = report.ZoneShape(
        lab=done.lab,
        zone=done.zone,
        state="down" if down else "up",
        changed=done.changed,
        affected=list(done.affected),
        dark_zones=list(done.zones),
        unmet=list(done.unmet),
    )
    if as_json and watch:
        echo([json.dumps(shape)])
    elif as_json:
        echo_json(shape)
    else:
        echo(report.text(shape, sudo_program(), paint))
    if watched:

        def tell(event: Event) -> None:
            told = report.event(event.kind, event.at, event.expected, event.seconds)
            echo([json.dumps(told) if as_json else report.event_text(told, known=event.known, paint=paint)])

        if not as_json:
            echo([report.watching(len(watched.flows))])
        watched.run(seconds, tell)
        now = time.time()
        if as_json:
            out = [report.event("out", now, each, since) for each, since in watched.out_for(now)]
            echo([json.dumps(each) for each in out])
        else:
            echo([report.ended(len(watched.flows), watched.out)])
    return ExitCode.FAILED if done.complaints else ExitCode.OK
