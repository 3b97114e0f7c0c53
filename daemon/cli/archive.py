"""``hounsfield jobs archive``: the job log as CSV, for people who keep or count it elsewhere."""

import gzip
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from hounsfield.daemon.cli.context import ConfigOption, open_stores
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.moments import moment_of, when
from hounsfield.daemon.cli.paging import pages
from hounsfield.daemon.cli.person import ByOption, person, write_down

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database
    from hounsfield.storage.records import JobRecord

_PACKED = ".gz"


def archive(
    file: Annotated[Path, typer.Argument(help="New file; packed when its name ends in .gz.")],
    before: Annotated[str, when("--before", "Jobs created before then")],
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Write jobs to a CSV file, one row each, oldest first; columns as docs/retention.md explains them.

    No patient data: series stand there as keyed hashes. Nothing is removed; `hounsfield purge` does that, and writes
    such rows itself before.
    """
    from hounsfield.daemon.logs import UidHasher
    from hounsfield.daemon.retention.archive import csv_text
    from hounsfield.storage.operations import Action

    who, count = person(by), 0
    with open_stores(config) as (settings, database):
        moment = moment_of("--before", before, database.now())
        hasher = UidHasher.of_home(settings.storage.shared_folder)
        try:
            with _new(file) as stream:
                stream.write(csv_text((), hasher, header=True).encode())
                for page in _before(database, moment):
                    stream.write(csv_text(page, hasher, header=False).encode())
                    count += len(page)
        except FileExistsError:
            raise CommandFailed(f"{file} is there already", "give another name") from None
        write_down(database, Action.ARCHIVED, who, {"jobs": count, "before": moment.isoformat()})
    typer.echo(f"{count} {'job' if count == 1 else 'jobs'} written to {file}")


def _new(file: Path) -> IO[bytes]:
    """Open a file that is not there yet, readable by its owner only."""
    plain = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    if file.suffix != _PACKED:
        return plain
    return cast("IO[bytes]", gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0))


def _before(database: "Database", moment: datetime) -> "Iterator[list[JobRecord]]":
    from hounsfield.storage.records import JobFilter

    def fetch(after_id: int, count: int) -> "list[JobRecord]":
        return database.jobs.page(JobFilter(), after_id=after_id, limit=count)

    for page in pages(fetch, 0, None):
        chosen = [job for job in page if job.created_at < moment]
        if chosen:
            yield chosen
