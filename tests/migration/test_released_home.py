"""The home of the last release, killed amid its work: upgraded, worked on, taken back and upgraded again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.bench import Bench
from support.couriers import FakeTransport, courier
from support.fakes import ManualClock
from support.postgres import PostgreSQL
from support.released_home import LAST, ReleasedHome, lost, on_server, unpack
from support.revisions import contents, damages, downgrade, kept, on, revision_of, shape
from support.spool_values import DATASET, SENT
from support.spooling import sealed_in
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage import schema
from hounsfield.storage.engine import upgrade
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, JobState, SeriesState

SINCE = {"turn", "site_fact", "spool_writer"}
"""Tables that the last release did not have."""


@pytest.fixture
def found(tmp_path: Path) -> ReleasedHome:
    return unpack(tmp_path / "home")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(found: ReleasedHome, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HOUNSFIELD_STORAGE__HOME", str(found.home))
    if request.param == "sqlite":
        yield found.url
        return
    cluster: PostgreSQL = request.getfixturevalue("postgresql_cluster")
    server = on_server(found, cluster, "released")
    monkeypatch.setenv("HOUNSFIELD_STORAGE__DATABASE_URL", server)
    yield server
    cluster.drop_database("released")


def hounsfield(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def bench(found: ReleasedHome, clock: ManualClock) -> Bench:
    made = Bench(found.home, clock=clock, manifest=None)
    reconcile(made.app.spool, made.app.database.series, clock)
    return made


def work(made: Bench, transport: FakeTransport) -> None:
    """Do what assembler, worker and courier would, until nothing is left. The model is gone, which is an answer too."""
    worker, sender = made.worker(0.9, known=False), courier(made, transport=transport)
    for _ in range(3):  # who was killed at work is tried again after a while
        made.settle(600)
        made.rescuer.tick()
        while worker.work_one() or sender.work_one():
            pass


def test_the_schema_of_the_release_is_what_going_back_leads_to(found: ReleasedHome, tmp_path: Path) -> None:
    released = on(found.url, shape)
    assert on(found.url, revision_of) == LAST
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    upgrade(fresh)
    downgrade(fresh, LAST)
    assert on(fresh, shape) == released


def test_every_row_of_the_release_is_there_after_the_upgrade(found: ReleasedHome) -> None:
    before = on(found.url, contents)
    upgrade(found.url)
    assert kept(on(found.url, contents), before)
    assert on(found.url, damages) == []


def test_what_the_release_left_undone_is_done_once_and_a_way_back_and_forth_does_nothing_again(
    found: ReleasedHome, url: str
) -> None:
    clock, transport = ManualClock(datetime.now(UTC)), FakeTransport()
    assert "database at revision" in hounsfield("db", "upgrade")
    made = bench(found, clock)
    assert lost(made.app.spool, made.app.database.series.digests(""), found.acknowledged) == set()
    waiting = waiting_uids(made)
    assert waiting, "the release left a result that waits"
    work(made, transport)
    results = one_result_each(made, found)
    sent = [uid for _, uids in transport.sent for uid in uids]
    assert sorted(sent) == sorted(results)
    assert waiting <= set(sent)

    late = acknowledge_one_more(made)
    made.app.database.close()
    assert "with every row" in hounsfield("db", "downgrade", "--to", LAST, "--yes")
    assert (on(url, revision_of), on(url, damages)) == (LAST, [])
    assert not SINCE & set(on(url, shape))

    assert schema.HEAD in hounsfield("db", "upgrade")
    again = bench(found, clock)
    assert late in again.app.database.series.digests("")
    work(again, transport)
    assert [uid for _, uids in transport.sent for uid in uids] == sent
    assert one_result_each(again, found) == results
    again.app.database.close()


def waiting_uids(made: Bench) -> set[str]:
    """SOP Instance UIDs of the results that wait to be sent."""
    jobs = made.app.database.jobs
    waiting = jobs.page(JobFilter(kind=JobKind.DELIVER, state=JobState.RETRYABLE))
    sets = [jobs.result_set(job.result_set_id or 0) for job in waiting]
    return {one.sop_instance_uid for found in sets if found is not None for one in found.objects}


def acknowledge_one_more(made: Bench) -> str:
    """Acknowledge an image as a receiver does that is killed before it has written the row; return its digest."""
    intake = made.app.spool.open_intake("receiver-9")
    sent = replace(SENT, sop_instance_uid="1.2.840.9.9", series_uid="1.2.840.9", received_at=made.clock.now())
    digest = sealed_in(intake, sent, DATASET + b"late").receipt.digest
    intake.close()
    return digest


def one_result_each(made: Bench, found: ReleasedHome) -> list[str]:
    """Every series that is analysed has one result set; return the SOP Instance UIDs of all."""
    jobs = made.app.database.jobs
    states = {one.series_uid: one.state for one in made.series()}
    assert states[found.series["skipped"]] is states[found.series["receiving"]] is SeriesState.SKIPPED  # too few came
    assert states[found.series["held"]] is SeriesState.HELD
    analysed = {found.series[name] for name in ("analysed", "running", "unregistered")}
    assert {states[uid] for uid in analysed} == {SeriesState.CLOSED}
    infer = made.jobs()
    assert sorted(job.series_uid for job in infer) == sorted(analysed)
    assert all(job.state.is_final for job in infer)
    sets = [jobs.result_set(job.result_set_id or 0) for job in infer]
    return [one.sop_instance_uid for result in sets if result is not None for one in result.objects]
