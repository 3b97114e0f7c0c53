"""Two hosts that may assemble, with homes of their own: one works, and the other takes over when it is gone."""

import json
from pathlib import Path

import pytest
from support.daemon import Daemon
from support.datasets import tiny
from support.postgres import PostgreSQL
from support.reception import receiving
from support.waiting import wait_until
from support.wire import ALLOWED, associated

from hounsfield.storage.engine import Database, open_database, upgrade
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import SeriesState

TAKES_OVER_SECONDS = 10.0
STARTS_SECONDS = 60.0


@pytest.fixture
def url(postgresql_cluster: PostgreSQL) -> str:
    made = postgresql_cluster.create_database("assemblers")
    upgrade(made)
    return made


def host(folder: Path, name: str, url: str) -> Daemon:
    settings = {
        "HOUNSFIELD_STORAGE__DATABASE_URL": url,
        "HOUNSFIELD_STORAGE__SHARED": str(folder / "shared"),
        "HOUNSFIELD_LOGGING__FORMAT": "json",
    }
    (folder / name).mkdir()
    return Daemon(folder / name / "home", settings=settings)


def said(daemon: Daemon) -> list[str]:
    lines = daemon.log_file.read_text().splitlines() if daemon.log_file.exists() else []
    return [json.loads(line)["event"] for line in lines if line.startswith("{")]


def send(folder: Path, database: Database, series: str) -> None:
    """Let one image of a series come through a receiver."""
    spool = Spool(folder / "shared" / "spool")
    with (
        receiving(folder, store=database.series, own_results=database.jobs, spool=spool) as reception,
        associated(reception.port, ALLOWED) as connection,
    ):
        assert connection.store(tiny(instance=f"{series}.1", series=series), f"{series}.1") == 0
        wait_until(lambda: reception.receiver.unregistered == 0)


def is_decided(database: Database, series: str) -> bool:
    found = database.series.find(series)
    return found is not None and found.state is not SeriesState.RECEIVING


def test_when_the_assembler_that_works_is_killed_the_other_one_goes_on(tmp_path: Path, url: str) -> None:
    database = open_database(url, tmp_path)
    with host(tmp_path, "one", url).start("assembler") as one:
        send(tmp_path, database, "1.2.1")
        wait_until(lambda: is_decided(database, "1.2.1"), STARTS_SECONDS)
        with host(tmp_path, "two", url).start("assembler") as two:
            wait_until(lambda: any(line.startswith("standing by") for line in said(two)), STARTS_SECONDS)
            one.kill()
            send(tmp_path, database, "1.2.2")
            wait_until(lambda: is_decided(database, "1.2.2"), TAKES_OVER_SECONDS)
            assert "this process takes over" in said(two)
            assert two.stop() == 0
    database.close()
