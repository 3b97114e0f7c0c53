"""`hounsfield db upgrade` and `db downgrade`, and what every other command does with a database of another schema."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.joblog import Log
from support.postgres import PostgreSQL
from support.revisions import contents, downgrade, kept, on

from hounsfield.daemon import fit
from hounsfield.daemon.app import clock_of
from hounsfield.daemon.cli import administration
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage import schema
from hounsfield.storage.component_store import SqlComponentStore
from hounsfield.storage.components import Component
from hounsfield.storage.engine import check, default_url, open_database, upgrade
from hounsfield.storage.spool import Spool

OLD = "0006"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(tmp_path_factory.mktemp("filled") / "home")


@pytest.fixture
def log(filled: Log, tmp_path: Path) -> Log:
    return filled.copied(tmp_path / "home")


@pytest.fixture
def old(log: Log) -> Log:
    downgrade(default_url(log.home), OLD)
    return log


def revision(log: Log) -> str | None:
    return check(default_url(log.home))[0]


def test_no_other_command_changes_the_schema_under_a_service_that_may_run(old: Log) -> None:
    for command in (
        "jobs list",
        "series list",
        "bundle list",
        "rules explain 1.2.3",
        "purge --dry-run",
        "pause",
        "alarms",
    ):
        refused = old.run(*command.split())
        assert refused.exit_code == 1, refused.output
        assert "at schema 0006, this program needs" in refused.stderr, command
        assert "stop the service and run `hounsfield db upgrade`" in refused.stderr
    assert revision(old) == OLD


def test_an_upgrade_stands_in_the_log_and_leaves_the_old_database_beside(old: Log) -> None:
    before = on(default_url(old.home), contents)
    done = old.run("db", "upgrade", "--by", "anna")
    assert done.exit_code == 0, done.output
    assert revision(old) == schema.HEAD
    with closing(sqlite3.connect(old.home / "hounsfield.db.backup-0006")) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (OLD,)
    after = on(default_url(old.home), contents)
    event = after["event"].pop()
    assert (event["to_state"], '"by": "anna"' in str(event["detail"])) == ("UPGRADED", True)
    assert kept(after, before)
    assert old.run("db", "upgrade").exit_code == 0
    assert len(on(default_url(old.home), contents)["event"]) == len(before["event"]) + 1


def test_neither_way_is_gone_while_anybody_has_the_database_open(old: Log) -> None:
    with closing(sqlite3.connect(old.home / "hounsfield.db")) as other:
        other.execute("SELECT count(*) FROM job").fetchone()
        refused = old.run("db", "upgrade")
        assert (refused.exit_code, revision(old)) == (1, OLD)
        assert "has " in refused.stderr
        assert "hounsfield.db open" in refused.stderr
        assert "systemctl stop hounsfield" in refused.stderr
    upgrade(default_url(old.home))
    Spool(old.home / "spool").prepare()
    intake = Spool(old.home / "spool").open_intake("receiver-1")
    refused = old.run("db", "downgrade", "--to", OLD, "--yes")
    intake.close()
    assert (refused.exit_code, "receives into this spool" in refused.stderr) == (1, True)
    assert revision(old) == schema.HEAD


def test_who_goes_back_is_told_where_the_copy_is_and_what_comes_next(log: Log) -> None:
    before = on(default_url(log.home), contents)
    done = log.run("db", "downgrade", "--to", OLD, "--yes", "--by", "anna")
    assert done.exit_code == 0, done.output
    assert "database at revision 0006, with every row" in done.stdout
    assert f"hounsfield.db.backup-{schema.HEAD}" in done.stdout
    assert "install the older program before the service starts again" in done.stdout
    after = on(default_url(log.home), contents)
    assert len(after["job"]) == len(before["job"])
    assert after["event"][-1]["to_state"] == "WENT_BACK"


def test_nobody_goes_back_by_accident(log: Log) -> None:
    refused = log.run("db", "downgrade", "--to", OLD)
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    refused = log.run("db", "downgrade", "--to", "0003", "--yes")
    assert (refused.exit_code, "cannot go back to 0003: allowed are 0006" in refused.stderr) == (1, True)
    assert revision(log) == schema.HEAD


def test_results_that_the_older_program_would_not_find_keep_the_schema(log: Log, tmp_path: Path) -> None:
    log.environment["HOUNSFIELD_STORAGE__SHARED"] = str(tmp_path / "shared")
    refused = log.run("db", "downgrade", "--to", OLD, "--yes")
    assert refused.exit_code == 1
    assert "does not know storage.shared" in refused.stderr
    assert "set storage.home to that folder" in refused.stderr
    assert revision(log) == schema.HEAD
    log.environment["HOUNSFIELD_STORAGE__SHARED"] = str(log.home)
    done = log.run("db", "downgrade", "--to", OLD, "--yes")
    assert "in environment variable HOUNSFIELD_STORAGE__SHARED: storage.shared: take it out" in done.stdout


def test_a_database_ahead_of_the_program_is_refused_and_the_command_is_named(log: Log) -> None:
    with closing(sqlite3.connect(log.home / "hounsfield.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for arguments in (("jobs", "list"), ("db", "check"), ("db", "upgrade"), ("db", "downgrade", "--to", OLD, "--yes")):
        refused = log.run(*arguments)
        assert refused.exit_code == 1, arguments
        assert "made by a newer hounsfield" in refused.stderr, arguments
        assert f"hounsfield db downgrade --to {schema.HEAD}" in refused.stderr
    command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "run", "--role", "courier"]
    ours = {name: value for name, value in log.environment.items() if value is not None}
    done = subprocess.run(command, env={**os.environ, **ours}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, f"hounsfield db downgrade --to {schema.HEAD}" in done.stderr) == (1, True)


def test_processes_on_other_hosts_are_heard_by_their_signs_of_life(
    postgresql_cluster: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "_PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(fit, "_PAUSE_SECONDS", 0.1)
    url = postgresql_cluster.create_database("living")
    upgrade(url)
    downgrade(url, OLD)
    settings = Settings(storage={"home": tmp_path, "database_url": url})  # type: ignore[arg-type]
    assert administration.users_of(settings) == ""
    store, clock = SqlComponentStore.open(url, 2.0), clock_of(settings)
    now = clock.now()
    store.started(
        Component(
            name="receiver@ct-7",
            role="receiver",
            host="ct-7",
            pid=1,
            version="1",
            started_at=now,
            seen_at=now,
            facts={},
        )
    )
    assert administration.users_of(settings) == "", "it has died a moment ago"
    looked = SqlComponentStore.all

    def beats(self: SqlComponentStore) -> list[Component]:
        store.seen("receiver@ct-7", 1, clock.now() + timedelta(seconds=1), {})
        return looked(self)

    monkeypatch.setattr(SqlComponentStore, "all", beats)
    assert administration.users_of(settings) == "the service lives on ct-7"
    store.close()
    postgresql_cluster.drop_database("living")


def test_a_database_of_before_processes_were_told_of_is_taken_for_unused(
    postgresql_cluster: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql_cluster.create_database("ancient")
    upgrade(url)
    downgrade(url, "0005")
    settings = Settings(storage={"home": tmp_path, "database_url": url})  # type: ignore[arg-type]
    assert administration.users_of(settings) == ""
    with pytest.raises(Exception, match="db upgrade"):
        open_database(url, tmp_path)
    postgresql_cluster.drop_database("ancient")
