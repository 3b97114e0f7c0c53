"""The last release is upgraded under load, goes back and comes again: nothing acknowledged is lost, nothing said twice.

Real processes, a real PACS, senders that never wait. The short form, without processes, is
tests/migration/test_released_home.py.
"""

import io
import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from support.cluster.material import Supply
from support.daemon import Daemon
from support.peers import Orthanc, free_port, orthanc
from support.postgres import PostgreSQL
from support.released_home import LAST, ReleasedHome, lost, on_server, unpack
from support.results_in_pacs import COMPREHENSIVE_3D_SR, evidence_series
from support.revisions import damages, on, revision_of, shape
from support.stubborn_senders import StubbornSenders
from support.waiting import wait_until
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import JobFilter
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import JobKind, JobState, SeriesState

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

DATABASE = "HOUNSFIELD_STORAGE__DATABASE_URL"
SETTINGS = {"HOUNSFIELD_ASSEMBLY__INCOMPLETE_WAIT_SECONDS": "600", "HOUNSFIELD_WORKER__LEASE_SECONDS": "20"}
"""A series whose sender is turned away in the middle is waited for, however long the versions take to change; and no
lease ends because the machine is busy."""
UNDER_LOAD = 3
"""Series that come before and after each change of the version."""


@pytest.fixture
def found(tmp_path: Path) -> ReleasedHome:
    return unpack(tmp_path / "home")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(found: ReleasedHome, request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield found.url
        return
    cluster: PostgreSQL = request.getfixturevalue("postgresql_cluster")
    yield on_server(found, cluster, "upgraded")
    cluster.drop_database("upgraded")


def test_a_release_is_upgraded_under_load_goes_back_and_comes_again(
    found: ReleasedHome, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "pynetdicom")  # senders knock at a closed door, again and again
    with orthanc(tmp_path / "orthanc") as pacs:
        daemon = Daemon(found.home, [_destination(pacs)], SETTINGS | {DATABASE: url}, free_port())
        senders = StubbornSenders(daemon.port, Supply(tmp_path, random.Random(9)).next)
        wait_until(lambda: senders.turned_away > 0, 60)  # the old service is stopped, and nobody waits for that
        waiting = _files(found)
        assert _checks(daemon)["in use"] == "ok"
        daemon.command("db", "upgrade", seconds=200)
        with daemon.start():
            _refuse_beside_the_service(daemon)
            wait_until(lambda: len(senders.complete) >= UNDER_LOAD, 240)
            wait_until(lambda: waiting <= set(pacs.instances()), 240, 0.5)
            daemon.kill()  # with images that are acknowledged and not registered, and jobs that are running

        daemon.command("db", "downgrade", "--to", LAST, "--yes", seconds=200)
        assert (on(url, revision_of), on(url, damages)) == (LAST, [])
        assert not {"turn", "site_fact", "spool_writer"} & set(on(url, shape))
        so_far = senders.turned_away
        wait_until(lambda: senders.turned_away > so_far, 60)

        daemon.command("db", "upgrade", seconds=200)
        with daemon.start():
            wait_until(lambda: len(senders.complete) >= 2 * UNDER_LOAD, 240)
            senders.end()
            uids = _analysed(found, senders)
            wait_until(lambda: _all_delivered(url, found.home, uids), 600, 1.0)
            assert daemon.stop() == 0
        _nothing_is_lost(url, found, senders)
        assert Counter(_reported(pacs, uids)) == dict.fromkeys(uids, 1)
        assert _files(found) == set(pacs.instances()), "each object that was made came, and no other"


def _destination(pacs: Orthanc) -> dict[str, Any]:
    return {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}


def _checks(daemon: Daemon) -> dict[str, str]:
    """What `hounsfield doctor --upgrade` says, which ends with 0."""
    lines = daemon.command("doctor", "--upgrade", "--json", seconds=200).splitlines()
    return {line["check"]: line["level"] for line in map(json.loads, lines)}


def _refuse_beside_the_service(daemon: Daemon) -> None:
    done = CliRunner(env=daemon._environment()).invoke(app, ["db", "downgrade", "--to", LAST, "--yes"])
    assert done.exit_code == 1
    assert "stop it first" in done.stderr


def _files(found: ReleasedHome) -> set[str]:
    return {path.stem for path in (found.home / "results").glob("*.dcm")}


def _analysed(found: ReleasedHome, senders: StubbornSenders) -> list[str]:
    old = [found.series[name] for name in ("analysed", "running", "unregistered")]
    return [*old, *(series.series_uid for series in senders.complete)]


def _all_delivered(url: str, home: Path, uids: list[str]) -> bool:
    database = open_database(url, home)
    try:
        states = {one.series_uid: one.state for one in database.series.page()}
        if any(states.get(uid) is not SeriesState.CLOSED for uid in uids):
            return False
        return _jobs(database, JobKind.INFER) == {JobState.COMPLETED} == _jobs(database, JobKind.DELIVER)
    finally:
        database.close()


def _jobs(database: Database, kind: JobKind) -> set[JobState]:
    return {job.state for job in database.jobs.page(JobFilter(kind=kind), limit=1000)}


def _nothing_is_lost(url: str, found: ReleasedHome, senders: StubbornSenders) -> None:
    database = open_database(url, found.home)
    try:
        told = found.acknowledged | senders.acknowledged
        assert lost(Spool(found.home / "spool"), database.series.digests(""), told) == set()
    finally:
        database.close()


def _reported(pacs: Orthanc, uids: list[str]) -> list[str]:
    """Of every report in the PACS, the series of these that it is about."""
    found = [dcmread(io.BytesIO(pacs.file(uid))) for uid in pacs.instances()]
    reports = [one for one in found if one.SOPClassUID == COMPREHENSIVE_3D_SR]
    return [uid for one in reports for uid in evidence_series(one) if uid in uids]
