"""What goes wrong, as the person at the terminal meets it: a sentence, what to do, the exit code, never a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from emulator.cli import entry, main, output
from emulator.errors import KernelError
from tests.support.standins import machine

NAT = str(Path(__file__).parent.parent.parent / "topologies" / "nat.yaml")
Capture = pytest.CaptureFixture[str]


def told(capture: Capture, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = main(arguments)
    out, err = capture.readouterr()
    return code, out, err


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize(
    "words",
    [
        ("up", "a b.yaml"),
        ("down",),
        ("ls",),
        ("status",),
        ("gc",),
        ("logs", "dev"),
        ("shell", "dev"),
        ("exec", "dev", "--", "true"),
        ("exec", "-l", "nat", "dev", "ls", "-l"),
    ],
)
def test_without_root_the_line_to_type_instead(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.delenv("VPCEMU_PROG", raising=False)
    monkeypatch.setattr(sys, "argv", ["/opt/vpcemu/bin/vpcemu", *words])
    code, out, err = told(capsys, *words)
    typed = " ".join(f"'{word}'" if " " in word else word for word in words)
    assert (code, out) == (4, "")
    assert err == f"vpcemu: this needs root\n    hint: sudo /opt/vpcemu/bin/vpcemu {typed}\n"


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize(
    ("called", "wrapper", "typed"),
    [
        ("vpcemu", None, "sudo vpcemu ls"),
        ("vpcemu", "scripts/vpcemu", "sudo scripts/vpcemu ls"),
        ("/x/emulator/__main__.py", None, f"sudo {sys.executable} -m emulator ls"),
    ],
)
def test_the_line_names_the_program_as_it_was_called(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, called: str, wrapper: str | None, typed: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called, "ls"])
    monkeypatch.delenv("VPCEMU_PROG", raising=False)
    if wrapper:
        monkeypatch.setenv("VPCEMU_PROG", wrapper)
    assert typed in told(capsys, "ls")[2]


def test_a_file_that_is_not_there(capsys: Capture) -> None:
    code, out, err = told(capsys, "validate", "/nowhere/lab.yaml")
    assert (code, out) == (2, "")
    assert err == (
        "/nowhere/lab.yaml: No such file or directory\nvpcemu: 1 mistake in /nowhere/lab.yaml; nothing was touched\n"
    )


def test_a_file_that_is_no_text(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_bytes(b"name: x\n# caf\xe9\n")
    code, _, err = told(capsys, "validate", str(file))
    assert code == 2
    assert f"{file}:2:6: not UTF-8 text" in err


def test_a_directory_and_a_disk_are_no_topologies(capsys: Capture, tmp_path: Path) -> None:
    assert told(capsys, "validate", str(tmp_path))[0] == 2
    code, _, err = told(capsys, "validate", "/dev/zero")
    assert code == 2
    assert "larger than 16 MiB" in err


@pytest.mark.parametrize("written", ["nat", "nat.yaml", "topologies/nta.yaml", "lessons/nat.yaml"])
def test_a_file_that_was_meant(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    (tmp_path / "topologies").mkdir()
    (tmp_path / "topologies/nat.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert (
        f"{written}: No such file or directory\n    hint: did you mean topologies/nat.yaml?"
        in told(capsys, "validate", written)[2]
    )


def test_a_directory_names_its_files(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").touch()
    assert (
        f"Is a directory\n    hint: the files in it: {tmp_path}/lab.yaml" in told(capsys, "validate", str(tmp_path))[2]
    )


@pytest.mark.parametrize(
    ("data", "hint"),
    [(b"\xff\xfen\0a\0", "save the file as UTF-8"), (b"\x7fELF\0\xff", "a topology is a text file in YAML")],
    ids=["utf-16", "a program"],
)
def test_bytes_that_are_no_text_say_what_to_do(capsys: Capture, tmp_path: Path, data: bytes, hint: str) -> None:
    file = tmp_path / "lab.yaml"
    file.write_bytes(data)
    assert f"hint: {hint}" in told(capsys, "validate", str(file))[2]


def test_all_mistakes_at_once_then_their_number(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("name: Lab!\nvpc: {}\ninternet: {hosts: {a: {ip: 999.1.1.1}}}\n")
    code, out, err = told(capsys, "validate", str(file))
    assert (code, out) == (2, "")
    assert err.count(f"{file}:") >= 3
    assert err.endswith(f"mistakes in {file}; nothing was touched\n")


def test_of_several_files_each_is_told(capsys: Capture, tmp_path: Path) -> None:
    """One that is wrong hides no other, whatever their order."""
    wrong, right = tmp_path / "wrong.yaml", tmp_path / "right.yaml"
    wrong.write_text("name: wrong\nvpc: {}\n")
    right.write_text("name: right\nvpcs: {main: {cidr_block: 10.0.0.0/16}}\n")
    code, out, err = told(capsys, "validate", str(wrong), str(right), "/nowhere.yaml")
    assert code == 2
    assert out == f"{right} is valid: lab right, 1 VPC\n"
    assert f"{wrong}:2:1" in err
    assert "/nowhere.yaml" in err
    code, out, err = told(capsys, "validate", "--json", str(wrong), str(right))
    found = json.loads(out)
    assert (code, err, found["valid"]) == (2, "", False)
    assert [(file["lab"], file["valid"], len(file["problems"])) for file in found["files"]] == [
        ("", False, 1),
        ("right", True, 0),
    ]
    assert told(capsys, "validate", str(right), str(right))[0] == 0


@pytest.mark.parametrize("words", ["status --json --nonsense", "status --nonsense --json", "analyze --json"])
def test_with_json_a_wrong_command_line_is_an_object(capsys: Capture, words: str) -> None:
    code, out, err = told(capsys, *words.split())
    assert (code, err) == (2, "")
    assert json.loads(out)["error"]["what"]


def test_with_json_a_mistake_is_an_object(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("name: lab\nvpc: {}\n")
    code, out, err = told(capsys, "validate", "--json", str(file))
    assert (code, err) == (2, "")
    (problem,) = json.loads(out)["error"]["problems"]
    assert (problem["line"], problem["warning"]) == (2, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stauts",), "Did you mean status?"),
        (("frobnicate",), "No such command 'frobnicate'."),
        (("up",), "Missing argument 'FILE'."),
        (("up", "--frust", "x"), "--trust"),
        (("ls", "nat"), "unexpected extra argument"),
        (("logs", "dev", "-n", "-1"), "-1 is not in the range"),
        (("completion", "csh"), "'csh' is not one of"),
    ],
)
def test_a_wrong_command_line_is_exit_2(capsys: Capture, words: tuple[str, ...], said: str) -> None:
    code, out, err = told(capsys, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_what_nobody_expected_is_told_briefly(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: str) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("emulator.lab.plan.validate", fail)
    monkeypatch.delenv("VPCEMU_DEBUG", raising=False)
    code, out, err = told(capsys, "validate", "x")
    assert (code, out) == (1, "")
    assert err == (
        "vpcemu: internal error: ZeroDivisionError: by zero\n"
        "    hint: this is a mistake in vpcemu: run it again with VPCEMU_DEBUG=1 for the traceback, and report it\n"
    )
    monkeypatch.setenv("VPCEMU_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["validate", "x"])


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_is_130(capsys: Capture, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]) -> None:
    def fail(file: str) -> None:
        raise interrupt

    monkeypatch.setattr("emulator.lab.plan.validate", fail)
    code, _, err = told(capsys, "validate", "x")
    assert code == 130
    assert err.endswith("vpcemu: interrupted\n")


def test_an_interrupt_of_up_says_what_state_the_lab_is_in(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine(tmp_path) as made:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(made.kernel, "execute", interrupted)
        code, _, err = told(capsys, "up", NAT)
    assert code == 1
    assert err == (
        "vpcemu: interrupted: lab nat is incomplete\n"
        f"    hint: `vpcemu up {NAT}` finishes it, `vpcemu down nat` removes it\n"
    )


def test_an_interrupt_of_down_says_so_too(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(tmp_path) as made:
        assert main(["up", NAT]) == 0
        capsys.readouterr()

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(made.kernel, "destroy", interrupted)
        code, _, err = told(capsys, "down")
    assert code == 1
    assert err == "vpcemu: interrupted: lab nat is half gone\n    hint: `vpcemu down nat` removes the rest\n"


def test_an_expected_failure_keeps_its_own_hint(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine(tmp_path) as made:

        def refuse(*_: object) -> None:
            raise KernelError("no nft", "apt-get install nftables")

        monkeypatch.setattr(made.kernel, "execute", refuse)
        code, _, err = told(capsys, "up", NAT)
    assert code == 1
    assert err == "vpcemu: no nft\n    hint: apt-get install nftables\n"


def test_every_help_has_an_example(capsys: Capture) -> None:
    for verb in entry.VERBS:
        code, out, _ = told(capsys, verb, "--help")
        assert code == 0
        assert "Examples:\n" in out, verb
        assert f"vpcemu {verb}" in out.partition("Examples:")[2], verb


def test_the_overview_lists_every_verb(capsys: Capture) -> None:
    out = told(capsys, "--help")[1]
    assert all(f"  {verb} " in out for verb in entry.VERBS)
    assert told(capsys, "--version")[1].startswith("vpcemu 0.")


class Terminal:
    """A stdout that is one, or is none."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),  # no-color.org: "when present and not an empty string"
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours(monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], coloured: bool) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(sys, "stdout", Terminal(terminal))
    assert output.colours() is coloured


def test_control_c_while_modules_are_loaded() -> None:
    """Before anything watches over the command there is no traceback either."""
    script = """
import emulator.cli
def interrupted():
    raise KeyboardInterrupt
emulator.cli.main = interrupted
emulator.cli.console()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "vpcemu: interrupted\n")
