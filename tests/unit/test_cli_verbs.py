"""The verbs from the command line to the printed word, with stand-ins for the kernel and the agents."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from emulator.cli.entry import group
from emulator.lab import places, record
from tests.support.standins import Machine, machine

REPOSITORY = Path(__file__).parent.parent.parent
NAT = (REPOSITORY / "topologies" / "nat.yaml").read_text()

Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


@pytest.fixture
def nat(tmp_path: Path) -> str:
    file = tmp_path / "nat.yaml"
    file.write_text(NAT)
    return str(file)


def run(*arguments: str) -> Result:
    """`vpcemu ARGUMENTS`; the verb's return value is the exit code, as in `entry.run`."""
    found = CliRunner().invoke(group, list(arguments), prog_name="vpcemu", standalone_mode=False)
    if isinstance(found.return_value, int):
        found.exit_code = found.return_value
    return found


def read(*arguments: str, code: int = 0) -> Any:
    found = run(*arguments, "--json")
    assert found.exit_code == code, found.output
    return json.loads(found.stdout)


# --- up --------------------------------------------------------------------------------------------------------


def test_up_says_what_there_is_and_what_to_try(here: Machine, nat: str) -> None:
    found = run("up", nat)
    assert found.exit_code == 0, found.output
    text = re.sub(r"\(\d+ changes in 9 namespaces, .*?\)", "(...)", found.stdout)
    assert text == (
        "nat is up: 1 VPC, 2 instances, 1 NAT gateway, 3 outside hosts (...)\n"
        "\n"
        "Try:\n"
        "  vpcemu exec dev -- ping -c1 8.8.8.8            # dev reaches the internet as 52.195.125.184\n"
        "  vpcemu exec dev -- curl -s http://web.example  # the web server tells who called it\n"
        "  vpcemu shell dev                               # look around: ip addr, ip route, ip neigh\n"
        "  vpcemu test                                    # what the file expects, tried with real packets\n"
        "  vpcemu status\n"
        "  vpcemu down\n"
    )


def test_up_twice_says_that_there_is_nothing_to_change(here: Machine, nat: str) -> None:
    run("up", nat)
    steps = len(here.kernel.executed)
    found = run("up", nat)
    assert found.stdout == "nat: nothing to change\n"
    assert len(here.kernel.executed) == steps


