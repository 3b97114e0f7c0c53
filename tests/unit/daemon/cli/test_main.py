"""The command line as a whole: help, exit codes, errors without tracebacks, and what it must not import."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.command_line import misunderstood
from typer.testing import CliRunner

from hounsfield.daemon.cli.examples import EXAMPLES
from hounsfield.daemon.cli.exits import CommandFailed, ExitCode, NotFound
from hounsfield.daemon.cli.group import DEBUG_VARIABLE, FriendlyGroup
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem, DaemonError
from hounsfield.model.errors import BundleError
from hounsfield.storage.errors import StorageError

HEAVY = (
    *("tensorflow", "keras", "cv2", "highdicom", "pynetdicom", "pydicom", "sqlalchemy", "numpy", "pydantic"),
    "cryptography",
)
COMMANDS = {
    *("run", "demo", "send", "echo", "jobs", "series", "rules", "peers", "bundle", "phantom", "config", "db", "tls"),
    *("conformance", "doctor", "console", "drift", "destinations", "pause", "resume", "results", "notify", "feedback"),
    *("data", "train", "tune", "evaluate", "top", "alarms", "purge", "health"),
}


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner(env={"NO_COLOR": "1", "COLUMNS": "100", DEBUG_VARIABLE: None})


def every_command(command: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    children = getattr(command, "commands", {})
    below = [entry for name, child in children.items() for entry in every_command(child, (*path, name))]
    return [(path, command), *below]


def test_all_promised_commands_are_there() -> None:
    root = typer.main.get_command(app)
    assert set(root.commands) == COMMANDS  # type: ignore[attr-defined]
    paths = {" ".join(path) for path, _ in every_command(root)}
    for group, names in {
        "jobs": "list show tail stats retry cancel archive",
        "series": "list show release discard reissue",
        "results": "list show retract",
        "rules": "list test explain",
        "peers": "list suggest forget",
        "bundle": "list show lint selftest",
        "data": "check prepare",
        "config": "init check show",
        "db": "upgrade check backup restore vacuum",
        "tls": "init show",
    }.items():
        assert {f"{group} {name}" for name in names.split()} <= paths


def test_every_command_and_every_option_has_help() -> None:
    silent = [
        " ".join((*path, getattr(parameter, "name", "") or ""))
        for path, command in every_command(typer.main.get_command(app))
        for parameter in (command, *command.params)  # type: ignore[attr-defined]
        if not getattr(parameter, "help", None)
    ]
    assert silent == []


def test_every_group_has_an_example_and_every_example_is_of_a_command_that_is_there() -> None:
    root = typer.main.get_command(app)
    paths = {" ".join(path): command for path, command in every_command(root) if path}
    groups = {path for path, command in paths.items() if hasattr(command, "commands")}
    assert groups - EXAMPLES.keys() == set()
    assert EXAMPLES.keys() - paths.keys() == set()


def test_help_loses_no_word_in_brackets(runner: CliRunner) -> None:
    for path, command in every_command(typer.main.get_command(app)):
        written = re.findall(r"\[+[a-z]+\]+", getattr(command, "help", None) or "")
        shown = runner.invoke(app, [*path, "--help"]).output if written else ""
        assert [word for word in written if word not in shown] == [], path


@pytest.mark.parametrize("line", sorted({line for lines in EXAMPLES.values() for line in lines}))
def test_an_example_is_understood(line: str) -> None:
    assert misunderstood(shlex.split(line.split(" >", maxsplit=1)[0])) is None


def test_help_ends_with_the_examples(runner: CliRunner) -> None:
    output = runner.invoke(app, ["jobs", "tail", "--help"]).output
    assert "hounsfield jobs tail -f --scanner CT1 --stage infer" in output
    assert "hounsfield jobs stats --since 7d" in runner.invoke(app, ["jobs", "--help"]).output


def test_paragraphs_of_help_flow_over_the_line_ends_of_the_source(runner: CliRunner) -> None:
    wide = runner.invoke(app, ["jobs", "tail", "--help"], env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).output
    assert "no line names a patient: it can run on a screen that everybody sees." in wide


def test_help_swallows_no_name_in_brackets(runner: CliRunner) -> None:
    for path, _ in every_command(typer.main.get_command(app)):
        assert "[]" not in runner.invoke(app, [*path, "--help"]).output, path


def test_help_documents_the_exit_codes(runner: CliRunner) -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    for code, meaning in ((0, "ok"), (1, "the work failed"), (2, "wrong usage"), (4, "not found")):
        assert f"{code} {meaning}" in words


def test_version_names_the_program(runner: CliRunner) -> None:
    assert runner.invoke(app, ["--version"]).output.startswith("hounsfield ")


def test_an_unknown_option_is_a_usage_error(runner: CliRunner) -> None:
    assert runner.invoke(app, ["jobs", "list", "--nonsense"]).exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (CommandFailed("it failed", "mend it"), 1, "error: it failed (mend it)"),
        (NotFound("no such thing"), 4, "error: no such thing"),
        (DaemonError("no port", "take another"), 1, "error: no port (take another)"),
        (StorageError("disk full"), 1, "disk full"),
        (BundleError("bundle changed"), 1, "error: bundle changed"),
        (
            ConfigurationError(
                (ConfigurationProblem(source="a.toml", key="dicom.port", wrong="is 70000", allowed="1 to 65535"),)
            ),
            3,
            "error: a.toml: dicom.port: is 70000; 1 to 65535",
        ),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "error: Permission denied: /x/y"),
        (ZeroDivisionError("Doe^Jane"), 1, "error: unexpected ZeroDivisionError. This"),
    ],
)
def test_a_failure_is_one_error_on_stderr_with_its_code(
    runner: CliRunner, failure: Exception, code: int, words: str
) -> None:
    failing = typer.Typer(cls=FriendlyGroup)

    @failing.command()
    def fail() -> None:
        raise failure

    @failing.command()
    def other() -> None: ...

    result = runner.invoke(failing, ["fail"])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_the_debug_variable_lets_the_traceback_of_a_fault_through(runner: CliRunner) -> None:
    failing = typer.Typer(cls=FriendlyGroup)

    @failing.command()
    def fail() -> None:
        raise ZeroDivisionError

    @failing.command()
    def other() -> None: ...

    result = runner.invoke(failing, ["fail"], env={DEBUG_VARIABLE: "1"})
    assert isinstance(result.exception, ZeroDivisionError)


def imported_by(code: str, modules: tuple[str, ...]) -> list[str]:
    """Return which of ``modules`` a new interpreter has imported after ``code``."""
    probe = f"import sys\n{code}\nprint([name for name in {modules!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return list(eval(done.stdout.strip().splitlines()[-1]))


def test_the_command_line_imports_nothing_heavy() -> None:
    assert imported_by("import hounsfield.daemon.cli.main", HEAVY) == []


def test_looking_at_the_job_log_never_imports_tensorflow_or_dicom(tmp_path: Path) -> None:
    code = f"""
import os
os.environ["HOUNSFIELD_STORAGE__HOME"] = {str(tmp_path / "home")!r}
from typer.testing import CliRunner
from hounsfield.daemon.cli.main import app
runner = CliRunner()
assert runner.invoke(app, ["db", "upgrade"]).exit_code == 0
result = runner.invoke(app, ["jobs", "list", "--json"])
assert result.exit_code == 0, result.output
"""
    assert imported_by(code, ("tensorflow", "keras", "cv2", "highdicom", "pynetdicom", "pydicom")) == []
