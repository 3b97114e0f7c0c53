"""The order of claims: STAT first and routine after all, turns for the scanners, and an index for every claim."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text
from support.plans import plans_of
from support.recording import register
from support.stored import LEASE, WHOLE, analysed, at, claimed, present, receipt, result, to

from hounsfield.storage.claim_order import ClaimOrder
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import Claim, InferRequest
from hounsfield.storage.states import JobKind, JobState, Proof, Reason
from hounsfield.storage.tables import job, series
from hounsfield.storage.turns import next_turn

INFER, DELIVER = JobKind.INFER, JobKind.DELIVER
STAT, ROUTINE = 100, 0
PATIENCE = ClaimOrder().patience
START, LATER = at(0), at(30)
COMES = st.tuples(st.sampled_from("ABBBBC"), st.sampled_from((0, 1, 1, 2, 9)), st.booleans())


def a_series(database: Database) -> None:
    register(database.series, receipt(1))


def arrive(
    database: Database, scanner: str, count: int = 1, priority: int = ROUTINE, now: datetime = START
) -> list[int]:
    """Let INFER jobs of a scanner come in, each about something else; return their ids."""
    made = []
    with database.transactions.write() as connection:
        first = (connection.execute(select(func.max(job.c.id))).scalar_one() or 0) + 1
        for number in range(first, first + count):
            row = connection.execute(
                insert(job)
                .values(
                    kind=INFER,
                    state=JobState.AVAILABLE,
                    series_id=1,
                    revision=1,
                    bundle=f"b{number}",
                    bundle_version="1",
                    max_attempts=3,
                    priority=priority,
                    proof=Proof.NONE,
                    available_at=now,
                    created_at=now,
                    updated_at=now,
                    scanner=scanner,
                    turn=next_turn(connection, INFER, None, priority, scanner),
                )
                .returning(job.c.id)
            )
            made.append(row.scalar_one())
    return made


def take(database: Database, now: datetime = LATER) -> Claim:
    return present(database.jobs.claim([INFER], "w", LEASE, now))


def scanners(database: Database, count: int, now: datetime = LATER) -> str:
    return "".join(take(database, now).job.scanner for _ in range(count))


def closed_by(database: Database, scanner: str, series: str, jobs: int = 1, priority: int = ROUTINE) -> None:
    register(database.series, receipt(1, series=series, calling_ae=scanner))
    record = present(database.series.find(series))
    requests = [
        InferRequest(bundle=f"b{n}", bundle_version="1", bundle_sha256="c" * 64, priority=priority) for n in range(jobs)
    ]
    (image,) = database.series.instances(record.id)
    assert database.series.close(record, [image.id], WHOLE, requests, at(20))


def test_a_flood_of_one_scanner_delays_the_single_series_of_another_by_few(database: Database) -> None:
    closed_by(database, "A", "1.2.1", jobs=500)
    assert scanners(database, 40) == "A" * 40
    closed_by(database, "B", "1.2.2")
    closed_by(database, "C", "1.2.3", jobs=2)
    assert scanners(database, 6) == "ABCACA"


def test_a_scanner_that_sends_one_by_one_does_not_starve_another(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 20)
    taken = []
    for _ in range(20):
        arrive(database, "B")
        taken.append(take(database).job.scanner)
    assert Counter(taken) == {"A": 10, "B": 10}


def test_of_one_scanner_the_oldest_is_first(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 6)
    assert [take(database).job.id for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_an_analysis_that_is_tried_again_keeps_its_turn(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 3)
    arrive(database, "B", 3)
    first, second = take(database), take(database)
    assert database.jobs.retry_later(first, Reason.MODEL_FAILED, at(31), at(31))
    assert database.jobs.give_back(second, at(31))
    assert [take(database, at(32)).job.id for _ in range(2)] == [first.job.id, second.job.id]


def test_a_job_that_a_person_sends_round_again_queues_up_anew(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 2)
    arrive(database, "B", 2)
    assert database.jobs.cancel(1, at(1))
    assert scanners(database, 1) == "B"
    assert database.jobs.requeue(1, at(2))
    assert [take(database).job.id for _ in range(3)] == [2, 4, 1]


def test_deliveries_that_waited_for_a_destination_leave_room_for_those_of_another_scanner(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 5)
    arrive(database, "B", 1, now=at(40))
    for number in range(5):
        assert database.jobs.complete_infer(take(database), result(name=f"2.25.{number + 1}"), to("pacs"), at(31), {})
    for _ in range(5):
        assert database.jobs.retry_later(claimed(database, DELIVER, 32), Reason.UNREACHABLE, at(900), at(33))
    assert database.jobs.complete_infer(take(database, at(41)), result(name="2.25.9"), to("pacs"), at(42), {})
    assert database.jobs.wake_deliveries("pacs", at(50)) == 5
    order = "".join(claimed(database, DELIVER, 51).job.scanner for _ in range(6))
    assert order.index("B") <= 1


def test_lines_of_several_destinations_do_not_wait_for_each_other(database: Database) -> None:
    analysed(database, "pacs", "archive")
    claim = present(database.jobs.claim([DELIVER], "w", LEASE, at(40), destinations=["archive"]))
    assert claim.job.destination == "archive"
    assert database.jobs.claim([DELIVER], "w", LEASE, at(40), destinations=["archive"]) is None
    both = present(database.jobs.claim([INFER, DELIVER], "w", LEASE, at(40), destinations=["archive", "pacs"]))
    assert both.job.destination == "pacs"


def test_stat_is_first_whoever_sent_it(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 3)
    arrive(database, "B", 2, STAT)
    arrive(database, "C", 1, STAT)
    assert scanners(database, 6) == "BCBAAA"


def test_of_four_jobs_one_is_routine_that_has_waited_too_long(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 4)
    arrive(database, "B", 12, STAT)
    later = at(0) + PATIENCE
    assert scanners(database, 4, later - timedelta(seconds=1)) == "BBBB"
    assert scanners(database, 12, later) == "BBBABBBABBAA"


def test_stat_waits_for_one_routine_job_however_many_have_waited_too_long(database: Database) -> None:
    a_series(database)
    arrive(database, "A", 50)
    later = at(0) + 10 * PATIENCE
    assert scanners(database, 5, later) == "AAAAA"
    arrive(database, "B", 1, STAT, later)
    assert scanners(database, 1, later) == "B"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(COMES, max_size=25))
def test_nobody_waits_for_ever_whatever_comes(database: Database, story: list[tuple[str, int, bool]]) -> None:
    """Of three scanners, the n-th open job of one waits for no more than n + 1 rounds of all of them."""
    emptied(database)
    waiting: Counter[str] = Counter()
    latest: dict[int, int] = {}
    claims = 0
    for scanner, count, takes in [*story, *[("A", 0, True)] * 100]:
        for job_id in arrive(database, scanner, count):
            waiting[scanner] += 1
            latest[job_id] = claims + 3 * (waiting[scanner] + 1)
        claim = database.jobs.claim([INFER], "w", LEASE, LATER) if takes else None
        if claim is not None:
            waiting[claim.job.scanner] -= 1
            assert claims < latest.pop(claim.job.id)
            claims += 1
    assert latest == {}


def emptied(database: Database) -> None:
    """Take out all jobs of the example before."""
    with database.transactions.write() as connection:
        for table in ("event", "job", "turn"):
            connection.execute(text(f"DELETE FROM {table}"))
    a_series(database)


def filled(database: Database, due: int, finished: int = 0) -> None:
    """Insert jobs as rows, a tenth of them STAT, of forty scanners, each of a series of its own."""
    a_series(database)
    copied = [column.name for column in series.columns if column.name not in ("id", "series_uid")]
    with database.transactions.write() as connection:
        first = connection.execute(select(*(series.c[name] for name in copied)).limit(1)).one()._asdict()
        made = [{**first, "series_uid": f"1.3.{number}"} for number in range(due + finished)]
        connection.execute(insert(series), made)
    common = {"bundle": "b", "max_attempts": 3, "proof": Proof.NONE}
    common |= {name: at(0) for name in ("available_at", "created_at", "updated_at")}
    rows = [
        {
            **common,
            "kind": INFER,
            "revision": 1,
            "series_id": 2 + number,
            "bundle_version": "1",
            "subject": f"{number:064x}",
            "state": JobState.AVAILABLE if number < due else JobState.COMPLETED,
            "priority": STAT if number % 10 == 0 else ROUTINE,
            "scanner": f"CT{number % 40}",
            "turn": 1 + number // 40,
        }
        for number in range(due + finished)
    ]
    with database.transactions.write() as connection:
        connection.execute(insert(job), rows)


def test_a_claim_reads_the_first_entries_of_an_index(database: Database, database_url: str) -> None:
    filled(database, 1500, 1500)
    with database.transactions.write() as connection:
        connection.execute(text("ANALYZE" if database_url.startswith("postgresql") else "SELECT 1"))
    with plans_of(database) as lines:
        assert take(database).job.priority == STAT
        assert database.jobs.claim([DELIVER], "w", LEASE, at(30), destinations=["pacs"]) is None
        closed_by(database, "B", "1.2.9")
    assert sum("ix_job_turn" in line for line in lines) >= 2, "for the heads of the lines, and for the one to be locked"
    assert any("ix_job_lane" in line for line in lines)
    wrong = ("ORDER BY", "SCAN job", "Sort Key: job", "Seq Scan on job")
    assert [line for line in lines if any(word in line for word in wrong)] == []


def test_the_order_is_the_one_the_store_was_opened_with(database_url: str, database: Database) -> None:
    a_series(database)
    arrive(database, "A", 2)
    arrive(database, "B", 4, STAT)
    own = open_database(database_url, Path("unused"), ClaimOrder(patience=timedelta(0), every=2))
    assert scanners(own, 6) == "BABABB"
    own.close()
