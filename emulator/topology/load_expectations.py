"""Records of `expect:` -> Expectations."""

from emulator.topology.expectations import ECHO_REQUEST, End, Expectation, Selector
from emulator.topology.read import Record
from emulator.topology.report import Report


def build_expectation(record: Record, report: Report) -> Expectation | None:
    """None: a part of it is missing or wrong, which is reported."""
    for key in ("from", "to"):
        if record.get(key) == ():
            report.error(record.where, f"`{key}` names nobody", "an expectation of nobody is always met", key=key)
    sources, targets, result = _ends(record.get("from")), _ends(record.get("to")), record.get("result")
    if not sources or not targets or result is None:
        return None
    kind, code = record.get("icmp_type"), record.get("icmp_code")
    return Expectation(
        sources=sources,
        targets=targets,
        protocol=record.get("protocol") or "tcp",
        ports=(*_many(record.get("port")), *_many(record.get("ports"))),
        result=result,
        seen_as=record.get("seen_as"),
        via=_many(record.get("via")),
        payload=bool(record.get("payload")),
        icmp_type=ECHO_REQUEST if kind is None else kind,
        icmp_code=code or 0,
        name=record.get("name") or "",
        where=record.where,
    )


def _ends(value: object) -> tuple[End, ...]:
    """Empty if one of them is wrong: half a list would be another question."""
    found = tuple(_end(each) for each in _many(value))
    return () if None in found else tuple(each for each in found if each is not None)


def _end(value: object) -> End | None:
    if isinstance(value, Record):
        groups = value.get("group") or value.get("security_group") or ""
        found = Selector(value.get("subnet") or "", groups, value.get("vpc") or "")
        return found if any(found) else None
    return None if value is None else str(value)


def _many(value: object) -> tuple:  # type: ignore[type-arg]
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
