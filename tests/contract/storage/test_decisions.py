"""What the assembler or a person decides about a series: one transaction, refused when something newer came."""

from dataclasses import replace
from datetime import datetime

import pytest
from support.recording import open_association, register
from support.stored import (
    BUNDLE,
    SERIES,
    WHOLE,
    analysed,
    association,
    at,
    claimed,
    closed,
    present,
    receipt,
    received,
    result,
    to,
)

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.records import InferRequest, JobFilter, Verdict
from hounsfield.storage.states import Completeness, JobKind, JobState, Reason, SeriesState, Stage

SHORT = Verdict(
    completeness=Completeness.INCOMPLETE,
    reasons=(Reason.GAP, Reason.ASSOCIATION_ABORTED),
    remarks=("Slices are missing at 1 place(s).",),
)
OTHER = InferRequest(bundle="other", bundle_version="2", bundle_sha256="c" * 64, priority=5, max_attempts=1)


def primary(database: Database, series_id: int) -> list[int]:
    return [i.id for i in database.series.instances(series_id) if i.is_primary]


def states(database: Database, kind: JobKind) -> list[JobState]:
    return [job.state for job in database.jobs.page(JobFilter(kind=kind))]


def test_closing_freezes_the_revision_and_makes_its_jobs(database: Database) -> None:
    series = received(database)
    assert database.series.close(series, primary(database, series.id), SHORT, [BUNDLE, OTHER], at(20))
    after = present(database.series.get(series.id))
    assert (after.state, after.revision, after.closed_at) == (SeriesState.CLOSED, 1, at(20))
    assert (after.completeness, after.reason) == (Completeness.INCOMPLETE, Reason.GAP)
    assert after.remarks == SHORT.remarks
    assert database.series.verdict(series.id, 1) == SHORT
    assert database.series.verdict(series.id, 2) is None
    jobs = database.jobs.of_series(series.id)
    assert [(j.kind, j.state, j.bundle, j.priority, j.max_attempts) for j in jobs] == [
        (JobKind.INFER, JobState.AVAILABLE, "ich-demo", 0, 3),
        (JobKind.INFER, JobState.AVAILABLE, "other", 5, 1),
    ]
    assert {(j.series_uid, j.revision, j.attempts, j.created_at) for j in jobs} == {(SERIES, 1, 0, at(20))}


def test_closing_writes_an_event_for_the_series_and_one_for_each_job(database: Database) -> None:
    closed(database)
    change, made = database.jobs.events()[1:]
    assert (change.stage, change.from_state, change.to_state) == (Stage.ASSEMBLE, "RECEIVING", "CLOSED")
    assert (change.seconds, change.detail) == (20.0, {"revision": 1, "instances": 3})
    assert (made.kind, made.stage, made.from_state, made.to_state) == (JobKind.INFER, Stage.INFER, None, "AVAILABLE")


def test_a_series_is_not_closed_when_an_instance_came_after_it_was_read(database: Database) -> None:
    series = received(database)
    ids = primary(database, series.id)
    register(database.series, receipt(9, received_at=at(19)))
    events = database.jobs.last_event_id()
    assert not database.series.close(series, ids, WHOLE, [BUNDLE], at(20))
    assert not database.series.skip(series, Reason.MODALITY, at(20))
    assert not database.series.close_unchanged(series, [], at(20))
    assert present(database.series.get(series.id)).state is SeriesState.RECEIVING
    assert database.jobs.of_series(series.id) == []
    assert database.jobs.last_event_id() == events


def test_a_decision_is_taken_once(database: Database) -> None:
    series = received(database)
    ids = primary(database, series.id)
    assert database.series.close(series, ids, WHOLE, [BUNDLE], at(20))
    assert not database.series.close(series, ids, WHOLE, [BUNDLE], at(20))
    assert not database.series.skip(series, Reason.MODALITY, at(20))
    assert len(database.jobs.of_series(series.id)) == 1


def test_each_revision_keeps_its_own_snapshot(database: Database) -> None:
    series = closed(database, 2)
    register(database.series, receipt(9, received_at=at(40)))
    reopened = present(database.series.get(series.id))
    assert database.series.close(reopened, primary(database, series.id), SHORT, [BUNDLE], at(60))
    assert [i.sop_instance_uid for i in database.series.instances(series.id, 1)] == [f"{SERIES}.1", f"{SERIES}.2"]
    assert len(database.series.instances(series.id, 2)) == 3
    assert [i.revision for i in database.series.instances(series.id)] == [1, 1, 2]
    assert database.series.verdict(series.id, 1) == WHOLE
    assert [j.revision for j in database.jobs.of_series(series.id)] == [1, 2]


