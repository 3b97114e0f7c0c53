"""``hounsfield run``: the service in the foreground."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.roles import Role


def run(
    config: ConfigOption = None,
    role: Annotated[
        list[Role] | None,
        typer.Option(
            "--role",
            help="Run only this part; may be repeated. Without it all of them.",
        ),
    ] = None,
) -> None:
    """Receive, analyse, deliver, until SIGTERM; prints `ready dicom=HOST:PORT ae=TITLE` when senders may come."""
    from hounsfield.daemon.service import run as serve

    settings = read_settings(config)
    raise typer.Exit(serve(settings, config, role or []))
