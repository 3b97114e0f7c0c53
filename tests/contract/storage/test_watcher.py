"""What notices commits, for pages that follow the database."""

import threading
import time
from datetime import UTC, datetime

from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database, open_database

NEVER = threading.Event()
PAUSE = Pause(part=Part.DELIVERY, since=datetime(2026, 3, 1, tzinfo=UTC))


def test_it_rings_at_the_commit_of_somebody_else_and_soon(database: Database, database_url: str, tmp_path) -> None:
    other = open_database(database_url, tmp_path)
    watcher = database.watcher()
    mark = watcher.listen()
    timer = threading.Timer(0.3, other.control.pause, (PAUSE,))
    timer.start()
    begun = time.monotonic()
    watcher.wait(mark, NEVER, 30)
    taken = time.monotonic() - begun
    assert watcher.listen() != mark
    assert 0.2 < taken < 10
    timer.join()
    other.close()


def test_it_rings_at_our_own_commits_too(database: Database) -> None:
    watcher = database.watcher()
    mark = watcher.listen()
    database.control.pause(PAUSE)
    assert watcher.listen() != mark


def test_reading_is_no_change(database: Database, database_url: str, tmp_path) -> None:
    other = open_database(database_url, tmp_path)
    watcher = database.watcher()
    rings = []
    for _ in range(5):  # a server may vacuum, or serve somebody else, meanwhile
        mark = watcher.listen()
        other.control.pauses()
        watcher.wait(mark, NEVER, 0.2)
        rings.append(watcher.listen() != mark)
    assert not all(rings)
    other.close()


def test_whoever_waits_can_be_stopped(database: Database) -> None:
    stopped = threading.Event()
    stopped.set()
    watcher = database.watcher()
    begun = time.monotonic()
    watcher.wait(watcher.listen(), stopped, 60)
    assert time.monotonic() - begun < 30