def test_up_of_an_edited_file_says_what_changed_in_aws_words(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(nat).write_text(NAT.replace("port: 80,", "port: 8080,", 1))
    found = run("up", nat)
    assert found.stdout.startswith(
        "VPC main\n"
        "  - security group web: ingress tcp 80 from 0.0.0.0/0\n"
        "  + security group web: ingress tcp 8080 from 0.0.0.0/0\n"
        "nat: 1 change in 1 namespace, "
    )
    assert "Try:" not in found.stdout


def test_up_of_another_file_with_the_same_lab_says_so(here: Machine, nat: str, tmp_path: Path) -> None:
    run("up", nat)
    other = tmp_path / "other.yaml"
    other.write_text(NAT)
    found = run("up", str(other))
    assert f"lab nat was made from {nat}; it now follows {other}" in found.stdout


def test_up_after_one_that_was_cut_short_says_so(here: Machine, nat: str) -> None:
    here.kernel.refuses = "no room"
    first = run("up", nat)
    assert first.exit_code == 1
    assert first.stderr == (
        "vpcemu: no room\n"
        f"    hint: lab nat is incomplete: `vpcemu up {nat}` tries again, `vpcemu down nat` removes it\n"
    )
    assert read("ls")["labs"][0]["state"] == "incomplete"
    here.kernel.refuses = ""
    assert "an earlier run was cut short; this one finished its work" in run("up", nat).stdout
    assert read("ls")["labs"][0]["state"] == "up"


def test_steps_without_effect_are_a_failure(here: Machine, nat: str) -> None:
    here.kernel.forgets = True
    found = run("up", nat)
    assert found.exit_code == 1
    assert "lab nat is not what it should be after all steps went through:\n" in found.stderr
    assert "  internet: namespace (internet) is missing\n" in found.stderr
    kept = record.read("nat")
    assert kept
    assert not kept.complete


def test_a_service_that_cannot_start_is_exit_1_and_the_lab_is_up(
    here: Machine, nat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emulator.lab import doors

    def start(lab: str, hold: int) -> Any:
        agent = Machine.start_agent(here, lab, hold)
        agent.refuses = {"dns"}
        return agent

    monkeypatch.setattr(doors, "start_agent", start)
    found = run("up", nat)
    assert found.exit_code == 1
    assert "vpcemu: dns.example: dns: in use\n" in found.stderr
    assert "nat is up" in found.stdout


def test_a_wrong_file_leaves_no_trace(here: Machine, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("name: wrong\nvpcs:\n  main: {cidr_blok: 10.0.0.0/16}\n")
    found = run("up", str(file))
    assert found.exit_code == 2
    assert found.stdout == ""
    assert f"{file}:3:" in found.stderr
    assert f"in {file}; nothing was touched" in found.stderr
    assert not Path(places.RUN).exists()


def test_too_few_addresses_leave_no_trace_either(here: Machine, tmp_path: Path) -> None:
    file = tmp_path / "full.yaml"
    many = ", ".join(f"i{n}: {{subnet: a}}" for n in range(12))
    file.write_text(
        "name: full\nvpcs:\n  main:\n    cidr_block: 10.0.0.0/24\n"
        f"    subnets: {{a: {{cidr_block: 10.0.0.0/28}}}}\n    instances: {{{many}}}\n"
    )
    found = run("up", str(file))
    assert found.exit_code == 2
    assert "InsufficientFreeAddressesInSubnet" in found.stderr
    assert not Path(places.RUN).exists()


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_command_with_a_user_needs_trust(here: Machine, tmp_path: Path, user: str) -> None:
    file = tmp_path / "rooted.yaml"
    file.write_text(
        "name: rooted\nvpcs:\n  main:\n    cidr_block: 10.0.0.0/16\n"
        "    subnets: {a: {cidr_block: 10.0.0.0/24}}\n    instances:\n      one:\n        subnet: a\n"
        f"        services: [{{command: [sleep, inf], name: nap, user: {user}}}]\n"
    )
    found = run("up", str(file))
    assert found.exit_code == 2
    assert f"{file}:9:" in found.stderr
    assert f"nap of one runs a command as {user} on this machine" in found.stderr
    assert "--trust" in found.stderr
    assert not Path(places.RUN).exists()
    assert run("validate", str(file)).exit_code == 0
    assert run("up", "--trust", str(file)).exit_code == 0
    assert here.agents["rooted"].hosts["one"].startswith("127.0.0.1 localhost\n10.0.0.4 one\n")


def test_the_dns_services_learn_the_public_names(here: Machine, nat: str) -> None:
    run("up", nat)
    assert here.agents["nat"].zones == [
        {
            "dns.example": "8.8.8.8",
            "web.example": "93.184.216.34",
            "attacker": "45.83.64.9",
            "nat": "52.195.125.184",
            "web": "203.0.113.1",
        }
    ]


def test_addresses_stay_when_a_neighbour_arrives(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(nat).write_text(NAT.replace("instances:\n", "instances:\n      first: {subnet: private}\n", 1))
    run("up", nat)
    held = {instance["name"]: instance["private_ip"] for instance in read("status")["vpcs"][0]["instances"]}
    assert held == {"web": "10.0.10.5", "dev": "10.0.20.4", "first": "10.0.20.5"}


def test_an_agent_that_is_not_needed_any_more_ends(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(nat).write_text(re.sub(r", services: \[[a-z, ]*\]", "", NAT))
    assert run("up", nat).exit_code == 0
    assert not here.agents["nat"].alive
    assert read("status")["agent"] == "not needed"


# --- down, ls, gc ----------------------------------------------------------------------------------------------


def test_down_leaves_nothing_and_says_so_twice(here: Machine, nat: str) -> None:
    run("up", nat)
    assert run("down").stdout == "nat is gone\n"
    assert not Path(places.RUN).exists()
    assert not here.agents["nat"].alive
    again = run("down", "nat")
    assert (again.exit_code, again.stdout) == (0, "there is no lab nat to remove\n")
    assert run("down").stdout == "there is no lab to remove\n"


def test_down_asks_which_of_several(here: Machine, nat: str, tmp_path: Path) -> None:
    run("up", nat)
    other = tmp_path / "other.yaml"
    other.write_text(NAT.replace("name: nat", "name: other", 1))
    assert "vpcemu exec -l other dev -- ping" in run("up", str(other)).stdout
    found = run("down")
    assert found.exit_code == 2
    assert found.stderr == "vpcemu: several labs are up: which one?\n    hint: the labs here: nat, other; or --all\n"
    assert run("down", "--all", "nat").exit_code == 2
    assert run("down", "--all").stdout == "nat is gone\nother is gone\n"


@pytest.mark.parametrize("name", ["..", ".", "nat/..", "../run/nat", "a.b"])
def test_down_of_a_name_that_is_a_path_touches_nothing(here: Machine, nat: str, name: str) -> None:
    run("up", nat)
    found = run("down", name)
    assert found.exit_code == 2
    assert found.stderr == (
        f"vpcemu: no lab is called {name}: that looks like a file\n"
        "    hint: a lab is called what its file says under `name:`; the labs here: nat\n"
    )
    assert record.read("nat") is not None


@pytest.mark.parametrize("words", [("status", "nat.yaml"), ("matrix", "nat.yaml"), ("logs", "-l", "nat.yaml", "dev")])
def test_a_file_where_a_lab_is_meant(here: Machine, nat: str, words: tuple[str, ...]) -> None:
    run("up", nat)
    found = run(*words)
    assert found.exit_code == 2
    assert "that looks like a file" in found.stderr
    assert "the labs here: nat" in found.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("trace", "dev", "web", "--type", "13", "--port", "80"),
        ("analyze", "-l", "nat", "dev", "web", "--source-port", "7"),
        ("matrix", "--protocol", "icmp", "--port", "80"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(here: Machine, nat: str, words: tuple[str, ...]) -> None:
    run("up", nat)
    found = run(*words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "leave --" in found.stderr


def test_down_without_the_record_goes_by_the_marks(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(places.path("nat", "record.json")).write_text("{")
    assert read("ls")["labs"][0]["state"] == "lost"
    assert run("status").exit_code == 1
    assert run("down").stdout == "nat is gone\n"
    assert not here.kernel.held
    assert not Path(places.RUN).exists()


def test_ls_without_a_lab(here: Machine) -> None:
    assert run("ls").stdout == "no lab is up\n"
    assert read("ls") == {"labs": []}


def test_gc_leaves_alone_what_is_somebodys(here: Machine, nat: str) -> None:
    run("up", nat)
    assert run("gc").stdout == "nothing to sweep\n"
    assert here.kernel.held


def test_gc_sweeps_a_lab_without_a_record(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(places.path("nat", "record.json")).unlink()
    dry = run("gc", "--dry-run").stdout
    assert dry.startswith("would remove nat: namespaces without a record (nat.attacker, ")
    assert here.kernel.held
    assert run("gc").stdout.startswith("removed nat: namespaces without a record (")
    assert not here.kernel.held
    assert not Path(places.RUN).exists()


def test_gc_sweeps_a_record_without_a_lab(here: Machine, nat: str) -> None:
    run("up", nat)
    here.kernel.held.clear()
    here.agents["nat"].alive = False
    assert run("gc").stdout.startswith("removed nat: a record without namespaces (")
    assert not Path(places.RUN).exists()


# --- status ----------------------------------------------------------------------------------------------------


def test_status_of_a_healthy_lab(here: Machine, nat: str) -> None:
    run("up", nat)
    found = run("status")
    assert found.exit_code == 0
    text = re.sub(r"since \S+ from \S+", "since ... from ...", found.stdout)
    assert text == (
        "nat: up, agent running, since ... from ...\n"
        "\n"
        "VPC main 10.0.0.0/16, internet gateway igw\n"
        "  subnet   cidr          zone             route table  kind     free\n"
        "  public   10.0.10.0/24  ap-northeast-1a  public       public   249\n"
        "  private  10.0.20.0/24  ap-northeast-1a  private      private  250\n"
        "\n"
        "  node               subnet   private    public          groups  services\n"
        "  nat   NAT gateway  public   10.0.10.4  52.195.125.184\n"
        "  web   instance     public   10.0.10.5  203.0.113.1     web     http 80\n"
        "  dev   instance     private  10.0.20.4                  dev     http 80\n"
        "\n"
        "Internet\n"
        "  host         address        services\n"
        "  dns.example  8.8.8.8        dns 53, http 80\n"
        "  web.example  93.184.216.34  http 80\n"
        "  attacker     45.83.64.9\n"
        "\n"
        "all is as it should be\n"
    )


def test_status_says_that_the_agent_is_dead_and_up_repairs_it(here: Machine, nat: str) -> None:
    run("up", nat)
    here.agents["nat"].alive = False
    found = run("status")
    assert found.exit_code == 1
    assert found.stdout.endswith(
        "Not as it should be:\n"
        "  the agent is dead: no built-in service answers, and no command of the file runs\n"
        f"To repair or learn more: vpcemu up {nat}\n"
    )
    assert run("up", nat).exit_code == 0
    assert run("status").exit_code == 0


def test_status_names_what_is_missing_and_not_what_follows(here: Machine, nat: str) -> None:
    run("up", nat)
    state = here.kernel.held["nat"]
    held = {node: namespace for node, namespace in state.namespaces.items() if node != "dev"}
    held["web"] = held["web"]._replace(up=frozenset({"lo"}))
    veths = frozenset(veth for veth in state.veths if veth.peer_node != "dev")
    here.kernel.held["nat"] = state._replace(namespaces=held, veths=veths)
    wrong = read("status", code=1)["wrong"]
    assert sorted((item["node"], item["what"]) for item in wrong) == [
        ("dev", "namespace (instance) is missing"),
        ("web", "link eth0 is down"),
    ]
    assert read("ls")["labs"][0]["state"] == "broken"


# --- plan, validate --------------------------------------------------------------------------------------------


def test_plan_without_root_compares_with_nothing_and_says_so(
    here: Machine, nat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("up", nat)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found = run("plan", nat)
    assert found.exit_code == 0
    assert found.stderr == "vpcemu: not root, so this is compared with nothing; with sudo, with what is up\n"
    assert "  + VPC main 10.0.0.0/16\n" in found.stdout
    assert found.stdout.endswith(f"To do it: sudo vpcemu up {nat}\n")
    assert read("plan", nat)["compared"] is False


def test_plan_of_an_edit_says_which_flows_open_and_close(here: Machine, nat: str) -> None:
    run("up", nat)
    Path(nat).write_text(NAT.replace("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0"))
    assert (
        "Flows that open and close\n  + the internet, dev to web: tcp 443\n  - the internet, dev to web: tcp 80\n"
        in run("plan", nat).stdout
    )
    facts = read("plan", nat)["flows"]
    assert facts["known"]
    assert facts["closed"] == [
        {"sources": ["dev", "0.0.0.0/0"], "targets": ["web"], "traffic": [{"protocol": "tcp", "ports": [[80, 80]]}]}
    ]
    Path(nat).write_text(NAT.replace("port: 80, from: 0.0.0.0/0}", "port: 80, from: 0.0.0.0/0, description: web}"))
    assert "Flows: none opens, none closes\n" in run("plan", nat).stdout


def test_plan_of_what_is_up_says_nothing_to_change(here: Machine, nat: str) -> None:
    run("up", nat)
    assert run("plan", nat).stdout == "nothing to change\n"
    facts = read("plan", nat)
    assert (facts["changes"], facts["steps"]) == ([], [])


def test_validate(nat: str) -> None:
    assert run("validate", nat).stdout == f"{nat} is valid: lab nat, 1 VPC, 2 instances, 3 outside hosts\n"


# --- the shapes of docs/json.md --------------------------------------------------------------------------------


def documented() -> dict[str, Any]:
    """The sample of each section."""
    text = (REPOSITORY / "docs" / "json.md").read_text()
    return {
        section.partition("\n")[0]: json.loads(section.partition("```json\n")[2].partition("```")[0])
        for section in text.split("\n## ")[1:]
    }


def shape(value: Any) -> Any:
    """Keys and types, without values. A list has the shape of its first element."""
    match value:
        case dict():
            return {key: shape(held) for key, held in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool() | str():
            return type(value).__name__
        case _:
            return "number"


def alike(sample: Any, found: Any) -> bool:
    """Equal, but that an empty list may be either's."""
    if isinstance(sample, dict) and isinstance(found, dict):
        return sample.keys() == found.keys() and all(alike(sample[key], found[key]) for key in sample)
    if isinstance(sample, list) and isinstance(found, list):
        return not sample or not found or alike(sample[0], found[0])
    return bool(sample == found)


def assert_documented(section: str, found: Any) -> None:
    assert alike(shape(documented()[section]), shape(found)), (section, found)


def assert_documented_analysis(found: Any) -> None:
    """Without the paths: their components differ by kind, and have a schema of their own in test_analysis_report."""
    sample = documented()["analyze"]
    for answer in (sample, found):
        for each in answer["NetworkInsightsAnalyses"]:
            assert each.pop("ForwardPathComponents")
            assert each.pop("ReturnPathComponents")
    assert alike(shape(sample), shape(found))


def test_every_shape_is_the_documented_one(here: Machine, nat: str, tmp_path: Path) -> None:
    assert_documented("validate", read("validate", nat))
    assert_documented("plan", read("plan", nat))
    assert_documented("analyze --all", read("analyze", "--all", nat))
    assert_documented("analyze --diff", read("analyze", "--diff", nat, nat))
    assert_documented_analysis(read("analyze", nat, "attacker", "web", "--port", "80"))
    assert_documented("up", read("up", nat))
    assert_documented("ls", read("ls"))
    assert_documented("break", read("break", "nat", "group-wrong-port"))
    assert_documented("break", read("break", "--undo"))
    assert_documented("break --list", read("break", "--list", "nat"))
    state = here.kernel.held["nat"]
    web = state.namespaces["web"]
    here.kernel.held["nat"] = state._replace(namespaces=state.namespaces | {"web": web._replace(up=frozenset({"lo"}))})
    assert_documented("status", read("status", code=1))
    Path(places.path("nat", "record.json")).unlink()
    assert_documented("gc", read("gc", "--dry-run"))
    assert_documented("down", read("down"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nvpc: {}\n")
    assert_documented("When it fails", read("validate", str(wrong), code=2))
    assert_documented("When it fails", read("status", "nobody", code=2))
