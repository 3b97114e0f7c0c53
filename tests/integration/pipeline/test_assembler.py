"""What becomes of a series: closed, skipped or held, and when."""

from pathlib import Path

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, ct_slice, head_hu, write, write_series
from support.recording import end_association

from hounsfield.storage.states import AssociationEnding, Completeness, Outcome, Reason, SeriesState


def only(bench: Bench) -> tuple[SeriesState, Reason | None]:
    (series,) = bench.series()
    return series.state, series.reason


def test_a_quiet_series_is_closed_with_one_job(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path, ct_series(12)))
    bench.clock.advance(9)
    bench.assembler.tick()
    assert only(bench)[0] is SeriesState.RECEIVING
    bench.clock.advance(2)
    bench.assembler.tick()
    (series,) = bench.series()
    assert (series.state, series.revision, series.completeness) == (SeriesState.CLOSED, 1, Completeness.COMPLETE)
    assert len(bench.jobs()) == 1


def test_a_restart_in_the_middle_gives_a_fresh_quiet_period(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path, ct_series(12)))
    bench.clock.advance(30)
    restarted = bench.app.assembler()
    restarted.tick()
    assert only(bench)[0] is SeriesState.RECEIVING
    bench.clock.advance(11)
    restarted.tick()
    assert only(bench)[0] is SeriesState.CLOSED


def test_missing_slices_are_waited_for_before_the_series_closes_as_incomplete(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(12))
    bench.receive(files[:5] + files[6:])
    bench.clock.advance(20)
    bench.assembler.tick()
    assert only(bench)[0] is SeriesState.RECEIVING
    bench.clock.advance(60)
    bench.assembler.tick()
    (series,) = bench.series()
    assert (series.state, series.completeness) == (SeriesState.CLOSED, Completeness.INCOMPLETE)


def test_a_missing_slice_that_comes_late_completes_the_series(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(12))
    bench.receive(files[:5] + files[6:])
    bench.clock.advance(20)
    bench.assembler.tick()
    bench.receive([files[5]])
    bench.clock.advance(11)
    bench.assembler.tick()
    (series,) = bench.series()
    assert (series.state, series.completeness, series.revision) == (SeriesState.CLOSED, Completeness.COMPLETE, 1)


def test_two_patients_in_one_series_are_held_and_make_no_job(bench: Bench, tmp_path: Path) -> None:
    series = ct_series(12)
    series[7].PatientID = "T-2"
    bench.receive(write_series(tmp_path, series))
    bench.settle()
    assert only(bench) == (SeriesState.HELD, Reason.TWO_PATIENTS)
    assert bench.jobs() == []


def test_padding_of_a_patient_id_makes_no_second_patient(bench: Bench, tmp_path: Path) -> None:
    series = ct_series(12)
    series[7].PatientID = " T-1 "
    bench.receive(write_series(tmp_path, series))
    bench.settle()
    assert only(bench)[0] is SeriesState.CLOSED


def test_two_different_slices_at_one_position_are_held(bench: Bench, tmp_path: Path) -> None:
    other = ct_slice(head_hu() + 1, z=25.0, SOPInstanceUID="2.25.77")
    bench.receive(write_series(tmp_path, [*ct_series(12), other]))
    bench.settle()
    assert only(bench) == (SeriesState.HELD, Reason.AMBIGUOUS_GEOMETRY)


def test_the_same_slice_under_two_identifiers_is_taken_once_and_the_result_says_so(
    bench: Bench, tmp_path: Path
) -> None:
    twin = ct_slice(z=25.0, SOPInstanceUID="2.25.77")
    bench.receive(write_series(tmp_path, [*ct_series(12), twin]))
    bench.settle()
    assert only(bench) == (SeriesState.CLOSED, None)
    (job,) = bench.jobs()
    assert job.verdict is not None
    assert job.verdict.remarks == ("1 image left out: the same picture came twice.",)
    taken = bench.app.database.series.instances(job.series_id, 1)
    assert len(taken) == 12
    assert "2.25.77" not in {one.sop_instance_uid for one in taken}
    bench.settle()
    assert len(bench.jobs()) == 1


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"BodyPartExamined": "CHEST"}, Reason.BODY_PART),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Reason.IMAGE_TYPE),
    ],
)
def test_a_series_no_bundle_wants_is_skipped_with_its_reason(
    bench: Bench, tmp_path: Path, attributes: dict[str, object], reason: Reason
) -> None:
    bench.receive(write_series(tmp_path, ct_series(12, **attributes)))
    bench.settle()
    assert only(bench) == (SeriesState.SKIPPED, reason)


