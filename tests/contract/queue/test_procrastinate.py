"""What the queue in PostgreSQL holds: wake-ups, and nothing that a job would hang on."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.postgres import PostgreSQL
from support.queues import CLOCK, QUEUES, Procrastinating, add_job, holding_process, is_done, running
from support.stored import LEASE, received, result, to
from support.waiting import wait_until
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.queue.bell import PATIENCE_SECONDS
from hounsfield.daemon.queue.listener import POLL_SECONDS, Pace
from hounsfield.daemon.queue.schema import shipped_schema
from hounsfield.storage.engine import Database, open_database, upgrade
from hounsfield.storage.errors import SchemaError, StorageError
from hounsfield.storage.queue_schema import QueueSchema, connection_arguments, install
from hounsfield.storage.states import JobKind, Reason
from hounsfield.storage.wake_up_store import MOST, SqlWakeUps

KEEP_ALL = """
    CREATE TABLE kept (queue_name text, lock text, queueing_lock text);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO kept VALUES (NEW.queue_name, NEW.lock, NEW.queueing_lock); RETURN NEW; END';
    CREATE TRIGGER keep AFTER INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION keep();
"""


@pytest.fixture
def database(procrastinating: Procrastinating) -> Iterator[Database]:
    opened = procrastinating.open()
    yield opened
    opened.close()


class Table:
    """The queue's own tables, by psql."""

    def __init__(self, cluster: PostgreSQL, url: str) -> None:
        self._cluster = cluster
        self._name = url.rpartition("/")[2]

    def execute(self, statement: str) -> str:
        return self._cluster.execute(statement, self._name).strip()

    def wake_ups(self) -> list[dict[str, Any]]:
        rows = self.execute(
            "SELECT row_to_json(one) FROM procrastinate_jobs AS one WHERE queue_name != 'maintenance' ORDER BY id"
        )
        return [json.loads(row) for row in rows.splitlines()]

    def workers(self) -> set[int]:
        return {int(row) for row in self.execute("SELECT id FROM procrastinate_workers").splitlines()}


@pytest.fixture
def table(postgresql_cluster: PostgreSQL, procrastinating: Procrastinating) -> Table:
    return Table(postgresql_cluster, procrastinating.url)


def test_a_wake_up_holds_the_number_of_the_job_and_nothing_else(database: Database, table: Table) -> None:
    job = add_job(database, 1, priority=7)
    (wake_up,) = table.wake_ups()
    assert wake_up["args"] == {"job_id": job}
    assert (wake_up["queue_name"], wake_up["priority"], wake_up["scheduled_at"]) == ("infer", 7, None)
    assert (wake_up["lock"], wake_up["queueing_lock"]) == (None, None)


def test_a_job_for_later_has_a_wake_up_for_later(database: Database, table: Table) -> None:
    add_job(database, 1)
    now = CLOCK.now()
    claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, now)
    assert claim is not None
    later = now + timedelta(hours=1)
    assert database.jobs.retry_later(claim, Reason.MODEL_FAILED, later, now)
    _, wake_up = table.wake_ups()
    assert datetime.fromisoformat(wake_up["scheduled_at"]) == later


def test_results_wake_couriers(database: Database, table: Table) -> None:
    add_job(database, 1)
    claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, CLOCK.now())
    assert claim is not None
    assert database.jobs.complete_infer(claim, result(), to("pacs", "other"), CLOCK.now(), {})
    assert [one["queue_name"] for one in table.wake_ups()] == ["infer", "deliver", "deliver"]


def test_an_engine_that_is_not_told_to_writes_no_wake_ups(
    procrastinating: Procrastinating, table: Table, tmp_path: Path
) -> None:
    plain = open_database(procrastinating.url, tmp_path)
    add_job(plain, 1)
    plain.close()
    assert table.wake_ups() == []


def test_a_claim_that_loses_writes_no_wake_up(database: Database, table: Table) -> None:
    received(database, 1)
    assert database.jobs.claim([JobKind.INFER], "worker-1", LEASE, CLOCK.now()) is None
    assert table.wake_ups() == []


def test_wake_ups_that_are_done_are_gone_and_so_are_workers_that_ended(
    procrastinating: Procrastinating, database: Database, table: Table
) -> None:
    with running(procrastinating):
        jobs = [add_job(database, number) for number in range(5)]
        wait_until(lambda: is_done(database, jobs))
        wait_until(lambda: table.wake_ups() == [])
        before = table.workers()
        assert len(before) == 2
    assert table.workers() == set()
    with running(procrastinating):
        wait_until(lambda: len(table.workers()) == 2)
        assert not table.workers() & before


def test_a_commit_is_heard_of_long_before_anybody_looks(procrastinating: Procrastinating, database: Database) -> None:
    waited = []
    with running(procrastinating) as slot:
        for number in range(6):
            job = add_job(database, number)
            committed = CLOCK.now()
            wait_until(lambda job=job: is_done(database, [job]))
            waited.append((slot.moments[job] - committed).total_seconds())
    assert sorted(waited[1:])[2] < min(PATIENCE_SECONDS, POLL_SECONDS) / 4


def test_the_wake_up_of_a_killed_process_is_removed(
    procrastinating: Procrastinating, database: Database, table: Table
) -> None:
    add_job(database, 1)
    with holding_process(procrastinating) as process:
        wait_until(lambda: [one["status"] for one in table.wake_ups()] == ["doing"], 60)
        process.kill()
        process.join(10)
    with running(procrastinating):
        wait_until(lambda: table.wake_ups() == [], 20)


