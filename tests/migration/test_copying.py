"""`hounsfield db copy`: a site moves from SQLite to PostgreSQL with all of its history, or not at all."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text
from support.filled_tables import empty_tables
from support.postgres import PostgreSQL
from support.revisions import on
from support.stored import at, claimed, closed, received, result, to

from hounsfield.storage import copying, schema
from hounsfield.storage.copying import Copied, copy_site
from hounsfield.storage.engine import default_url, open_database, upgrade
from hounsfield.storage.errors import DatabaseUnavailable, SchemaError, StorageError
from hounsfield.storage.records import JobFilter
from hounsfield.storage.schema import copy_sqlite
from hounsfield.storage.tables import metadata

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Move:
    """A filled home and an empty database on a server."""

    home: Path
    target: str

    @property
    def file(self) -> Path:
        return self.home / "hounsfield.db"

    def run(self, **options: object) -> Copied:
        return copy_site(default_url(self.home), self.target, now=NOW, person="anna", **options)  # type: ignore[arg-type]

    def change(self, statement: str, *values: object) -> None:
        """Change the source as no store of ours would."""
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute(statement, values)
            connection.commit()

    def is_empty(self) -> bool:
        return on(self.target, lambda connection: len(empty_tables(connection)) == len(metadata.tables))


@pytest.fixture
def move(filled: Path, template: str, postgresql_cluster: PostgreSQL, tmp_path: Path) -> Iterator[Move]:
    home = tmp_path / "home"
    home.mkdir()
    copy_sqlite(filled, home / "hounsfield.db")
    yield Move(home, postgresql_cluster.create_database("copy_target", template))
    postgresql_cluster.drop_database("copy_target")


def rows(connection: Connection) -> dict[str, dict[tuple[object, ...], tuple[object, ...]]]:
    """Return the rows of each table by their key, as the stores read them."""
    found = {}
    for table in metadata.sorted_tables:
        keys = [column.name for column in table.primary_key]
        read = connection.execute(select(table)).mappings()
        found[table.name] = {tuple(row[name] for name in keys): tuple(row.values()) for row in read}
    return found


def test_every_table_of_the_filled_site_has_rows(move: Move) -> None:
    assert on(default_url(move.home), empty_tables) == []


def test_every_row_arrives_as_the_stores_read_it(move: Move) -> None:
    before = on(default_url(move.home), rows)
    steps: dict[str, list[tuple[int, int]]] = {}
    copied = move.run(progress=lambda what, done, total: steps.setdefault(what, []).append((done, total)))
    assert list(steps) == ["copied", "indexes", "checked"]
    assert [told[-1] for told in (steps["copied"], steps["checked"])] == [(sum(copied.rows.values()),) * 2] * 2
    after = on(move.target, rows)
    (note,) = after["event"].keys() - before["event"].keys()
    told = after["event"].pop(note)
    assert {"by": "anna", "origin": "command line", "series": 3, "jobs": 4}.items() <= dict(told[-1]).items()  # type: ignore[call-overload]
    assert after == before
    assert copied.rows == {name: len(found) for name, found in before.items()}
    assert on(default_url(move.home), rows) == before
    assert schema.check(move.target) == (schema.HEAD, schema.HEAD)


def test_indexes_and_foreign_keys_are_as_they_were(move: Move) -> None:
    before = on(move.target, made)
    move.run()
    assert on(move.target, made) == before
    assert len(before) > 60
    assert on(move.target, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)) == []


def made(connection: Connection) -> set[str]:
    defined = text(
        # PostgreSQL writes the same condition of an index in other words when it is made from its words.
        "SELECT regexp_replace(indexdef, ' WHERE .*', ' WHERE') FROM pg_indexes WHERE schemaname = 'public' UNION "
        "SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint"
    )
    return set(connection.execute(defined).scalars())


def test_the_service_goes_on_with_numbers_that_were_never_given(move: Move) -> None:
    move.change("DELETE FROM event WHERE id = (SELECT max(id) FROM event)")
    move.change("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'series'")
    with closing(sqlite3.connect(move.file)) as connection:
        given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    jobs = open_database(None, move.home)
    before = jobs.jobs.page(JobFilter())
    jobs.close()
    move.run()
    database = open_database(move.target, move.home)
    try:
        assert database.jobs.page(JobFilter()) == before
        assert database.jobs.last_event_id() == given["event"] + 1
        record = closed(database, series="1.2.9")
        assert record.id == 5001
        assert database.jobs.complete_infer(claimed(database, seconds=9e6), result(), to("pacs"), at(9e6 + 1), {})
        infer, delivery = database.jobs.of_series(record.id)
        assert (infer.id, delivery.id) == (given["job"] + 1, given["job"] + 2)
    finally:
        database.close()


@pytest.mark.parametrize("at_step", [("copied", 1), ("indexes", 40), ("checked", 20)])
def test_a_copy_that_is_killed_leaves_the_target_empty_and_begins_anew(move: Move, at_step: tuple[str, int]) -> None:
    program = (
        "import os, signal, sys\nfrom datetime import UTC, datetime\nfrom hounsfield.storage.copying import copy_site\n"
        "steps = []\ndef die(what, done, total):\n"
        "    steps.append(what)\n"
        "    if steps.count(sys.argv[3]) == int(sys.argv[4]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "copy_site(sys.argv[1], sys.argv[2], now=datetime.now(UTC), person='anna', progress=die)"
    )
    command = [sys.executable, "-c", program, default_url(move.home), move.target, *map(str, at_step)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert move.is_empty()  # waits until the server has noticed
    assert set(on(default_url(move.home), rows)) == set(move.run().rows)
    assert not move.is_empty()


def test_a_finished_copy_is_not_done_again(move: Move) -> None:
    move.run()
    with pytest.raises(
        StorageError, match=r"a finished copy already, of 2026-11-26 10:00 UTC: .* storage\.database_url"
    ):
        move.run()


def test_a_target_in_use_is_not_filled(move: Move) -> None:
    database = open_database(move.target, move.home)
    received(database)
    database.close()
    with pytest.raises(StorageError, match=r"not empty .table series has rows.: give a new database"):
        move.run()


def test_a_target_without_schema_is_refused_naming_what_to_do(move: Move, postgresql_cluster: PostgreSQL) -> None:
    bare = postgresql_cluster.create_database("copy_bare")
    with pytest.raises(SchemaError, match=r"the target is at schema none, .* run `hounsfield db upgrade`"):
        copy_site(default_url(move.home), bare, now=NOW, person="")
    postgresql_cluster.drop_database("copy_bare")


@pytest.mark.parametrize(
    ("revision", "told"), [("0001", "the source is at schema 0001, .* `hounsfield db upgrade`"), ("9999", "newer")]
)
def test_a_source_of_another_schema_is_refused(move: Move, revision: str, told: str) -> None:
    move.change("UPDATE alembic_version SET version_num = ?", revision)
    with pytest.raises(SchemaError, match=told):
        move.run()
    assert move.is_empty()


def test_a_source_that_anybody_has_open_is_refused(move: Move) -> None:
    database = open_database(None, move.home)
    database.series.page()
    with pytest.raises(DatabaseUnavailable, match="in use: stop the service"):
        move.run()
    database.close()
    assert move.run().rows["series"] == 3


def test_nobody_opens_the_source_meanwhile(move: Move) -> None:
    refused = []

    def look(*_: object) -> None:
        with closing(sqlite3.connect(move.file, timeout=0)) as other, pytest.raises(sqlite3.OperationalError):
            refused.append(other.execute("SELECT 1 FROM job"))

    move.run(progress=look)
    assert refused == []


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("postgresql://x/y", None, "source is no SQLite database"),
        (None, "sqlite:////tmp/x.db", "target is no PostgreSQL database"),
        ("nonsense", None, "source is no SQLite database"),
        (None, "nonsense", "target is no PostgreSQL database"),
        ("sqlite:////nowhere/x.db", None, "no database at the source"),
    ],
)
def test_urls_of_other_engines_are_refused(move: Move, source: str | None, target: str | None, told: str) -> None:
    with pytest.raises(StorageError, match=told):
        copy_site(source or default_url(move.home), target or move.target, now=NOW, person="")


@pytest.mark.parametrize(
    ("statement", "value", "told"),
    [
        ("UPDATE job SET worker = ? WHERE id = 3", "secret" * 50, "job, id 3 .column worker: StringDataRight"),
        ("UPDATE event SET detail = ? WHERE id = 5", '{"a": "secret\\u0000"}', "event, id 5 .column detail"),
        ("UPDATE event SET detail = ? WHERE id = 5", '{"secret": NaN}', "event, id 5 .column detail"),
        ("UPDATE series SET scanner = ? WHERE id = 2", "secret\0", "series, id 2 .DataError"),
        ("UPDATE series SET first_received_at = ? WHERE id = 2", "secret", "series, id 2 .column first_received_at"),
        ("UPDATE commitment SET transaction_uid = ?", "secret" * 20, "commitment, row 1 in the order of its key"),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_not_shown(move: Move, statement: str, value: str, told: str) -> None:
    if statement.startswith("UPDATE commitment"):
        move.change("DELETE FROM commitment_item")
        move.change("DELETE FROM commitment WHERE transaction_uid <> (SELECT min(transaction_uid) FROM commitment)")
    move.change(statement, value)
    with pytest.raises(StorageError, match=told) as refused:
        move.run()
    assert "secret" not in str(refused.value)
    assert move.is_empty()


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("job", "NEW.score := 0.25", "table job, id 1: score differs"),
        ("event", "NEW.detail := '{}'", "table event, id [0-9]+: detail differs"),
        ("series", "NEW.closed_at := NEW.closed_at + interval '1 us'", "table series, id 1: closed_at differs"),
        ("account", "NEW.password := 'secret'", "table account, row 1 in the order of its key: password differs"),
        ("event", "IF NEW.id = 4 THEN RETURN NULL; END IF", "table event, id 4"),
    ],
)
def test_the_first_row_that_differs_is_named_and_nothing_is_kept(
    move: Move, table: str, change: str, told: str
) -> None:
    def alter(connection: Connection) -> None:
        body = f"BEGIN {change}; RETURN NEW; END"
        connection.exec_driver_sql(f"CREATE FUNCTION alter_row() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        connection.exec_driver_sql(
            f"CREATE TRIGGER alter_row BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION alter_row()"
        )

    on(move.target, alter)
    with pytest.raises(StorageError, match=told) as differs:
        move.run()
    assert "secret" not in str(differs.value)
    assert move.is_empty()


def test_a_target_that_others_use_is_told_of(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_SETTINGS", ("SET LOCAL lock_timeout = '50ms'",))

    def copy(other: Connection) -> None:
        empty_tables(other)
        with pytest.raises(DatabaseUnavailable, match="the target is in use by another connection"):
            move.run()

    on(move.target, copy)


def test_a_target_that_does_not_take_all_letters_is_refused(move: Move, postgresql_cluster: PostgreSQL) -> None:
    postgresql_cluster.execute("CREATE DATABASE copy_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    upgrade(postgresql_cluster.url("copy_latin"))
    with pytest.raises(StorageError, match="the target's encoding is LATIN1: make it with `createdb --encoding UTF8`"):
        copy_site(default_url(move.home), postgresql_cluster.url("copy_latin"), now=NOW, person="")
    postgresql_cluster.drop_database("copy_latin")


def test_a_server_that_goes_away_is_told_of_and_the_copy_begins_anew(
    move: Move, postgresql_cluster: PostgreSQL
) -> None:
    def cut(what: str, *_: object) -> None:
        if what == "indexes":
            postgresql_cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'copy_target'"
            )

    with pytest.raises(DatabaseUnavailable, match="the target refused the copy"):
        move.run(progress=cut)
    assert move.is_empty()
    assert move.run().rows["series"] == 3