def test_a_companion_object_is_kept_and_skipped(bench: Bench, tmp_path: Path) -> None:
    dose = ct_slice(Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", PixelData=None)
    bench.receive([write(dose, tmp_path / "dose.dcm")])
    bench.settle()
    assert only(bench) == (SeriesState.SKIPPED, Reason.NOT_AN_IMAGE)


def test_the_same_bytes_again_change_nothing(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(12))
    bench.receive(files)
    bench.settle()
    bench.receive(files)
    bench.settle()
    (series,) = bench.series()
    assert (series.state, series.revision, series.duplicates) == (SeriesState.CLOSED, 1, 12)
    assert len(bench.jobs()) == 1


def test_a_changed_description_in_another_lossless_syntax_makes_no_revision(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path / "first", ct_series(12)))
    bench.settle()
    again = ct_series(12, StudyDescription="COERCED")
    bench.receive(write_series(tmp_path / "again", again, syntax="1.2.840.10008.1.2.5"))
    assert only(bench)[0] is SeriesState.RECEIVING
    bench.settle()
    (series,) = bench.series()
    assert (series.state, series.revision, series.variants) == (SeriesState.CLOSED, 1, 12)
    assert len(bench.jobs()) == 1


def test_the_same_instance_with_other_pixels_is_held_as_a_conflict(bench: Bench, tmp_path: Path) -> None:
    series = ct_series(12)
    bench.receive(write_series(tmp_path / "first", series))
    bench.settle()
    changed = series[4]
    changed.PixelData = changed.PixelData[:-2] + b"\x01\x02"
    bench.receive([write(changed, tmp_path / "changed.dcm")])
    bench.settle()
    assert only(bench) == (SeriesState.HELD, Reason.CONFLICT)


def test_late_slices_open_a_second_revision_with_a_job_of_its_own(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(14))
    bench.receive(files[:12])
    bench.settle()
    bench.receive(files[12:])
    bench.settle()
    (series,) = bench.series()
    assert (series.state, series.revision) == (SeriesState.CLOSED, 2)
    assert [job.revision for job in bench.jobs()] == [1, 2]
    assert len(bench.app.database.series.instances(series.id, 1)) == 12
    assert len(bench.app.database.series.instances(series.id, 2)) == 14


def test_more_revisions_than_allowed_are_held(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(16))
    bench.receive(files[:12])
    bench.settle()
    for late in files[12:15]:
        bench.receive([late])
        bench.settle()
    assert only(bench) == (SeriesState.HELD, Reason.TOO_MANY_REVISIONS)


def test_a_head_cut_short_by_an_abort_is_reported_and_not_skipped_as_too_short(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path, ct_series(12))[:3], AssociationEnding.ABORTED)
    bench.settle()
    assert only(bench)[0] is SeriesState.CLOSED
    bench.worker(0.5).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.reason) == (Outcome.NOT_ANALYSED, Reason.TOO_FEW_SLICES)


def test_three_slices_that_came_whole_are_skipped_as_too_few(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path, ct_series(3)))
    bench.settle()
    assert only(bench) == (SeriesState.SKIPPED, Reason.TOO_FEW_SLICES)


def test_an_aborted_association_makes_the_verdict_suspect(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path, ct_series(12)), AssociationEnding.ABORTED)
    bench.settle()
    (series,) = bench.series()
    assert (series.completeness, series.reason) == (Completeness.SUSPECT, Reason.ASSOCIATION_ABORTED)


def looked_at_while_open(folder: Path) -> tuple[Bench, str]:
    """A series that was due while its association was still open, and the association."""
    made = Bench(folder / "home", more={"assembly": {"released_seconds": 2.0}})
    association = made.receive(write_series(folder, ct_series(12)), AssociationEnding.OPEN)
    for _ in range(2):
        made.clock.advance(3)
        made.assembler.tick()
    assert only(made)[0] is SeriesState.RECEIVING
    return made, association


