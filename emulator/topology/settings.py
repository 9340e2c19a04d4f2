"""What a file says about the lab itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs from AWS on purpose, so that a lesson need not wait or open 55,000 connections.

    time_scale: AWS's idle timeouts are divided by this. nat_gateway_connections: how many one address of a NAT gateway
    holds to one destination (NAT-24). load_balancer_connections: of a load balancer's node to one target (NLB-10).
    """

    time_scale: int = 1
    nat_gateway_connections: int = 55_000
    load_balancer_connections: int = 55_000

    def seconds(self, of_aws: int) -> int:
        """A timeout of AWS's, in whole seconds of this lab: never less than one."""
        return max(1, round(of_aws / self.time_scale))
