"""Signs of life: who says them, what they hold, and what a database that is down does to them."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_components import FakeComponents
from support.fakes import ManualClock

from hounsfield.daemon.beats import GONE_AFTER, Beats
from hounsfield.storage.component_store import SqlComponentStore
from hounsfield.storage.components import Component
from hounsfield.storage.engine import default_url, open_database
from hounsfield.storage.errors import DatabaseUnavailable, StorageError


def beats(store: object, clock: ManualClock | None = None, seconds: float = 5.0) -> Beats:
    return Beats(
        store=store,  # type: ignore[arg-type]
        name="receiver-2",
        role="receiver",
        host="node7",
        version="1.2.3",
        clock=clock or ManualClock(),
        seconds=seconds,
    )


def only(store: FakeComponents) -> Component:
    (found,) = store.all()
    return found


def test_the_first_beat_writes_the_process_and_the_next_ones_that_it_lives() -> None:
    store, clock = FakeComponents(), ManualClock()
    mine = beats(store, clock)
    mine.beat()
    began = only(store)
    clock.advance(5)
    mine.tell(lambda: {"images": {"CT1": 3}})
    mine.beat()
    now = only(store)
    assert (began.name, began.role, began.host, began.pid) == ("receiver-2@node7", "receiver", "node7", os.getpid())
    assert (began.version, began.starts, began.started_at) == ("1.2.3", 1, began.seen_at)
    assert (now.seen_at, now.started_at) == (clock.now(), began.started_at)
    assert now.facts["images"] == {"CT1": 3}


def test_every_beat_says_what_the_process_uses() -> None:
    store = FakeComponents()
    beats(store).beat()
    facts = only(store).facts
    assert isinstance(facts["memory_bytes"], int)
    assert facts["memory_bytes"] > 2**20
    assert facts["cpu_seconds"]


def test_a_process_that_is_started_again_counts_its_starts() -> None:
    store = FakeComponents()
    for _ in range(3):
        beats(store).beat()
    assert only(store).starts == 3


def test_while_the_database_is_down_nothing_is_written_and_afterwards_it_goes_on() -> None:
    store = FakeComponents(is_down=True)
    mine = beats(store)
    with pytest.raises(StorageError):
        mine.beat()
    store.is_down = False
    mine.beat()
    assert only(store).starts == 1


def test_another_process_that_lives_keeps_the_name() -> None:
    store, clock = FakeComponents(), ManualClock()
    mine = beats(store, clock)
    mine.beat()
    other = replace(only(store), pid=1, version="other")
    store.known[other.name] = other
    mine.beat()
    assert only(store) == other
    clock.advance(GONE_AFTER.total_seconds() + 1)
    mine.beat()
    assert (only(store).pid, only(store).starts) == (os.getpid(), 2)


def test_a_row_that_was_removed_is_written_again() -> None:
    store = FakeComponents()
    mine = beats(store)
    mine.beat()
    store.known.clear()
    mine.beat()
    assert only(store).pid == os.getpid()


def test_in_the_background_it_beats_until_it_is_stopped_and_says_that_it_ended() -> None:
    written = threading.Semaphore(0)
    store = FakeComponents(on_write=written.release)
    mine = beats(store, seconds=0.01)
    mine.start()
    for _ in range(3):
        assert written.acquire(timeout=10)
    mine.stop()
    assert only(store).facts["ended"] is True


def test_facts_that_cannot_be_had_do_not_end_the_beats() -> None:
    written = threading.Semaphore(0)
    store = FakeComponents(on_write=written.release)
    mine = beats(store, seconds=0.01)
    asked = threading.Event()

    def broken() -> dict[str, object]:
        asked.set()
        raise RuntimeError("changed while it was read")

    mine.tell(broken)
    mine.start()
    assert asked.wait(10)
    mine.tell(dict)
    assert written.acquire(timeout=10)
    mine.stop()


def test_a_process_that_never_reached_the_database_ends_at_once() -> None:
    store = FakeComponents(is_down=True)
    mine = beats(store, seconds=60)
    mine.start()
    mine.stop()
    assert not mine._thread.is_alive()
    assert store.all() == []


def test_a_beat_waits_for_a_locked_database_no_longer_than_its_patience(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    store = SqlComponentStore.open(default_url(tmp_path), patience_seconds=0.05)
    with database.transactions.write(), pytest.raises(DatabaseUnavailable):
        beats(store).beat()
    beats(store).beat()
    assert [one.name for one in database.components.all()] == ["receiver-2@node7"]
    store.close()
    database.close()


def test_beats_make_no_database_where_there_is_none(tmp_path: Path) -> None:
    store = SqlComponentStore.open(default_url(tmp_path), patience_seconds=0.05)
    with pytest.raises(DatabaseUnavailable):
        beats(store).beat()
    assert list(tmp_path.iterdir()) == []
