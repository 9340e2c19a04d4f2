"""Where the agent's files are. Every path is below two directories, which tests replace."""

from typing import NamedTuple

from emulator import names

RUN_BASE = "/run/vpcemu"
NETNS_BASE = "/run/netns"


class Places(NamedTuple):
    """The paths of one lab."""

    lab: str
    run_base: str = RUN_BASE
    netns_base: str = NETNS_BASE

    @property
    def run(self) -> str:
        return f"{self.run_base}/{self.lab}"

    @property
    def socket(self) -> str:
        return f"{self.run}/agent.sock"

    @property
    def lock(self) -> str:
        """Held with flock while the agent lives; its content is the agent's pid."""
        return f"{self.run}/agent.lock"

    @property
    def own_log(self) -> str:
        return f"{self.run}/agent.log"

    def log(self, node: str, service: str) -> str:
        return f"{self.run}/logs/{node}/{service}.log"

    def netns(self, node: str) -> str:
        return f"{self.netns_base}/{names.netns(self.lab, node)}"
