"""What the command line makes of words, without doing any of it."""

import functools
from typing import Any

import typer.main

from hounsfield.daemon.cli.main import app

_program = functools.cache(typer.main.get_command)


def understand(words: list[str]) -> dict[str, Any]:
    """Return the parameters that ``hounsfield WORDS`` would run with; raise what the command line says otherwise."""
    command: Any = _program(app)
    context = command.make_context("hounsfield", list(words))
    while hasattr(command, "resolve_command") and not _is_for_itself(command, words):
        _, command, words = command.resolve_command(context, words)
        assert command is not None
        shared = {"parent": context, "resilient_parsing": hasattr(command, "commands")}
        context = command.make_context(command.name, list(words), **shared)
    assert context.params or not command.params
    return context.params


def _is_for_itself(group: object, words: list[str]) -> bool:
    """Whether a group that does something without a command is asked for that."""
    return getattr(group, "invoke_without_command", False) and all(word.startswith("-") for word in words)
