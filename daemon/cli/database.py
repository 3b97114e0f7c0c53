"""``hounsfield db``: the schema of the job database."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings, require_database
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import json_line

app = typer.Typer(name="db", help="The job database: schema and backup.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Make the database if it is not there, and bring its schema up to date. Stop the service first."""
    from hounsfield.storage import engine

    settings = read_settings(config)
    settings.storage.home.mkdir(parents=True, exist_ok=True)
    engine.upgrade(settings.storage.resolved_database_url)
    current, _ = engine.check(settings.storage.resolved_database_url)
    typer.echo(f"database at revision {current}")


@app.command()
def check(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Compare the schema with what this version needs; exit 1 if they differ."""
    from hounsfield.storage import engine

    settings = read_settings(config)
    require_database(settings)
    current, head = engine.check(settings.storage.resolved_database_url)
    if as_json:
        json_line({"current": current, "head": head})
    if current != head:
        raise CommandFailed(f"the database is at revision {current}, needed is {head}", "run `hounsfield db upgrade`")
    if not as_json:
        typer.echo(f"database at revision {current}, up to date")


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; a name with the time below storage.home without.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a consistent copy of the embedded database, also while the service runs."""
    from hounsfield.storage import engine

    settings = read_settings(config)
    require_database(settings)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    target = file or settings.storage.home / "backups" / f"hounsfield-{stamp}.db"
    if target.exists():
        raise CommandFailed(f"{target} is there already", "give another name")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine.backup(settings.storage.resolved_database_url, target)
    typer.echo(f"{target} written")
