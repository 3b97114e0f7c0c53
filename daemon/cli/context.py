"""What most commands need first: the settings and the database of the home they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.exits import NotFound

if TYPE_CHECKING:
    from hounsfield.daemon.app import Application
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.storage.engine import Database

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="HOUNSFIELD_CONFIG",
        help="Configuration file (TOML). Without it: built-in defaults and HOUNSFIELD_<SECTION>__<KEY> variables.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line instead of a table.")]


def read_settings(config: Path | None) -> "Settings":
    """Return the settings; raise ``ConfigurationError`` that names file, key and what is allowed."""
    from hounsfield.daemon.config.settings import load_settings

    return load_settings(config)


@contextmanager
def open_stores(config: Path | None) -> Iterator[tuple["Settings", "Database"]]:
    """Open the existing database of the configured home; raise :class:`NotFound` rather than make an empty one."""
    settings = read_settings(config)
    with opened(settings, wakes=settings.queue.wakes) as database:
        yield settings, database


@contextmanager
def opened(settings: "Settings", *, wakes: bool = False) -> "Iterator[Database]":
    """Open the existing database of these settings; raise :class:`NotFound` rather than make an empty one.

    ``wakes``: whether jobs that become due are told to the queue, for who may make some; it has to be there then.
    """
    from hounsfield.storage.engine import open_database

    require_database(settings)
    storage = settings.storage
    database = open_database(storage.resolved_database_url, storage.home, wakes=wakes, may_upgrade=False)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_application(config: Path | None) -> "Iterator[Application]":
    """Give the parts of the service on the existing database, for what no store does alone; raise as the above."""
    from hounsfield.daemon.app import build

    settings = read_settings(config)
    require_database(settings)
    application = build(settings)
    try:
        yield application
    finally:
        application.database.close()


def require_database(settings: "Settings") -> None:
    """Raise :class:`NotFound` when the embedded database does not exist yet."""
    file = settings.storage.database_file
    if file is not None and not file.exists():
        raise NotFound(
            f"there is no database at {file}",
            "start `hounsfield run` or `hounsfield db upgrade` first, "
            "or name the right configuration with --config or HOUNSFIELD_STORAGE__HOME",
        )
