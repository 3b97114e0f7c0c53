"""A whole daemon and an archive that commits: the receiver takes the report, and the courier ends the job as proven."""

from pathlib import Path
from typing import Any

from pydicom import dcmread
from support.daemon import Daemon
from support.peers import free_port, orthanc
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, Proof


def test_results_are_proven_by_commitment_by_query_and_in_a_folder(tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=1001, lesion="epidural"))
    series_uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    share = tmp_path / "share"
    share.mkdir()
    ours = free_port()
    with orthanc(tmp_path / "pacs", reports_to=ours) as pacs:
        place = {"ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port, "check_patient": True}
        destinations: list[dict[str, Any]] = [
            {"name": "committing", "proof": "commitment", **place},
            {"name": "found", "proof": "find", **place},
            {"name": "share", "kind": "folder", "folder": str(share), "proof": "find"},
        ]
        with Daemon(tmp_path / "home", destinations, port=ours).start() as daemon:
            dcmsend(daemon.port, files)
            wait_until(lambda: daemon.has_delivered(series_uid, len(destinations)), 90)
            assert daemon.stop() == 0
    store = open_database(None, tmp_path / "home")
    delivered = store.jobs.page(JobFilter(kind=JobKind.DELIVER))
    names = [str(destination["name"]) for destination in destinations]
    assert {job.destination: job.proof for job in delivered} == dict.fromkeys(names, Proof.PROVEN)
    for job in delivered:
        assert all(one.proven_at is not None for one in store.jobs.delivered_objects(job.id))
    store.close()
    assert len(list(share.glob("*/*.dcm"))) >= 2
