"""Two hosts of one site on a real PostgreSQL: put together by the composition root, as the service does."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.postgres import PostgreSQL
from support.spool_values import DATASET, SENT
from support.spooling import sealed_in

from hounsfield.daemon.app import Application
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.reception.reconcile import reconcile, take_up
from hounsfield.storage import engine
from hounsfield.storage.spool_writers import DEAD_AFTER
from hounsfield.storage.tables import spool_writer

CLOCK = SystemClock()


class Judge:
    """The lease of a receiver that was heard for long."""

    is_held = is_judge = True


@pytest.fixture
def hosts(postgresql_cluster: PostgreSQL, tmp_path: Path) -> Iterator[tuple[Application, Application]]:
    url = postgresql_cluster.create_database("shared_spool")
    engine.upgrade(url)
    made = []
    for name in ("ct-a", "ct-b"):
        storage = {"home": tmp_path / name, "shared": tmp_path / "shared", "database_url": url}
        made.append(Application(Settings(storage=storage), CLOCK))
        made[-1].__dict__["host"] = name  # else both are this machine
        made[-1].__dict__["spool_lease"] = Judge()
        made[-1].refuse_misfits()
    yield made[0], made[1]
    for application in made:
        application.database.close()
    postgresql_cluster.drop_database("shared_spool")


def test_what_a_dead_host_left_is_registered_by_the_other_one_and_goes_in_its_time(
    hosts: tuple[Application, Application],
) -> None:
    a, b = hosts
    reconcile(a.spool, a.database.series, CLOCK)
    intake = a.spool.open_intake(a.process_name)
    digest = sealed_in(intake, SENT, DATASET).receipt.digest
    os.close(intake._lock)  # as when the process dies
    assert take_up(b.spool, b.database.series, CLOCK) == 0, "a free lock proves nothing about another host"
    assert b.spool.writers() == {a.process_name}
    with b.database.transactions.write() as connection:
        silent = CLOCK.now() - DEAD_AFTER - timedelta(seconds=1)
        connection.execute(spool_writer.update().values(seen_at=silent))
    assert take_up(b.spool, b.database.series, CLOCK) == 1
    assert b.database.series.registered_digests([digest]) == {digest}
    assert a.database.spool_writers.all() == []
    assert a.spool_files.path(digest).read_bytes().endswith(DATASET)
    assert a.spool.remove(lambda: [digest], lambda _: set()) == 1
    assert list(b.spool.digests()) == []


def test_hosts_have_one_device_one_key_and_one_folder_of_results(hosts: tuple[Application, Application]) -> None:
    a, b = hosts
    assert a.device_uid == b.device_uid
    assert a.hasher("1.2.3") == b.hasher("1.2.3")
    sha256 = a.files.write("2.25.1", b"a report")
    assert b.files.verify("2.25.1", sha256)
    assert a.home != b.home
