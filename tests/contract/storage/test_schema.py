"""The schema: made by the migrations, checked at start, the same as the tables the code uses."""

import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, select
from support.peers import free_port
from support.postgres import PostgreSQL
from support.quick_starts import run_migrations
from support.recording import register
from support.revisions import migrations
from support.stored import BUNDLE, WHOLE, analysed, at, closed, receipt, received

from hounsfield.storage import schema
from hounsfield.storage.engine import Database, backup, check, default_url, open_database, upgrade
from hounsfield.storage.errors import DatabaseUnavailable, SchemaError, StorageError
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, Reason
from hounsfield.storage.tables import metadata
from hounsfield.storage.transactions import make_engine, parse_url


@pytest.fixture(autouse=True)
def _whole_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the migrations themselves are tested."""
    monkeypatch.setattr(schema, "run_migrations", run_migrations)


def execute(url: str, statement: str) -> None:
    engine = make_engine(parse_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_uses(database_url: str) -> None:
    engine = make_engine(parse_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


def test_the_schema_the_code_needs_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrations()).get_heads() == [schema.HEAD]


def test_a_current_database_is_checked_and_upgraded_without_change(database_url: str) -> None:
    upgrade(database_url)
    assert check(database_url) == (schema.HEAD, schema.HEAD)


def test_a_newer_schema_is_refused_clearly(database_url: str, tmp_path: Path) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer hounsfield"):
        open_database(database_url, tmp_path)
    with pytest.raises(SchemaError, match="newer hounsfield"):
        upgrade(database_url)
    assert check(database_url) == ("9999", schema.HEAD)


def test_the_schema_of_another_program_is_not_touched(database_url: str, tmp_path: Path) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaError):
        upgrade(database_url)
    assert check(database_url) == ("0000", schema.HEAD)


def test_a_postgresql_behind_head_is_not_upgraded_by_itself(postgresql_cluster: PostgreSQL, tmp_path: Path) -> None:
    url = postgresql_cluster.create_database("empty")
    assert check(url) == (None, schema.HEAD)
    with pytest.raises(SchemaError, match="hounsfield db upgrade"):
        open_database(url, tmp_path)
    upgrade(url)
    open_database(url, tmp_path).close()
    postgresql_cluster.drop_database("empty")


def test_an_embedded_database_makes_itself(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    assert check(default_url(home)) == (None, schema.HEAD)
    assert not home.exists()
    database = open_database(None, home)
    received(database)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}
    assert "hounsfield.db" in modes


def test_processes_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from hounsfield.storage.engine import open_database;"
        "open_database(None, Path(sys.argv[1])).close()"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert check(default_url(tmp_path)) == (schema.HEAD, schema.HEAD)


def test_an_embedded_database_of_the_first_schema_upgrades_itself_after_a_backup(
    tmp_path: Path,
) -> None:
    database = open_database(None, tmp_path)
    received(database)
    database.close()
    engine = make_engine(parse_url(default_url(tmp_path)))
    with engine.begin() as connection:
        command.downgrade(migrations(connection), "0001")
    engine.dispose()
    assert check(default_url(tmp_path)) == ("0001", schema.HEAD)

    upgraded = open_database(None, tmp_path)
    assert len(upgraded.series.digests("")) == 3
    assert upgraded.peers.sightings() == []
    upgraded.close()
    assert check(default_url(tmp_path)) == (schema.HEAD, schema.HEAD)
    kept = tmp_path / "hounsfield.db.backup-0001"
    with closing(sqlite3.connect(kept)) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert copy.execute("SELECT count(*) FROM instance").fetchone() == (3,)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_results_before_the_third_schema_are_about_their_series(database: Database, database_url: str) -> None:
    held = closed(database, 2, "1.2.1")
    for number in range(2, 6):
        analysed(database, series=f"1.2.{number}")
    assert database.series.hold(held, Reason.CONFLICT, at(40))
    more_jobs(database, 1100)
    before = everything(database)
    engine = make_engine(parse_url(database_url))
    try:
        with engine.begin() as connection:
            command.downgrade(migrations(connection), "0002")
        with engine.connect() as connection:
            assert "subject" not in {column["name"] for column in inspect(connection).get_columns("job")}
            assert "ix_series_study_uid" not in {index["name"] for index in inspect(connection).get_indexes("series")}
    finally:
        upgrade(database_url)
        engine.dispose()
    assert everything(database) == before
    infer = database.jobs.page(JobFilter(kind=JobKind.INFER), limit=2000)
    assert len(infer) == 1105
    assert [job.subject for job in infer] == [sha256(job.series_uid.encode()).hexdigest() for job in infer]
    assert {job.subject for job in database.jobs.page(JobFilter(kind=JobKind.DELIVER))} == {""}


def more_jobs(database: Database, count: int) -> None:
    """Add more analyses to the first series than are worked through at once."""
    job = metadata.tables["job"]
    with database.transactions.write() as connection:
        first = dict(connection.execute(select(job).order_by(job.c.id)).mappings().first() or {})
        del first["id"]
        connection.execute(insert(job), [first | {"revision": 2 + number} for number in range(count)])


def everything(database: Database) -> tuple[object, ...]:
    series = database.series.page()
    return (
        series,
        [database.series.verdict(one.id, 1) for one in series],
        [database.series.instances(one.id) for one in series],
        database.jobs.page(JobFilter(), limit=2000),
        database.jobs.events(),
    )


def test_results_about_parts_do_not_go_back_to_a_schema_without_them(database: Database, database_url: str) -> None:
    series = received(database)
    assert database.series.close(series, [1], WHOLE, [replace(BUNDLE, part="thin"), BUNDLE], at(20))
    engine = make_engine(parse_url(database_url))
    with pytest.raises(RuntimeError, match="parts"), engine.begin() as connection:
        command.downgrade(migrations(connection), "0002")
    engine.dispose()
    assert check(database_url) == (schema.HEAD, schema.HEAD)
    assert [job.part for job in database.jobs.of_series(series.id)] == ["thin", ""]


def test_a_failed_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(None, tmp_path).close()
    monkeypatch.setattr(schema, "HEAD", "9998")

    def fail(connection: object) -> None:
        connection.exec_driver_sql("DROP TABLE event")  # type: ignore[attr-defined]
        raise StorageError("half way")

    monkeypatch.setattr(schema, "run_migrations", fail)
    with pytest.raises(StorageError, match="half way"):
        open_database(None, tmp_path)
    monkeypatch.undo()
    again = open_database(None, tmp_path)
    assert again.jobs.last_event_id() == 0
    again.close()


def test_a_start_with_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    open_database(None, tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from hounsfield.storage.engine import open_database;"
        "open_database(None, Path(sys.argv[1])).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60).returncode == 0


def test_a_database_in_use_can_be_backed_up(database: Database, database_url: str, tmp_path: Path) -> None:
    received(database)
    target = tmp_path / "copy.db"
    if database_url.startswith("postgresql"):
        with pytest.raises(StorageError, match="pg_dump"):
            backup(database_url, target)
        assert not target.exists()
        return
    backup(database_url, target)
    copy = open_database(f"sqlite:///{target}", tmp_path)
    assert copy.series.digests("") == database.series.digests("")
    copy.close()
    with pytest.raises(StorageError):
        backup(database_url, tmp_path / "no such folder" / "copy.db")


def test_a_backup_below_what_is_no_folder_is_refused_in_words(tmp_path: Path) -> None:
    url = default_url(tmp_path)
    upgrade(url)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="check the target"):
        backup(url, tmp_path / "file" / "copy.db")


def test_a_missing_database_is_not_backed_up(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database"):
        backup(default_url(tmp_path), tmp_path / "copy.db")


@pytest.mark.parametrize("url", ["", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "oracle://x", "nonsense"])
def test_a_url_that_names_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match=re.escape("sqlite:///PATH")):
        check(url)


def test_a_database_that_is_down_says_so_without_values(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        open_database(f"postgresql://postgres@127.0.0.1:{free_port()}/x", tmp_path)


def test_a_refused_row_does_not_show_its_values(database: Database) -> None:
    register(database.series, receipt(1))
    with pytest.raises(StorageError) as caught:
        register(database.series, receipt(1, series="1.2.77", digest=receipt(1).digest))
    assert "1.2." not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_folder_that_takes_no_database_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError):
        open_database(None, tmp_path / "home")


def test_a_missing_driver_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError, match="install the extra `postgres`"):
        open_database("postgresql://127.0.0.1/x", tmp_path)
