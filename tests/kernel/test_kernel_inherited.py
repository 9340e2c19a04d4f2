"""What a new namespace takes over from the machine, and must not keep."""

import os
from pathlib import Path

import pytest

from emulator import names
from emulator.kernel import netns, syscalls
from emulator.kernel.host import Host
from tests.support.small_lab import plan, small_lab

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def test_on_a_machine_that_forwards_a_guest_does_not(lab_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on every machine with Docker. The router, which must, still does."""
    unshare = syscalls.unshare

    def inherit(flags: int) -> None:
        unshare(flags)
        if flags & syscalls.NEW_NETWORK:
            FORWARDING.write_text("1")

    monkeypatch.setattr(syscalls, "unshare", inherit)
    wanted = small_lab(lab_name)
    host = Host()
    host.execute(plan(host.observe(lab_name, wanted), wanted), lab_name)
    assert _forwards(lab_name, "a") == "0"
    routers = [node for node, inside in wanted.namespaces.items() if inside.kind == "router"]
    assert {_forwards(lab_name, router) for router in routers} == {"1"}


def _forwards(lab: str, node: str) -> str:
    namespace = netns.open_namespace(names.netns(lab, node))
    try:
        with netns.enter(namespace):
            return FORWARDING.read_text().strip()
    finally:
        os.close(namespace)
