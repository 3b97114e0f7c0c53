"""Taking results back: who may have them is told, nobody else, once, and nothing goes out any more."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.outcomes import analyse, claimed, deliver, newest
from support.reports import texts

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.recall import RecallOrder, RecallState
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION
from hounsfield.storage.records import ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, JobState, Proof, Reason, ResultKind

VIEWER = {**LOOPBACK_PACS, "name": "viewer", "results": ["sc"]}
ORDER = RecallOrder(by="anna", words="wrong threshold")
CORRECTED = RecallOrder(by="anna", words="wrong threshold", corrected=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "home", [LOOPBACK_PACS, VIEWER])


def file_of(bench: Bench, one: ResultObject) -> Dataset:
    path = bench.app.files.path(one.sop_instance_uid)
    assert bench.app.files.verify(one.sop_instance_uid, one.sha256)
    return dcmread(path)


def roles(result: StoredResultSet) -> list[str]:
    return [one.role for one in result.objects]


def waiting_for(bench: Bench, result: StoredResultSet) -> list[str | None]:
    return [job.destination for job in bench.app.database.jobs.deliveries_of(result.id) if not job.state.is_final]


def named(note: Dataset) -> set[str]:
    return {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in note.ContentSequence
        if "ReferencedSOPSequence" in item
    }


def test_who_has_the_result_gets_a_note_and_who_waits_for_it_gets_nothing(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    done = bench.app.retractor().retract(taken.id, ORDER)
    assert (done.state, done.cancelled, done.notified, done.corrected) == (RecallState.RETRACTED, 1, ("pacs",), False)
    made = newest(bench)
    assert (made.kind, made.replaces, made.reason, made.score) == (
        ResultKind.RETRACTION,
        taken.id,
        Reason.RETRACTED,
        None,
    )
    assert roles(made) == ["rejection"]
    assert waiting_for(bench, made) == ["pacs"]
    assert waiting_for(bench, taken) == []
    note = file_of(bench, made.objects[0])
    assert note.SOPClassUID == KEY_OBJECT_SELECTION
    assert note.StudyInstanceUID == file_of(bench, taken.objects[0]).StudyInstanceUID
    sent = {one.sop_instance_uid for one in bench.app.database.jobs.delivered_objects(first_delivery(bench))}
    assert sent <= named(note)


def first_delivery(bench: Bench) -> int:
    return bench.jobs(JobKind.DELIVER)[0].id


def test_each_profile_gets_a_note_of_what_was_made_for_it(bench: Bench) -> None:
    taken = analyse(bench)
    for destination in ("pacs", "viewer"):
        deliver(bench, destination)
    bench.app.retractor().retract(taken.id, ORDER)
    made = newest(bench)
    assert len({one.profile for one in made.objects}) == len(made.objects) == 2
    known = {one.sop_instance_uid for one in taken.objects}
    assert all(named(file_of(bench, one)) <= known for one in made.objects)


def test_what_never_left_is_retracted_without_a_note(bench: Bench) -> None:
    taken = analyse(bench)
    done = bench.app.retractor().retract(taken.id, CORRECTED)
    assert (done.state, done.cancelled, done.notified) == (RecallState.RETRACTED, 2, ())
    assert newest(bench).objects == ()
    assert bench.app.database.recalls.is_retracted(taken.id)


def test_retracting_twice_does_nothing_the_second_time(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    bench.app.retractor().retract(taken.id, ORDER)
    before = newest(bench)
    assert bench.app.retractor().preview(taken.id).state is RecallState.ALREADY
    assert bench.app.retractor().retract(taken.id, CORRECTED).state is RecallState.ALREADY
    assert newest(bench) == before


def test_a_look_says_what_would_be_done_and_does_nothing(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    seen = bench.app.retractor().preview(taken.id)
    assert (seen.state, seen.cancelled, seen.notified) == (RecallState.RETRACTED, 1, ("pacs",))
    assert newest(bench) == taken
    assert waiting_for(bench, taken) == ["viewer"]


def test_a_destination_that_is_gone_from_the_configuration_still_gets_its_note(tmp_path: Path) -> None:
    before = Bench(tmp_path / "home", [LOOPBACK_PACS, VIEWER])
    taken = analyse(before)
    deliver(before, "pacs")
    after = Bench(tmp_path / "home", [VIEWER], clock=before.clock)
    done = after.app.retractor().retract(taken.id, ORDER)
    assert (done.notified, done.unconfigured) == (("pacs",), ("pacs",))
    made = newest(after)
    assert waiting_for(after, made) == ["pacs"]
    assert made.objects[0].profile == ""
    assert {one.sop_instance_uid for one in taken.objects if not one.profile} <= named(file_of(after, made.objects[0]))


def test_an_object_in_another_class_is_named_as_well(bench: Bench) -> None:
    taken = analyse(bench)
    report = taken.objects[0]
    path = bench.app.files.path("2.25.77")
    other = file_of(bench, report)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    other.save_as(path)
    bench.app.database.jobs.add_variant(
        taken.id,
        ResultObject(
            role="sr",
            sop_class_uid=report.sop_class_uid,
            sop_instance_uid="2.25.77",
            sha256="0" * 64,
            size=1,
            profile=report.profile,
            variant_of=report.sop_instance_uid,
        ),
    )
    deliver(bench, "pacs")
    bench.app.retractor().retract(taken.id, ORDER)
    assert "2.25.77" in named(file_of(bench, newest(bench).objects[0]))


def test_a_corrected_report_follows_the_note_and_gives_no_finding(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    assert bench.app.retractor().retract(taken.id, CORRECTED).corrected
    made = newest(bench)
    assert roles(made)[:2] == ["rejection", "sr"]
    report = file_of(bench, made.objects[1])
    assert report.SeriesDescription.endswith("NOT ANALYSED - result withdrawn")
    everything = " ".join(texts(report))
    assert "The earlier result was withdrawn: wrong threshold" in everything
    for word in ("FLAGGED", "score", "Present"):
        assert word not in everything
    assert numbers(report) == []
    (study,) = report.PredecessorDocumentsSequence
    predecessor = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert predecessor in {one.sop_instance_uid for one in taken.objects if one.role == "sr"}


def numbers(item: Dataset) -> list[str]:
    """The probabilities in a content tree."""
    own = item.ValueType == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == "122157"
    below = [number for child in item.get("ContentSequence", []) for number in numbers(child)]
    return [*([str(item.MeasuredValueSequence[0].NumericValue)] if own else []), *below]


def test_of_a_series_that_is_held_there_is_a_note_and_no_corrected_report(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    (series,) = bench.series()
    assert bench.app.database.series.hold(series, Reason.TWO_PATIENTS, bench.clock.now())
    done = bench.app.retractor().retract(taken.id, CORRECTED)
    assert (done.notified, done.corrected) == (("pacs",), False)
    assert claimed(bench, "pacs").job.result_set_id == newest(bench).id


def test_a_note_that_cannot_be_written_leaves_the_result_stopped_and_is_written_later(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    path = bench.app.files.path(taken.objects[0].sop_instance_uid)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(ResultError, match="backup"):
        bench.app.retractor().retract(taken.id, ORDER)
    assert waiting_for(bench, taken) == []
    assert newest(bench) == taken
    path.write_bytes(content)
    assert bench.app.retractor().retract(taken.id, ORDER).notified == ("pacs",)


def test_a_result_that_was_made_for_nobody_is_left_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", [])
    taken = analyse(bench)
    assert bench.app.retractor().retract(taken.id, ORDER).state is RecallState.NEVER_SENT
    with pytest.raises(ResultError, match="no result 4711"):
        bench.app.retractor().retract(4711, ORDER)


def test_the_note_itself_is_known_as_ours(bench: Bench) -> None:
    taken = analyse(bench)
    deliver(bench, "pacs")
    bench.app.retractor().retract(taken.id, ORDER)
    assert bench.app.database.jobs.is_own_result(newest(bench).objects[0].sop_instance_uid)
    assert bench.jobs()[0].state is JobState.COMPLETED


def test_a_worklist_that_was_told_is_told_of_the_retraction(tmp_path: Path) -> None:
    notifier = {"name": "worklist", "kind": "hl7", "host": "127.0.0.1", "port": 2575}
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS], more={"notify": [notifier]})
    taken = analyse(bench)
    jobs = bench.app.database.jobs
    claim = jobs.claim([JobKind.NOTIFY], "messenger", timedelta(seconds=60), bench.clock.now())
    assert claim is not None
    assert jobs.complete_delivery(claim, [], bench.clock.now(), {}, Proof.SENT)
    done = bench.app.retractor().retract(taken.id, ORDER)
    assert (done.notified, done.told, done.unconfigured) == ((), ("worklist",), ())
    (job,) = jobs.deliveries_of(newest(bench).id)
    assert (job.kind, job.destination, job.state) == (JobKind.NOTIFY, "worklist", JobState.AVAILABLE)
