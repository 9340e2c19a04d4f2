"""az: what a zone's failure does, and what a watch sees, as text and as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from emulator.report.text import PLAIN, Paint, count, one_line
from emulator.topology.expand import Expected

SHOWN = 20


class ZoneShape(TypedDict):
    """`az --json`."""

    lab: str
    zone: str
    state: Literal["down", "up"]
    changed: bool
    affected: list[str]
    dark_zones: list[str]
    unmet: list[str]


class EventShape(TypedDict):
    """A line of `az --watch --json`: a flow broke, is back, or (end) is out when the watch ends.

    seconds: how long it was out; of one that was out before the watch, since the watch began.
    """

    time: str
    event: Literal["broke", "back", "out"]
    source: str
    target: str
    protocol: str
    port: int
    seconds: float


def text(shape: ZoneShape, program: str, paint: Paint = PLAIN) -> list[str]:
    """What was done, and what the model says that it does to the file's expectations."""
    lab, zone = shape["lab"], shape["zone"]
    affected = one_line(", ".join(shape["affected"])) or "nothing"
    if shape["state"] == "up":
        lines = [f"{paint.bold(lab)}: zone {zone} is up again: {affected}"]
    else:
        again = "" if shape["changed"] else " (it was before)"
        lines = [f"{paint.bold(lab)}: zone {zone} is down{again}: {affected}"]
    if shape["unmet"]:
        lines += ["Against what the file expects:", *(f"  {one_line(each)}" for each in shape["unmet"][:SHOWN])]
        if len(shape["unmet"]) > SHOWN:
            lines.append(f"  and {len(shape['unmet']) - SHOWN} more")
    elif shape["state"] == "down":
        lines.append("No line of `expect:` notices it.")
    lines += [f"Back again: {program} az up {each} {lab}" for each in shape["dark_zones"]]
    return lines


def event(kind: Literal["broke", "back", "out"], at: float, expected: Expected, seconds: float) -> EventShape:
    """at: seconds since the epoch."""
    flow = expected.flow
    return EventShape(
        time=datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds"),
        event=kind,
        source=expected.source,
        target=expected.target,
        protocol=flow.protocol,
        port=flow.port,
        seconds=round(seconds, 1),
    )


def event_text(shape: EventShape, *, known: bool = True, paint: Paint = PLAIN) -> str:
    """`09:31:05.120  broke  tcp 80 from app-c to web.example`. known: False, it was out before the watch began."""
    clock = shape["time"].partition("T")[2][:12]
    word = {"broke": paint.bad("broke"), "back": paint.good("back "), "out": paint.bad("out  ")}[shape["event"]]
    port = f" {shape['port']}" if shape["port"] else ""
    line = f"{clock}  {word}  {shape['protocol']}{port} from {shape['source']} to {shape['target']}"
    if shape["event"] == "back":
        line += f", out for {shape['seconds']} s" if known else ", out since before the watch"
    return one_line(line)


def watching(flows: int) -> str:
    return f"watching {count(flows, 'flow')} that the file expects to pass"


def ended(flows: int, out: Sequence[Expected]) -> str:
    return f"{count(flows, 'flow')} watched, {len(out)} out now"
