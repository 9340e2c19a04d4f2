"""exec and shell: what is parsed, what the node is shown, and how little is imported on the way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.cli import main, quick
from emulator.lab import places
from tests.support.standins import machine

REPOSITORY = Path(__file__).parent.parent.parent
LAB = """\
name: two
vpcs:
  one:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    main_route_table: main
    route_tables: {main: {routes: {0.0.0.0/0: igw}}}
    subnets: {a: {cidr_block: 10.0.0.0/24}}
    instances:
      web: {subnet: a, elastic_ip: 52.1.2.3}
      db: {subnet: a}
  two:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.0.0/24}}
    instances:
      far: {subnet: a}
internet:
  hosts:
    plain.example: {ip: 9.9.9.9}
    dns.example: {ip: 8.8.8.8, services: [dns]}
"""


class Entered(Exception):
    """Instead of becoming another program."""


@pytest.fixture
def entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A lab that is up; what `enter_and_exec` was asked for."""
    file = tmp_path / "two.yaml"
    file.write_text(LAB)
    asked: dict[str, Any] = {}

    def enter(name: str, argv: list[str], env: dict[str, str], **rest: str) -> None:
        asked.update(name=name, argv=list(argv), env=env, **rest)
        raise Entered

    monkeypatch.setattr("emulator.kernel.enter.enter_and_exec", enter)
    monkeypatch.setenv("VPCEMU_DEBUG", "1")  # so that Entered comes through
    with machine(tmp_path):
        assert main(["up", str(file)]) == 0
        yield asked


@pytest.mark.parametrize(
    ("words", "lab", "node", "command"),
    [
        ("exec dev -- ping -c1 8.8.8.8", None, "dev", ["ping", "-c1", "8.8.8.8"]),
        ("exec dev ls -l", None, "dev", ["ls", "-l"]),
        ("exec -l nat dev -- true", "nat", "dev", ["true"]),
        ("exec --lab nat dev true -- x", "nat", "dev", ["true", "--", "x"]),
        ("exec dev -- -odd", None, "dev", ["-odd"]),
        ("exec dev -- -- x", None, "dev", ["--", "x"]),
    ],
)
def test_the_plain_form(words: str, lab: str | None, node: str, command: list[str]) -> None:
    assert quick.parse(words.split()) == quick.Command(lab, node, command)


@pytest.mark.parametrize(
    "words", ["exec", "exec dev", "exec dev --", "exec --help", "exec -l", "exec -l nat", "exec --lab=nat dev x", "ls"]
)
def test_anything_else_goes_the_long_way(words: str) -> None:
    assert quick.parse(words.split()) is None


