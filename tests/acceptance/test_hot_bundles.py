"""Another version of the model while the service runs: no restart, no lost job, and each report names its version."""

from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from support.daemon import Daemon
from support.reports import texts
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.bundles.installed import InstalledBundles
from hounsfield.daemon.bundles.installing import install
from hounsfield.daemon.config.settings import load_settings
from hounsfield.model.bundle import Bundle, bundled, open_bundle, write_bundle
from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import JobFilter, JobRecord
from hounsfield.storage.states import JobKind, JobState


def version_of_the_demonstration(version: str, folder: Path, home: Path) -> Bundle:
    """The shipped bundle under another version, installed; the worker does its self-test."""
    shipped = open_bundle(bundled())
    fields: dict[str, Any] = shipped.manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    files = {name: shipped.folder / name for name in shipped.manifest.files}
    write_bundle(folder / version, {**fields, "created": shipped.manifest.created, "version": version}, files)
    return install(folder / version, InstalledBundles(home / "bundles"), lambda _: None)


def analyses(store: Database) -> list[JobRecord]:
    return store.jobs.page(JobFilter(kind=JobKind.INFER))


def report_of(store: Database, home: Path, job: JobRecord) -> Dataset:
    result = store.jobs.result_set(job.result_set_id or 0)
    assert result is not None
    (uid,) = [one.sop_instance_uid for one in result.objects if one.role == "sr"]
    return dcmread(home / "results" / f"{uid}.dcm")


def test_versions_are_changed_and_changed_back_with_jobs_in_flight(home: Path, tmp_path: Path) -> None:
    one, two = (version_of_the_demonstration(version, tmp_path, home) for version in ("8.0.0", "9.0.0"))
    name = one.manifest.name
    # no attempt is lost to a short lease on a slow machine
    daemon = Daemon(home, settings={"HOUNSFIELD_WORKER__LEASE_SECONDS": "60"})
    daemon.command("bundle", "activate", name, "8.0.0", "--by", "anna")
    daemon.command("pause", "inference")
    with daemon.start():
        store = open_database(load_settings(None).storage.database_url, home)
        for number, choose in enumerate((("activate", name, "9.0.0"), ("rollback", name), None), start=1):
            dcmsend(daemon.port, write_series(tmp_path / f"s{number}", PhantomSpec(seed=number, slices=10)))
            wait_until(lambda count=number: len(analyses(store)) == count, 60)
            if choose is not None:
                daemon.command("bundle", *choose)
        assert {job.state for job in analyses(store)} == {JobState.AVAILABLE}, "all of them wait"
        daemon.command("resume", "inference")
        wait_until(lambda: all(job.state.is_final for job in analyses(store)), 120)
        (row,) = [row for row in daemon.hounsfield("bundle", "list") if row["version"] == "8.0.0"]
        assert daemon.stop() == 0
    jobs = analyses(store)
    assert [(job.state, job.attempts) for job in jobs] == [(JobState.COMPLETED, 1)] * 3
    for job, bundle in zip(jobs, (one, two, one), strict=True):
        assert (job.bundle_version, job.bundle_sha256) == (bundle.manifest.version, bundle.sha256)
        said = " ".join(texts(report_of(store, home, job)))
        assert (bundle.manifest.version in said, bundle.sha256 in said) == (True, True)
    assert (row["use"], row["worker"]) == ("active", "served")
