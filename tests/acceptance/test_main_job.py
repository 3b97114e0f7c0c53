"""A CT series goes in over real DICOM, a structured report lies in the PACS, the job stands in the log."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import pytest
from pydicom import dcmread
from support.daemon import Daemon
from support.peers import Orthanc, dciodvfy, run_tool
from support.postgres import PostgreSQL
from support.results_in_pacs import companions_in, reports_on
from support.sending import dcmsend, storescu
from support.waiting import wait_until

from hounsfield.model.phantom.series import PhantomSpec, write_series


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, destination: dict[str, Any]) -> Iterator[Daemon]:
    home = tmp_path_factory.mktemp("main-job") / "home"
    with Daemon(home, [destination]).start() as running:
        yield running
        assert running.stop() == 0, "SIGTERM ends the daemon cleanly"


def finished(daemon: Daemon, series_uid: str) -> dict[str, Any] | None:
    """Return the INFER job of a series once its DELIVER job is completed."""
    if not daemon.has_delivered(series_uid):
        return None
    jobs = [job for job in daemon.hounsfield("jobs", "list") if job["series_uid"] == series_uid]
    assert "COMPLETED" in {job["state"] for job in jobs if job["kind"] == "DELIVER"}
    return next(job for job in jobs if job["kind"] == "INFER")


def test_a_real_tilted_head_ct_becomes_a_report_that_says_what_was_done_about_it(
    daemon: Daemon, pacs: Orthanc, real_ct: Path, tmp_path: Path
) -> None:
    files = sorted((real_ct / "ge_head_ct").glob("*.dcm"))
    source = dcmread(files[0], stop_before_pixels=True)
    dcmsend(daemon.port, files)
    job = wait_until(lambda: finished(daemon, source.SeriesInstanceUID), 60)
    assert job["outcome"] in ("positive", "negative")
    (report,) = reports_on(pacs, source.SeriesInstanceUID)
    assert report.PatientID == source.PatientID
    assert report.StudyInstanceUID == source.StudyInstanceUID
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    images = [s for s in study.ReferencedSeriesSequence if s.SeriesInstanceUID == source.SeriesInstanceUID]
    assert len(images[0].ReferencedSOPSequence) == len(files)
    text = dump(report, tmp_path)
    assert "18.5 degrees" in text
    assert "ntercept 0" in text
    captures = len(companions_in(pacs, source.StudyInstanceUID))
    assert captures == 1 if job["outcome"] == "negative" else 1 <= captures <= 4


@pytest.mark.parametrize(
    ("lesion", "drop", "outcome"), [("subdural", (), None), (None, (), None), (None, (10, 11), "not_analysed")]
)
def test_a_generated_series_ends_in_a_valid_report(
    daemon: Daemon, pacs: Orthanc, tmp_path: Path, lesion: str | None, drop: tuple[int, ...], outcome: str | None
) -> None:
    spec = PhantomSpec(seed=4242, lesion=lesion, drop=drop, uid_salt=f"{lesion}{drop}")
    files = write_series(tmp_path / "series", spec)
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    done = storescu(daemon.port, files)
    assert done.returncode == 0, done.stderr
    job = wait_until(lambda: finished(daemon, uid), 60)
    assert job["outcome"] == outcome or (outcome is None and job["outcome"] in ("positive", "negative"))
    (report,) = reports_on(pacs, uid)
    study = str(report.StudyInstanceUID)
    for number, instance in enumerate([report, *companions_in(pacs, study)]):
        path = tmp_path / f"{number}.dcm"
        instance.save_as(path)
        assert dciodvfy(path) == ([], [])
    assert highdicom.sr.srread(tmp_path / "0.dcm").SOPInstanceUID == report.SOPInstanceUID
    assert ("NOT ANALYSED" in report.SeriesDescription) == (outcome == "not_analysed")


def test_what_the_pacs_holds_is_byte_for_byte_what_was_persisted(daemon: Daemon, pacs: Orthanc) -> None:
    results = sorted((daemon.home / "results").glob("*.dcm"))
    assert results
    for path in results:
        kept = dcmread(io.BytesIO(pacs.file(path.stem)))
        ours = dcmread(path)
        assert kept == ours


def test_uids_of_images_never_stand_in_the_log(daemon: Daemon, pacs: Orthanc) -> None:
    text = (daemon.home.parent / f"{daemon.home.name}.log").read_text()
    uids = {job["series_uid"] for job in daemon.hounsfield("jobs", "list")}
    assert uids
    assert not [uid for uid in uids if uid in text]


def test_results_that_come_back_trigger_nothing(daemon: Daemon) -> None:
    before = len(daemon.hounsfield("jobs", "list"))
    results = sorted((daemon.home / "results").glob("*.dcm"))
    dcmsend(daemon.port, results, calling="PACS")
    uids = {str(dcmread(path, stop_before_pixels=True).SeriesInstanceUID) for path in results}

    def skipped() -> bool:
        rows = {s["series_uid"]: s for s in daemon.hounsfield("series", "list")}
        return all(rows.get(uid, {}).get("state") == "SKIPPED" for uid in uids)

    wait_until(skipped, 20, 0.3)
    rows = [s for s in daemon.hounsfield("series", "list") if s["series_uid"] in uids]
    assert {row["reason"] for row in rows} == {"own-result"}
    assert len(daemon.hounsfield("jobs", "list")) == before


def test_a_study_sent_again_with_a_new_description_and_as_jpeg_ls_makes_no_second_result(
    daemon: Daemon, pacs: Orthanc, tmp_path: Path
) -> None:
    files = write_series(tmp_path / "first", PhantomSpec(seed=77, slices=12))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    dcmsend(daemon.port, files)
    wait_until(lambda: finished(daemon, uid), 60)
    again = []
    for path in files:
        instance = dcmread(path)
        instance.StudyDescription = "COERCED BY THE ARCHIVE"
        instance.compress("1.2.840.10008.1.2.4.80", generate_instance_uid=False)
        again.append(tmp_path / f"again-{path.name}")
        instance.save_as(again[-1])
    dcmsend(daemon.port, again)

    def settled() -> bool:
        (row,) = [s for s in daemon.hounsfield("series", "list") if s["series_uid"] == uid]
        return row["state"] == "CLOSED"

    wait_until(settled, 30, 0.3)
    (row,) = [s for s in daemon.hounsfield("series", "list") if s["series_uid"] == uid]
    assert row["revision"] == 1
    assert len(reports_on(pacs, uid)) == 1
    assert len([j for j in daemon.hounsfield("jobs", "list") if j["series_uid"] == uid]) == 2


def test_late_slices_make_a_second_report_that_names_the_first(daemon: Daemon, pacs: Orthanc, tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=91, slices=14))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    dcmsend(daemon.port, files[:12])
    wait_until(lambda: finished(daemon, uid), 60)
    (first,) = reports_on(pacs, uid)
    dcmsend(daemon.port, files[12:])
    wait_until(lambda: daemon.has_delivered(uid, 2), 60)
    assert len(reports_on(pacs, uid)) == 2
    second = next(r for r in reports_on(pacs, uid) if r.SOPInstanceUID != first.SOPInstanceUID)
    (predecessor,) = second.PredecessorDocumentsSequence
    named = predecessor.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named == first.SOPInstanceUID


def test_a_chest_ct_is_skipped_with_its_reason(daemon: Daemon, tmp_path: Path) -> None:
    files = write_series(tmp_path / "chest", PhantomSpec(seed=5, slices=10))
    for path in files:
        instance = dcmread(path)
        instance.BodyPartExamined = "CHEST"
        instance.save_as(path)
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    dcmsend(daemon.port, files)

    def row() -> dict[str, Any] | None:
        rows = [s for s in daemon.hounsfield("series", "list") if s["series_uid"] == uid]
        return rows[0] if rows and rows[0]["state"] != "RECEIVING" else None

    found = wait_until(row, 20, 0.3)
    assert (found["state"], found["reason"]) == ("SKIPPED", "body-part")


def test_jobs_tail_shows_the_story_without_patient_data(daemon: Daemon) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hounsfield.daemon.cli.main", "jobs", "tail"],
        env={"PATH": "/usr/bin:/bin", "HOUNSFIELD_STORAGE__HOME": str(daemon.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "COMPLETED" in done.stdout
    assert "deliver" in done.stdout
    results = [dcmread(path, stop_before_pixels=True) for path in (daemon.home / "results").glob("*.dcm")]
    private = {str(r[word].value) for r in results for word in ("PatientID", "PatientName", "StudyInstanceUID")}
    assert "SYNTHETIC-77" in private
    assert not [text for text in private if text in done.stdout]


def dump(report: Any, folder: Path) -> str:
    path = folder / "report.dcm"
    report.save_as(path)
    done = run_tool("dsrdump", "+Pl", path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("engine", ["embedded", "procrastinate"])
def test_the_same_daemon_does_the_main_job_on_postgresql(
    engine: str, postgresql_cluster: PostgreSQL, pacs: Orthanc, destination: dict[str, Any], tmp_path: Path
) -> None:
    url = postgresql_cluster.create_database(f"main_job_{engine}")
    files = write_series(tmp_path / "series", PhantomSpec(seed=505, slices=10, uid_salt=engine))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    settings = {"HOUNSFIELD_STORAGE__DATABASE_URL": url, "HOUNSFIELD_QUEUE__ENGINE": engine}
    daemon = Daemon(tmp_path / "home", [destination], settings)
    daemon.command("db", "upgrade")
    with daemon.start():
        dcmsend(daemon.port, files)
        wait_until(lambda: finished(daemon, uid), 60)
        if engine == "procrastinate":
            waiting = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name IN ('infer', 'deliver')"
            wait_until(lambda: postgresql_cluster.execute(waiting, f"main_job_{engine}").strip() == "0")
        assert daemon.stop() == 0
    assert len(reports_on(pacs, uid)) == 1
    assert not (tmp_path / "home" / "hounsfield.db").exists()
