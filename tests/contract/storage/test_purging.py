"""What has had its time goes out of the log in one piece, and only if the caller still says so under the lock."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from support.recording import register
from support.stored import BUNDLE, SERIES, analysed, at, claimed, closed, present, receipt, received, result, to

from hounsfield.storage.engine import Database
from hounsfield.storage.purging import Holding, Rows, SeriesStanding, pages
from hounsfield.storage.records import Registration, SeriesRecord
from hounsfield.storage.states import JobKind, JobState, Proof, Reason, SeriesState
from hounsfield.storage.tables import metadata

DAY = 86_400.0
OF_JOBS = ("event", "analysis_fact", "feedback", "delivered_object", "commitment", "commitment_item")
OF_JOBS += ("result_object", "result_set", "job")


def yes(_: SeriesStanding) -> bool:
    return True


def no(_: SeriesStanding) -> bool:
    return False


def delivered(database: Database, uid: str = SERIES) -> SeriesRecord:
    """Receive, analyse and deliver a series of three images, of which one came again with another header."""
    series = analysed(database, series=uid)
    claim = claimed(database, JobKind.DELIVER, 40)
    assert database.jobs.complete_delivery(claim, (), at(41), {}, Proof.SENT)
    return series


def counts(database: Database) -> dict[str, int]:
    with database.transactions.read() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(metadata.tables[name])) or 0 for name in OF_JOBS
        }


def test_a_series_that_was_delivered_is_found_with_all_that_is_kept_of_it(database: Database) -> None:
    series, other = delivered(database), received(database, 2, "1.2.99")
    for holding in Holding:
        assert database.purges.candidates(holding, at(DAY)) == [series.id]
        assert database.purges.candidates(holding, at(-DAY)) == []
    one = present(database.purges.standing(series.id))
    assert (one.state, one.revision, one.images, one.image_bytes) == (SeriesState.CLOSED, 1, 3, 3 * 524_288)
    assert (one.results, one.result_bytes, one.last_at) == (2, 30, at(41))
    assert [(job.kind, job.state, job.proof, job.destination) for job in one.jobs] == [
        (JobKind.INFER, JobState.COMPLETED, Proof.NONE, None),
        (JobKind.DELIVER, JobState.COMPLETED, Proof.SENT, "pacs"),
    ]
    assert present(database.purges.standing(other.id)).jobs == ()
    assert database.purges.standing(999) is None


def test_candidates_come_in_pages(database: Database) -> None:
    found = [closed(database, 1, f"1.2.{number}").id for number in range(5)]
    assert database.purges.candidates(Holding.IMAGES, at(DAY), limit=2) == found[:2]
    assert database.purges.candidates(Holding.IMAGES, at(DAY), after_id=found[1], limit=2) == found[2:4]
    assert list(pages(database.purges, Holding.IMAGES, at(DAY))) == found


def test_images_that_went_leave_rows_by_which_a_copy_is_known(database: Database) -> None:
    series = delivered(database)
    instances = database.series.instances(series.id)
    gone = present(database.purges.remove_images(series.id, yes, at(DAY)))
    assert set(gone) == {one.digest for one in instances}
    assert database.series.registered_digests(gone) == set()
    assert database.series.digests("") == set()
    assert {one.removed_at for one in database.series.instances(series.id)} == {at(DAY)}
    after = present(database.series.get(series.id))
    assert (after.state, after.instances, after.images_removed_at) == (SeriesState.CLOSED, 3, at(DAY))
    assert database.jobs.events()[-1].detail == {"removed": 3}
    assert database.purges.candidates(Holding.IMAGES, at(2 * DAY)) == []
    assert present(database.purges.standing(series.id)).images == 0


def test_the_same_bytes_again_are_here_again_and_change_no_state(database: Database) -> None:
    series = delivered(database)
    database.purges.remove_images(series.id, yes, at(DAY))
    again = receipt(2, received_at=at(2 * DAY))
    assert register(database.series, again) == Registration.DUPLICATE
    after = present(database.series.get(series.id))
    assert (after.state, after.revision, after.images_removed_at) == (SeriesState.CLOSED, 1, None)
    assert database.series.digests("") == {again.digest}
    assert database.purges.candidates(Holding.IMAGES, at(3 * DAY)) == [series.id]
    assert database.purges.remove_images(series.id, yes, at(3 * DAY)) == (again.digest,)


def test_other_bytes_of_an_image_that_went_are_a_copy_and_not_a_new_image(database: Database) -> None:
    series = delivered(database)
    database.purges.remove_images(series.id, yes, at(DAY))
    assert register(database.series, receipt(2, "another header", received_at=at(2 * DAY))) == Registration.VARIANT
    assert present(database.series.get(series.id)).state is SeriesState.RECEIVING


@pytest.mark.parametrize("remove", ["remove_images", "remove_results", "remove_jobs"])
def test_nothing_goes_when_the_caller_says_no_under_the_lock(database: Database, remove: str) -> None:
    series = delivered(database)
    before = counts(database), database.series.get(series.id), database.jobs.last_event_id()
    method: Callable[..., object] = getattr(database.purges, remove)
    more = () if remove == "remove_jobs" else (at(DAY),)
    assert method(series.id, no, *more) is None
    assert method(999, yes, *more) is None
    assert (counts(database), database.series.get(series.id), database.jobs.last_event_id()) == before


def test_result_files_go_and_their_rows_stay(database: Database) -> None:
    series = delivered(database)
    uids = ("2.25.1.1", "2.25.1.2")
    assert database.purges.removed_results(uids) == set()
    assert database.purges.remove_results(series.id, yes, at(DAY)) == uids
    assert database.purges.removed_results([*uids, "2.25.99"]) == set(uids)
    job = database.jobs.of_series(series.id)[0]
    assert present(database.jobs.result_set(present(job.result_set_id))).removed_at == at(DAY)
    assert sorted(database.purges.result_uids(series.id)) == list(uids)
    assert database.jobs.is_own_result(uids[0]), "a result that comes back is still known as ours"
    assert database.purges.candidates(Holding.RESULTS, at(2 * DAY)) == []


def test_a_result_that_another_set_still_keeps_does_not_go(database: Database) -> None:
    first = delivered(database)
    delivered(database, "1.2.77")
    database.purges.remove_results(first.id, yes, at(DAY))
    assert database.purges.removed_results(["2.25.1.1"]) == set()


def test_rows_of_the_job_log_go_only_after_the_files(database: Database) -> None:
    series, other = delivered(database), delivered(database, "1.2.77")
    assert database.purges.remove_jobs(series.id, yes) is None
    database.purges.remove_images(series.id, yes, at(DAY))
    assert database.purges.remove_jobs(series.id, yes) is None
    database.purges.remove_results(series.id, yes, at(DAY))
    events = [event for event in database.jobs.events() if event.series_id == series.id]
    assert database.purges.remove_jobs(series.id, yes) == Rows(jobs=2, events=len(events))
    assert database.jobs.of_series(series.id) == []
    assert [event for event in database.jobs.events() if event.series_id == series.id] == []
    assert len(database.jobs.of_series(other.id)) == 2
    assert present(database.series.get(series.id)).state is SeriesState.CLOSED
    assert len(database.series.instances(series.id)) == 3, "a copy that comes again is still known"
    assert database.purges.candidates(Holding.JOBS, at(2 * DAY)) == [other.id]


def test_a_job_whose_files_went_is_not_sent_round_again(database: Database) -> None:
    series = closed(database)
    infer = database.jobs.of_series(series.id)[0]
    assert database.jobs.cancel(infer.id, at(30))
    database.purges.remove_images(series.id, yes, at(DAY))
    assert not database.jobs.requeue(infer.id, at(DAY + 1))
    other = analysed(database, series="1.2.77")
    delivery = database.jobs.of_series(other.id)[1]
    assert database.jobs.cancel(delivery.id, at(60))
    assert database.jobs.requeue(delivery.id, at(61))
    assert database.jobs.cancel(delivery.id, at(62))
    database.purges.remove_results(other.id, yes, at(DAY))
    assert not database.jobs.requeue(delivery.id, at(DAY + 1))


def test_a_skipped_series_of_which_images_went_is_not_replayed(database: Database) -> None:
    series = received(database)
    assert database.series.skip(series, Reason.BODY_PART, at(20))
    database.purges.remove_images(series.id, yes, at(DAY))
    register(database.series, receipt(1, received_at=at(2 * DAY)))
    assert not database.series.replay(series.id, at(2 * DAY)), "two of its images are still missing"
    for number in (2, 3):
        register(database.series, receipt(number, received_at=at(2 * DAY)))
    assert database.series.replay(series.id, at(2 * DAY))


def test_a_result_that_comes_while_a_series_is_looked_at_keeps_its_images(database: Database) -> None:
    """The caller sees under the lock what has changed since it chose the series."""
    series = closed(database, requests=[BUNDLE, replace(BUNDLE, bundle="another")])
    assert database.jobs.complete_infer(claimed(database), result(), to(), at(31), {})
    seen: list[list[JobState]] = []

    def finished(one: SeriesStanding) -> bool:
        seen.append([job.state for job in one.jobs])
        return all(job.state.is_final for job in one.jobs)

    assert database.purges.remove_images(series.id, finished, at(DAY)) is None
    assert seen == [[JobState.COMPLETED, JobState.AVAILABLE]]
