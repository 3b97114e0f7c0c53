"""Asking before what cannot be undone."""

import sys
from typing import Annotated

import typer

from hounsfield.daemon.cli.exits import UsageFault

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def ask(question: str, *, yes: bool, instead: str) -> None:
    """Return where a person agrees, or has done so by ``--yes``; a no ends the command.

    Raise :class:`UsageFault`, which says what to do ``instead``, where there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageFault("nobody can be asked here", instead)
    typer.confirm(question, abort=True, err=True)