@pytest.mark.parametrize(
    "words", ["exec web -- ls -l", "exec web ls -l", "exec -l two web -- ls -l", "exec --lab two web ls -l"]
)
def test_both_ways_mean_the_same(entered: dict[str, Any], monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    with pytest.raises(Entered):
        main(words.split())
    short = dict(entered)
    entered.clear()
    monkeypatch.setattr(quick, "parse", lambda arguments: None)
    with pytest.raises(Entered):
        main(words.split())
    assert entered == short
    assert (os.path.basename(entered["name"]), entered["argv"], entered["hostname"]) == ("two.web", ["ls", "-l"], "web")
    env = entered["env"]
    assert (env["VPCEMU_LAB"], env["VPCEMU_NODE"], env["VPCEMU_IP"]) == ("two", "web", "10.0.0.4")


def test_what_an_instance_sees(entered: dict[str, Any]) -> None:
    with pytest.raises(Entered):
        main(["exec", "db", "--", "true"])
    assert entered["hosts_text"] == (
        "127.0.0.1 localhost\n"
        "10.0.0.5 db\n"
        "9.9.9.9 plain.example\n"
        "8.8.8.8 dns.example\n"
        "10.0.0.4 web\n"  # the same VPC: its private address
    )
    assert entered["resolv_text"] == "nameserver 8.8.8.8\n"


@pytest.mark.parametrize(("node", "own"), [("far", "10.0.0.4 far\n"), ("plain.example", "9.9.9.9 plain.example\n")])
def test_from_elsewhere_only_public_addresses_are_known(entered: dict[str, Any], node: str, own: str) -> None:
    with pytest.raises(Entered):
        main(["exec", node, "--", "true"])
    assert own in entered["hosts_text"]
    assert "52.1.2.3 web\n" in entered["hosts_text"]
    assert " db\n" not in entered["hosts_text"]


def test_a_shell_has_a_prompt_that_says_where_one_is(entered: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    with pytest.raises(Entered):
        main(["shell", "web"])
    rc = places.path("two", "bashrc")
    assert entered["argv"] == ["/bin/bash", "--rcfile", rc, "-i"]
    script = f'. {rc}; printf %s "$PS1"'
    said = subprocess.run(
        ["bash", "-c", script], env=entered["env"] | {"HOME": "/nowhere"}, capture_output=True, text=True, check=True
    )
    assert said.stdout == "[web@two 10.0.0.4] \\$ "


def test_without_bash_it_is_sh_with_the_same_prompt(entered: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(Entered):
        main(["shell", "igw"])
    assert entered["argv"] == ["/bin/sh", "-i"]
    assert entered["env"]["PS1"] == "[igw@two] # "


@pytest.mark.usefixtures("entered")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exec", "wbe", "--", "true"], "lab two has no node called wbe\n    hint: did you mean web?\n"),
        (["exec", "-l", "tow", "web", "--", "true"], "no lab is called tow\n    hint: the labs here: two\n"),
        (["exec", "zzzzzz", "--", "true"], "hint: its nodes: db, far, web, dns.example, "),
        (["exec", "web"], "which command?\n    hint: vpcemu exec web -- ping -c1 8.8.8.8, or vpcemu shell web\n"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    capsys.readouterr()
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("entered")
def test_a_node_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    Path(places.NETNS, "two.web").unlink()
    assert main(["exec", "web", "--", "true"]) == 2
    assert "`vpcemu status two` says what is wrong" in capsys.readouterr().err


def test_RT_42_a_stopped_instance(entered: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.yaml").write_text(LAB.replace("db: {subnet: a}", "db: {subnet: a, state: stopped}"))
    assert main(["up", str(tmp_path / "two.yaml")]) == 0
    for words in (["exec", "db", "--", "true"], ["shell", "db"]):
        assert main(words) == 2
        assert (
            "db is stopped\n    hint: `state: running` for db in the file, and `vpcemu up`" in capsys.readouterr().err
        )
    with pytest.raises(Entered):
        main(["exec", "web", "--", "true"])
    assert "db" in entered["hosts_text"]  # its address is still its own


def test_a_lab_must_be_named_only_if_there_are_several(
    entered: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "three.yaml"
    file.write_text(LAB.replace("name: two", "name: three", 1))
    assert main(["up", str(file)]) == 0
    capsys.readouterr()
    assert main(["exec", "web", "--", "true"]) == 2
    assert (
        "several labs are up: which one?\n    hint: name it, with -l before a node; the labs here: three, two\n"
        in capsys.readouterr().err
    )
    with pytest.raises(Entered):
        main(["exec", "-l", "three", "web", "--", "true"])
    assert os.path.basename(entered["name"]) == "three.web"


HEAVY = (
    "click", "yaml", "pyroute2", "asyncio", "subprocess", "pathlib", "emulator.topology.load", "emulator.compile.lab",
    "emulator.compile.diff", "emulator.lab.up", "emulator.agent",
)  # fmt: skip


def test_exec_imports_next_to_nothing(tmp_path: Path) -> None:
    """`vpcemu exec` may cost 60 ms more than `ip netns exec`; Python alone is 13, click would be 35, YAML 20."""
    program = (
        "import os, sys; os.geteuid = lambda: 0\n"
        "from emulator.lab import places; places.RUN = sys.argv[1]\n"
        "from emulator.cli import main; main(['exec', '-l', 'nobody', 'dev', '--', 'true'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no lab is called nobody" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "emulator.lab.inside" in imported
    assert not imported & set(HEAVY)


def test_the_other_verbs_import_each_only_what_it_needs() -> None:
    """The overview and completion come without YAML and netlink."""
    program = (
        "import sys; from emulator.cli.entry import VERBS, group, run; import click\n"
        "for verb in VERBS: group.get_command(click.Context(group), verb)\n"
        "run(['--help'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "emulator.cli.up" in loaded
    assert not loaded & (set(HEAVY) - {"click", "pathlib"})


@pytest.mark.parametrize(("words", "file"), [("up x.yaml", "x.yaml"), ("up ./a/--x", "./a/--x")])
def test_the_plain_form_of_up(words: str, file: str) -> None:
    assert quick.parse_up(words.split()) == file


@pytest.mark.parametrize("words", ["up", "up -", "up --help", "up --trust x", "up x --json", "up x y", "plan x"])
def test_any_other_up_goes_the_long_way(words: str) -> None:
    assert quick.parse_up(words.split()) is None


@pytest.mark.parametrize(
    ("text", "code"), [("name: nat\nvpcs:\n  main: {cidr_blok: 10.0.0.0/16}\n", 2), ("", 2), (None, 2), ("fail", 1)]
)
def test_both_ways_to_bring_a_lab_up_say_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    code: int,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(places, "RUN", str(tmp_path / "run"))
    file = tmp_path / "lab.yaml"
    if text == "fail":
        monkeypatch.setattr("emulator.lab.source.read", lambda file: 1 / 0)
    elif text is not None:
        file.write_text(text)
    said = []
    for way in (quick.parse_up, lambda arguments: None):
        monkeypatch.setattr(quick, "parse_up", way)
        assert main(["up", str(file)]) == code
        said.append(capsys.readouterr())
    assert said[0] == said[1]
    assert said[0].err.startswith((str(file), "vpcemu: "))


@pytest.mark.parametrize(
    ("end", "out", "code"), [("", "vpcemu ", 0), (" >&-", "", 0), (" | true", "", 0), (" --nonsense", "", 2)]
)
def test_the_installed_command_leaves_nothing_unsaid(end: str, out: str, code: int) -> None:
    program = f"import sys; sys.path.insert(0, {REPOSITORY.as_posix()!r}); from emulator.cli import console; console()"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -I -c "$1" --version{end}', sys.executable, program], capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stdout.startswith(out)
    assert "Exception" not in done.stderr
