"""One node of a lab that is up, as a test or a script holds it: run something there, send packets, look at the wire."""

import shlex
from collections.abc import Callable, Sequence
from socket import AF_INET, SOCK_STREAM
from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.errors import KernelError, UsageError, VpcemuError
from emulator.kernel import process, sockets
from emulator.lab import inside, scapy_packets
from emulator.lab.sniff import Sniff
from emulator.topology.flows import owners

if TYPE_CHECKING:
    from emulator.lab.held import Lab

_GUESTS = ("instance", "outside_host", "nat_gateway", "network_load_balancer", "vpc_endpoint")


class Run(NamedTuple):
    """A command that has ended, with the names that `subprocess.CompletedProcess` has."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


class CommandFailed(VpcemuError):
    """A command that had to succeed did not, or was not done in time. `run` has what it said."""

    def __init__(self, where: str, run: Run, why: str) -> None:
        said = "\n".join(text.rstrip() for text in (run.stdout, run.stderr) if text.strip())
        super().__init__(f"{where}: {shlex.join(run.args)}: {why}" + (f"\n{said}" if said else ""))
        self.run = run


class Interface(NamedTuple):
    """A link of a node's.

    next_mac: the MAC of whoever is at the other end. private_ips, public_ips: the primary one first; a public IP is
    not on the link, but mapped to it by the internet gateway (IGW-02), save an outside host's.
    """

    link: str
    mac: str
    next_mac: str
    private_ips: tuple[str, ...] = ()
    public_ips: tuple[str, ...] = ()


class Node:
    """An instance, an outside host, a gateway or a router: `vpc["dev"]`."""

    def __init__(self, lab: "Lab", name: str) -> None:
        self.lab = lab
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name} of lab {self.lab.name}>"

    # --- who it is ---------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The kind of node: instance, outside_host, nat_gateway, network_load_balancer, vpc_endpoint, router ..."""
        return next((node.kind for node in self.lab.topology.nodes() if node.name == self.name), "")

    @property
    def private_ip(self) -> str:
        """Its first private address. UsageError if it has none."""
        return self._first("private_ips", "private IP")

    @property
    def public_ip(self) -> str:
        """The address by which the internet calls it: a public IP, an Elastic IP. UsageError if it has none."""
        return self._first("public_ips", "public IP")

    @property
    def ip(self) -> str:
        """The address that is on its own interface: the private one, an outside host's public one."""
        return self.public_ip if self.kind == "outside_host" else self.private_ip

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Its links, the primary one first; lo is not among them."""
        return self.lab.remembered(self.name, self._interfaces)

    def _interfaces(self) -> tuple[Interface, ...]:
        ends = []
        for veth in self.lab.state.veths:
            if veth.peer_node == self.name:
                ends.append((veth.peer_link, veth.peer_mac, veth.mac))
            if veth.node == self.name:
                ends.append((veth.link, veth.mac, veth.peer_mac))
        held = [each for each in owners(self.lab.topology, self.lab.addresses) if each[0] == self.name]
        on_link = {(each.link, each.ip) for each in self.lab.state.namespaces[self.name].addresses}
        outside = self.kind == "outside_host"
        return tuple(
            Interface(
                *end,
                tuple(str(ip) for _, _, ip, _ in held if (end[0], str(ip)) in on_link and not outside),
                tuple(str(public) for _, _, ip, public in held if (end[0], str(ip)) in on_link and public),
            )
            for end in sorted(ends, key=lambda end: (len(end[0]), end[0]))  # eth2 before eth10
        )

    def _first(self, which: str, what: str) -> str:
        found: list[str] = [ip for interface in self.interfaces for ip in getattr(interface, which)]
        if not found:
            raise UsageError(f"{self.name} has no {what}")
        return found[0]

    @property
    def namespace(self) -> str:
        """The path of its network namespace, for `nsenter --net=...`."""
        return self.lab.namespace(self.name)

    # --- programs ----------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str] | str, *, timeout: float = 30.0, check: bool = False, stdin: str = "") -> Run:
        """Run a command there, as `vpcemu exec` does: its network, its /etc/hosts, the machine's files and users.

        argv: words; one text is split as a shell would, without being run by one.
        timeout: seconds; then the command and what it started are killed, and CommandFailed says so.
        check: CommandFailed unless it exits with 0.
        UsageError if there is no such command.
        """
        __tracebackhide__ = True
        words = tuple(shlex.split(argv)) if isinstance(argv, str) else tuple(argv)
        if not words:
            raise UsageError("which command?", f'vpc["{self.name}"].run(["curl", "-sS", "http://web.example"])')
        try:
            done = process.run_at_most(timeout, inside.program(self.lab.name, self.name, words), stdin)
        except process.TooLong as late:
            raise CommandFailed(self.name, Run(words, -9, late.stdout, late.stderr), str(late)) from None
        ours = "vpcemu: "
        if done.code == inside.OURS and done.stderr.startswith(ours):
            raise UsageError(f"{self.name}: {done.stderr.removeprefix(ours).rstrip()}")
        run = Run(words, done.code, done.stdout, done.stderr)
        if check and done.code:
            raise CommandFailed(self.name, run, f"exit code {done.code}")
        return run

    def socket(self, family: int = AF_INET, kind: int = SOCK_STREAM, proto: int = 0) -> sockets.Held:
        """A non-blocking socket of the node's, in this very process: what it sends leaves from there.

        It is closed with the lab at the latest.
        """
        return self.lab.keep(sockets.open_in(self.namespace, family, kind, proto))

    # --- packets -----------------------------------------------------------------------------------------------

    def send(self, packet: Any, *, link: str = "") -> None:
        """Put a packet of Scapy's, or several, on the node's wire as they are.

        What begins with IP gets an Ethernet header to the node's router, and the node's own address where the packet
        names no source. What begins with Ether leaves exactly so. The node's kernel knows nothing of the packet: it
        answers a SYN-ACK with a reset.

        link: the link to send from; left out, the one whose address is the source, else the first.
        """
        packets = packet if isinstance(packet, list | tuple) else [packet]
        for each in packets:
            chosen = self._link(each, link)
            self._put(bytes(self._framed(each, chosen)), chosen.link)

    def sr1(self, packet: Any, *, timeout: float = 2.0, link: str = "") -> Any:
        """Send a packet of Scapy's and give back the first answer to it, errors of ICMP included; None for silence."""
        chosen = self._link(packet, link)
        frame = self._framed(packet, chosen)
        sent = frame.__class__(bytes(frame))  # with what Scapy fills in only when it builds
        with self.sniff() as seen:
            self._put(bytes(frame), chosen.link)
            found = seen.first(lambda came: _answers(came, sent), timeout, received=True)
        return found.payload if found is not None and frame is not packet else found

    def sniff(self, wanted: str | Callable[[Any], bool] = "") -> Sniff:
        """Capture what the node sends and receives on all its links, from now on.

        wanted: a filter as for tcpdump (`tcp port 80 and host 10.0.20.4`), or a function of Scapy's packet.

            with vpc["nat"].sniff("icmp") as seen:
                vpc["dev"].run("ping -c1 8.8.8.8")
                seen.wait_for(lambda packet: packet["IP"].src == vpc["nat"].private_ip)
        """
        return self.lab.sniffs(Sniff(self.name, self.namespace, wanted))

    def _put(self, frame: bytes, link: str) -> None:
        try:
            self.lab.wire(self.name, link).send(frame)
        except OSError as reason:  # larger than the MTU, or the link is down
            raise KernelError(f"{self.name}: {link}: {len(frame)} bytes: {reason.strerror}") from reason

    def _link(self, packet: Any, link: str) -> Interface:
        interfaces = self.interfaces
        names = [each.link for each in interfaces]
        if link:
            if link not in names:
                raise UsageError(f"{self.name} has no link {link}", f"its links: {', '.join(names)}")
            return interfaces[names.index(link)]
        source = _source(packet)
        for each in interfaces:
            if source and source in (*each.private_ips, *each.public_ips):
                return each
        if len(interfaces) > 1 and self.kind not in _GUESTS:
            raise UsageError(f"{self.name} has several links", f'say which: link="{names[0]}"')
        return interfaces[0]

    def _framed(self, packet: Any, link: Interface) -> Any:
        if isinstance(packet, scapy_packets.layer("Ether")):
            return packet
        if isinstance(packet, scapy_packets.layer("IP")) and not _source(packet):
            packet = packet.copy()
            packet.src = next(iter((*link.private_ips, *link.public_ips)), "0.0.0.0")
        return scapy_packets.layer("Ether")(src=link.mac, dst=link.next_mac) / packet


def _source(packet: Any) -> str:
    """The source address that the packet itself names: Scapy would fill in one of the machine's."""
    header = packet.getlayer("IP")
    return str(header.fields.get("src", "")) if header is not None else ""


def _answers(came: Any, sent: Any) -> bool:
    inner = sent.getlayer("IP")
    answer = came.getlayer("IP")
    if inner is None or answer is None:
        return bool(came.answers(sent))
    return bool(answer.answers(inner))
