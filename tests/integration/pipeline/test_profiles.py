"""Destinations that want other objects get them, each its own, from one analysis."""

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from support.bench import LOOPBACK_PACS, Bench, FixedPredictor
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.results.profile import profile_of
from hounsfield.model.explain.explainer import ALONE, Beside
from hounsfield.storage.records import StoredResultSet

GERMAN = {
    **LOOPBACK_PACS,
    "name": "viewer",
    "language": "de",
    "results": ["sr", "sc", "ko", "pr"],
    "flagged_pages": 1,
}
SAME = {**LOOPBACK_PACS, "name": "copy"}


def analysed(bench: Bench, files: list[Path]) -> StoredResultSet:
    bench.receive(files)
    bench.settle()
    assert bench.worker(0.9).work_one()
    job = bench.jobs()[0]
    result = bench.app.database.jobs.result_set(job.result_set_id or 0)
    assert result is not None
    return result


def read(bench: Bench, uid: str) -> Dataset:
    return dcmread(bench.app.files.path(uid))


def test_each_profile_gets_its_objects_and_equal_ones_share_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, GERMAN, SAME])
    result = analysed(bench, write_series(tmp_path / "files", ct_series(12)))
    german = profile_of(bench.app.settings.destination[1]).key
    assert german
    assert [(obj.role, obj.profile) for obj in result.objects] == [
        ("sr", ""),
        *[("sc", "")] * 4,
        *((role, german) for role in ("sr", "sc", "sc", "ko", "pr")),
    ]
    english, other = (read(bench, result.objects[k].sop_instance_uid) for k in (0, 5))
    assert english.SeriesDescription.startswith("AI ")
    assert other.SeriesDescription.startswith("KI ")
    assert english.SeriesInstanceUID != other.SeriesInstanceUID
    names = [obj.sop_instance_uid for obj in result.objects]
    (study,) = other.CurrentRequestedProcedureEvidenceSequence
    named = {
        ref.ReferencedSOPInstanceUID for one in study.ReferencedSeriesSequence for ref in one.ReferencedSOPSequence
    }
    assert named & set(names) == set(names[6:])
    pages = [read(bench, names[k]).pixel_array for k in (1, 6)]
    assert pages[0].shape[2] == pages[1].shape[2] == 3
    assert (bench.app.home / "previews" / f"{names[0]}.png").exists()


def test_a_rule_that_names_destinations_makes_the_objects_of_those_only(tmp_path: Path) -> None:
    rules = [{"name": "head", "bundle": "tiny", "when": "axial", "destinations": ["viewer"]}]
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, GERMAN], more={"rule": rules})
    result = analysed(bench, write_series(tmp_path / "files", ct_series(12)))
    assert {obj.profile for obj in result.objects} == {profile_of(bench.app.settings.destination[1]).key}


class HotPixel:
    """Explains every slice by one pixel."""

    method = "fixed"

    def explain(
        self,
        hu: np.ndarray,
        spacing_mm: tuple[float, float],
        shift: tuple[float, float] = (0, 0),
        beside: Beside = ALONE,
    ) -> np.ndarray:
        heat = np.zeros(hu.shape, np.float32)
        heat[11, 23] = 1.0
        return heat


def test_a_presentation_state_circles_what_the_explainer_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", [GERMAN])
    bench.receive(write_series(tmp_path / "files", ct_series(12)))
    bench.settle()
    assert bench.worker_with(FixedPredictor(0.9), explainer=HotPixel()).work_one()
    result = bench.app.database.jobs.result_set(bench.jobs()[0].result_set_id or 0)
    assert result is not None
    (state,) = (read(bench, obj.sop_instance_uid) for obj in result.objects if obj.role == "pr")
    circles = [one for one in state.GraphicAnnotationSequence if "GraphicObjectSequence" in one]
    assert len(circles) == 4, "one for each slice that was explained"
    assert {tuple(one.GraphicObjectSequence[0].GraphicData[:2]) for one in circles} == {(23.5, 11.5)}
    (of_series,) = state.ReferencedSeriesSequence
    shown = {one.ReferencedSOPInstanceUID for one in of_series.ReferencedImageSequence}
    assert len(shown) == 10, "those that have a group in the report"
    assert {one.ReferencedImageSequence[0].ReferencedSOPInstanceUID for one in circles} <= shown


def test_a_report_follows_the_one_of_its_own_profile(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, GERMAN])
    files = write_series(tmp_path / "files", ct_series(14))
    analysed(bench, files[:12])
    analysed(bench, files[12:])
    jobs = sorted(bench.jobs(), key=lambda job: job.id)
    first, second = (bench.app.database.jobs.result_set(job.result_set_id or 0) for job in jobs)
    assert first is not None
    assert second is not None
    for before, after in zip(first.objects, second.objects, strict=True):
        assert (before.role, before.profile) == (after.role, after.profile)
        if after.role == "sr":
            (study,) = read(bench, after.sop_instance_uid).PredecessorDocumentsSequence
            (named,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
            assert named.ReferencedSOPInstanceUID == before.sop_instance_uid
