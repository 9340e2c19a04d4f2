"""What `vpcemu up` does, whichever way the command line was read (`up.py`, or `quick.py` without click)."""

from emulator.cli.output import colours, echo, echo_aside, echo_error, echo_json, need_root, sudo_program
from emulator.cli.progress import Progress
from emulator.errors import ExitCode


def bring_up(file: str, *, trust: bool = False, as_json: bool = False) -> int:
    """Run it and say what came of it; the exit code."""
    need_root()
    from emulator.lab import places
    from emulator.lab.up import up
    from emulator.report import summary
    from emulator.report.text import Paint

    with Progress() as progress:
        done = up(file, trust=trust, progress=progress, say=echo_error)
    wanted, plan = done.plan.wanted, done.plan
    code = ExitCode.FAILED if done.complaints else ExitCode.OK
    if as_json:
        from emulator.report import shapes

        echo_json(
            {
                "lab": done.lab,
                "file": file,
                "changed": bool(plan.steps),
                "changes": [change._asdict() for change in plan.changes],
                "steps": len(plan.steps),
                "seconds": round(done.seconds, 3),
                "failed_services": done.complaints,
                "undone": list(done.mended),
                "dark_zones": list(wanted.topology.dark_zones),
                "problems": [shapes.problem(problem, file) for problem in wanted.warnings],
            }
        )
        return code
    paint = Paint(colours())
    for problem in wanted.warnings:
        echo_aside(problem.render(file))
    for complaint in done.complaints:
        echo_error(complaint)
    if done.moved_from:
        echo([f"lab {done.lab} was made from {done.moved_from}; it now follows {file}"])
    if done.mended:
        faults = ", ".join(done.mended)
        echo([f"lab {done.lab} was broken on purpose ({faults}); it is what its file says again"])
    for zone in wanted.topology.dark_zones:
        echo([f"zone {zone} is still down: `{sudo_program()} az up {zone} {done.lab}` ends that"])
    if done.repaired:
        echo(["an earlier run was cut short; this one finished its work"])
    if not done.fresh:
        echo(summary.edited(plan.changes, paint))
    echo([summary.headline(wanted.topology, plan.steps, done.seconds, fresh=done.fresh)])
    if plan.steps and done.fresh:
        several = f" -l {done.lab}" if len(places.recorded()) > 1 else ""
        hints = summary.try_next(wanted.topology, wanted.addresses, sudo_program(), several)
        echo(["", *summary.hint_lines(hints, paint)])
    return code
