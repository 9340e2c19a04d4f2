"""A long transfer lives through edits that do not concern it, and through those that still allow it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.lifecycle.conftest import Make
from tests.lifecycle.edits import ATTACKER, EDITS, WEB_OUTSIDE
from tests.support.lifecycle import Document, Lab, edited, nat
from tests.support.transfer import Transfer

PORT = 5001
ALLOWED = {
    "protocol": "tcp",
    "port": PORT,
    "from": "10.0.20.4/32",
}  # a source of its own: such a flow is tracked (CT-01)


def _vpc(document: Document) -> Document:
    held: Document = document["vpcs"]["main"]
    return held


def _with_rules(*rules: Document) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        _vpc(document)["security_groups"]["web"]["ingress"] = [
            {"protocol": "tcp", "port": 80, "from": "0.0.0.0/0"},
            *rules,
        ]

    return edit


BASE = edited(nat(), _with_rules(ALLOWED))


@contextmanager
def _transfers(lab: Lab) -> Iterator[dict[str, Transfer]]:
    """Between two instances; out through the NAT gateway; in from the internet to a public address."""
    with ExitStack() as stack:
        held = {
            "direct": Transfer(lab, "dev", "web", "10.0.10.10", PORT),
            "nat": Transfer(lab, "dev", "web.example", WEB_OUTSIDE, PORT),
            "public": Transfer(lab, "web", "attacker", ATTACKER, PORT),
        }
        for each in held.values():
            stack.enter_context(each)
        assert held["direct"].seen_as == "10.0.20.4"
        assert held["nat"].seen_as == "52.195.125.184"
        assert held["public"].seen_as == lab.public_ip("web")
        yield held


def _unrelated() -> dict[str, Document]:
    """Edits that concern neither end, nor anything in between."""
    named = {edit.name: edit.after for edit in EDITS}

    def new_public_instance(document: Document) -> None:
        _vpc(document)["instances"]["extra"] = {
            "subnet": "public",
            "security_groups": ["web"],
            "services": ["http"],
        }

    def other_group(document: Document) -> None:
        groups = _vpc(document)["security_groups"]
        groups["other"] = {"ingress": [{"protocol": "all", "from": "0.0.0.0/0"}]}
        _vpc(document)["instances"]["extra"] = {"subnet": "private", "security_groups": ["other"]}

    def route_elsewhere(document: Document) -> None:
        for table in ("private", "public"):
            _vpc(document)["route_tables"][table]["routes"]["198.51.100.0/24"] = "blackhole"

    def new_table(document: Document) -> None:
        _vpc(document)["route_tables"]["spare"] = {"routes": {"0.0.0.0/0": "igw"}}

    def second_nat(document: Document) -> None:
        _vpc(document)["nat_gateways"]["second"] = {"subnet": "public", "elastic_ip": "52.195.125.186"}

    def other_services(document: Document) -> None:
        _vpc(document)["instances"]["web"]["services"] = ["echo"]
        document["internet"]["hosts"]["web.example"]["services"] = [{"tcp": 9999}]

    def new_host(document: Document) -> None:
        document["internet"]["hosts"]["new.example"] = {"ip": "198.51.100.77", "services": ["http"]}

    def new_vpc(document: Document) -> None:
        document["vpcs"]["other"] = named["VPC added, with the same block"]["vpcs"]["other"]

    def more_addresses(document: Document) -> None:
        instances = _vpc(document)["instances"]
        instances["web"]["secondary_private_ips"] = ["10.0.10.77", {"elastic_ip": "52.195.125.190"}]
        instances["dev"]["secondary_private_ips"] = ["10.0.20.77"]

    def more_interfaces(document: Document) -> None:
        further = {"subnet": "public", "elastic_ip": "52.195.125.191", "secondary_private_ips": ["auto"]}
        _vpc(document)["instances"]["dev"]["network_interfaces"] = [further, {"subnet": "private"}]

    edits: dict[str, Any] = {
        "further addresses of both ends": more_addresses,
        "further network interfaces of one end": more_interfaces,
        "another group": other_group,
        "a new public instance": new_public_instance,
        "a route elsewhere": route_elsewhere,
        "a new route table": new_table,
        "a new NAT gateway": second_nat,
        "other services at both ends": other_services,
        "a new outside host": new_host,
        "a new VPC with the same block": new_vpc,
    }
    return {name: edited(BASE, edit) for name, edit in edits.items()}


def test_transfers_live_through_unrelated_edits(make: Make) -> None:
    """Each comes and goes again, in one long transfer."""
    lab = make(BASE)
    lab.up()
    with _transfers(lab) as transfers:
        for name, document in _unrelated().items():
            for there in (document, BASE):
                assert lab.up(there).plan.steps, name
                for path, each in transfers.items():
                    try:
                        each.lives()
                    except AssertionError as error:
                        raise AssertionError(f"{path} transfer, {name}: {error}") from None
    lab.assert_settled()


@pytest.mark.parametrize(
    "wider",
    [
        {"protocol": "tcp", "port": "5000-5010", "from": "0.0.0.0/0"},
        {"protocol": "tcp", "port": PORT, "from": "dev"},
        {"protocol": "all", "from": "10.0.20.0/24"},
    ],
    ids=["more-ports-and-sources", "by-group", "everything-from-the-subnet"],
)
def test_a_transfer_lives_when_another_rule_allows_it(wider: Document, make: Make) -> None:
    lab = make(BASE)
    lab.up()
    with Transfer(lab, "dev", "web", "10.0.10.10", PORT) as transfer:
        lab.up(edited(BASE, _with_rules(wider)))
        transfer.lives()
        lab.up(BASE)
        transfer.lives()


def test_a_tracked_flow_outlives_its_rule(make: Make) -> None:
    """CT-07: the rule is gone, the flow is not; nobody new comes in."""
    lab = make(BASE)
    lab.up()
    with Transfer(lab, "dev", "web", "10.0.10.10", PORT) as transfer, lab.listener("web", PORT):
        assert lab.tcp("dev", "10.0.10.10", PORT) == "pass"
        lab.up(edited(BASE, _with_rules()))
        transfer.lives()
        assert lab.tcp("dev", "10.0.10.10", PORT, "drop") == "drop"
        transfer.lives()


def test_an_address_that_is_taken_away_is_cut_at_once(make: Make) -> None:
    """The other side of it: who has no public address any more does not go on using it."""
    lab = make(BASE)
    lab.up()
    without = edited(BASE, lambda document: _vpc(document)["subnets"]["public"].update(map_public_ip_on_launch=False))
    with lab.listener("attacker", PORT) as listener, lab.open_socket("web") as calling:
        calling.settimeout(5)
        calling.connect((ATTACKER, PORT))
        answering, _ = listener.accept()
        with answering:
            answering.settimeout(0.5)
            calling.sendall(b"before")
            assert answering.recv(100) == b"before"
            lab.up(without)
            calling.sendall(b"after")
            with pytest.raises(TimeoutError):
                answering.recv(100)
            # Given back, the very same connection goes on: TCP has tried again and again.
            lab.up(BASE)
            answering.settimeout(10)
            assert answering.recv(100) == b"after"


def test_a_transfer_lives_while_the_lab_is_looked_at(make: Make) -> None:
    lab = make(BASE)
    lab.up()
    with Transfer(lab, "dev", "web.example", WEB_OUTSIDE, PORT) as transfer:
        before = transfer.retransmissions()
        for _ in range(5):
            assert lab.status()["healthy"]
            assert not lab.plan().steps
            assert not lab.up().plan.steps
        transfer.lives()
        assert transfer.retransmissions() == before
