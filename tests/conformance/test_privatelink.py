"""PrivateLink with packets: endpoints, the load balancers behind them, and networks that must not meet.

Two consumers and the provider have the same block, and the clients and a target the same address.
"""

import re
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from emulator.compile import privatelink
from emulator.lab import view
from emulator.lab.status import status
from emulator.topology.load import load
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Tap, silent
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
LISTENERS = """[{port: 80, protocol: TCP, target_group: web},
                       {port: 53, protocol: UDP, target_group: names},
                       {port: 54, protocol: TCP_UDP, target_group: both},
                       {port: 8080, protocol: TCP, target_group: proxied}]"""
TOPOLOGY = f"""
region: ap-northeast-1
vpcs:
  p:
    cidr_block: 10.0.0.0/16
    subnets:
      p-a: {{cidr_block: 10.0.1.0/24, availability_zone: a}}
      p-c: {{cidr_block: 10.0.3.0/24, availability_zone: c}}
    security_groups:
      target: {{ingress: [{{protocol: all, from: 10.0.0.0/16}}]}}
      guard:
        ingress:
          - {{protocol: tcp, port: 80, from: 10.0.1.10/32}}
          - {{protocol: tcp, port: 80, from: guard}}
    instances:
      api-a:
        subnet: p-a
        private_ip: 10.0.1.10
        security_groups: [target]
        services: [http, {{udp: 53}}, {{tcp: 53}}, {{http: 8080, proxy_protocol: true}}]
      api-c:
        subnet: p-c
        private_ip: 10.0.3.10
        security_groups: [target]
        services: [http, {{udp: 53}}, {{tcp: 53}}, {{http: 8080, proxy_protocol: true}}]
    target_groups:
      web: {{port: 80, protocol: TCP, targets: [api-a, api-c]}}
      names: {{port: 53, protocol: UDP, targets: [api-a, api-c], health_check: {{port: 80}}}}
      both: {{port: 53, protocol: TCP_UDP, targets: [api-a, api-c], health_check: {{port: 80}}}}
      proxied: {{port: 8080, protocol: TCP, targets: [api-a, api-c], proxy_protocol_v2: true}}
      web-guarded: {{port: 80, protocol: TCP, targets: [api-a]}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnet_mapping:
          - {{subnet: p-a, private_ipv4_address: 10.0.1.20}}
          - {{subnet: p-c, private_ipv4_address: 10.0.3.20}}
        listeners: {LISTENERS}
      guarded:
        load_balancer_type: network
        internal: true
        subnet_mapping: [{{subnet: p-a, private_ipv4_address: 10.0.1.30}}]
        security_groups: [guard]
        enforce_security_group_inbound_rules_on_private_link_traffic: "on"
        listeners: [{{port: 80, protocol: TCP, target_group: web-guarded}}]
    vpc_endpoint_services:
      svc: {{network_load_balancers: [nlb], acceptance_required: false,
            allowed_principals: ["arn:aws:iam::111122223333:root"]}}
      strict: {{network_load_balancers: [guarded], acceptance_required: true}}
    vpc_endpoints:
      inner: {{service: svc, subnets: [p-a], security_groups: [target]}}
  one:
    cidr_block: 10.0.0.0/16
    subnets:
      one-a: {{cidr_block: 10.0.1.0/24, availability_zone: a}}
      one-c: {{cidr_block: 10.0.3.0/24, availability_zone: c}}
      one-tgw: {{cidr_block: 10.0.9.0/28, availability_zone: a}}
    route_tables: {{main: {{routes: {{10.2.0.0/16: pcx, 10.3.0.0/16: tgw}}}}}}
    security_groups:
      open: {OPEN}
      client: {{}}
      ep: {{ingress: [{{protocol: tcp, port: [80, 8080], from: client}}, {{protocol: udp, port: 53, from: client}},
                     {{protocol: icmp, from: client}}, {{protocol: all, from: 10.2.0.0/15}}]}}
    instances:
      c1: {{subnet: one-a, private_ip: 10.0.1.10, security_groups: [client]}}
      c1b: {{subnet: one-a, private_ip: 10.0.1.11, security_groups: [client]}}
      stranger: {{subnet: one-a, private_ip: 10.0.1.12, security_groups: [open], services: [http]}}
    vpc_endpoints:
      ep1: {{service: svc, subnets: [one-a, one-c], security_groups: [ep],
             subnet_configuration: [{{subnet: one-a, ipv4: 10.0.1.20}}]}}
      again: {{service: svc, subnets: [one-a], security_groups: [open]}}
      checked: {{service: strict, subnets: [one-a], security_groups: [open], accepted: true}}
      waiting: {{service: strict, subnets: [one-a], security_groups: [open]}}
  two:
    cidr_block: 10.0.0.0/16
    owner_id: "111122223333"
    subnets: {{two-a: {{cidr_block: 10.0.1.0/24, availability_zone: a}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      c2: {{subnet: two-a, private_ip: 10.0.1.10, security_groups: [open], services: [http]}}
    vpc_endpoints:
      ep2: {{service: svc, subnets: [two-a], security_groups: [open]}}
  peer:
    cidr_block: 10.2.0.0/16
    subnets: {{peer: {{cidr_block: 10.2.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: pcx}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{c3: {{subnet: peer, private_ip: 10.2.1.10, security_groups: [open]}}}}
  spoke:
    cidr_block: 10.3.0.0/16
    subnets: {{spoke: {{cidr_block: 10.3.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: tgw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{c4: {{subnet: spoke, private_ip: 10.3.1.10, security_groups: [open]}}}}
vpc_peering_connections:
  pcx: {{vpc: one, peer_vpc: peer, auto_accept: true}}
transit_gateways:
  tgw: {{vpc_attachments: {{one: {{vpc: one, subnets: [one-tgw]}}, spoke: {{vpc: spoke, subnets: [spoke]}}}}}}
"""
NODE_A, NODE_C = "10.0.1.20", "10.0.3.20"
AGAIN = "again: {service: svc, subnets: [one-a], security_groups: [open]"
WORKS = [Probe("c1", "ep1.one-a", "tcp", 80, seen_as=NODE_A)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


changed = partial(labs.changed, TOPOLOGY)


def refusals(edits: dict[str, str]) -> set[str]:
    """AWS's codes for the file with these edits."""
    topology, problems = load(edited(f"name: lab\n{TOPOLOGY}", edits))
    assert topology is None
    return {problem.code for problem in problems if not problem.warning}


def page(lab: Lab, node: str, address: str, port: int = 80) -> str:
    done = lab.run(node, "curl", "-sm", "10", f"http://{address}:{port}/")
    assert done, done
    return done.output


def test_T_63_PL_23_PL_24_the_same_addresses_on_both_sides(lab: Lab) -> None:
    """Consumers and provider with one block, clients and a target with one address: it works, without any route."""
    agree(
        lab,
        WORKS,
        [Probe("c1", "ep1.one-c", "tcp", 80, seen_as=NODE_C)],
        [Probe("c2", "ep2.two-a", "tcp", 80, seen_as=NODE_A)],
        [Probe("c1", "again.one-a", "tcp", 80, seen_as=NODE_A)],
    )
    assert all(not table.routes for vpc in lab.topology.vpcs if vpc.name in ("p", "two") for table in vpc.route_tables)


def test_PL_24_many_of_the_same_at_once(lab: Lab) -> None:
    """Flows of two consumers with one address and one port, by three endpoints, do not mix at the load balancer."""
    held = []
    for node, endpoint in (("c1", "ep1.one-a"), ("c1", "again.one-a"), ("c2", "ep2.two-a")):
        client = lab.open_socket(node)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", 40000))
        client.settimeout(10)
        client.connect((lab.private(endpoint), 80))
        held.append((node, client))
    for number, (_, client) in enumerate(held):
        client.sendall(f"GET /{number} HTTP/1.1\r\n\r\n".encode())
    for number, (_, client) in enumerate(held):
        assert f"request GET /{number} " in client.recv(4096).decode()
        client.close()


def test_T_64_PL_22_nobody_calls_back(lab: Lab) -> None:
    """The provider's side begins nothing: the consumer's addresses mean its own ones, and a carrier's are nobody's."""
    carried = privatelink.held(lab.topology)
    ends = [end for one in carried.values() for end in (one.near, one.far)]
    check(
        lab,
        WORKS,
        *(drops("api-a", end, "tcp", 80) for end in ends),
        drops("nlb.p-a", carried["ep1.one-a"].near, "tcp", 80),
        drops("nlb.p-a", carried["ep1.one-a"].near, "icmp"),
        [Probe("api-c", "10.0.1.10", "tcp", 80)],  # which is api-a, and not c1 or c2
    )


def test_PL_22_not_even_on_the_carrier(lab: Lab) -> None:
    """What the load balancer's node itself sends to an address of the consumer's ends at the endpoint."""
    one = privatelink.held(lab.topology)["ep1.one-a"]
    endpoint, victim = Tap(lab, "ep1.one-a"), Tap(lab, "stranger")
    mark, address = packets.cookie(), lab.private("stranger")
    call = packets.UDP(sport=4000, dport=80) / packets.Raw(mark)
    frame = packets.Ether(src=one.mac("far"), dst=one.mac("near")) / packets.IP(src=one.far, dst=address) / call
    lab.wire("nlb.p-a", one.link).send(bytes(frame))
    endpoint.wait(mark)
    check(lab, WORKS, passes("c1", "stranger", "tcp", 80))
    silent(victim, about=mark)


def test_T_65_PL_21_the_endpoints_group(lab: Lab) -> None:
    """The group of the endpoint must admit the client; it needs no outbound rule; left out, it is the default one."""
    agree(lab, WORKS, drops("stranger", "ep1.one-a", "tcp", 80), passes("stranger", "again.one-a", "tcp", 80))
    with changed(lab, {AGAIN: "again: {service: svc, subnets: [one-a]"}):
        agree(lab, WORKS, drops("stranger", "again.one-a", "tcp", 80))
    with changed(lab, {"{protocol: all, from: 10.2.0.0/15}]": "{protocol: all, from: 10.2.0.0/15}], egress: []"}):
        agree(lab, WORKS)


def test_CT_04_an_endpoint_tracks_all_its_connections(lab: Lab) -> None:
    """Though its rules are open to everybody both ways: a connection outlives the rule that let it in."""
    client = lab.open_socket("c1")
    client.settimeout(10)
    client.connect((lab.private("again.one-a"), 80))
    with changed(lab, {AGAIN: AGAIN.replace("open", "client")}):
        agree(lab, WORKS, drops("c1", "again.one-a", "tcp", 80))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"you are" in client.recv(4096)
    client.close()


def test_T_62_PL_26_from_other_vpcs(lab: Lab) -> None:
    """An interface endpoint is reached over a peering connection and over a transit gateway, and keeps its address."""
    agree(
        lab,
        [Probe("c3", "ep1.one-a", "tcp", 80, seen_as=NODE_A), Probe("c4", "ep1.one-a", "tcp", 80, seen_as=NODE_A)],
        [Probe("c3", "ep1.one-c", "tcp", 80, seen_as=NODE_C)],
        drops("c3", "ep1.one-a", "tcp", 81),
    )


def test_PL_02_an_account_must_be_allowed(lab: Lab) -> None:
    """The own account may use a service, another one only if it is an allowed principal."""
    agree(lab, passes("c2", "ep2.two-a", "tcp", 80))
    assert refusals({'allowed_principals: ["arn:aws:iam::111122223333:root"]': "allowed_principals: []"}) == {
        "InvalidServiceName"
    }
    everybody = edited(f"name: lab\n{TOPOLOGY}", {'["arn:aws:iam::111122223333:root"]': "['*']"})
    assert load(everybody)[0] is not None


def test_PL_03_PL_04_acceptance(lab: Lab) -> None:
    """An endpoint that waits for acceptance carries nothing; once accepted it does; rejected, it does not."""
    waiting = "waiting: {service: strict, subnets: [one-a], security_groups: [open]"
    agree(lab, WORKS, drops("c1", "waiting.one-a", "tcp", 80))
    with changed(lab, {f"{waiting}}}": f"{waiting}, accepted: true}}"}):
        agree(lab, passes("c1", "waiting.one-a", "tcp", 80))
        states = {held.name: held.state for vpc in lab.topology.vpcs for held in vpc.vpc_endpoints}
        assert states["waiting"] == "available"
    with changed(lab, {f"{waiting}}}": f"{waiting}, state: rejected}}"}):
        agree(lab, WORKS, drops("c1", "waiting.one-a", "tcp", 80))


def test_PL_05_what_the_provider_sees(lab: Lab) -> None:
    """The service has a name of AWS's form, and a list of its endpoints, each with its state."""
    (provider,) = (vpc for vpc in status(lab.name)["vpcs"] if vpc["name"] == "p")
    services = {held["name"]: held for held in provider["vpc_endpoint_services"]}
    assert re.fullmatch(r"com\.amazonaws\.vpce\.ap-northeast-1\.vpce-svc-[0-9a-f]{17}", services["svc"]["service_name"])
    assert {one["vpc_endpoint"]: one["state"] for one in services["strict"]["connections"]} == {
        "checked": "available",
        "waiting": "pendingAcceptance",
    }
    assert len({held["service_name"] for held in services.values()}) == 2
    (consumer,) = (vpc for vpc in status(lab.name)["vpcs"] if vpc["name"] == "one")
    ids = {held["name"]: held["vpc_endpoint_id"] for held in consumer["vpc_endpoints"]}
    assert f" by {ids['ep1']}" in page(lab, "c1", lab.private("ep1.one-a"), 8080)


def test_PL_06_one_load_balancer_one_service(lab: Lab) -> None:
    """A load balancer serves one service; an endpoint's interface uses the one of its zone, whatever is asked."""
    assert refusals({"strict: {network_load_balancers: [guarded]": "strict: {network_load_balancers: [nlb]"}) == {
        "InvalidParameter"
    }
    check(lab, [Probe("c1", "ep1.one-c", "tcp", 80, seen_as=NODE_C) for _ in range(4)])


def test_PL_07_the_zones_of_the_service(lab: Lab) -> None:
    """An endpoint has interfaces in zones of the service's load balancers only."""
    assert refusals({"checked: {service: strict, subnets: [one-a]": "checked: {service: strict, subnets: [one-c]"}) == {
        "InvalidParameter"
    }
    check(lab, passes("c1", "checked.one-a", "tcp", 80))


def test_PL_20_one_interface_in_a_zone(lab: Lab) -> None:
    """One subnet in a zone; the addresses stay as long as the endpoint, whatever comes beside it."""
    assert refusals(
        {"subnets: [one-a, one-c], security_groups: [ep]": "subnets: [one-a, one-tgw], security_groups: [ep]"}
    ) == {"DuplicateSubnetsInSameZone"}
    before = {name: lab.private(name) for name in ("ep1.one-a", "ep1.one-c", "again.one-a")}
    assert before["ep1.one-a"] == "10.0.1.20"
    newcomer = "aaa: {service: svc, subnets: [one-c, one-a]}\n      ep1:"
    with changed(lab, {"      ep1:": f"      {newcomer}"}):
        assert {name: lab.private(name) for name in before} == before
        check(lab, WORKS)


def test_PL_25_NLB_14_proxy_protocol(lab: Lab) -> None:
    """With proxy protocol a target learns the consumer's address and the endpoint's id; others give their address."""
    said = page(lab, "c1", lab.private("ep1.one-c"), 8080)
    assert f"you are {NODE_C}\n" in said
    line = next(line for line in said.splitlines() if line.startswith("proxy protocol: "))
    assert line.startswith("proxy protocol: 10.0.1.10:")
    assert " by vpce-0" in line
    other = page(lab, "c2", lab.private("ep2.two-a"), 8080)
    assert "proxy protocol: 10.0.1.10:" in other
    assert line.partition(" by ")[2] not in other
    inside = page(lab, "api-c", NODE_A, 8080)
    assert "proxy protocol: 10.0.3.10:" in inside
    assert "vpce-" not in inside
    assert "proxy protocol" not in page(lab, "c1", lab.private("ep1.one-c"), 80)


def test_PL_27_within_one_vpc(lab: Lab) -> None:
    """An endpoint in the VPC of its own service carries nothing."""
    agree(lab, WORKS, drops("api-c", "inner.p-a", "tcp", 80))


def test_PL_28_tcp_and_udp_only(lab: Lab) -> None:
    """TCP and UDP on the ports of listeners; anything else meets silence: another port, the other protocol, ping."""
    agree(
        lab,
        WORKS,
        [Probe("c3", "ep1.one-a", "tcp", 80, seen_as=NODE_A)],
        drops("c3", "ep1.one-a", "tcp", 81, 53),
        drops("c3", "ep1.one-a", "udp", 80),
        drops("c1", "ep1.one-a", "icmp"),
    )
    agree(lab, passes("c1", "ep1.one-a", "udp", 53), passes("c3", "ep1.one-c", "udp", 53))
    # A listener for both takes both.
    agree(lab, passes("c3", "ep1.one-a", "tcp", 54), passes("c3", "ep1.one-a", "udp", 54))


def test_PL_31_a_group_of_the_other_side(lab: Lab) -> None:
    """A rule of the load balancer that names a group matches nobody who comes by PrivateLink."""
    agree(lab, drops("c1b", "checked.one-a", "tcp", 80), passes("c1", "checked.one-a", "tcp", 80))


def test_PL_32_names(lab: Lab) -> None:
    """The regional name stands for all interfaces, a zonal one for one; other VPCs hear of it if they can reach it."""
    own = {line.split()[0] for line in view.hosts(view.read(lab.name), "c1").splitlines() if "ep1" in line.split()[1:]}
    assert own == {lab.private("ep1.one-a"), lab.private("ep1.one-c")}
    text = view.hosts(view.read(lab.name), "c3")
    assert f"{lab.private('ep1.one-c')} ep1.one-c ep1\n" in text
    assert "waiting.one-a\n" in view.hosts(view.read(lab.name), "c1")
    assert "ep2" not in view.hosts(view.read(lab.name), "c1")


def test_PL_33_private_dns_needs_what_there_is_not(lab: Lab) -> None:
    """Private DNS names need DNS attributes of the VPC; without them AWS refuses."""
    assert refusals({"again: {service: svc,": "again: {service: svc, private_dns_enabled: true,"}) == {
        "InvalidParameter"
    }
    check(lab, WORKS)


def test_PL_37_the_load_balancers_inbound_rules(lab: Lab) -> None:
    """They judge the consumer's private address, unless that is switched off."""
    agree(lab, passes("c1", "checked.one-a", "tcp", 80), drops("c1b", "checked.one-a", "tcp", 80))
    key = "enforce_security_group_inbound_rules_on_private_link_traffic"
    with changed(lab, {f'{key}: "on"': f'{key}: "off"'}):
        agree(lab, passes("c1", "checked.one-a", "tcp", 80), passes("c1b", "checked.one-a", "tcp", 80))


def test_PL_42_a_service_that_is_not_there(lab: Lab) -> None:
    """No such service: InvalidServiceName; a group of another VPC: InvalidParameter."""
    assert refusals({"again: {service: svc,": "again: {service: svcc,"}) == {"InvalidServiceName"}
    assert refusals({AGAIN: AGAIN.replace("open", "guard")}) == {"InvalidParameter"}
    check(lab, WORKS)
