"""What the shell offers behind an option: names from the configuration and the job database.

A shell waits while this runs and shows whatever is printed: it is fast, changes nothing and is silent about failures.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hounsfield.daemon.errors import DaemonError
from hounsfield.model.errors import ModelError
from hounsfield.storage.errors import StorageError
from hounsfield.storage.operations import Action
from hounsfield.storage.states import JobState, SeriesState

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.storage.engine import Database

NEWEST = 30
"""Jobs that are offered."""
EVENT_STATES = tuple(
    dict.fromkeys(one.value for one in (*JobState, *SeriesState, *Action))  # HELD is a state of both
)
"""What an event of the job log can lead to."""

Offer = tuple[str, str]
"""A word, and what it is; the second may be empty."""


def event_states(incomplete: str) -> list[str]:
    """Offer states that an event leads to."""
    return [state for state in EVENT_STATES if state.startswith(incomplete.upper())]


def scanners(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer AE titles of senders: configured ones, and those that were admitted."""

    def found(settings: "Settings", database: "Database | None") -> Iterator[Offer]:
        yield from ((peer.ae_title, "configured") for peer in settings.peer)
        if database is not None:
            yield from ((one.calling_ae, "seen") for one in database.peers.sightings() if one.admitted)

    return _offers(ctx, incomplete, found)


def destinations(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer names of destinations: configured ones, and those that had results."""

    def found(settings: "Settings", database: "Database | None") -> Iterator[Offer]:
        yield from ((one.name, one.kind) for one in settings.destination)
        if database is not None:
            yield from ((one.name, "no longer configured") for one in database.destination_states.all())

    return _offers(ctx, incomplete, found)


def bundles(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer names of bundles: those in use, and those that are installed."""

    def found(settings: "Settings", database: "Database | None") -> Iterator[Offer]:
        from hounsfield.daemon.bundles.shelf import installed_in
        from hounsfield.daemon.bundles_in_use import in_use, manifests_of

        choices = [] if database is None else database.bundle_choices.current()
        yield from ((manifest.name, "in use") for manifest in manifests_of(in_use(settings, choices)))
        yield from ((place.name, "installed") for place in installed_in(settings).places())

    return _offers(ctx, incomplete, found)


def jobs(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the newest jobs, with what each is."""

    def found(_settings: "Settings", database: "Database | None") -> Iterator[Offer]:
        from hounsfield.storage.log_book import JobQuery

        for job in [] if database is None else database.log_book.newest(JobQuery(), limit=NEWEST):
            yield str(job.id), f"{job.kind} {job.state}"

    return _offers(ctx, incomplete, found)


def _offers(
    ctx: typer.Context, incomplete: str, found: "Callable[[Settings, Database | None], Iterable[Offer]]"
) -> list[Offer]:
    """Return each word once that goes on from what was typed; nothing where something cannot be read."""
    offered: dict[str, str] = {}
    with suppress(DaemonError, StorageError, ModelError, OSError), _sources(ctx) as (settings, database):
        for word, meaning in found(settings, database):
            if word.startswith(incomplete) and word.isprintable():
                offered.setdefault(word, meaning)
    return list(offered.items())


@contextmanager
def _sources(ctx: typer.Context) -> "Iterator[tuple[Settings, Database | None]]":
    """Give settings and database; None where there is none at the needed schema, for nothing is upgraded here."""
    from hounsfield.daemon.cli.context import read_settings
    from hounsfield.storage.engine import check, open_database

    settings = read_settings(_config(ctx))
    url = settings.storage.resolved_database_url
    current, needed = check(url)
    if current != needed:
        yield settings, None
        return
    database = open_database(url, settings.storage.home)
    try:
        yield settings, database
    finally:
        database.close()


def _config(ctx: typer.Context) -> Path | None:
    """Return the configuration that the line names so far, or the environment does."""
    given = ctx.params.get("config") or os.environ.get("HOUNSFIELD_CONFIG")
    return Path(given) if given else None
