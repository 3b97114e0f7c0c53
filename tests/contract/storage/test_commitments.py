"""The commitment store on both engines: answers in any order, more than once, and about things nobody asked for."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from support.stored import analysed, at, claimed, present

from hounsfield.storage.commitments import KEPT, AnswerTaken, CommitmentAnswer
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.states import JobKind, JobState, Reason

SR, SC = "2.25.1.1", "2.25.1.2"
NOT_FOUND = 0x0112


def said(transaction: str = "2.25.7", kept: tuple[str, ...] = (), **failed: int) -> CommitmentAnswer:
    names = {"sr": SR, "sc": SC}
    return CommitmentAnswer(
        transaction_uid=transaction, kept=kept, failed={names.get(key, key): code for key, code in failed.items()}
    )


@pytest.fixture
def job(database: Database) -> int:
    """A DELIVER job that waits a quarter of an hour for proof; a transaction is open for it."""
    analysed(database)
    claim = claimed(database, JobKind.DELIVER, 40)
    database.commitments.open("2.25.7", claim.job.id, [SR, SC], at(41))
    assert database.jobs.retry_later(claim, Reason.AWAITING_PROOF, at(941), at(42))
    return claim.job.id


def test_a_transaction_is_kept_with_its_objects_and_has_no_answer_at_first(database: Database, job: int) -> None:
    (one,) = database.commitments.of_job(job)
    assert (one.transaction_uid, one.job_id, one.requested_at) == ("2.25.7", job, at(41))
    assert one.items == {SR: None, SC: None}
    assert one.is_open
    assert database.commitments.of_job(job + 1) == []


def test_an_answer_is_kept_object_by_object_and_makes_the_job_due(database: Database, job: int) -> None:
    answer = said(kept=(SR,), sc=NOT_FOUND)
    assert database.commitments.answer(answer, at(50)) is AnswerTaken.RECORDED
    (one,) = database.commitments.of_job(job)
    assert one.items == {SR: KEPT, SC: NOT_FOUND}
    assert (one.answered_at, one.is_open) == (at(50), False)
    assert present(database.jobs.get(job)).available_at == at(50)
    assert claimed(database, JobKind.DELIVER, 50).job.id == job


def test_an_answer_that_comes_again_changes_nothing(database: Database, job: int) -> None:
    answer = said(kept=(SR, SC))
    assert database.commitments.answer(answer, at(50)) is AnswerTaken.RECORDED
    before = database.commitments.of_job(job)
    assert database.commitments.answer(answer, at(60)) is AnswerTaken.REPEATED
    assert database.commitments.of_job(job) == before
    assert present(database.jobs.get(job)).available_at == at(50)


def test_the_last_word_counts_and_failure_over_success_in_one_answer(database: Database, job: int) -> None:
    database.commitments.answer(said(kept=(SR, SC)), at(50))
    assert database.commitments.answer(said(kept=(SR,), sr=NOT_FOUND), at(51)) is AnswerTaken.RECORDED
    (one,) = database.commitments.of_job(job)
    assert one.items == {SR: NOT_FOUND, SC: KEPT}


@pytest.mark.parametrize(
    "answer",
    [
        said("2.25.8", kept=(SR, SC)),
        said("'; DROP TABLE commitment; --", kept=(SR,)),
        said("", kept=(SR,)),
        said(kept=("1.2.3",)),
        said(kept=()),
    ],
)
def test_what_nobody_asked_for_is_ignored(database: Database, job: int, answer: CommitmentAnswer) -> None:
    before = database.commitments.of_job(job)
    assert database.commitments.answer(answer, at(50)) is AnswerTaken.UNKNOWN
    assert database.commitments.of_job(job) == before
    assert present(database.jobs.get(job)).available_at == at(941)


def test_objects_that_were_not_asked_for_are_left_out_of_an_answer(database: Database, job: int) -> None:
    database.commitments.answer(said(kept=(SR, "1.2.3")), at(50))
    (one,) = database.commitments.of_job(job)
    assert one.items == {SR: KEPT, SC: None}


def test_a_job_that_waits_for_another_reason_is_not_made_due(database: Database, job: int) -> None:
    claim = claimed(database, JobKind.DELIVER, 941)
    assert database.jobs.retry_later(claim, Reason.UNREACHABLE, at(2000), at(942))
    assert database.commitments.answer(said(kept=(SR,)), at(950)) is AnswerTaken.RECORDED
    assert present(database.jobs.get(job)).available_at == at(2000)


def test_an_answer_while_the_job_runs_is_kept_and_leaves_the_job_alone(database: Database, job: int) -> None:
    claim = claimed(database, JobKind.DELIVER, 941)
    assert database.commitments.answer(said(kept=(SR, SC)), at(942)) is AnswerTaken.RECORDED
    running = present(database.jobs.get(job))
    assert (running.state, running.lease_until) == (JobState.RUNNING, claim.job.lease_until)


def test_a_closed_transaction_still_takes_its_answer(database: Database, job: int) -> None:
    database.commitments.close(["2.25.7", "2.25.99"], at(45))
    database.commitments.close(["2.25.7"], at(46))
    database.commitments.answer(said(kept=(SR,)), at(50))
    (one,) = database.commitments.of_job(job)
    assert (one.closed_at, one.is_open, one.items[SR]) == (at(45), False, KEPT)


def test_transactions_of_a_job_come_oldest_first(database: Database, job: int) -> None:
    database.commitments.open("2.25.1", job, [SC, SC], at(60))
    database.commitments.open("2.25.9", job, [SC], at(50))
    found = database.commitments.of_job(job)
    assert [one.transaction_uid for one in found] == ["2.25.7", "2.25.9", "2.25.1"]


def test_a_transaction_uid_is_used_once(database: Database, job: int) -> None:
    with pytest.raises(StorageError):
        database.commitments.open("2.25.7", job, [SR], at(60))


def test_two_receivers_that_get_the_same_answer_at_once_record_it_once(
    database: Database, database_url: str, job: int
) -> None:
    start, taken = threading.Barrier(2), list[AnswerTaken]()

    def take() -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        taken.append(own.commitments.answer(said(kept=(SR, SC)), at(50) + timedelta(seconds=1)))
        own.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(taken) == [AnswerTaken.RECORDED, AnswerTaken.REPEATED]
    assert present(database.jobs.get(job)).available_at == at(51)