def test_a_snapshot_gives_back_only_primary_instances(database: Database) -> None:
    series = received(database, 1)
    register(database.series, receipt(1, content="other header"))
    series = present(database.series.get(series.id))
    everything = [i.id for i in database.series.instances(series.id)]
    assert database.series.close(series, everything, WHOLE, [BUNDLE], at(20))
    assert [i.is_primary for i in database.series.instances(series.id, 1)] == [True]
    assert [i.revision for i in database.series.instances(series.id)] == [1, 1]


@pytest.mark.parametrize("snapshot", [[], [999]])
def test_a_snapshot_of_nothing_or_of_strangers_is_an_error_and_changes_nothing(
    database: Database, snapshot: list[int]
) -> None:
    series = received(database)
    with pytest.raises(StorageError):
        database.series.close(series, snapshot, WHOLE, [BUNDLE], at(20))
    assert database.series.get(series.id) == series


def test_the_same_bundle_twice_in_one_revision_is_refused_as_a_whole(database: Database) -> None:
    series = received(database)
    with pytest.raises(StorageError):
        database.series.close(series, primary(database, series.id), WHOLE, [BUNDLE, BUNDLE], at(20))
    assert database.series.get(series.id) == series
    assert database.jobs.of_series(series.id) == []


def test_a_series_reopened_by_variants_goes_back_to_what_it_was(database: Database) -> None:
    series = closed(database)
    register(database.series, receipt(1, content="other header", received_at=at(40)))
    reopened = present(database.series.get(series.id))
    waiting = [i.id for i in database.series.instances(series.id) if i.revision == 0]
    assert database.series.close_unchanged(reopened, waiting, at(60))
    after = present(database.series.get(series.id))
    assert (after.state, after.revision, after.variants) == (SeriesState.CLOSED, 1, 1)
    assert (after.completeness, after.closed_at) == (series.completeness, series.closed_at)
    assert [i.revision for i in database.series.instances(series.id)] == [1, 1, 1, 1]
    assert len(database.series.instances(series.id, 1)) == 3
    assert len(database.jobs.of_series(series.id)) == 1


def test_a_series_that_was_never_closed_cannot_go_back(database: Database) -> None:
    series = received(database)
    with pytest.raises(StorageError):
        database.series.close_unchanged(series, [], at(20))


def test_skipping_names_its_reason(database: Database) -> None:
    series = received(database)
    assert database.series.skip(series, Reason.PHANTOM, at(20))
    after = present(database.series.get(series.id))
    assert (after.state, after.reason) == (SeriesState.SKIPPED, Reason.PHANTOM)
    event = database.jobs.events()[-1]
    assert (event.stage, event.to_state, event.reason) == (Stage.ASSEMBLE, "SKIPPED", Reason.PHANTOM)


def test_holding_cancels_what_has_not_started(database: Database) -> None:
    series = closed(database)
    assert database.series.hold(series, Reason.CONFLICT, at(25), ["Two copies differ."])
    after = present(database.series.get(series.id))
    assert (after.state, after.reason, after.remarks) == (SeriesState.HELD, Reason.CONFLICT, ("Two copies differ.",))
    (job,) = database.jobs.of_series(series.id)
    assert (job.state, job.reason) == (JobState.CANCELLED, Reason.CONFLICT)
    assert [(e.to_state, e.reason) for e in database.jobs.events()[-2:]] == [
        ("HELD", Reason.CONFLICT),
        ("CANCELLED", Reason.CONFLICT),
    ]
    assert database.jobs.claim([JobKind.INFER], "worker-1", at(9) - at(0), at(30)) is None


def test_a_hold_stands_even_if_another_instance_came(database: Database) -> None:
    series = received(database)
    register(database.series, receipt(9))
    assert database.series.hold(series, Reason.TWO_PATIENTS, at(20))
    assert not database.series.hold(series, Reason.TWO_PATIENTS, at(20))


def test_a_result_that_ends_while_its_series_is_held_is_kept_and_not_sent(database: Database) -> None:
    series = closed(database)
    claim = claimed(database)
    assert database.series.hold(series, Reason.CONFLICT, at(31))
    assert database.jobs.complete_infer(claim, result(), to("pacs"), at(32), {})
    assert states(database, JobKind.INFER) == [JobState.COMPLETED]
    assert states(database, JobKind.DELIVER) == [JobState.CANCELLED]


