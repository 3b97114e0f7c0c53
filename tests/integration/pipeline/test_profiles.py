"""Destinations that want other objects get them, each its own, from one analysis."""

from pathlib import Path

from pydicom import Dataset, dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.results.profile import profile_of
from hounsfield.storage.records import StoredResultSet

GERMAN = {**LOOPBACK_PACS, "name": "viewer", "language": "de", "results": ["sr", "sc", "ko", "pr"]}
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
        ("sc", ""),
        *((role, german) for role in ("sr", "sc", "ko", "pr")),
    ]
    english, other = (read(bench, result.objects[k].sop_instance_uid) for k in (0, 2))
    assert english.SeriesDescription.startswith("AI ")
    assert other.SeriesDescription.startswith("KI ")
    assert english.SeriesInstanceUID != other.SeriesInstanceUID
    names = [obj.sop_instance_uid for obj in result.objects]
    (study,) = other.CurrentRequestedProcedureEvidenceSequence
    named = {
        ref.ReferencedSOPInstanceUID for one in study.ReferencedSeriesSequence for ref in one.ReferencedSOPSequence
    }
    assert named & set(names) == set(names[3:])
    pages = [read(bench, names[k]).pixel_array for k in (1, 3)]
    assert pages[0].shape[2] == pages[1].shape[2] == 3
    assert (bench.app.home / "previews" / f"{names[0]}.png").exists()


def test_a_rule_that_names_destinations_makes_the_objects_of_those_only(tmp_path: Path) -> None:
    rules = [{"name": "head", "bundle": "tiny", "when": "axial", "destinations": ["viewer"]}]
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, GERMAN], more={"rule": rules})
    result = analysed(bench, write_series(tmp_path / "files", ct_series(12)))
    assert {obj.profile for obj in result.objects} == {profile_of(bench.app.settings.destination[1]).key}


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
