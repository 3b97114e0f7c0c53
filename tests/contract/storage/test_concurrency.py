"""Several processes on one database: each job claimed once, nothing committed is lost at a kill."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from support.recording import register
from support.stored import BUNDLE, LEASE, SERIES, WHOLE, at, closed, present, received, result
from support.waiting import wait_until

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import InferRequest, JobFilter, Registration, SeriesRecord
from hounsfield.storage.states import JobKind, JobState, Reason, SeriesState
from hounsfield.storage.subjects import lock_subjects

JOBS = 200
WORKERS = 4
RECEIVER = """
import sys
from pathlib import Path
from hounsfield.storage.engine import open_database
from support.stored import receipt
from support.recording import register
database = open_database(sys.argv[1], Path("unused"))
for number in range(100_000):
    register(database.series, receipt(number))
    print(number, flush=True)
"""


def many_jobs(database: Database, count: int = JOBS) -> None:
    series = received(database, 1)
    ids = [i.id for i in database.series.instances(series.id)]
    requests = [InferRequest(bundle=f"b{n}", bundle_version="1", bundle_sha256="c" * 64) for n in range(count)]
    assert database.series.close(series, ids, WHOLE, requests, at(20))


def test_workers_that_claim_at_once_get_each_job_once(database_url: str, database: Database) -> None:
    many_jobs(database)
    taken: list[int] = []
    start = threading.Barrier(WORKERS)

    def work(name: str) -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        while (claim := own.jobs.claim([JobKind.INFER], name, LEASE, at(30))) is not None:
            taken.append(claim.job.id)
        own.close()

    threads = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == [job.id for job in database.jobs.page(JobFilter())]
    assert len(taken) == JOBS
    claims = [e for e in database.jobs.events(limit=1000) if e.to_state == "RUNNING"]
    assert len(claims) == JOBS


def test_one_decision_wins_when_several_are_taken_at_once(database_url: str, database: Database) -> None:
    series = closed(database)
    answers: list[bool] = []
    start = threading.Barrier(WORKERS)

    def hold() -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        answers.append(own.series.hold(series, Reason.CONFLICT, at(30)))
        own.close()

    threads = [threading.Thread(target=hold) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False, False, False, True]
    assert [e.to_state for e in database.jobs.events()].count(SeriesState.HELD) == 1


def test_results_about_one_thing_are_made_in_the_order_of_their_jobs(database_url: str, database: Database) -> None:
    many = [received(database, 1, f"1.2.{number}") for number in range(24)]
    subject = replace(BUNDLE, subject="5" * 64)
    start = threading.Barrier(4)
    all_closed = threading.Event()
    named: dict[int, list[int]] = {}

    def close(some: list[SeriesRecord]) -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        for series in some:
            ids = [instance.id for instance in own.series.instances(series.id)]
            assert own.series.close(series, ids, WHOLE, [subject], at(20))
        own.close()

    def work(name: str) -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        while len(named) < len(many):
            is_over = all_closed.is_set()
            claim = own.jobs.claim([JobKind.INFER], name, LEASE, at(30))
            if claim is not None:
                named[claim.job.id] = [before.job_id for before in own.jobs.predecessors(claim.job)]
                own.jobs.complete_infer(claim, result(name=f"2.25.{claim.job.id}"), (), at(31), {})
            elif is_over and own.jobs.page(JobFilter(state=JobState.RUNNING)) == []:
                break
        own.close()

    closing = [threading.Thread(target=close, args=(many[n::2],)) for n in range(2)]
    working = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in range(2)]
    for thread in [*closing, *working]:
        thread.start()
    for thread in closing:
        thread.join(60)
    all_closed.set()
    for thread in working:
        thread.join(60)
    made = [job.id for job in database.jobs.page(JobFilter())]
    assert named == {job: [before for before in reversed(made) if before < job] for job in made}
    assert len(made) == len(many)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer anyway
def test_no_two_jobs_about_one_thing_are_made_at_once(database: Database) -> None:
    about, another = (replace(BUNDLE, subject=digit * 64) for digit in "56")
    series, free = received(database, 1, "1.2.1"), received(database, 1, "1.2.2")
    answers: list[bool] = []

    def close() -> None:
        answers.append(database.series.close(series, [1], WHOLE, [about], at(20)))

    thread = threading.Thread(target=close)
    with database.transactions.write() as connection:
        lock_subjects(connection, [about.subject])
        thread.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        wait_until(lambda: connection.scalar(waits) == 1)
        assert database.series.close(free, [2], WHOLE, [another], at(20)), "what is about something else goes on"
        assert database.jobs.of_series(series.id) == []
    thread.join(60)
    assert answers == [True]
    assert [job.series_id for job in database.jobs.page(JobFilter())] == [free.id, series.id]


def test_a_tail_of_the_log_misses_nothing_while_others_write(database_url: str, database: Database) -> None:
    many_jobs(database, 60)
    finished = threading.Event()
    seen: list[int] = []

    def work(name: str) -> None:
        own = open_database(database_url, Path("unused"))
        while (claim := own.jobs.claim([JobKind.INFER], name, LEASE, at(30))) is not None:
            own.jobs.give_back(claim, at(10_000))
        own.close()

    def tail() -> None:
        own = open_database(database_url, Path("unused"))
        done = False
        while not done:
            done = finished.is_set()
            while page := own.jobs.events(after_id=seen[-1] if seen else 0, limit=100):
                seen.extend(event.id for event in page)
        own.close()

    threads = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in range(3)]
    tailing = threading.Thread(target=tail)
    for thread in [*threads, tailing]:
        thread.start()
    for thread in threads:
        thread.join(60)
    finished.set()
    tailing.join(60)
    assert seen == [event.id for event in database.jobs.events(limit=10_000)]


def test_a_receiver_that_is_killed_loses_nothing_it_has_acknowledged(database_url: str, database: Database) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", RECEIVER, database_url], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.kill()
    acknowledged = 20 + len(process.stdout.read().splitlines(keepends=False))
    process.stdout.close()
    process.wait(10)
    again = open_database(database_url, Path("unused"))
    series = present(again.series.find(SERIES))
    instances = again.series.instances(series.id)
    assert acknowledged <= series.instances <= acknowledged + 1
    assert len(instances) == series.instances
    assert register(again.series, instances[0]) == Registration.DUPLICATE
    again.close()


def test_a_job_whose_worker_is_killed_is_running_until_its_lease_ends(database_url: str, database: Database) -> None:
    closed(database)
    claim = (
        "import sys; from pathlib import Path; from hounsfield.storage.engine import open_database;"
        "from support.stored import claimed; claimed(open_database(sys.argv[1], Path('unused')));"
        "import os; os.kill(os.getpid(), 9)"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", claim, database_url], env=environment, check=False, timeout=60)
    assert done.returncode == -9
    (job,) = database.jobs.page(JobFilter())
    assert (job.state, job.attempts) == (JobState.RUNNING, 1)
    assert [c.job.id for c in database.jobs.expired(at(90))] == [job.id]


def test_connections_that_the_server_closed_are_replaced(postgresql_engine: Engine, tmp_path: Path) -> None:
    database = open_database(postgresql_engine.url.render_as_string(hide_password=False), tmp_path)
    database.jobs.last_event_id()
    with postgresql_engine.begin() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        assert connection.exec_driver_sql(others + " AND datname = current_database()").rowcount > 0
    assert isinstance(database.jobs.last_event_id(), int)
    database.close()