def test_a_due_job_that_lost_its_wake_up_gets_another_by_the_sweep(
    procrastinating: Procrastinating, database: Database, table: Table
) -> None:
    job = add_job(database, 1)
    table.execute("DELETE FROM procrastinate_jobs")
    with running(procrastinating, QUEUES[1]):  # nobody here works on it
        wait_until(lambda: [one["args"] for one in table.wake_ups()] == [{"job_id": job}])


def test_the_sweep_adds_to_due_jobs_what_they_lack_and_not_more(database: Database, table: Table) -> None:
    jobs = [add_job(database, number) for number in range(MOST + 2)]
    wake_ups = SqlWakeUps(database.transactions)
    assert wake_ups.add_missing(QUEUES, CLOCK.now()) == 0
    table.execute(f"DELETE FROM procrastinate_jobs WHERE args ->> 'job_id' IN ('{jobs[0]}', '{jobs[-1]}')")
    assert wake_ups.add_missing(QUEUES, CLOCK.now()) == 1
    assert wake_ups.add_missing(QUEUES, CLOCK.now()) == 0
    assert table.wake_ups()[-1]["args"] == {"job_id": jobs[0]}


def test_the_sweep_is_never_locked_and_waits_once(
    procrastinating: Procrastinating, database: Database, table: Table
) -> None:
    table.execute(KEEP_ALL)
    with running(procrastinating):
        wait_until(lambda: int(table.execute("SELECT count(*) FROM kept WHERE queue_name = 'maintenance'")) > 1)
    locks = "SELECT DISTINCT lock IS NULL, queueing_lock FROM kept WHERE queue_name = 'maintenance'"
    assert table.execute(locks) == "t|hounsfield.sweep"


def test_db_upgrade_makes_the_tables_of_the_queue_and_may_be_repeated(
    postgresql_cluster: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql_cluster.create_database("queue_upgraded")
    settings = {
        "HOUNSFIELD_STORAGE__HOME": str(tmp_path),
        "HOUNSFIELD_STORAGE__DATABASE_URL": url,
        "HOUNSFIELD_QUEUE__ENGINE": "procrastinate",
        "HOUNSFIELD_CONFIG": None,
    }
    upgrade(url)
    with pytest.raises(SchemaError, match="run `hounsfield db upgrade`"):
        open_database(url, tmp_path, wakes=True)
    for _ in range(2):
        done = CliRunner(env=settings).invoke(app, ["db", "upgrade"])
        assert done.exit_code == 0, done.output
    open_database(url, tmp_path, wakes=True).close()


def test_later_tables_of_the_queue_are_made_by_the_changes_since_and_older_programs_refuse_them(
    postgresql_cluster: PostgreSQL,
) -> None:
    url, shipped = postgresql_cluster.create_database("queue_later"), shipped_schema()
    install(url, shipped)
    version = (99, 0, 0, 1)
    changes = (
        *shipped.changes,
        (version, "CREATE TABLE later (percent text DEFAULT '%'); CREATE TABLE much_later ();"),
    )
    install(url, QueueSchema(script=shipped.script, version=version, changes=changes))
    assert Table(postgresql_cluster, url).execute("SELECT count(*) FROM later, much_later") == "0"
    with pytest.raises(SchemaError, match="newer"):
        install(url, shipped)


def test_tables_of_another_program_are_left_alone(postgresql_cluster: PostgreSQL) -> None:
    url = postgresql_cluster.create_database("queue_foreign")
    Table(postgresql_cluster, url).execute(shipped_schema().script)
    with pytest.raises(SchemaError, match="another program"):
        install(url, shipped_schema())


def test_sqlite_has_no_such_queue(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"queue\.engine"):
        open_database(None, tmp_path, wakes=True)
    with pytest.raises(StorageError, match=r"queue\.engine"):
        connection_arguments(f"sqlite:///{tmp_path}/hounsfield.db")


def test_the_pace_lets_a_slow_server_be_late() -> None:
    usual = Pace()
    assert usual.stalled > 3 * usual.heartbeat
    assert 60 % usual.sweep == 0


def test_a_slow_destination_holds_up_no_other(
    procrastinating: Procrastinating, database: Database, table: Table
) -> None:
    bells = procrastinating.bells(database, "courier")
    slow, quick = (bells.of(one.kind, one.destination) for one in QUEUES[1:])
    with bells.ringing():
        wait_until(lambda: len(table.workers()) == 2)
        mark = quick.listen()
        for number in range(4):
            add_job(database, number)
            claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, CLOCK.now())
            assert claim is not None
            assert database.jobs.complete_infer(claim, result(name=f"2.25.{number}"), to("pacs"), CLOCK.now(), {})
        wait_until(lambda: slow.listen() == 4)  # nobody comes to wait at this bell
        (held,) = (one for one in table.wake_ups() if one["queue_name"] == "deliver")
        assert held["status"] == "doing"
        add_job(database, 5)
        claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, CLOCK.now())
        assert claim is not None
        assert database.jobs.complete_infer(claim, result(name="2.25.5"), to("other"), CLOCK.now(), {})
        wait_until(lambda: quick.listen() > mark)
