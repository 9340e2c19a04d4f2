"""Mininet with as many hosts, on Linux bridges. Run by Debian's own Python, which has the package.

Prints "up" when the network is there and waits for a line on stdin to take it down again.
"""

import resource
import sys

import mininet.net
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class Subnets(Topo):
    """As many bridges as vpcemu has subnets, joined by one more: a bridge takes at most 1,023 ports."""

    def build(self, hosts, subnets):
        core = self.addSwitch("s0")
        edges = [self.addSwitch(f"s{number + 1}") for number in range(subnets)]
        for edge in edges:
            self.addLink(edge, core)
        for number in range(hosts):
            address = f"10.0.{number // 250}.{number % 250 + 1}/16"
            self.addLink(self.addHost(f"h{number}", ip=address), edges[number % subnets])


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    mininet.net.fixLimits = lambda: None  # it writes sysctls of the whole machine
    network = mininet.net.Mininet(
        topo=Subnets(hosts=int(sys.argv[1]), subnets=int(sys.argv[2])), switch=LinuxBridge, controller=None
    )
    network.start()
    print("up", flush=True)
    sys.stdin.readline()
    network.stop()


main()
