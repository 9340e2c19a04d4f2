"""What an edit changes in the network interfaces of an instance."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal, NamedTuple

from emulator.names import guest_link
from emulator.topology.instances import Instance, NetworkInterface
from emulator.topology.words import address_text, interface_text, shown


class Difference(NamedTuple):
    """As `changes.Change`; `key` is below the instance: "private_ip", "network_interfaces[0].subnet"."""

    verb: Literal["add", "remove", "replace"]
    key: str
    noun: str
    text: str


def interface_changes(old: Instance | None, new: Instance | None) -> Iterator[Difference]:
    """Every difference between an instance's interfaces of before and after; nothing of an instance that goes."""
    if new is None:
        return
    if old:
        yield from _interface("", "instance", old.primary, new.primary)
    else:
        yield from _further_addresses("", "instance", None, new.primary)
    before, after = _further(old), _further(new)
    for key, interface in before.items():
        if key not in after:
            yield Difference("remove", key, "network interface", interface_text(interface))
    for key, interface in after.items():
        if key not in before:
            yield Difference("add", key, "network interface", interface_text(interface))
        else:
            yield from _interface(f"{key}.", "network interface", before[key], interface)


def _further(instance: Instance | None) -> dict[str, NetworkInterface]:
    """All but the primary one, by place in the file."""
    held = instance.interfaces[1:] if instance else ()
    return {f"network_interfaces[{interface.device_index - 1}]": interface for interface in held}


def _interface(path: str, noun: str, old: NetworkInterface, new: NetworkInterface) -> Iterator[Difference]:
    which = f"{guest_link(new.device_index)} " if new.device_index else ""
    before, after = old.addresses[0], new.addresses[0]
    values: list[tuple[str, object, object]] = [
        ("subnet", old.subnet, new.subnet),
        ("private_ip", before.private_ip, after.private_ip),
        ("public_ip", before.public_ip, after.public_ip),
        ("source_dest_check", old.source_dest_check, new.source_dest_check),
    ]
    values += [
        (f"connection_tracking_specification.{name}", getattr(old.tracking, name), getattr(new.tracking, name))
        for name in new.tracking._fields
    ]
    if set(old.security_groups) != set(new.security_groups):
        values.append(("security_groups", old.security_groups, new.security_groups))
    for key, was, becomes in values:
        if was != becomes:
            yield Difference("replace", f"{path}{key}", noun, f"{which}{key}: {shown(was)} -> {shown(becomes)}")
    yield from _further_addresses(path, noun, old, new)


def _further_addresses(
    path: str, noun: str, old: NetworkInterface | None, new: NetworkInterface
) -> Iterator[Difference]:
    """Secondary private addresses, by number."""
    what = f"{guest_link(new.device_index)} secondary private IP" if new.device_index else "secondary private IP"
    before, after = old.addresses[1:] if old else (), new.addresses[1:]
    for number, (was, becomes) in enumerate(zip_longest(before, after)):
        key = f"{path}secondary_private_ips[{number}]"
        if was is None:
            yield Difference("add", key, noun, f"{what} {address_text(becomes)}")
        elif becomes is None:
            yield Difference("remove", key, noun, f"{what} {address_text(was)}")
        elif was != becomes:
            yield Difference("replace", key, noun, f"{what}: {address_text(was)} -> {address_text(becomes)}")