def test_nothing_of_a_held_series_starts_again(database: Database) -> None:
    series = analysed(database)
    claim = claimed(database, JobKind.DELIVER, 32)
    assert database.series.hold(series, Reason.CONFLICT, at(33))
    assert database.jobs.retry_later(claim, Reason.UNREACHABLE, at(40), at(34))
    assert database.jobs.claim([JobKind.DELIVER], "courier", at(9) - at(0), at(50)) is None
    assert database.jobs.cancel(claim.job.id, at(51))
    assert not database.jobs.requeue(claim.job.id, at(52))
    assert database.series.release(series.id, at(53))
    assert database.jobs.requeue(claim.job.id, at(54))


def test_releasing_lets_the_assembler_look_again_and_the_jobs_go_on(database: Database) -> None:
    series = closed(database)
    assert database.series.hold(series, Reason.IMPLAUSIBLE_HU, at(25))
    assert database.series.release(series.id, at(100))
    released = present(database.series.get(series.id))
    assert (released.state, released.reason) == (SeriesState.RECEIVING, None)
    assert not database.series.release(series.id, at(100))
    assert states(database, JobKind.INFER) == [JobState.CANCELLED]
    assert database.series.close_unchanged(released, [], at(110))
    assert states(database, JobKind.INFER) == [JobState.AVAILABLE]


def test_what_a_person_cancelled_does_not_come_back_with_a_release(database: Database) -> None:
    series = closed(database)
    assert database.jobs.cancel(claimed(database).job.id, at(31))
    assert database.series.hold(series, Reason.CONFLICT, at(32))
    assert database.series.release(series.id, at(33))
    assert database.series.close_unchanged(present(database.series.get(series.id)), [], at(34))
    assert states(database, JobKind.INFER) == [JobState.CANCELLED]


def test_discarding_a_held_series_ends_all_its_jobs(database: Database) -> None:
    series = closed(database)
    claim = claimed(database)
    assert not database.series.discard(series.id, Reason.OPERATOR, at(31))
    assert database.series.hold(series, Reason.CONFLICT, at(32))
    assert database.series.discard(series.id, Reason.OPERATOR, at(33))
    after = present(database.series.get(series.id))
    assert (after.state, after.reason) == (SeriesState.SKIPPED, Reason.OPERATOR)
    assert not database.jobs.complete_infer(claim, result(), to("pacs"), at(34), {})
    assert states(database, JobKind.INFER) == [JobState.CANCELLED]
    assert database.jobs.page(JobFilter(kind=JobKind.DELIVER)) == []


def test_an_unknown_series_is_answered_not_raised(database: Database) -> None:
    assert database.series.find("1.2.999") is None
    assert database.series.get(999) is None
    assert not database.series.release(999, at(0))
    assert not database.series.discard(999, Reason.OPERATOR, at(0))
    assert database.series.instances(999) == []


def test_series_are_listed_page_by_page(database: Database) -> None:
    for number in range(5):
        received(database, 1, f"1.2.3.{number}")
    first = database.series.page(limit=3)
    rest = database.series.page(after_id=first[-1].id, limit=3)
    assert [s.series_uid for s in first + rest] == [f"1.2.3.{n}" for n in range(5)]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = replace(association(), opened_at=datetime(2026, 11, 22))  # noqa: DTZ001 - the point of the test
    with pytest.raises(StorageError, match="time zone"):
        open_association(database.series, naive)


def test_who_has_sent_since_when_is_told_in_order_and_in_pieces(database: Database) -> None:
    for second, name in ((3, "C"), (1, "A"), (2, "B")):
        open_association(database.series, replace(association(name), calling_ae=f"CT{name}", opened_at=at(second)))
    assert database.series.sendings(at(0), 10) == [("CTA", at(1)), ("CTB", at(2)), ("CTC", at(3))]
    assert database.series.sendings(at(1), 1) == [("CTB", at(2))]
    assert database.series.sendings(at(3), 10) == []


def test_an_identifier_that_came_before_in_another_series_is_counted(database: Database) -> None:
    first = received(database)
    assert database.series.known_elsewhere(first.id) == 0
    open_association(database.series, association("other"))
    known = receipt(1)
    again = replace(known, digest="f" * 64, series_uid="2.25.99", association_id="other")
    register(database.series, again)
    second = present(database.series.find("2.25.99"))
    assert database.series.known_elsewhere(second.id) == 1
    assert database.series.known_elsewhere(first.id) == 0, "what came first is not in question"
