"""Where a series stands is read from its rows."""

import pytest
from support.rows import at, delivery_row, event_row, job_row, series_row

from hounsfield.daemon.demo.show import answer, changes
from hounsfield.daemon.demo.standing import End, Standing, stand
from hounsfield.storage.states import JobState, Outcome, Reason, SeriesState, Stage

DONE = job_row(
    state=JobState.COMPLETED,
    result_set_id=1,
    outcome=Outcome.POSITIVE,
    score=0.93,
    updated_at=at(7),
    timings={"preprocess": 0.2, "infer": 0.5, "report": 0.3},
)


def test_a_series_nobody_has_seen_is_nowhere() -> None:
    assert stand(None, (), ()) == Standing()


def test_a_series_that_arrives_tells_how_many_images_came() -> None:
    standing = stand(series_row(state=SeriesState.RECEIVING, revision=0, closed_at=None, instances=7), (), ())
    assert standing.stage is Stage.RECEIVE
    assert standing.note == "7 images"
    assert standing.end is None


def test_a_closed_series_waits_for_the_worker() -> None:
    standing = stand(series_row(), [job_row()], ())
    assert standing.stage is Stage.INFER
    assert standing.note == "waits for the worker"
    assert standing.seconds == {Stage.RECEIVE: 3.0, Stage.ASSEMBLE: 2.0}


def test_a_running_job_is_in_report_once_its_inference_was_told() -> None:
    running = job_row(state=JobState.RUNNING, attempts=1)
    assert stand(series_row(), [running], [event_row()]).stage is Stage.INFER
    prepared = event_row(from_state="RUNNING", seconds=0.2, detail={"step": "preprocess"})
    assert stand(series_row(), [running], [event_row(), prepared]).stage is Stage.INFER
    told = event_row(from_state="RUNNING", seconds=0.5, detail={"step": "infer"})
    assert stand(series_row(), [running], [event_row(), told]).stage is Stage.REPORT


def test_a_failed_attempt_is_told_with_its_reason() -> None:
    retry = job_row(state=JobState.RETRYABLE, attempts=1, reason=Reason.MODEL_FAILED)
    standing = stand(series_row(), [retry], ())
    assert standing.note == "attempt 1 failed: model-failed; tries again"
    assert standing.end is None


def test_a_delivered_result_ends_the_series_with_seconds_per_stage() -> None:
    standing = stand(series_row(), [DONE, delivery_row()], ())
    assert standing.end is End.DELIVERED
    assert standing.outcome is Outcome.POSITIVE
    assert standing.score == 0.93
    assert standing.result_sets == (1,)
    assert standing.seconds == pytest.approx(
        {Stage.RECEIVE: 3.0, Stage.ASSEMBLE: 2.0, Stage.INFER: 1.7, Stage.REPORT: 0.3, Stage.DELIVER: 1.0}
    )


def test_a_destination_that_is_down_keeps_the_series_in_delivery() -> None:
    waiting = delivery_row(state=JobState.RETRYABLE, attempts=2, reason=Reason.UNREACHABLE)
    standing = stand(series_row(), [DONE, waiting], ())
    assert standing.stage is Stage.DELIVER
    assert standing.end is None
    assert "unreachable" in standing.note


def test_a_delivery_given_up_is_a_failure() -> None:
    standing = stand(series_row(), [DONE, delivery_row(state=JobState.DISCARDED, reason=Reason.REFUSED_STATUS)], ())
    assert standing.end is End.FAILED
    assert "delivery to pacs ended DISCARDED (refused-status)" in standing.problem


def test_a_result_that_goes_nowhere_is_a_failure() -> None:
    standing = stand(series_row(), [DONE], ())
    assert standing.end is End.FAILED
    assert standing.problem == "no destination gets the result"


def test_a_crashed_model_that_was_reported_is_a_result() -> None:
    crashed = job_row(
        state=JobState.DISCARDED,
        result_set_id=1,
        outcome=Outcome.NOT_ANALYSED,
        reason=Reason.MODEL_CRASHED,
        updated_at=at(7),
    )
    standing = stand(series_row(), [crashed, delivery_row()], ())
    assert standing.end is End.DELIVERED
    assert answer(standing) == "NOT ANALYSED (the analysis crashed)"


@pytest.mark.parametrize(
    ("state", "reason", "end", "words"),
    [
        (SeriesState.SKIPPED, Reason.BODY_PART, End.SKIPPED, "SKIPPED (another body part than the model is for)"),
        (SeriesState.HELD, Reason.TWO_PATIENTS, End.HELD, "HELD (two-patients)"),
    ],
)
def test_a_series_without_jobs_ends_with_its_reason(state: SeriesState, reason: Reason, end: End, words: str) -> None:
    event = event_row(job_id=None, stage=Stage.ASSEMBLE, from_state="RECEIVING", to_state=state.value, at=at(6))
    standing = stand(series_row(state=state, reason=reason, revision=0, closed_at=None), (), [event])
    assert standing.end is end
    assert answer(standing) == words
    assert standing.seconds[Stage.ASSEMBLE] == 3.0


def test_the_jobs_of_an_earlier_revision_do_not_count() -> None:
    again = series_row(revision=2)
    standing = stand(again, [DONE, delivery_row(), job_row(id=3, revision=2)], ())
    assert standing.end is None
    assert standing.stage is Stage.INFER


@pytest.mark.parametrize(("outcome", "words"), [(Outcome.POSITIVE, "FLAGGED"), (Outcome.NEGATIVE, "NOT FLAGGED")])
def test_verdicts_are_spoken_in_the_words_of_the_report(outcome: Outcome, words: str) -> None:
    assert answer(Standing(end=End.DELIVERED, outcome=outcome)) == words


def test_changes_name_each_stage_once() -> None:
    first = stand(series_row(), [job_row()], ())
    last = stand(series_row(), [DONE, delivery_row()], ())
    assert [line.split()[0] for line in changes(Standing(), first)] == ["receive", "assemble", "infer"]
    assert [line.split()[0] for line in changes(first, last)] == ["infer", "report", "deliver", "delivered"]
    assert changes(last, last) == []
