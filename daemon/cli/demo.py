"""``hounsfield demo``: the main job on this machine, from images to reports in a PACS."""

from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.exits import ExitCode
from hounsfield.daemon.cli.output import console, note

INTERRUPTED = 130
"""As a shell says it: 128 + SIGINT."""


def demo(
    source: Annotated[
        Path | None,
        typer.Option("--input", metavar="FOLDER", help="Send the CT series found here instead of generated ones."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where everything is written; emptied first if a demonstration made it."),
    ] = Path("demo-output"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep earlier demonstrations there; write into a sub-folder named by time.")
    ] = False,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Use this model bundle instead of the one that ships.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds until it gives up.", min=1)] = 180.0,
) -> None:
    """Start a daemon and a small PACS on loopback, send series, show what comes back. Not for clinical use."""
    from hounsfield.daemon.demo.demonstration import Request, demonstrate
    from hounsfield.daemon.demo.interruption import sigterm_as_interrupt

    request = Request(source=source, output=output, keep=keep, bundle=bundle, time_limit=time_limit)
    try:
        with sigterm_as_interrupt():
            well = demonstrate(request, console())
    except KeyboardInterrupt:
        note("interrupted; the daemon and the PACS of the demonstration have ended")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(ExitCode.OK if well else ExitCode.WORK_FAILED)