def test_a_release_counts_also_for_a_series_that_was_looked_at_before_it(tmp_path: Path) -> None:
    bench, association = looked_at_while_open(tmp_path)
    end_association(bench.app.database.series, association, AssociationEnding.RELEASED, bench.clock.now())
    bench.clock.advance(0.1)
    bench.assembler.tick()
    (series,) = bench.series()
    assert (series.state, series.completeness) == (SeriesState.CLOSED, Completeness.COMPLETE)


def test_an_abort_makes_the_verdict_suspect_also_of_a_series_that_was_looked_at_before_it(tmp_path: Path) -> None:
    bench, association = looked_at_while_open(tmp_path)
    end_association(bench.app.database.series, association, AssociationEnding.ABORTED, bench.clock.now())
    bench.settle()
    (series,) = bench.series()
    assert (series.completeness, series.reason) == (Completeness.SUSPECT, Reason.ASSOCIATION_ABORTED)


def test_a_series_closed_by_its_age_while_images_still_come_is_suspect(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(14))
    bench.receive(files[:12])
    bench.clock.advance(3595)
    bench.receive(files[12:13])
    bench.clock.advance(6)
    bench.assembler.tick()
    (series,) = bench.series()
    assert (series.state, series.completeness, series.reason) == (
        SeriesState.CLOSED,
        Completeness.SUSPECT,
        Reason.MAX_AGE,
    )


@pytest.mark.parametrize("step", [-3600.0 * 24 * 365, -3600.0, 3600.0])
def test_a_step_of_the_wall_clock_does_not_move_the_quiet_period(bench: Bench, tmp_path: Path, step: float) -> None:
    files = write_series(tmp_path, ct_series(14))
    bench.receive(files[:12])
    bench.assembler.tick()
    bench.clock.step(step)
    bench.clock.advance(5)
    bench.assembler.tick()
    assert only(bench)[0] is SeriesState.RECEIVING
    bench.clock.advance(6)
    bench.assembler.tick()
    assert only(bench)[0] is SeriesState.CLOSED


def test_an_image_whose_identifier_came_before_in_another_series_holds_the_later_series(
    bench: Bench, tmp_path: Path
) -> None:
    first, second = ct_series(12), ct_series(12, name="b")
    second[4].SOPInstanceUID = first[4].SOPInstanceUID
    bench.receive(write_series(tmp_path / "a", first))
    bench.receive(write_series(tmp_path / "b", second))
    bench.settle()
    found = {one.series_uid: (one.state, one.reason) for one in bench.series()}
    assert found[str(first[0].SeriesInstanceUID)] == (SeriesState.CLOSED, None)
    assert found[str(second[0].SeriesInstanceUID)] == (SeriesState.HELD, Reason.CONFLICT)
    held = bench.app.database.series.find(str(second[0].SeriesInstanceUID))
    assert held is not None
    assert bench.app.database.series.release(held.id, bench.clock.now(), "A. Admin")
    bench.settle()
    assert bench.app.database.series.get(held.id).state is SeriesState.CLOSED  # type: ignore[union-attr]


def test_late_images_that_belong_to_another_reconstruction_make_no_second_report(bench: Bench, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path / "a", ct_series(12, ConvolutionKernel="S")))
    bench.settle()
    scout = ct_slice(z=500.0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    bench.receive(write_series(tmp_path / "b", [scout]))
    bench.settle()
    other = ct_series(9, ConvolutionKernel="B")
    for number, image in enumerate(other):
        image.SOPInstanceUID = f"2.25.8{number}"
    bench.receive(write_series(tmp_path / "c", other))
    bench.settle()
    (series,) = bench.series()
    assert (series.state, series.revision, series.instances) == (SeriesState.CLOSED, 1, 22)
    assert len(bench.jobs()) == 1


def test_a_late_slice_after_images_of_another_reconstruction_makes_a_revision(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path / "a", ct_series(12, ConvolutionKernel="S"))
    bench.receive(files[:-1])
    bench.settle()
    scout = ct_slice(z=500.0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    bench.receive(write_series(tmp_path / "b", [scout]))
    bench.settle()
    bench.receive(files[-1:])
    bench.settle()
    assert [job.revision for job in bench.jobs()] == [1, 2]
