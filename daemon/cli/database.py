"""``hounsfield db``: the job database as a whole: schema, backup and restore, room on the disk."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli import database_schema
from hounsfield.daemon.cli.administration import note, refuse_beside_receivers
from hounsfield.daemon.cli.asking import YesOption, ask
from hounsfield.daemon.cli.context import (
    ConfigOption,
    JsonOption,
    open_stores,
    read_settings,
    require_database,
)
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import json_line, show_table
from hounsfield.daemon.cli.person import ByOption, person
from hounsfield.daemon.cli.progress import steps
from hounsfield.daemon.clock import SystemClock
from hounsfield.storage.operations import Action

app = typer.Typer(name="db", help="The job database: schema, backup and restore, room.", no_args_is_help=True)
app.command("upgrade")(database_schema.upgrade)
app.command("downgrade")(database_schema.downgrade)


@app.command()
def check(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Compare the schema with what this version needs; exit 1 if they differ."""
    from hounsfield.storage import engine, schema

    settings = read_settings(config)
    require_database(settings)
    current, head = engine.check(settings.storage.resolved_database_url)
    if as_json:
        json_line({"current": current, "head": head})
    schema.refuse_newer(current)
    if current != head:
        raise CommandFailed(f"the database is at revision {current}, needed is {head}", "run `hounsfield db upgrade`")
    if not as_json:
        typer.echo(f"database at revision {current}, up to date")


@app.command()
def spool(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the folders that are configured now; the old ones are lost.")
    ] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Tell whether spool and results are the folders that the database knows; exit 1 if not."""
    from hounsfield.daemon.cli.fit_checks import misfits_of
    from hounsfield.storage.identity import accept_identity
    from hounsfield.storage.site_facts import SHARED, SPOOL

    with open_stores(config) as (settings, database):
        storage = settings.storage
        if accept:
            for name, folder in ((SPOOL, storage.spool_folder), (SHARED, storage.shared_folder)):
                accept_identity(folder, database.site_facts, name, database.now())
            note(settings, Action.SPOOL_ACCEPTED, by, {})
    misfits = list(misfits_of(settings))
    if misfits:
        raise CommandFailed(f"{misfits[0].key}: {misfits[0].wrong}", misfits[0].allowed)
    typer.echo(f"{storage.spool_folder} and {storage.shared_folder} are the folders of this database")


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; a name with the time below storage.home without.")
    ] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a consistent copy of the embedded database, also while the service runs."""
    from hounsfield.storage import engine

    settings = read_settings(config)
    require_database(settings)
    target = file or settings.storage.home / "backups" / f"hounsfield-{_stamp()}.db"
    if target.exists():
        raise CommandFailed(f"{target} is there already", "give another name")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = settings.storage.resolved_database_url
    engine.backup(url, target)
    note(settings, Action.BACKED_UP, by, {"bytes": target.stat().st_size})
    typer.echo(f"{target} written")


@app.command()
def vacuum(by: ByOption = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Give room that removed rows have left back to the disk; also while the service runs, which waits meanwhile."""
    from hounsfield.storage import upkeep

    settings = read_settings(config)
    require_database(settings)
    file = settings.storage.database_file
    if file is None:
        raise CommandFailed(
            "a PostgreSQL database gives room back by itself (autovacuum)",
            "in a quiet hour, with the service stopped, `VACUUM FULL` in psql gives it back to the disk",
        )
    before = upkeep.room(file)
    seconds = upkeep.vacuum(file)
    after = upkeep.room(file)
    note(settings, Action.VACUUMED, by, {"before": before.size, "after": after.size, "seconds": round(seconds, 3)})
    if as_json:
        json_line({"before": before.size, "after": after.size, "seconds": round(seconds, 3)})
    else:
        typer.echo(f"{before.size / 1e6:.1f} MB before, {after.size / 1e6:.1f} MB now, in {seconds:.1f} s")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup that `hounsfield db backup` wrote.")],
    yes: YesOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Put a backup in the place of the embedded database, which is kept beside it. Stop the service first.

    What was received after the backup is registered again from the spool at the next start, and analysed again.
    """
    from hounsfield.daemon.home import prepare_home
    from hounsfield.storage import engine, upkeep

    settings = read_settings(config)
    target = settings.storage.database_file
    if target is None:
        raise CommandFailed("a PostgreSQL database is restored with its own tool: pg_restore")
    refuse_beside_receivers(settings)
    if target.exists():
        ask(f"Replace {target} (it is kept beside it)?", yes=yes, instead="add --yes to put the backup in place")
    prepare_home(settings)
    done = upkeep.restore(file, target, f"before-restore-{_stamp()}")
    engine.upgrade(settings.storage.resolved_database_url)
    note(settings, Action.RESTORED, by, {"series": done.series, "jobs": done.jobs, "schema": done.revision})
    typer.echo(f"{target} restored: {done.series} series, {done.jobs} jobs")
    if done.kept is not None:
        typer.echo(f"the database that was there is {done.kept}")
    typer.echo("start the service: what was received since the backup is registered again from the spool")


@app.command()
def copy(
    to: Annotated[
        str,
        typer.Option("--to", metavar="URL", help="An empty PostgreSQL database: postgresql://USER@HOST/NAME."),
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="The SQLite database; without it the one of the configuration."),
    ] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy the whole job log from SQLite to PostgreSQL and compare every row. Stop the service first.

    The copy is one transaction: killed at any moment, it leaves the target empty, and is begun anew. The source and the
    spool stay as they are.
    """
    from hounsfield.storage.copying import copy_site

    settings = read_settings(config)
    if source is None:
        require_database(settings)
    refuse_beside_receivers(settings)
    origin = source or settings.storage.resolved_database_url
    with steps() as progress:
        done = copy_site(origin, to, now=SystemClock().now(), person=person(by), progress=progress)
    if as_json:
        json_line({"rows": done.rows, "copy_seconds": done.copy_seconds, "check_seconds": done.check_seconds})
        return
    show_table(("table", "rows"), [(name, f"{count:,}") for name, count in done.rows.items()])
    rows = sum(done.rows.values())
    typer.echo(f"{rows:,} rows copied in {done.copy_seconds:.1f} s, each found the same in {done.check_seconds:.1f} s")
    typer.echo("name the new database in storage.database_url, on every host, before the service starts again")


def _stamp() -> str:
    """The time, for the name of a file."""
    return datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
