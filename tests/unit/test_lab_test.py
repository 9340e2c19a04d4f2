"""`test` of a lab that it brings up itself: what it says if that is cut short."""

from pathlib import Path
from typing import Any

import pytest

from emulator.lab import test
from emulator.lab.up import Interrupted

_NAT = Path(__file__).parent.parent.parent / "topologies" / "nat.yaml"


def test_cut_short_on_the_way_up_nothing_is_left_that_somebody_could_finish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cut_short(*_: Any, **__: Any) -> None:
        raise Interrupted("interrupted: lab nat is incomplete", "`vpcemu up nat.yaml` finishes it")

    gone: list[str] = []
    monkeypatch.setattr(test, "up", cut_short)
    monkeypatch.setattr(test, "down", gone.append)
    monkeypatch.setattr("emulator.lab.places.recorded", list)
    monkeypatch.setattr("emulator.lab.places.RUN", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        test.check(str(_NAT))
    assert gone == ["nat"]
