"""Whether a command that a document shows is one: held against the command line, the Makefile and the files here."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
import typer.main
from support.documents.commands import Command
from support.documents.pages import ROOT

from hounsfield.daemon.cli.main import app

PLACEHOLDERS = {
    "ID": "1",
    "JOB": "1",
    "UID": "1.2.3",
    "SERIES_UID": "1.2.3",
    "DATE": "2026-01-01",
    "N": "3",
    "COMMAND": "doctor",
    "CODE": "gap",
    "HOST:PORT": "127.0.0.1:104",
    "ADDRESS": "127.0.0.1:104",
}
"""What stands for a word in capitals where not every word will do."""
_UsageError: Any = typer.BadParameter.__mro__[1]  # of typer's own copy of click
_MISSING = "MissingParameter"


def filled(words: Sequence[str]) -> list[str]:
    """Return words of which each placeholder that has to be a number, a date or an address is one."""
    return [PLACEHOLDERS.get(word, word) for word in words]


@cache
def root() -> Any:
    """Return the command line as typer has it."""
    return typer.main.get_command(app)


def what_is_wrong(command: Command) -> str | None:
    """Return what the program would say against a command, None if nothing or if it is none that we know."""
    if command.ours is not None:
        return misunderstood(command.ours, is_whole=command.is_whole and command.program != "xargs")
    checks = {"make": _make, "python": _python, "python3": _python, "python3.11": _python, "pip": _pip}
    check = checks.get(command.program)
    return check(command.words[1:]) if check else None


def misunderstood(arguments: Sequence[str], *, is_whole: bool = True) -> str | None:
    """Return what ``hounsfield`` would say against arguments; what only names a command may leave things out.

    Nothing is done: options of the program itself are looked up, those of a command are parsed.
    """
    command, rest = root(), [word for word in filled(arguments) if word not in ("--help", "-h", "$@", "...")]
    if rest and rest[0].startswith("-"):
        known = {name for parameter in command.params for name in parameter.opts}
        return None if set(rest) <= known else f"no option {rest[0]}"
    if "--help" in arguments or "-h" in arguments or "$@" in arguments:
        is_whole = False
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        word = rest.pop(0)
        if word not in command.commands:
            return f"no command {word}"
        command = command.commands[word]
    if hasattr(command, "commands") and not getattr(command, "invoke_without_command", False):
        return "a command of this group is missing" if is_whole else None
    try:
        command.make_context(command.name, rest)
    except _UsageError as error:
        return None if type(error).__name__ == _MISSING and not is_whole else error.format_message()
    return None


@cache
def _makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def make_targets() -> set[str]:
    """Return the targets that a person asks for."""
    return set(re.findall(r"^([a-z][a-z0-9-]*):", _makefile(), re.MULTILINE))


def _make(words: Sequence[str]) -> str | None:
    variables = set(re.findall(r"\$\(([A-Z_]+)\)|\$\(if \$\(([A-Z_]+)\)", _makefile()))
    known = {name for pair in variables for name in pair} | {"PYTHON"}
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable and name not in known:
            return f"the Makefile has no variable {name}"
        if not is_variable and not word.startswith("-") and word not in make_targets():
            return f"the Makefile has no target {word}"
    return None


def _python(words: Sequence[str]) -> str | None:
    if len(words) > 1 and words[0] == "-m":
        ours = re.fullmatch(r"(?:hounsfield\.)?((?:daemon|storage|model|support|torture)\..+)", words[1])
        return f"no module {words[1]}" if ours and not _is_module(ours[1].replace(".", "/")) else None
    if words and words[0].endswith(".py"):
        return None if (ROOT / words[0]).is_file() else f"no file {words[0]}"
    return None


def _is_module(path: str) -> bool:
    return any(
        (ROOT / folder / f"{path}{end}").is_file() for folder in ("", "tests") for end in (".py", "/__main__.py")
    )


def _pip(words: Sequence[str]) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"(?:^|\s)(?:\.|hounsfield)\[([a-z,]+)\]", " ".join(words)):
        unknown = set(extras.split(",")) - project["optional-dependencies"].keys()
        if unknown:
            return f"no extra {', '.join(sorted(unknown))}"
    return None
