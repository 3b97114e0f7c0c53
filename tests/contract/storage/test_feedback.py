"""The feedback store on both engines: what a document can be about, said once, counted once per result."""

from dataclasses import replace

import pytest
from support.stored import BUNDLE, SERIES, analysed, at, claimed, closed, present, received, result, to

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.feedback import Feedback, Mention, Opinion, Tally
from hounsfield.storage.records import InferRequest, ResultObject
from hounsfield.storage.states import JobKind, Outcome, Reason, ResultKind

IMAGE = f"{SERIES}.1"
LATE = at(1000)


def said(job_id: int = 1, document: str = "9.1", opinion: Opinion = Opinion.AGREE, seconds: float = 60) -> Feedback:
    return Feedback(
        sop_instance_uid=document,
        about_uid="2.25.1.1",
        job_id=job_id,
        opinion=opinion,
        title="113000,DCM",
        calling_ae="PACS",
        received_at=at(seconds),
    )


def infer(database: Database, series: str, outcome: Outcome, bundle: InferRequest = BUNDLE, seconds: float = 31) -> int:
    """Analyse a series; return the number of its INFER job."""
    closed(database, series=series, requests=[bundle])
    claim = claimed(database)
    assert database.jobs.complete_infer(claim, result(outcome, f"2.25.{series}"), to(), at(seconds), {})
    return claim.job.id


def test_our_objects_are_told_from_others(database: Database) -> None:
    analysed(database)
    assert database.feedback.are_ours(["2.25.1.1", "2.25.1.2", IMAGE]) == {"2.25.1.1", "2.25.1.2"}
    assert database.feedback.are_ours([]) == set()


