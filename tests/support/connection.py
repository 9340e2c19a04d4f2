"""A TCP connection that is held while rules change; and for how long a flow is remembered."""

import re
import socket
from contextlib import suppress

from tests.support.lab import Held, Lab


class Connection:
    """A TCP connection between two nodes."""

    def __init__(self, lab: Lab, caller: str, called: str, port: int, to: str = "") -> None:
        self.name = f"{caller} -> {called} tcp {port}"
        with lab.open_socket(called) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", port))
            listener.listen(1)
            self.near = lab.open_socket(caller)
            with suppress(BlockingIOError):
                self.near.connect((to or lab.address(called), port))
            assert listener.readable(10), f"{self.name}: not connected"
            accepted, _ = listener.accept()
        self.far = Held(fileno=accepted.detach())
        self.far.setblocking(False)
        lab.keep(self.far)
        self.lives()

    def lives(self, within: float = 15) -> None:
        """Both ways. TCP tries again, so what was said during a stall is said now."""
        for one, other in ((self.near, self.far), (self.far, self.near)):
            one.send(b"x")
            assert other.readable(within), f"{self.name}: stalls"
            other.recv(4096)

    def stalls(self, *controls: "Connection") -> None:
        """Nothing arrives of what the caller says, while other connections live."""
        self.near.send(b"x")
        for control in controls:
            control.lives()
        assert not self.far.readable(0.3), f"{self.name}: goes on"


def remembered(lab: Lab, protocol: str, source: str, to: str, sport: int | str = "") -> int | None:
    """For how many seconds more the router knows the flow that `source` has begun, from that port or any."""
    flows = lab.run("main.router", "cat", "/proc/net/nf_conntrack").output
    ends = f" src={lab.address(source)} dst={lab.address(to)} sport={sport}"  # the answers' way is the other way round
    found = (re.search(rf" {protocol} +[0-9]+ ([0-9]+) ", line) for line in flows.splitlines() if ends in line)
    return next((int(held.group(1)) for held in found if held), None)
