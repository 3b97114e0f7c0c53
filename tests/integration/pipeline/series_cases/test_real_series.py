"""Real CT through the real model of the demonstration bundle; docs/series-handling.md says what becomes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from support.series_cases.heads import enhanced
from support.series_cases.said import Said
from support.series_cases.ward import Ward

from hounsfield.storage.records import JobRecord, SeriesRecord
from hounsfield.storage.states import Completeness, Outcome, Reason, SeriesState


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    made = Ward(tmp_path_factory.mktemp("real"), scope=None)
    yield made
    made.close()


def _through(ward: Ward, *files: Path) -> tuple[SeriesRecord, list[JobRecord], list[Said]]:
    association = ward.call()
    for file in files:
        ward.store_file(file, association)
    ward.end(association)
    ward.through()
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    series = next(one for one in ward.series() if one.series_uid == uid)
    jobs = ward.jobs_of(series)
    return series, jobs, [said for job in jobs if (said := ward.report_of(job)) is not None]


def test_the_real_tilted_head_of_mixed_thickness_is_analysed(ward: Ward, real_ct: Path) -> None:
    files = sorted((real_ct / "ge_head_ct").glob("*.dcm"))
    series, (job,), (said,) = _through(ward, *files)
    assert (series.state, series.completeness) == (SeriesState.CLOSED, Completeness.COMPLETE)
    assert job.outcome in (Outcome.POSITIVE, Outcome.NEGATIVE)
    assert len(said.evidence) == 28
    assert "Gantry tilt 18.5 degrees" in said.comment
    assert "thickness 4 and 7 mm" in said.comment
    assert "Pixel padding -1500 masked as air" in said.comment


def test_one_real_tilted_slice_is_too_little_for_a_head(ward: Ward) -> None:
    series, jobs, _ = _through(ward, Path(get_testdata_file("J2K_pixelrep_mismatch.dcm")))
    assert (series.state, series.reason, jobs) == (SeriesState.SKIPPED, Reason.TOO_FEW_SLICES, [])


def test_a_real_slice_that_says_nowhere_what_it_shows_is_skipped(ward: Ward) -> None:
    series, jobs, _ = _through(ward, Path(get_testdata_file("693_J2KI.dcm")))
    assert (series.state, series.reason, jobs) == (SeriesState.SKIPPED, Reason.BODY_PART, [])


def test_a_real_enhanced_perfusion_map_is_skipped(ward: Ward, real_ct: Path) -> None:
    file = real_ct / "transfer_syntaxes" / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"
    series, jobs, _ = _through(ward, file)
    assert (series.state, series.reason, jobs) == (SeriesState.SKIPPED, Reason.IMAGE_TYPE, [])


def test_a_real_chest_is_skipped(ward: Ward, real_ct: Path) -> None:
    series, jobs, _ = _through(ward, real_ct / "transfer_syntaxes" / "CTImage.dcm")
    assert (series.state, series.reason, jobs) == (SeriesState.SKIPPED, Reason.BODY_PART, [])


def test_an_enhanced_head_of_twenty_frames_is_analysed_by_the_real_model(ward: Ward) -> None:
    image = enhanced(20)
    ward.send([image])
    ward.through()
    series = next(one for one in ward.series() if one.series_uid == image.SeriesInstanceUID)
    (job,) = ward.jobs_of(series)
    said = ward.report_of(job)
    assert job.outcome in (Outcome.POSITIVE, Outcome.NEGATIVE)
    assert said is not None
    frames = [frame for group in said.groups for _, frame in group.images]
    assert frames
    assert all(frame is not None and 1 <= frame <= 20 for frame in frames)
    assert said.evidence == ((image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID),)


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("J2K_pixelrep_mismatch.dcm", Reason.TOO_FEW_SLICES, "NOT ANALYSED - too few slices"),
        ("693_J2KI.dcm", Reason.BODY_PART, "NOT ANALYSED - another body part than the model is for"),
    ],
)
def test_one_real_slice_that_a_rule_wants_is_reported_as_not_analysed(
    tmp_path: Path, name: str, reason: Reason, words: str
) -> None:
    rule = {"name": "ct", "bundle": "tiny", "where": {"Modality": "CT"}}
    made = Ward(tmp_path, configuration={"rule": [rule]})
    try:
        series, (job,), (said,) = _through(made, Path(get_testdata_file(name)))
        assert (series.state, job.outcome, job.reason) == (SeriesState.CLOSED, Outcome.NOT_ANALYSED, reason)
        assert words in said.description
    finally:
        made.close()
