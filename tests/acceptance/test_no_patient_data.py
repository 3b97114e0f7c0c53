"""No patient in what operators read: unmistakable patients go through a whole daemon, and nobody else hears of them."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import select
from support.daemon import Daemon
from support.datasets import encoded
from support.peers import free_port
from support.raw_scu import CT, associated, store
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.roles import DEFAULT_ROLES, Role
from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, JobState
from hounsfield.storage.tables import metadata

URLS: tuple[str, ...] = ("/metrics", "/livez", "/readyz", "/", "/jobs", "/series", "/sites", "/models", "/settings")
"""What the console answers; none of it may hold a canary. One page of a job is added for each job."""
COMMANDS = (("jobs", "list"), ("jobs", "tail"), ("series", "list"), ("results", "list"), ("peers", "list"), ("alarms",))
ROOT = "1.2.826.0.1.3680043.8.498.777000777"
"""Every UID of the canaries begins so."""
PATIENT: dict[str, str] = {
    "PatientName": "CANARYNAME^CANARYGIVEN",
    "PatientID": "CANARYID",
    "PatientBirthDate": "19010203",
    "OtherPatientIDs": "CANARYOTHER",
    "PatientComments": "CANARYCOMMENT",
    "AccessionNumber": "CANARYACC",
    "StudyID": "CANARYSTUDYID",
    "StudyDescription": "CANARYSTUDY head",
    "SeriesDescription": "CANARYSERIES head",
    "InstitutionName": "CANARYHOSPITAL",
    "ReferringPhysicianName": "CANARYDOCTOR",
    "RequestedProcedureDescription": "CANARYREQUEST",
}
ATTRIBUTES = ("CANARY", "19010203", "Canary")
UID_COLUMNS = ("uid", "uids")


@dataclass(frozen=True)
class Canaries:
    """A series of somebody who must not be seen."""

    files: Sequence[Path]

    @property
    def first(self) -> Dataset:
        return dcmread(self.files[0])


def canaries(folder: Path, number: int, **changes: object) -> Canaries:
    files = write_series(folder, PhantomSpec(seed=1001, lesion="epidural", slices=10, uid_salt=str(number)))
    for index, file in enumerate(files):
        dataset = dcmread(file)
        for keyword, value in PATIENT.items():
            setattr(dataset, keyword, value)
        dataset.StudyInstanceUID = f"{ROOT}.{number}"
        dataset.SeriesInstanceUID = f"{ROOT}.{number}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.{number}.1.{index + 1}"
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        dataset.save_as(file)
    return Canaries(files)


def refused(port: int, dataset: Dataset) -> list[int]:
    """Send what is refused: another SOP instance than the command says, cut off, and no data set at all."""
    data = encoded(dataset, ExplicitVRLittleEndian)
    with associated(port, ExplicitVRLittleEndian, CT) as association:
        return [
            store(association, data, f"{ROOT}.9.9"),
            store(association, data[: len(data) // 3], str(dataset.SOPInstanceUID)),
            store(association, b"CANARYNAME^NO DATA SET", f"{ROOT}.9.8"),
        ]


def jobs_in(database: Database, kind: JobKind) -> list[JobState]:
    return [job.state for job in database.jobs.page(JobFilter(kind=kind))]


def rows(database: Database) -> list[tuple[str, str]]:
    """Every value of the database as ``table.column`` and text."""
    found = []
    for table in metadata.sorted_tables:
        with database.transactions.read() as connection:
            for row in connection.execute(select(table)):
                found += [(f"{table.name}.{column.name}", str(row._mapping[column.name])) for column in table.columns]
    return found


def pages(port: int, jobs: int) -> dict[str, str]:
    """Return the console's answers by URL; nothing where this version has no console."""
    if Role.CONSOLE not in DEFAULT_ROLES:
        return {}
    urls = [*URLS, *(f"/jobs/{number}" for number in range(1, jobs + 1))]
    return {url: answer(f"http://127.0.0.1:{port}{url}") for url in urls}


def answer(url: str) -> str:
    """Return the body of an answer: a page, or a refusal such as that of /readyz."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return str(response.read(), "utf-8")
    except urllib.error.HTTPError as refusal:
        if refusal.code == 404:
            raise
        return str(refusal.read(), "utf-8")


def test_no_patient_is_seen_in_logs_job_log_metrics_and_pages(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "results"
    folder.mkdir()
    destinations: list[dict[str, Any]] = [
        {"name": "folder", "kind": "folder", "folder": str(folder)},
        {"name": "away", "ae_title": "AWAY", "host": "127.0.0.1", "port": free_port()},
    ]
    settings = {"HOUNSFIELD_LOGGING__FORMAT": "json", "HOUNSFIELD_CONSOLE__PORT": str(port)}
    daemon = Daemon(tmp_path / "home", destinations, settings)
    with daemon.start():
        database = open_database(None, daemon.home)
        flagged = canaries(tmp_path / "1", 1)
        assert all(status != 0 for status in refused(daemon.port, flagged.first))
        dcmsend(daemon.port, flagged.files)
        two_patients = canaries(tmp_path / "2", 2)
        other = dcmread(two_patients.files[0])
        other.PatientID = "CANARYID2"
        other.save_as(two_patients.files[0])
        dcmsend(daemon.port, two_patients.files)
        wait_until(lambda: JobState.COMPLETED in jobs_in(database, JobKind.DELIVER), 90, 0.2)
        wait_until(lambda: JobState.RETRYABLE in jobs_in(database, JobKind.DELIVER), 30, 0.2)
        wait_until(lambda: any(series.state == "HELD" for series in database.series.page()), 30, 0.2)
        seen = pages(port, 3)
        broken = canaries(tmp_path / "3", 3)
        damaged = dcmread(broken.files[4])
        damaged.PixelData = b"CANARYPX"
        damaged.save_as(broken.files[4])
        dcmsend(daemon.port, broken.files)
        wait_until(lambda: len(jobs_in(database, JobKind.INFER)) == 2, 30, 0.01)
        daemon.kill()
    lines = [json.loads(line) for line in daemon.log_file.read_text().splitlines()]  # no library speaks in between
    daemon.settings["HOUNSFIELD_LOGGING__FORMAT"] = "console"
    with daemon.start():
        wait_until(lambda: jobs_in(database, JobKind.INFER) == [JobState.COMPLETED] * 2, 90, 0.2)
        wait_until(lambda: jobs_in(database, JobKind.DELIVER).count(JobState.COMPLETED) == 2, 30, 0.2)
        said = {" ".join(command): daemon.command(*command) for command in COMMANDS}
        assert daemon.stop() == 0
    said |= seen | {"log": daemon.log_file.read_text()}
    for where, text in said.items():
        assert [canary for canary in ATTRIBUTES if canary in text] == [], where
    for where in (*seen, "log"):
        assert ROOT not in said[where], where
    stored = rows(database)
    database.close()
    assert {where for where, text in stored if any(canary in text for canary in ATTRIBUTES)} == set()
    assert {where.rpartition("_")[2].rpartition(".")[2] for where, text in stored if ROOT in text} <= set(UID_COLUMNS)
    assert any(ROOT in text for _, text in stored), "they were there"
    assert {line["event"] for line in lines} >= {"instance refused", "series held", "job ended", "delivery waits"}
    assert "\njob ended" in said["log"] or " job ended " in said["log"], "of the second start, for a person"
    refusals = [line for line in lines if line["event"] == "instance refused"]
    (ended,) = (line for line in lines if line["event"] == "association ended" and line["stored"] == 0)
    assert {line["association"] for line in refusals} == {ended["association"]}, "one name in all lines of it"
