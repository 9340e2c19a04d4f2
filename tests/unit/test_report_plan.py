"""The plan as text."""

from emulator.compile.diff import diff
from emulator.compile.state import Address, LinkUp, Netns, Ruleset, Step, Sysctl
from emulator.report import plan
from emulator.report.text import Paint
from emulator.topology.changes import Change
from tests.support import samples


def test_nothing() -> None:
    assert plan.render([], []) == ["nothing to change"]


def test_only_the_file_has_changed() -> None:
    change = Change("replace", "expect[0]", "", "expectation", "icmp from a to b: pass")
    assert plan.render([change], []) == [
        "Outside the VPCs",
        "  ~ expectation icmp from a to b: pass",
        "",
        "nothing to change in the kernel",
    ]


def test_changes_name_their_owner_unless_it_stands_above() -> None:
    main = "vpcs.main"
    changes = [
        Change("remove", f"{main}.security_groups.web.ingress[0]", "main", "security group rule", "tcp 80 from self"),
        Change("add", f"{main}.security_groups.db", "main", "security group", "db"),
        Change("add", f"{main}.security_groups.db.egress[0]", "main", "security group rule", "all traffic to self"),
        Change("replace", f"{main}.route_tables.a.routes.0.0.0.0/0", "main", "route", "0.0.0.0/0: nat -> igw"),
        Change("replace", f"{main}.instances.dev.private_ip", "main", "instance", "private_ip: none -> 10.0.0.9"),
        Change("add", f"{main}.instances.dev.services[1]", "main", "service", "http on port 80"),
        Change(
            "add", f"{main}.network_acls.front.ingress[0]", "main", "network ACL rule", "ingress 90: deny all traffic"
        ),
        Change("replace", f"{main}.cidr_block", "main", "VPC", "cidr_block: 10.0.0.0/16 -> 10.1.0.0/16"),
        Change("replace", "internet.hosts.dns.example.ip", "", "outside host", "ip: 8.8.8.8 -> 9.9.9.9"),
        Change("remove", "internet.hosts.dns.example.services", "", "service", "dns on port 53"),
    ]
    assert plan.changes_text(changes) == [
        "VPC main",
        "  - security group web: ingress tcp 80 from self",
        "  + security group db",
        "      + egress all traffic to self",
        "  ~ route table a: route 0.0.0.0/0: nat -> igw",
        "  ~ instance dev: private_ip: none -> 10.0.0.9",
        "  + instance dev: service http on port 80",
        "  + network ACL rule front: ingress 90: deny all traffic",
        "  ~ VPC cidr_block: 10.0.0.0/16 -> 10.1.0.0/16",
        "Outside the VPCs",
        "  ~ outside host dns.example: ip: 8.8.8.8 -> 9.9.9.9",
        "  - outside host dns.example: service dns on port 53",
    ]


STEPS = [
    Step("add", "dev", Netns("instance"), "instance dev: new"),
    Step("replace", "main.router", Ruleset("abc", "..."), "the rules differ"),
    Step("replace", "dev", Sysctl("net/ipv4/ip_forward", "0"), "setting"),
    Step("remove", "main.router", Address("lo", "10.0.9.1", 32), "not in the topology"),
    Step("replace", "dev", LinkUp("eth0"), "new"),
]


def test_steps_are_grouped_by_node_with_their_reasons() -> None:
    assert plan.render([], STEPS) == [
        "In the kernel: 5 steps",
        "  dev",
        "    + namespace (instance)            instance dev: new",
        "    + sysctl net.ipv4.ip_forward = 0  setting",  # in a new namespace everything is added
        "    + link eth0 up                    new",
        "  main.router",
        "    ~ nftables ruleset abc       the rules differ",
        "    - address 10.0.9.1/32 on lo  not in the topology",
    ]
    assert plan.totals(STEPS) == "3 to add, 1 to replace, 1 to remove, in 2 namespaces"


def test_a_big_plan_is_counted_unless_verbose() -> None:
    many = [Step("add", f"i{n}", Address("eth0", "10.0.0.4", 24), "new") for n in range(plan.MANY_STEPS + 1)]
    assert plan.render([], many) == [
        "In the kernel: 251 steps (--verbose lists them)",
        "  + 251 addresses",
    ]
    assert len(plan.render([], many, verbose=True)) == 1 + 2 * 251
    changes = [Change("add", f"vpcs.a.instances.i{n}", "a", "instance", f"i{n} in a") for n in range(100)]
    assert plan.render(changes, []) == [
        "In the topology: 100 changes (--verbose lists them)",
        "  + 100 × instance",
        "",
        "nothing to change in the kernel",
    ]


def test_every_step_of_a_real_lab_has_words_and_a_reason() -> None:
    steps = diff(samples.EMPTY, samples.state())
    assert all(step.reason for step in steps)
    text = "\n".join(plan.render([], steps, verbose=True))
    for left_bare in ("None", "IPv4", "Netns", "frozenset", "(item"):
        assert left_bare not in text


def test_colours() -> None:
    assert "\033[32m+\033[0m" in "\n".join(plan.render([], STEPS, paint=Paint(True)))
