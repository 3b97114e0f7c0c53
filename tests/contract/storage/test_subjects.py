"""Results about one thing follow each other, whichever series they were made from: order, predecessors, retries."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.recording import register
from support.stored import BUNDLE, LEASE, SERIES, WHOLE, at, claimed, closed, present, receipt, received, result, to

from hounsfield.storage import job_claims
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.records import Claim, InferRequest, SeriesRecord, Verdict
from hounsfield.storage.states import Completeness, JobKind, JobState, Outcome, Reason, SeriesState
from hounsfield.storage.tables import job
from hounsfield.storage.turns import Queue

INFER = JobKind.INFER
HEAD = "5" * 64
"""Subject of the analysis of a study."""
THICK, THIN = "1.2.3.1", "1.2.3.2"
"""Two series of that study."""
VERDICT = Verdict(
    completeness=Completeness.SUSPECT,
    reasons=(Reason.SPARSE, Reason.ASSOCIATION_ABORTED),
    remarks=("Every second slice may be missing.",),
    evidence={"images": 3, "quiet_seconds": 5.5, "associations": {"released": 1}, "steps_mm": [5.0, None]},
)


def asked(**changes: Any) -> InferRequest:
    return replace(BUNDLE, **{"subject": HEAD} | changes)


def analysis_of(database: Database, uid: str, now: float = 20, **changes: Any) -> SeriesRecord:
    """Receive a series and close it with a job about HEAD."""
    return closed(database, 2, uid, requests=[asked(**changes)], now=at(now))


def completed(database: Database, name: str, seconds: float) -> Claim:
    claim = claimed(database, seconds=seconds)
    assert database.jobs.complete_infer(claim, result(name=name), to("pacs"), at(seconds + 1), {})
    return claim


def reopened(database: Database, uid: str, seconds: float) -> tuple[SeriesRecord, list[int]]:
    register(database.series, receipt(9, series=uid, received_at=at(seconds)))
    series = present(database.series.find(uid))
    return series, [i.id for i in database.series.instances(series.id)]


def test_what_a_job_was_asked_for_is_read_back(database: Database) -> None:
    request = asked(
        part="k1", rule="stroke", shadow=True, destinations=("pacs", "archive"), verdict=VERDICT, priority=10
    )
    series = closed(database, requests=[request])
    (stored,) = database.jobs.of_series(series.id)
    assert (stored.part, stored.subject, stored.rule, stored.shadow) == ("k1", HEAD, "stroke", True)
    assert (stored.destinations, stored.verdict, stored.priority) == (("pacs", "archive"), VERDICT, 10)
    assert claimed(database).job.verdict == VERDICT


def test_a_job_that_says_nothing_more_is_about_its_series_and_goes_everywhere(database: Database) -> None:
    series = closed(database)
    (stored,) = database.jobs.of_series(series.id)
    assert stored.subject == sha256(SERIES.encode()).hexdigest()
    assert (stored.part, stored.rule, stored.shadow, stored.destinations, stored.verdict) == (
        "",
        None,
        False,
        None,
        None,
    )
    assert database.jobs.complete_infer(claimed(database), result(), to("pacs"), at(31), {})
    delivery = database.jobs.of_series(series.id)[-1]
    assert (delivery.kind, delivery.subject, delivery.destinations) == (JobKind.DELIVER, "", None)


def test_nowhere_is_not_the_same_as_everywhere(database: Database) -> None:
    series = closed(database, requests=[asked(destinations=())])
    assert database.jobs.of_series(series.id)[0].destinations == ()


def test_a_verdict_keeps_its_evidence(database: Database) -> None:
    series = closed(database, verdict=VERDICT)
    assert database.series.verdict(series.id, 1) == VERDICT


@pytest.mark.parametrize("place", ["revision", "job"])
def test_evidence_that_is_not_finite_is_refused_as_a_whole(database: Database, place: str) -> None:
    series = received(database)
    bad = replace(VERDICT, evidence={"step_mm": float("nan")})
    verdict, request = (bad, BUNDLE) if place == "revision" else (WHOLE, asked(verdict=bad))
    with pytest.raises(StorageError, match="finite"):
        database.series.close(series, [1], verdict, [request], at(20))
    assert database.series.get(series.id) == series
    assert database.jobs.of_series(series.id) == []


def test_one_series_may_have_a_job_for_each_of_its_parts(database: Database) -> None:
    series = closed(database, requests=[asked(part=part, subject=part * 64) for part in "ab"])
    assert [j.part for j in database.jobs.of_series(series.id)] == ["a", "b"]
    first, second = claimed(database), claimed(database)
    assert {first.job.part, second.job.part} == {"a", "b"}, "they do not wait for each other"


def test_the_same_part_twice_in_one_revision_is_refused(database: Database) -> None:
    series = received(database)
    with pytest.raises(StorageError):
        database.series.close(series, [1], WHOLE, [asked(part="a"), asked(part="a")], at(20))
    assert database.jobs.of_series(series.id) == []


def test_a_better_series_waits_for_the_one_that_was_begun_and_names_its_result(database: Database) -> None:
    analysis_of(database, THICK)
    first = claimed(database)
    analysis_of(database, THIN, 31)
    closed(database, 1, "1.2.99", now=at(32))
    assert claimed(database, seconds=33).job.series_uid == "1.2.99", "what is about something else does not wait"
    assert database.jobs.claim([INFER], "worker-2", LEASE, at(34)) is None
    assert database.jobs.complete_infer(first, result(), to("pacs"), at(35), {})
    second = claimed(database, seconds=36)
    assert second.job.series_uid == THIN
    assert [r.job_id for r in database.jobs.predecessors(second.job)] == [first.job.id]
    assert database.jobs.predecessors(first.job)[0].job_id == first.job.id, "its own first try"


def test_another_bundle_neither_waits_nor_follows(database: Database) -> None:
    analysis_of(database, THICK)
    claimed(database)
    analysis_of(database, THIN, 31, bundle="other")
    other = claimed(database, seconds=32)
    assert other.job.bundle == "other"
    assert database.jobs.predecessors(other.job) == []


def test_another_version_of_the_bundle_follows(database: Database) -> None:
    analysis_of(database, THICK)
    completed(database, "2.25.1", 30)
    analysis_of(database, THIN, 32, bundle_version="2")
    assert len(database.jobs.predecessors(claimed(database, seconds=33).job)) == 1


def test_the_newest_result_stands_first(database: Database) -> None:
    for number, uid in enumerate((THICK, THIN, "1.2.3.3")):
        analysis_of(database, uid, 20 + 10 * number)
        completed(database, f"2.25.{number}", 21 + 10 * number)
    analysis_of(database, "1.2.3.4", 60)
    names = [r.objects[0].sop_instance_uid for r in database.jobs.predecessors(claimed(database, seconds=61).job)]
    assert names == ["2.25.2.1", "2.25.1.1", "2.25.0.1"]


def test_a_later_revision_follows_the_earlier_one_although_the_rules_made_another_subject_of_it(
    database: Database,
) -> None:
    closed(database, 2)
    first = claimed(database)
    series, ids = reopened(database, SERIES, 31)
    assert database.series.close(series, ids, WHOLE, [asked()], at(40))
    assert database.jobs.claim([INFER], "worker-2", LEASE, at(41)) is None
    assert database.jobs.complete_infer(first, result(), to("pacs"), at(42), {})
    second = claimed(database, seconds=43)
    assert [r.revision for r in database.jobs.predecessors(second.job)] == [1]


def test_parts_follow_the_whole_they_were_and_not_each_other(database: Database) -> None:
    closed(database, 2)
    completed(database, "2.25.1", 30)
    series, ids = reopened(database, SERIES, 40)
    assert database.series.close(series, ids, WHOLE, [asked(part=part, subject=part * 64) for part in "ab"], at(50))
    first, second = claimed(database, seconds=51), claimed(database, seconds=51)
    assert database.jobs.complete_infer(first, result(name="2.25.2"), to("pacs"), at(52), {})
    assert [r.revision for r in database.jobs.predecessors(second.job)] == [1]


def test_a_report_does_not_name_results_that_nobody_was_sent(database: Database) -> None:
    analysis_of(database, THICK, shadow=True)
    shadow = completed(database, "2.25.1", 30)
    analysis_of(database, THIN, 40)
    sent = completed(database, "2.25.2", 41)
    assert [r.job_id for r in database.jobs.predecessors(sent.job)] == [sent.job.id]
    analysis_of(database, "1.2.3.3", 50, shadow=True)
    unsent = claimed(database, seconds=51)
    assert [r.job_id for r in database.jobs.predecessors(unsent.job)] == [sent.job.id, shadow.job.id]


def test_what_a_better_series_has_overtaken_is_not_sent_round_again(database: Database) -> None:
    analysis_of(database, THICK)
    claim = claimed(database)
    assert database.jobs.discard_infer(claim, Reason.MODEL_CRASHED, result(Outcome.NOT_ANALYSED), to("pacs"), at(31))
    analysis_of(database, THIN, 32)
    assert not database.jobs.requeue(claim.job.id, at(33))
    second = claimed(database, seconds=34)
    assert database.jobs.cancel(second.job.id, at(35))
    assert database.jobs.requeue(claim.job.id, at(36)), "what was cancelled has overtaken nothing"
    assert database.jobs.cancel(claimed(database, seconds=37).job.id, at(38))
    assert database.jobs.requeue(second.job.id, at(39))
    failed = claimed(database, seconds=40)
    assert database.jobs.discard_infer(failed, Reason.MODEL_CRASHED, result(name="2.25.3"), to("pacs"), at(41))
    assert database.jobs.requeue(second.job.id, at(42))
    assert database.jobs.cancel(second.job.id, at(43))
    assert not database.jobs.requeue(claim.job.id, at(44)), "it has left a report"


def test_a_release_does_not_bring_back_what_was_overtaken_meanwhile(database: Database) -> None:
    thick = analysis_of(database, THICK)
    assert database.series.hold(thick, Reason.CONFLICT, at(25))
    analysis_of(database, THIN, 30)
    assert claimed(database, seconds=31).job.series_uid == THIN
    assert database.series.release(thick.id, at(40))
    assert database.series.close_unchanged(present(database.series.get(thick.id)), [], at(50))
    assert database.jobs.of_series(thick.id)[0].state is JobState.CANCELLED


@pytest.mark.parametrize("how", ["it is tried again later", "it is given back"])
def test_nobody_waits_for_a_series_that_waits_for_a_person(database: Database, how: str) -> None:
    thick = analysis_of(database, THICK)
    claim = claimed(database)
    analysis_of(database, THIN, 31)
    assert database.series.hold(thick, Reason.CONFLICT, at(32))
    if how == "it is given back":
        assert database.jobs.give_back(claim, at(33))
    else:
        assert database.jobs.retry_later(claim, Reason.MODEL_FAILED, at(60), at(33))
    ended = present(database.jobs.get(claim.job.id))
    assert (ended.state, ended.reason) == (JobState.CANCELLED, Reason.CONFLICT)
    assert claimed(database, seconds=34).job.series_uid == THIN


def test_what_the_worker_saw_holds_the_series_and_ends_its_job(database: Database) -> None:
    series = closed(database, requests=[BUNDLE, replace(BUNDLE, bundle="other")])
    claim = claimed(database)
    assert database.series.hold_claimed(claim, Reason.IMPLAUSIBLE_HU, at(31), ["Air is at +24 HU."])
    after = present(database.series.get(series.id))
    assert (after.state, after.reason, after.remarks) == (
        SeriesState.HELD,
        Reason.IMPLAUSIBLE_HU,
        ("Air is at +24 HU.",),
    )
    assert {(j.state, j.reason, j.lease_until) for j in database.jobs.of_series(series.id)} == {
        (JobState.CANCELLED, Reason.IMPLAUSIBLE_HU, None)
    }
    events = database.jobs.events()[-3:]
    assert [(e.job_id, e.from_state, e.to_state) for e in events] == [
        (None, "CLOSED", "HELD"),
        (claim.job.id, "RUNNING", "CANCELLED"),
        (claim.job.id + 1, "AVAILABLE", "CANCELLED"),
    ]
    assert not database.jobs.complete_infer(claim, result(), to("pacs"), at(32), {})


def test_a_worker_that_lost_its_claim_holds_nothing(database: Database) -> None:
    series = closed(database)
    lost = claimed(database)
    (rescued,) = database.jobs.expired(at(90))
    assert not database.series.hold_claimed(lost, Reason.IMPLAUSIBLE_HU, at(91))
    assert database.series.get(series.id) == series
    assert database.jobs.get(lost.job.id) == rescued.job


def test_a_worker_holds_only_the_revision_it_looked_at(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    series, ids = reopened(database, SERIES, 31)
    assert not database.series.hold_claimed(claim, Reason.IMPLAUSIBLE_HU, at(32))
    assert database.series.close(series, ids, WHOLE, [BUNDLE], at(40))
    assert not database.series.hold_claimed(claim, Reason.IMPLAUSIBLE_HU, at(41))
    assert present(database.series.get(series.id)).state is SeriesState.CLOSED
    assert present(database.jobs.get(claim.job.id)).state is JobState.RUNNING


def test_a_delivery_holds_nothing(database: Database) -> None:
    closed(database)
    completed(database, "2.25.1", 30)
    with pytest.raises(StorageError):
        database.series.hold_claimed(claimed(database, JobKind.DELIVER, 40), Reason.IMPLAUSIBLE_HU, at(41))


def test_who_waits_for_whom_is_found_by_an_index(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    with database.transactions.read() as connection:
        query = select(job.c.id).where(Queue(INFER).holds, job_claims.due(INFER, at(0)))
        compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
    database.close()
    steps = " / ".join(row[3] for row in plan)
    assert "ix_job_subject (subject=? AND bundle=?" in steps
    assert "ix_job_due (state=? AND kind=?" in steps
