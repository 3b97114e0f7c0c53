"""How commands print: JSON lines for programs, tables for people."""

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from hounsfield.daemon.moments import iso_utc

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.text import Text

FOLDING = frozenset(
    {
        "series",
        "verdict",
        "reason",
        "bundle / destination",
        "SOP Instance UID",
        "file",
        "preview",
        "value",
        "title",
        "folder",
        "hosts",
        "takes",
        "means",
        "what to do",
        "where",
        "status",
        "proof",
        "stages",
    }
)
"""Columns whose values may take several lines on a narrow terminal; all others are short."""
LABEL = 18
"""Characters of the labels in front of lines, as wide as the longest."""
PIPE_WIDTH = 1000
"""Columns of a console that is no terminal: a row must never be broken for a program that reads lines."""


def console(*, stderr: bool = False) -> "Console":
    """Return a rich console for stdout or stderr; colour only on a terminal and without NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if terminal else PIPE_WIDTH)


def colour_wanted() -> bool:
    """Whether lines that no rich console prints may have colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def file_link(path: "Path", shown: str | None = None) -> "Text":
    """Return a path, or what is ``shown`` for it, that opens the file where a terminal knows links (OSC 8)."""
    from rich.text import Text

    return Text(shown or str(path), style=f"link {path.absolute().as_uri()}")


def local(moment: datetime | None) -> str:
    """Return the time as a person at this machine reads it, to the second."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def json_line(record: Mapping[str, object]) -> None:
    """Write one JSON object on one line to stdout, flushed so that a following program sees it at once."""
    typer.echo(json.dumps(record, default=_plain, ensure_ascii=False))
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso_utc(value, "milliseconds")
    return str(value)


def note(message: str) -> None:
    """Write one line for the person at the terminal to stderr, away from what programs read."""
    typer.echo(message, err=True)


def show_lines(lines: Iterable[tuple[str, str]], width: int = LABEL) -> None:
    """Print texts behind their labels; one without a text is left out. Long ones are broken on a terminal only."""
    from rich.text import Text

    from hounsfield.daemon.logs import escape_controls

    screen = console()
    for label, text in lines:
        if text:
            line = Text.assemble((f"{label:<{width}}", "bold"), escape_controls(text))
            screen.print(line, soft_wrap=not screen.is_terminal)


def show_table(
    columns: Sequence[str],
    rows: "Sequence[Sequence[str | Text]]",
    *,
    title: str | None = None,
    folding: Collection[str] = FOLDING,
) -> None:
    """Print rows under their column names; long values fold on a terminal and stay whole in a pipe.

    Cells may hold what a sender calls itself: nothing in them moves the terminal.
    """
    from rich.table import Table
    from rich.text import Text

    from hounsfield.daemon.logs import escape_controls

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in folding)
    for row in rows:
        table.add_row(*(Text(escape_controls(cell)) if isinstance(cell, str) else cell for cell in row))
    console().print(table)
