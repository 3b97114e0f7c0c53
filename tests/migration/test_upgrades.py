"""Migrations with data in them, there and back on both engines, and killed at every step."""

import shutil
import signal
import subprocess
import sys
from itertools import count, pairwise
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from support.postgres import PostgreSQL
from support.revisions import (
    before_each_write,
    contents,
    damages,
    downgrade,
    kept,
    on,
    revision_of,
    revisions,
    shape,
    upgrade_to,
)

from hounsfield.daemon.queue.schema import shipped_schema
from hounsfield.storage import queue_schema, schema
from hounsfield.storage.engine import default_url, upgrade
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.tables import metadata
from hounsfield.storage.transactions import make_engine, parse_url

REVISIONS = revisions()
LOST_BY_GOING_DOWN = {"0006": "event"}
"""Events of the service itself have no place in older schemas."""


def test_each_migration_keeps_every_row_there_and_back(site: str) -> None:
    shapes = {REVISIONS[-1]: on(site, shape)}
    for lower, upper in list(pairwise(REVISIONS))[::-1]:
        before = on(site, contents)
        downgrade(site, lower)
        shapes[lower], found = on(site, shape), on(site, contents)
        found.pop(LOST_BY_GOING_DOWN.get(upper, ""), None)
        assert kept(before, found), lower
        assert on(site, damages) == []
    first = on(site, contents)
    assert all(first.values()), "a table without rows shows nothing"
    for revision in REVISIONS[1:]:
        upgrade_to(site, revision)
        assert on(site, shape) == shapes[revision]
        assert kept(on(site, contents), first), revision
        assert on(site, damages) == []
    assert on(site, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)) == []


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_what_a_kill_leaves_of_a_file_at_any_statement_is_the_old_database(old_site: str, tmp_path: Path) -> None:
    file = Path(old_site.removeprefix("sqlite:///"))
    before = on(old_site, contents), on(old_site, shape)
    rest = tmp_path / "rest"

    def look(_: Connection, number: int) -> None:
        left = _snapshot(file, rest)
        at = on(left, lambda connection: (revision_of(connection), damages(connection)))
        assert at == ("0001", []), number
        if number % 10 == 0:
            assert (on(left, contents), on(left, shape)) == before, number

    with before_each_write(look) as written:
        upgrade(old_site)
    assert len(written) > 90
    upgrade(f"sqlite:///{rest / file.name}")
    assert kept(on(f"sqlite:///{rest / file.name}", contents), before[0])
    assert kept(on(old_site, contents), before[0])


def test_what_a_kill_leaves_of_a_file_that_is_being_made_is_made_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "home" / "hounsfield.db"
    rests = []

    def look(_: Connection, number: int) -> None:
        if number % 10 == 1:
            rests.append(_snapshot(file, tmp_path / str(number)))

    with before_each_write(look) as written:
        upgrade(default_url(file.parent))
    assert len(written) > 110
    for rest in rests:
        assert on(rest, lambda connection: (revision_of(connection), damages(connection))) == (None, [])
    upgrade(rests[-1])
    assert on(rests[-1], revision_of) == schema.HEAD


def _snapshot(file: Path, folder: Path) -> str:
    """Copy what a kill would leave, journal and all; return the URL of the copy."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in file.parent.glob("hounsfield.db*"):
        shutil.copy(part, folder)
    return default_url(folder)


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_a_server_that_cuts_the_connection_at_any_statement_has_the_old_database(
    old_site: str, postgresql_cluster: PostgreSQL
) -> None:
    first = on(old_site, contents)
    fresh = postgresql_cluster.create_database("fresh")
    administrator = make_engine(parse_url(postgresql_cluster.url("postgres")))
    cuts = _cut_at_every_statement(fresh, REVISIONS[0], administrator)
    postgresql_cluster.drop_database("fresh")
    for revision in REVISIONS[1:]:
        cuts += _cut_at_every_statement(old_site, revision, administrator)
        assert kept(on(old_site, contents), first), revision
    administrator.dispose()
    assert cuts > 110
    assert on(old_site, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)) == []


def test_the_tables_of_the_queue_are_all_there_or_none(template: str, postgresql_cluster: PostgreSQL) -> None:
    url = postgresql_cluster.create_database("queued", template)
    administrator = make_engine(parse_url(postgresql_cluster.url("postgres")))
    before = on(url, _on_the_server)

    def cut(connection: Connection, _: int) -> None:
        _end(connection, administrator)

    with before_each_write(cut), pytest.raises(DatabaseUnavailable):
        queue_schema.install(url, shipped_schema())
    assert on(url, _on_the_server) == before
    queue_schema.install(url, shipped_schema())
    on(url, queue_schema.require_installed)
    administrator.dispose()
    postgresql_cluster.drop_database("queued")


def _end(connection: Connection, administrator: Engine) -> None:
    """Let the server end a connection."""
    pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    with administrator.connect() as ending:
        ending.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")


def _cut_at_every_statement(url: str, revision: str, administrator: Engine) -> int:
    """Try one migration again and again, each time cut off one statement later, until it ends; return how often."""
    before = on(url, _on_the_server)
    for last in count(1):

        def cut(connection: Connection, number: int, last: int = last) -> None:
            if number == last:
                _end(connection, administrator)

        with before_each_write(cut) as written:
            try:
                upgrade_to(url, revision)
            except DatabaseUnavailable:
                assert on(url, _on_the_server) == before, written[-1]
            else:
                return last - 1
    raise AssertionError


def _on_the_server(connection: Connection) -> list[object]:
    """Return schema, catalogue and jobs: quick, for it is asked a hundred times."""
    columns = text("SELECT table_name, column_name, is_nullable FROM information_schema.columns ORDER BY 1, 2, 3")
    indexes = text("SELECT indexdef FROM pg_indexes ORDER BY 1")
    found: list[object] = [revision_of(connection), *(connection.execute(one).all() for one in (columns, indexes))]
    return [*found, connection.execute(text("SELECT * FROM job ORDER BY id")).all()] if found[0] else found


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from hounsfield.storage import engine
def die(*arguments):
    if len(arguments) == 1 or sys.argv[2] in arguments[2]:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "commit" if sys.argv[2] == "COMMIT" else "before_cursor_execute", die)
engine.upgrade(sys.argv[1])
"""


@pytest.mark.parametrize("statement", ["UPDATE job SET subject", "CREATE INDEX ix_event_at", "COMMIT"])
def test_an_upgrade_that_is_killed_is_done_by_the_next(old_site: str, statement: str) -> None:
    before = on(old_site, contents)
    command = [sys.executable, "-c", KILLED, old_site, statement]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert on(old_site, lambda connection: (revision_of(connection), damages(connection))) == ("0001", [])
    assert on(old_site, contents) == before
    upgrade(old_site)
    assert on(old_site, revision_of) == schema.HEAD
    assert kept(on(old_site, contents), before)


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_the_rest_of_a_backup_that_was_killed_is_no_hindrance(old_site: str) -> None:
    before = on(old_site, contents)
    backup = Path(f"{old_site.removeprefix('sqlite:///')}.backup-0001")
    for name in (".part", ".part-journal", ".part-wal"):
        backup.with_name(backup.name + name).write_bytes(b"half of a file" * 1000)
    upgrade(old_site)
    assert on(f"sqlite:///{backup}", lambda connection: (revision_of(connection), damages(connection))) == ("0001", [])
    assert on(f"sqlite:///{backup}", contents) == before
    assert kept(on(old_site, contents), before)
