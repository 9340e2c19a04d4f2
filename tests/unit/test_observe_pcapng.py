"""Capture files, as other programs read them."""

from pathlib import Path

from emulator.lab.scapy_packets import layer, module
from emulator.observe.frames import SNAP, Frame, pcapng


def frames() -> list[Frame]:
    Ether, IP, ICMP, Raw = map(layer, ("Ether", "IP", "ICMP", "Raw"))
    header = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
    ping = bytes(header / ICMP())
    return [
        Frame("main.router", "eni-dev", True, 1_795_333_470.25, ping),
        Frame("nat", "eth0", False, 1_795_333_470.125, ping + b"x"),  # a length that needs padding
        Frame("main.router", "eni-dev", False, 1_795_333_470.5, bytes(header / Raw(b"y" * 60_000))),
    ]


def test_scapy_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "lab.pcapng"
    path.write_bytes(pcapng(frames()))
    read = module("scapy.utils").rdpcap(str(path))
    assert [(packet.sniffed_on, packet.direction, round(float(packet.time) % 10, 6)) for packet in read] == [
        ("nat eth0", 1, 0.125),
        ("main.router eni-dev", 2, 0.25),
        ("main.router eni-dev", 1, 0.5),
    ]
    assert bytes(read[0]) == frames()[1].data
    assert (len(bytes(read[2])), read[2].wirelen) == (SNAP, len(frames()[2].data))


def test_nothing_captured_is_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "lab.pcapng"
    path.write_bytes(pcapng([]))
    assert len(module("scapy.utils").rdpcap(str(path))) == 0
