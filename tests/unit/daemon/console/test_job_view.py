"""The page of one job, worked out from what the log knows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from support.rows import SERIES_UID, at, delivery_row, event_row, job_row

from hounsfield.daemon.console.pages.job_view import JobPage, job_page
from hounsfield.daemon.console.pages.shown import Veil
from hounsfield.daemon.deliveries import Delivery
from hounsfield.daemon.job_story import JobDetail, ObjectPlace
from hounsfield.storage.records import ObjectDelivery, ResultObject, StoredResultSet, Verdict
from hounsfield.storage.states import Completeness, JobState, Outcome, Proof, Reason, ResultKind

REPORT_UID = "1.2.826.0.1.3680043.8.498.77"
VEIL = Veil(lambda uid: f"h:{sum(map(ord, uid)):012x}")
OBJECT = ResultObject(role="sr", sop_class_uid="1.2.3", sop_instance_uid=REPORT_UID, sha256="c" * 64, size=5000)
SENT = ObjectDelivery(sop_instance_uid=REPORT_UID, status=0xA700, at=at(9), proven_at=None)
JOB = job_row(
    state=JobState.COMPLETED,
    outcome=Outcome.POSITIVE,
    score=0.93,
    result_set_id=1,
    attempts=1,
    updated_at=at(8),
    timings={"preprocess": 0.5, "infer": 1.5},
)


def result(**changes: Any) -> StoredResultSet:
    fields: dict[str, Any] = {
        "id": 1,
        "job_id": 1,
        "series_id": 1,
        "revision": 1,
        "created_at": at(8),
        "identity": "b" * 64,
        "outcome": Outcome.POSITIVE,
        "reason": None,
        "score": 0.93,
        "device": None,
        "objects": (OBJECT,),
        "detail": {
            "threshold": 0.5,
            "scores": {"haemorrhage": 0.93, "subdural": 0.2},
            "thresholds": {"haemorrhage": 0.5, "subdural": 0.61},
            "slice_scores": [0.1, 0.9],
            "slice_thresholds": {"haemorrhage": 0.3},
            "remarks": [f"seen with {SERIES_UID}"],
        },
    }
    return StoredResultSet(**fields | changes)


def page(**changes: Any) -> JobPage:
    fields: dict[str, Any] = {
        "job": JOB,
        "events": (event_row(), event_row(id=2, at=at(8), from_state="RUNNING", to_state="COMPLETED", seconds=2.0)),
        "objects": (
            ObjectPlace(role="sr", sop_instance_uid=REPORT_UID, size=5000, file=Path("x.dcm"), preview=Path("x.png")),
        ),
        "deliveries": (Delivery(job=delivery_row(proof=Proof.PROVEN), sent=(SENT,), objects=(OBJECT,)),),
        "result": result(),
    }
    how = {name: changes.pop(name) for name in ("reveal", "of_revision") if name in changes}
    return job_page(JobDetail(**fields | changes), (), VEIL, **how)


def test_a_job_tells_what_it_found_and_how_long_each_stage_took() -> None:
    found = page()
    assert found.line.finding is not None
    assert found.line.finding.code == "positive"
    assert [(bar.name, bar.seconds) for bar in found.stages] == [("preprocess", 0.5), ("infer", 1.5)]
    assert [(one.label, one.score, one.reached) for one in found.labels] == [
        ("haemorrhage", "0.930", True),
        ("subdural", "0.200", False),
    ]
    assert found.strip is not None
    assert found.strip.highest == 2
    assert found.preview == "sr"
    assert found.line.seconds == 3.0
    assert [step.states for step in found.steps] == ["AVAILABLE → RUNNING", "RUNNING → COMPLETED"]


def test_a_delivery_tells_the_status_in_hex_and_words_and_the_proof() -> None:
    (box,) = page().deliveries
    assert (box.to, box.proof, box.state.words) == ("pacs", "proven", "COMPLETED")
    (sent,) = box.sent
    assert (sent.status, sent.words, sent.name) == ("A700", "no room there", "SR")


def test_no_uid_stands_on_the_page_until_somebody_asks_for_it() -> None:
    assert SERIES_UID not in repr(page())
    assert REPORT_UID not in repr(page())
    assert page(reveal=True).series_uid == SERIES_UID


def test_uids_in_events_and_remarks_are_hashed_and_the_raw_event_is_whole() -> None:
    found = page(events=(event_row(detail={"object": REPORT_UID, "step": "infer", "by": "anna"}),))
    assert REPORT_UID not in found.steps[0].raw
    assert '"step": "infer"' in found.steps[0].raw
    assert found.steps[0].who == "by anna"
    assert SERIES_UID not in found.remarks[0]


def test_only_what_the_table_of_transitions_allows_can_be_done() -> None:
    def can(state: JobState) -> tuple[bool, bool]:
        found = page(job=replace(JOB, state=state))
        return found.can_retry, found.can_cancel

    assert can(JobState.COMPLETED) == (False, False)
    assert can(JobState.DISCARDED) == (True, False)
    assert can(JobState.RUNNING) == (False, True)
    assert can(JobState.HELD) == (True, True)


def test_a_result_that_was_taken_back_says_so_and_cannot_be_again() -> None:
    taken = result(id=2, kind=ResultKind.RETRACTION, replaces=1, detail={"by": "anna", "words": "wrong <b>side</b>"})
    found = page(retraction=taken)
    assert found.retraction is not None
    assert (found.retraction.by, found.retraction.words) == ("anna", "wrong <b>side</b>")
    assert not found.can_retract
    assert page().can_retract
    assert not page(job=replace(JOB, shadow=True)).can_retract


def test_completeness_tells_reasons_with_what_to_do_and_the_evidence() -> None:
    verdict = Verdict(
        completeness=Completeness.INCOMPLETE,
        reasons=(Reason.GAP,),
        remarks=("Slices are missing.",),
        evidence={"images": {"received": 28, "announced": 30}, "uid": SERIES_UID},
    )
    found = page(job=replace(JOB, verdict=verdict)).completeness
    assert found is not None
    assert found.word == "INCOMPLETE"
    assert found.reasons[0].code == "gap"
    assert found.reasons[0].advice
    assert ("images", "received 28, announced 30") in found.evidence
    assert SERIES_UID not in repr(found.evidence)


def test_the_verdict_of_the_revision_counts_where_the_job_has_none_of_its_own() -> None:
    whole, part = Verdict(completeness=Completeness.COMPLETE), Verdict(completeness=Completeness.SUSPECT)
    assert page().completeness is None
    of_revision = page(of_revision=whole).completeness
    assert of_revision is not None
    assert of_revision.word == "COMPLETE"
    own = page(job=replace(JOB, verdict=part), of_revision=whole).completeness
    assert own is not None
    assert own.word == "SUSPECT"


def test_a_job_without_a_result_has_no_scores_and_no_pictures() -> None:
    found = page(job=job_row(), result=None, objects=(), deliveries=(), events=())
    assert (found.labels, found.strip, found.preview, found.stages) == ((), None, "", ())
    assert found.due_at == at(5)
    assert not found.can_retract


def test_scores_of_a_strange_kind_break_nothing() -> None:
    odd = result(detail={"scores": {"a": "high", "b": None}, "thresholds": [1], "remarks": "x", "runtime": 3})
    assert [(one.label, one.score, one.reached) for one in page(result=odd).labels] == [
        ("a", "", None),
        ("b", "", None),
    ]


def test_the_device_is_told_once() -> None:
    ran = result(detail={"runtime": {"device": "/device:CPU:0", "tensorflow": "2.20.0"}})
    known, unknown = page(result=ran, job=replace(JOB, device="cpu")), page(result=ran, job=replace(JOB, device=None))
    assert (known.device, known.runtime) == ("cpu", (("tensorflow", "2.20.0"),))
    assert (unknown.device, unknown.runtime[0]) == ("", ("device", "/device:CPU:0"))
