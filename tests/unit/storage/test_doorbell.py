"""Whoever waits for work hears of what others write, and waits in vain for no longer than told."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hounsfield.storage.doorbell import Doorbell, SqliteDoorbell, Unwired

LONG = 20.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "so me#1%2.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE job (id INTEGER)")
    return path


def write(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO job VALUES (1)")


def seconds_of(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def test_a_commit_of_another_process_ends_the_wait(file: Path) -> None:
    doorbell = SqliteDoorbell(file)
    mark = doorbell.listen()
    writer = threading.Timer(0.05, write, (file,))
    writer.start()
    assert seconds_of(lambda: doorbell.wait(mark, threading.Event(), LONG)) < LONG / 2
    writer.join()


def test_what_was_written_while_one_looked_for_work_is_not_missed(file: Path) -> None:
    doorbell = SqliteDoorbell(file)
    mark = doorbell.listen()
    write(file)
    assert seconds_of(lambda: doorbell.wait(mark, threading.Event(), LONG)) < LONG / 2


@pytest.mark.parametrize("make", [SqliteDoorbell, lambda _: Unwired()], ids=["wired", "unwired"])
def test_where_nothing_is_written_the_wait_ends_with_its_time(file: Path, make: Callable[[Path], Doorbell]) -> None:
    doorbell = make(file)
    assert seconds_of(lambda: doorbell.wait(doorbell.listen(), threading.Event(), 0.1)) >= 0.09


@pytest.mark.parametrize("make", [SqliteDoorbell, lambda _: Unwired()], ids=["wired", "unwired"])
def test_whoever_is_stopped_waits_no_longer(file: Path, make: Callable[[Path], Doorbell]) -> None:
    doorbell, stop = make(file), threading.Event()
    stop.set()
    assert seconds_of(lambda: doorbell.wait(doorbell.listen(), stop, LONG)) < LONG / 2


def test_a_file_that_is_no_database_is_only_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    path.write_bytes(b"no database" * 1000)
    doorbell = SqliteDoorbell(path)
    assert doorbell.listen() == -1
    assert seconds_of(lambda: doorbell.wait(-1, threading.Event(), 0.1)) >= 0.09


def test_a_database_that_was_moved_away_is_not_made_anew(tmp_path: Path) -> None:
    doorbell = SqliteDoorbell(tmp_path / "a b#c%d.db")
    assert doorbell.listen() == -1
    assert list(tmp_path.iterdir()) == []
