"""``hounsfield conformance``: the DICOM Conformance Statement of this installation."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed


class Format(StrEnum):
    """How it is written."""

    MARKDOWN = "markdown"
    HTML = "html"


def conformance(
    format: Annotated[
        Format, typer.Option("--format", help="Markdown, or one HTML file that opens without a network.")
    ] = Format.MARKDOWN,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write it; standard output by default.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write the DICOM Conformance Statement (PS3.2) of this program under this configuration.

    What it says is read from the program: SOP classes, transfer syntaxes, statuses, TLS, and the attributes of objects
    that it builds of generated images. It opens no database and needs no running service.
    """
    settings = read_settings(config)
    from hounsfield.daemon.conformance.html import to_html
    from hounsfield.daemon.conformance.markdown import to_markdown
    from hounsfield.daemon.conformance.statement import statement

    text = (to_html if format is Format.HTML else to_markdown)(statement(settings))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written ({error.strerror})", "give another file with --out") from error
    typer.echo(f"{out} written")