def test_objects_of_one_result_are_one_mention_of_its_job(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    name = f"2.25.{SERIES}"
    assert database.feedback.mentioned([f"{name}.2", f"{name}.1", "1.1", IMAGE]) == [
        Mention(about_uid=f"{name}.1", job_id=job_id)
    ]
    assert database.feedback.mentioned([f"{name}.2"]) == [Mention(about_uid=f"{name}.2", job_id=job_id)]


def test_any_number_of_references_can_be_looked_up(database: Database) -> None:
    analysed(database)
    many = [f"1.9.{number}" for number in range(5000)]
    assert database.feedback.are_ours([*many, "2.25.1.1"]) == {"2.25.1.1"}
    assert len(database.feedback.mentioned([*many, "2.25.1.1"])) == 1
    assert len(database.feedback.about_images([*many, IMAGE], LATE)) == 1


def test_a_rejection_note_of_ours_is_ours_and_no_result_to_have_an_opinion_on(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    note = ResultObject(role="rejection", sop_class_uid="1.2", sop_instance_uid="2.25.7", sha256="4" * 64, size=5)
    retraction = replace(result(), objects=(note,), kind=ResultKind.RETRACTION, replaces=1)
    assert database.recalls.retract(job_id, retraction, to(), at(50), "anna") is not None
    assert database.feedback.are_ours(["2.25.7"]) == {"2.25.7"}
    assert database.feedback.mentioned(["2.25.7"]) == []


def test_an_object_issued_anew_is_of_the_same_job(database: Database) -> None:
    analysed(database, "pacs")
    claim = claimed(database, JobKind.DELIVER, seconds=40)
    (job_id,) = (job.id for job in database.jobs.of_series(claim.job.series_id) if job.kind is JobKind.INFER)
    again = replace(result(name="2.25.8"), kind=ResultKind.REISSUE, replaces=1)
    assert database.jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, at(45))
    assert database.recalls.reissue([claim.job.id], again, to(), at(50), "anna") is not None
    assert database.feedback.mentioned(["2.25.8.1"]) == [Mention(about_uid="2.25.8.1", job_id=job_id)]


def test_source_images_lead_to_the_result_that_was_made_before(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.NEGATIVE)
    assert database.feedback.about_images([IMAGE, f"{SERIES}.2"], at(31)) == [
        Mention(about_uid=f"2.25.{SERIES}.1", job_id=job_id)
    ]
    assert database.feedback.about_images([IMAGE], at(30.5)) == []
    assert database.feedback.about_images(["1.1"], LATE) == []


def test_of_a_series_with_two_bundles_each_has_its_result(database: Database) -> None:
    other = InferRequest(bundle="fracture", bundle_version="2", bundle_sha256="d" * 64)
    closed(database, requests=[BUNDLE, other])
    for name in ("2.25.5", "2.25.6"):
        assert database.jobs.complete_infer(claimed(database), result(name=name), to(), at(31), {})
    assert len(database.feedback.about_images([IMAGE], LATE)) == 2


def test_an_image_in_a_series_of_several_parts_leads_nowhere(database: Database) -> None:
    closed(database, requests=[replace(BUNDLE, part="a"), replace(BUNDLE, part="b")])
    for name in ("2.25.5", "2.25.6"):
        assert database.jobs.complete_infer(claimed(database), result(name=name), to(), at(31), {})
    assert database.feedback.about_images([IMAGE], LATE) == []


def test_of_two_revisions_the_later_one_counts(database: Database) -> None:
    infer(database, SERIES, Outcome.POSITIVE)
    record = received(database, 4)
    ids = [one.id for one in database.series.instances(record.id)]
    assert database.series.close(record, ids, present(database.series.verdict(record.id, 1)), [BUNDLE], at(40))
    claim = claimed(database, seconds=41)
    assert database.jobs.complete_infer(claim, result(name="2.25.9"), to(), at(42), {})
    assert database.feedback.about_images([IMAGE], LATE) == [Mention(about_uid="2.25.9.1", job_id=claim.job.id)]


def test_a_result_that_nobody_saw_is_not_what_a_reader_speaks_of(database: Database) -> None:
    infer(database, SERIES, Outcome.POSITIVE, replace(BUNDLE, shadow=True))
    assert database.feedback.about_images([IMAGE], LATE) == []
    assert database.feedback.tally() == []


def test_what_was_said_comes_back_as_it_was_said(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    assert database.feedback.add([said(job_id)]) == 1
    (record,) = database.feedback.page()
    assert database.feedback.of_job(job_id) == [record]
    assert (record.job_id, record.opinion, record.title, record.calling_ae) == (
        job_id,
        Opinion.AGREE,
        "113000,DCM",
        "PACS",
    )
    assert (record.sop_instance_uid, record.about_uid, record.received_at) == ("9.1", "2.25.1.1", at(60))
    assert database.feedback.of_job(job_id + 1) == []


def test_the_same_document_counts_once_however_often_and_whenever_it_comes(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    assert database.feedback.add([said(job_id), said(job_id)]) == 1
    assert database.feedback.add([said(job_id, seconds=900)]) == 0
    (record,) = database.feedback.page()
    assert record.received_at == at(60)
    assert database.feedback.add([]) == 0


def test_feedback_needs_a_job_there_is(database: Database) -> None:
    with pytest.raises(StorageError):
        database.feedback.add([said(4711)])
    assert database.feedback.page() == []


def test_pages_follow_each_other_and_begin_at_a_time(database: Database) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    database.feedback.add([said(job_id, f"9.{number}", seconds=60 + number) for number in range(5)])
    first = database.feedback.page(limit=2)
    assert [one.sop_instance_uid for one in database.feedback.page(after_id=first[-1].id)] == ["9.2", "9.3", "9.4"]
    assert [one.sop_instance_uid for one in database.feedback.page(since=at(63))] == ["9.3", "9.4"]


def test_results_are_counted_by_bundle_version_and_outcome_each_once(database: Database) -> None:
    newer = replace(BUNDLE, bundle_version="1.1.0", bundle_sha256="e" * 64)
    flagged = infer(database, "1.2.1", Outcome.POSITIVE)
    wrong = infer(database, "1.2.2", Outcome.POSITIVE)
    infer(database, "1.2.3", Outcome.POSITIVE)
    plain = infer(database, "1.2.4", Outcome.NEGATIVE)
    infer(database, "1.2.5", Outcome.NOT_ANALYSED, newer)
    database.feedback.add(
        [
            said(flagged, "9.1"),
            said(flagged, "9.2"),
            said(wrong, "9.3", Opinion.DISAGREE),
            said(plain, "9.4", Opinion.DISAGREE),
        ]
    )

    def row(version: str, outcome: Outcome, *counts: int) -> Tally:
        results, agreed, disagreed = counts
        return Tally(
            bundle="ich-demo", version=version, outcome=outcome, results=results, agreed=agreed, disagreed=disagreed
        )

    assert database.feedback.tally() == [
        row("1.0.0", Outcome.NEGATIVE, 1, 0, 1),
        row("1.0.0", Outcome.POSITIVE, 3, 1, 1),
        row("1.1.0", Outcome.NOT_ANALYSED, 1, 0, 0),
    ]


@pytest.mark.parametrize("order", [(60, 70), (70, 60)])
def test_a_reader_who_changes_their_mind_counts_by_what_came_last(database: Database, order: tuple[int, int]) -> None:
    job_id = infer(database, SERIES, Outcome.POSITIVE)
    agree = said(job_id, "9.1", Opinion.AGREE, order[0])
    database.feedback.add([agree, said(job_id, "9.2", Opinion.DISAGREE, order[1])])
    (row,) = database.feedback.tally()
    assert (row.agreed, row.disagreed) == ((0, 1) if order == (60, 70) else (1, 0))


def test_only_results_made_since_then_are_counted(database: Database) -> None:
    infer(database, "1.2.1", Outcome.POSITIVE, seconds=31)
    infer(database, "1.2.2", Outcome.POSITIVE, seconds=90)
    assert [row.results for row in database.feedback.tally(at(90))] == [1]
    assert database.feedback.tally(at(91)) == []
    assert [job.kind for job in database.jobs.of_series(1)] == [JobKind.INFER]
