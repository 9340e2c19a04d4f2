"""A TCP connection across a lab with both of its ends in the test's hands."""

import socket
import struct

from tests.support.lab import Held, Lab


class Connection:
    """`client` is the inside's end, `server` the other; `seen_as` is the address the server sees."""

    def __init__(self, lab: Lab, node: str, address: str, port: int, server: str = "") -> None:
        """Opens it to a port that `lab.serve(server, ...)` listens on."""
        self.client: Held = lab.open_socket(node)
        self.client.connect_ex((address, port))
        listener = next(
            held.socket
            for held in lab.servers
            if held.socket.getsockname()[1] == port and held.socket.type == socket.SOCK_STREAM
            if not server or held.node == server
        )
        assert listener.readable(10), f"{node} does not reach {address}:{port}"
        accepted, (self.seen_as, _) = listener.accept()
        self.server = Held(fileno=accepted.detach())
        self.server.setblocking(False)
        lab.keep(self.server)

    def carries(self) -> None:
        """A word each way."""
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            sender.sendall(b"word")
            assert receiver.readable(10), "the word did not arrive"
            assert receiver.recv(16) == b"word"

    def reset(self) -> None:
        """The client's end goes with a reset, so that nothing is left to be waited for."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.client.close()
        self.server.close()
