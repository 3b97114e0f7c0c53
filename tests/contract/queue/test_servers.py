"""What happens to a queue on PostgreSQL while the server is away."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.postgres import PostgreSQL
from support.queues import Embedded, Procrastinating, QueueUnderTest, add_job, is_done, running
from support.waiting import wait_until

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import DatabaseUnavailable


@pytest.fixture(params=[Embedded, Procrastinating], ids=["embedded-postgresql", "procrastinate"])
def queue(request: pytest.FixtureRequest, queue_url: str, tmp_path: Path) -> QueueUnderTest:
    make: Callable[[str, Path], QueueUnderTest] = request.param
    return make(queue_url, tmp_path)


def crash(cluster: PostgreSQL) -> None:
    """Kill a process of the server: it ends all connections, recovers and takes new ones (as after a power cut)."""
    victim = int(cluster.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' LIMIT 1"))
    with suppress(ProcessLookupError):  # that was the one that asked
        os.kill(victim, signal.SIGKILL)


def added(database: Database, number: int) -> int:
    """Add a job as soon as the server takes it."""

    def tried() -> int | None:
        with suppress(DatabaseUnavailable):
            return add_job(database, number)
        return None

    return wait_until(tried, 30) or 0


def test_work_goes_on_after_the_server_has_crashed(
    queue: QueueUnderTest, database: Database, postgresql_cluster: PostgreSQL
) -> None:
    with running(queue) as slot:
        first = add_job(database, 1)
        wait_until(lambda: is_done(database, [first]))
        crash(postgresql_cluster)  # it does not sync in tests, and may have forgotten that the first was done
        jobs = [added(database, number) for number in (2, 3)]
        wait_until(lambda: is_done(database, jobs))
    assert [claim for claim in slot.claims if claim != first] == jobs


@pytest.mark.parametrize("seconds", [0.5, 3.0])  # shorter and longer than a connection is waited for
def test_while_the_server_is_away_a_slot_waits_and_is_woken_again_afterwards(
    seconds: float, queue: QueueUnderTest, database: Database, postgresql_cluster: PostgreSQL
) -> None:
    name = queue.url.rpartition("/")[2]
    with running(queue) as slot:
        first = add_job(database, 1)
        wait_until(lambda: is_done(database, [first]))
        postgresql_cluster.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        postgresql_cluster.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert not slot.stop.wait(seconds)
        postgresql_cluster.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        second = added(database, 2)
        wait_until(lambda: is_done(database, [second]))
        if isinstance(queue, Procrastinating):
            wait_until(lambda: _listeners(postgresql_cluster, name) == 1, 30)
    assert slot.claims == [first, second]


def _listeners(cluster: PostgreSQL, database: str) -> int:
    listening = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE 'LISTEN%'"
    return int(cluster.execute(listening))
