"""Whether the command line understands words, without doing any of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
import typer.main

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


def misunderstood(arguments: Sequence[str], *, is_whole: bool = True) -> str | None:
    """Return what ``hounsfield`` would say against arguments; what only names a command may leave things out.

    Nothing is done: options of the program itself are looked up, those of a command are parsed.
    """
    words = [PLACEHOLDERS.get(word, word) for word in arguments]
    command, rest = program(), [word for word in words if word not in ("--help", "-h", "$@", "...")]
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
def program() -> Any:
    """Return the command line as typer has it."""
    return typer.main.get_command(app)
