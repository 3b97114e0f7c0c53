"""Held deliveries go on for the patient whom the destination has, and nothing else changes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.outcomes import analyse, claimed, deliver, hold, newest
from support.query_peers import archive
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.errors import DeliveryError, ResultError
from hounsfield.daemon.pipeline.reissue import Reissuer
from hounsfield.storage.records import ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, JobState, Reason, ResultKind

VIEWER = {**LOOPBACK_PACS, "name": "viewer"}


class Site:
    """A home whose destinations are one archive, and the command line on it."""

    def __init__(self, home: Path, port: int, patients: dict[str, Dataset]) -> None:
        destinations = [{**one, "ae_title": "ARCHIVE", "port": port} for one in (LOOPBACK_PACS, VIEWER)]
        self.bench = Bench(home, destinations)
        self.patients = patients
        self.taken: StoredResultSet = analyse(self.bench)
        self.environment = {
            "HOUNSFIELD_STORAGE__HOME": str(home),
            "HOUNSFIELD_DESTINATION": json.dumps(destinations),
            "HOUNSFIELD_BUNDLE": json.dumps([{"path": str(home.with_name("bundle"))}]),
            "HOUNSFIELD_CONFIG": None,
            "NO_COLOR": "1",
        }

    @property
    def reissuer(self) -> Reissuer:
        return self.bench.app.reissuer()

    @property
    def series_uid(self) -> str:
        return self.bench.series()[0].series_uid

    def merged(self, name: str = "Müller^Jörg", patient_id: str = "P-NEW") -> None:
        """The archive files the study under another patient."""
        patient = Dataset()
        patient.SpecificCharacterSet = "ISO_IR 192"
        patient.PatientName, patient.PatientID, patient.PatientSex = name, patient_id, "F"
        self.patients[self.bench.series()[0].study_uid] = patient

    def file(self, one: ResultObject) -> Dataset:
        assert self.bench.app.files.verify(one.sop_instance_uid, one.sha256)
        return dcmread(self.bench.app.files.path(one.sop_instance_uid))

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner(env=self.environment).invoke(app, ["series", "reissue", *arguments], input=answer)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with archive() as pacs:
        made = Site(tmp_path / "home", pacs.port, pacs.patients)
        yield made
        made.bench.app.database.close()


def test_a_held_delivery_is_replaced_by_new_instances_with_the_patient_of_the_archive(site: Site) -> None:
    job = hold(site.bench, "pacs")
    site.merged()
    change = site.reissuer.look(job)
    assert not change.is_none
    made = site.reissuer.reissue(job, change, "anna")
    anew = newest(site.bench)
    assert (anew.id, anew.kind, anew.replaces, anew.outcome) == (
        made,
        ResultKind.REISSUE,
        site.taken.id,
        site.taken.outcome,
    )
    assert not {one.sop_instance_uid for one in anew.objects} & {one.sop_instance_uid for one in site.taken.objects}
    for one in anew.objects:
        found = site.file(one)
        assert (found.PatientID, str(found.PatientName)) == ("P-NEW", "Müller^Jörg")
        assert found.StudyInstanceUID == site.bench.series()[0].study_uid
    old = site.bench.app.database.jobs.get(job.id)
    assert old is not None
    assert (old.state, old.reason) == (JobState.CANCELLED, Reason.REISSUED)
    assert claimed(site.bench, "pacs").job.result_set_id == made


def test_what_another_destination_gets_stays_as_it_is(site: Site) -> None:
    job = hold(site.bench, "pacs")
    site.merged()
    site.reissuer.reissue(job, site.reissuer.look(job), "anna")
    assert claimed(site.bench, "viewer").job.result_set_id == site.taken.id


def test_the_old_report_is_named_as_predecessor_only_if_somebody_has_it(site: Site) -> None:
    job = hold(site.bench, "pacs")
    site.merged()
    site.reissuer.reissue(job, site.reissuer.look(job), "anna")
    assert "PredecessorDocumentsSequence" not in site.file(newest(site.bench).objects[0])


def test_a_report_that_went_to_another_destination_is_named(site: Site) -> None:
    deliver(site.bench, "viewer")
    job = hold(site.bench, "pacs")
    site.merged()
    site.reissuer.reissue(job, site.reissuer.look(job), "anna")
    report = next(one for one in newest(site.bench).objects if one.role == "sr")
    (study,) = site.file(report).PredecessorDocumentsSequence
    named = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named in {one.sop_instance_uid for one in site.taken.objects if one.role == "sr"}


def test_two_destinations_with_the_same_new_patient_get_the_same_bytes(site: Site) -> None:
    jobs = [hold(site.bench, "pacs"), hold(site.bench, "viewer")]
    site.merged()
    made = []
    for job in jobs:
        site.reissuer.reissue(job, site.reissuer.look(job), "anna")
        made.append({one.sop_instance_uid: one.sha256 for one in newest(site.bench).objects})
    assert made[0] == made[1]
    assert all(site.bench.app.files.verify(uid, sha256) for uid, sha256 in made[0].items())


def test_an_archive_that_does_not_know_the_study_leaves_everything_as_it_is(site: Site) -> None:
    job = hold(site.bench, "pacs")
    with pytest.raises(DeliveryError):
        site.reissuer.look(job)
    assert newest(site.bench) == site.taken


def test_a_delivery_that_went_on_meanwhile_is_not_written_anew(site: Site) -> None:
    job = hold(site.bench, "pacs")
    site.merged()
    change = site.reissuer.look(job)
    assert site.bench.app.database.jobs.cancel(job.id, site.bench.clock.now())
    with pytest.raises(ResultError, match="not held any more"):
        site.reissuer.reissue(job, change, "anna")
    assert newest(site.bench) == site.taken


def test_the_command_asks_and_writes_anew_without_a_word_of_the_patient(site: Site) -> None:
    hold(site.bench, "pacs")
    hold(site.bench, "viewer")
    site.merged()
    refused = site.run(site.series_uid, answer="n\nn\n")
    assert (refused.exit_code, newest(site.bench)) == (0, site.taken)
    done = site.run(site.series_uid, "--destination", "pacs", answer="y\n")
    assert done.exit_code == 0
    assert "written anew as result" in done.stdout
    for word in ("P-NEW", "Müller"):
        assert word not in done.output + refused.output
    held = [job.destination for job in site.bench.jobs(JobKind.DELIVER) if job.state is JobState.HELD]
    assert held == ["viewer"]
    (row,) = site.run(site.series_uid, "--yes", "--json").stdout.splitlines()
    assert json.loads(row)["destination"] == "viewer"
    assert site.run(site.series_uid, "--yes").exit_code == 4


def test_the_patient_is_shown_on_a_terminal_only(site: Site) -> None:
    hold(site.bench, "pacs")
    site.merged()
    result = site.run(site.series_uid, "--reveal", "--yes")
    assert result.exit_code == 2
    assert "P-NEW" not in result.output


def test_a_merge_that_was_undone_needs_no_new_instance(site: Site) -> None:
    hold(site.bench, "pacs")
    patient_id = str(site.file(site.taken.objects[0]).PatientID)
    site.merged(patient_id=patient_id)
    result = site.run(site.series_uid, "--yes")
    assert result.exit_code == 1
    assert "hounsfield jobs retry" in result.stderr


def test_an_archive_that_is_silent_is_named_and_nothing_is_written(site: Site) -> None:
    hold(site.bench, "pacs")
    result = site.run(site.series_uid, "--yes")
    assert result.exit_code == 1
    assert "to pacs" in result.stderr
    assert newest(site.bench) == site.taken
