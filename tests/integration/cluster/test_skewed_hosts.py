"""Hosts whose wall clocks are minutes apart: what one writes, another reads rightly, for all take the server's time."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.postgres import PostgreSQL
from support.stored import BUNDLE, WHOLE, association, present, receipt

from hounsfield.daemon.alarms.components import STARTING, ComponentProbe
from hounsfield.daemon.alarms.queues import QueueProbe
from hounsfield.daemon.alarms.watch import AlarmWatch
from hounsfield.daemon.assembly.quiet import QuietWatch
from hounsfield.daemon.beats import Beats
from hounsfield.daemon.clock import Clock, DatabaseClock, SystemClock
from hounsfield.storage.engine import Database, open_database, upgrade
from hounsfield.storage.server_clock import read_clock
from hounsfield.storage.states import JobKind

ROOT = Path(__file__).resolve().parents[3]
MINUTES = 7 * 60.0
SOON = timedelta(seconds=20)
"""How long a loaded machine may take between two lines of a test: far less than the clocks are apart."""
SILENCE_SECONDS = 30.0


class Wall(SystemClock):
    """The clock of a machine that nobody sets right."""

    def __init__(self, wrong_by: float) -> None:
        self._wrong_by = timedelta(seconds=wrong_by)

    def now(self) -> datetime:
        return super().now() + self._wrong_by


@dataclass
class Host:
    """A machine of the site; it has been up for longer than the others, or not as long."""

    name: str
    database: Database
    clock: Clock


def agreeing(database: Database, wrong_by: float) -> DatabaseClock:
    """The clock of a host as the daemon makes it. That its wall clock is wrong it has no way to know."""
    own = SystemClock()

    def read(stopwatch: Callable[[], float]) -> object:
        with database.transactions.read() as connection:
            return read_clock(connection, stopwatch)

    return DatabaseClock(read, stopwatch=lambda: own.monotonic() + 100_000 + wrong_by)


@pytest.fixture
def hosts(postgresql_cluster: PostgreSQL, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """Return one that is minutes ahead, and one that is minutes behind."""
    url = postgresql_cluster.create_database(f"skewed_{tmp_path.name.replace('-', '_')}"[:60])
    upgrade(url)
    databases = [open_database(url, tmp_path) for _ in range(2)]
    ahead, behind = (
        Host(name, database, agreeing(database, wrong_by))
        for name, database, wrong_by in zip(("a", "b"), databases, (MINUTES, -MINUTES), strict=True)
    )
    yield ahead, behind
    for database in databases:
        database.close()


def beats(host: Host) -> Beats:
    return Beats(
        store=host.database.components, name="worker-1", role="worker", host=host.name, version="1", clock=host.clock
    )


def missed(host: Host, clock: Clock) -> list[str]:
    """Which processes an alarm would be about, once the service has started."""
    probe = ComponentProbe(host.database.components, SILENCE_SECONDS, {})
    assert probe.conditions(clock.now() - 2 * STARTING) is None
    return [one.subject for one in probe.conditions(clock.now()) or []]


def test_a_process_of_another_host_is_alive_and_its_start_is_not_in_the_future(hosts: tuple[Host, Host]) -> None:
    for writer, reader in (hosts, hosts[::-1]):
        beats(writer).beat()
        found = next(one for one in reader.database.components.all() if one.host == writer.name)
        assert abs(reader.clock.now() - found.seen_at) < SOON
        assert missed(reader, reader.clock) == []


def test_with_their_own_clocks_living_processes_would_be_missed(hosts: tuple[Host, Host]) -> None:
    _, behind = hosts
    beats(replace(behind, clock=Wall(-MINUTES))).beat()
    assert missed(behind, Wall(MINUTES)) == ["worker-1@b"], "or the tests here prove nothing"


def test_a_series_from_another_host_is_quiet_since_it_was(hosts: tuple[Host, Host]) -> None:
    for receiver, assembler in (hosts, hosts[::-1]):
        watch = QuietWatch(assembler.clock)
        uid = f"1.2.{receiver.name == 'a':d}"
        now = receiver.clock.now()
        one = association(f"of-{receiver.name}", receiver.name)
        image = receipt(1, series=uid, association_id=one.id, received_at=now)
        receiver.database.series.record([replace(one, opened_at=now)], [image], [])
        (standing,) = [
            watch.look([series])[series.id]
            for series in assembler.database.series.receiving()
            if series.series_uid == uid
        ]
        assert 0 <= standing.quiet < SOON.total_seconds()
        assert 0 <= standing.age < SOON.total_seconds()
        sent = assembler.database.series.sendings(assembler.clock.now() - SOON, 10)
        assert len(sent) >= 1, "an association of a moment ago is one of a moment ago"


def test_a_job_of_another_host_is_due_at_once_and_its_lease_ends_when_it_should(hosts: tuple[Host, Host]) -> None:
    lease = timedelta(seconds=60)
    for assembler, worker in (hosts, hosts[::-1]):
        uid = f"1.3.{assembler.name == 'a':d}"
        assembler.database.series.record([], [receipt(1, series=uid, received_at=assembler.clock.now())], [])
        series = present(assembler.database.series.find(uid))
        ids = [one.id for one in assembler.database.series.instances(series.id)]
        assert assembler.database.series.close(series, ids, WHOLE, [BUNDLE], assembler.clock.now())
        assert QueueProbe(worker.database.log_book, 60.0).conditions(worker.clock.now()) == []
        claim = worker.database.jobs.claim([JobKind.INFER], worker.name, lease, worker.clock.now())
        assert claim is not None, "it is due on the other host too"
        assert assembler.database.jobs.expired(assembler.clock.now()) == []
        assert assembler.database.jobs.expired(assembler.clock.now() + lease + SOON) != []


def test_an_alarm_that_one_host_began_is_not_begun_again_and_ended_by_another(hosts: tuple[Host, Host]) -> None:
    ahead, behind = hosts
    beats(ahead).beat()
    later = ahead.clock.now() + timedelta(minutes=5)

    class Later(SystemClock):
        def now(self) -> datetime:
            return later

    for host in hosts:
        probe = ComponentProbe(host.database.components, SILENCE_SECONDS, {})
        assert probe.conditions(later - 2 * STARTING) is None
        AlarmWatch([probe], host.database.alarms, host.database.operations, Later(), host.name).tick()
    assert [(one.subject, one.ended_at) for one in behind.database.alarms.newest()] == [("worker-1@a", None)]


def test_nothing_asks_the_machine_for_its_own_wall_clock() -> None:
    allowed = {"daemon/clock.py", "storage/server_clock.py"}
    asks = re.compile(r"datetime\.now\(|datetime\.utcnow\(|(?<!perf_counter)\btime\.time\(|date\.today\(|func\.now\(")
    found = {
        str(path.relative_to(ROOT))
        for folder in ("daemon", "storage")
        for path in (ROOT / folder).rglob("*.py")
        if asks.search(path.read_text())
    }
    commands = {one for one in found if one.startswith(("daemon/cli/", "daemon/demo/"))}
    assert found - commands == allowed, "a role that does compares its own time with that of another host"
