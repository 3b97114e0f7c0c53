"""kill -9 at every stage: after the restart exactly one result set lies in the PACS."""

import threading
from pathlib import Path
from typing import Any

from pydicom import dcmread
from support.daemon import Daemon
from support.peers import Orthanc, free_port, orthanc, run_tool
from support.results_in_pacs import companions_in, reports_on
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.config.settings import load_settings
from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, JobState


def database(home: Path) -> Database:
    """The job database of a home, read from outside the daemon."""
    return open_database(load_settings(None).storage.database_url, home)


def has_event(store: Database, stage: str, state: str) -> bool:
    return any(e.stage == stage and e.to_state == state for e in store.jobs.events(limit=10_000))


def received(store: Database) -> int:
    return sum(series.instances for series in store.series.page())


def claimed(store: Database) -> bool:
    return has_event(store, "infer", "RUNNING")


def inferred(store: Database) -> bool:
    """The model has answered; the report is being built."""
    return any(e.detail.get("step") == "infer" for e in store.jobs.events(limit=10_000))


def delivering(store: Database) -> bool:
    return has_event(store, "deliver", "RUNNING")


def to(daemon: Daemon) -> tuple[str, ...]:
    return ("-aec", "HOUNSFIELD", "127.0.0.1", str(daemon.port))


def delivered(store: Database) -> bool:
    jobs = store.jobs.page(JobFilter(kind=JobKind.DELIVER))
    return bool(jobs) and all(job.state is JobState.COMPLETED for job in jobs)


def test_kill_9_at_every_stage_of_one_series_leaves_exactly_one_result_set(
    home: Path, pacs: Orthanc, destination: dict[str, Any], tmp_path: Path
) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=1001, lesion="epidural"))
    header = dcmread(files[0], stop_before_pixels=True)
    daemon = Daemon(home, [destination])

    with daemon.start():  # receive: killed inside the association
        store = database(home)
        sender = threading.Thread(target=run_tool, args=("dcmsend", *to(daemon), *files))
        sender.start()
        wait_until(lambda: received(store) >= 3, 30, 0.001)
        daemon.kill()
        sender.join()
        acknowledged = received(store)
    with daemon.start():  # assemble: the whole series is there, its quiet period runs
        assert received(store) >= acknowledged
        dcmsend(daemon.port, files)
        daemon.kill()
    with daemon.start():  # what was acknowledged and not yet registered is found in the spool
        (series,) = store.series.page()
        assert series.instances == len(files), "no acknowledged image is lost"
        daemon.kill()
    for reached in (claimed, inferred, delivering):
        with daemon.start():
            wait_until(lambda stage=reached: stage(store), 60, 0.01)
            daemon.kill()
    with daemon.start():
        wait_until(lambda: delivered(store), 60)
        assert daemon.stop() == 0
    assert len(reports_on(pacs, str(header.SeriesInstanceUID))) == 1
    pages = [int(page.InstanceNumber) for page in companions_in(pacs, str(header.StudyInstanceUID))]
    assert sorted(pages) == list(range(1, len(pages) + 1)), "each page once"
    (job,) = store.jobs.page(JobFilter(kind=JobKind.INFER))
    assert job.state is JobState.COMPLETED
    assert job.attempts > 1, "at least one kill hit a running analysis"


def test_a_pacs_that_is_down_gets_the_result_when_it_is_up_again(home: Path, tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=31, slices=10))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    port = free_port()
    destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": port, "probe_seconds": 1.0}
    with Daemon(home, [destination]).start() as daemon:
        dcmsend(daemon.port, files)
        store = database(home)
        wait_until(lambda: has_event(store, "deliver", "RETRYABLE"), 60)
        with orthanc(tmp_path / "late", dicom_port=port) as late:
            wait_until(lambda: delivered(store), 90, 0.2)
            assert len(reports_on(late, uid)) == 1
    (job,) = store.jobs.page(JobFilter(kind=JobKind.INFER))
    assert job.attempts == 1, "a dead PACS never repeats the analysis"
