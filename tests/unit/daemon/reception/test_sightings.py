"""What association threads note about senders: added up, bounded, and kept while the database is down."""

import threading

import pytest
from support.fake_peer_store import FakePeerStore
from support.fakes import ManualClock

from hounsfield.daemon.reception.admission import Parties
from hounsfield.daemon.reception.sightings import SightingBook
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.peer_records import SightingReason


def parties(calling: str = "CT1", address: str = "10.1.2.3") -> Parties:
    return Parties.of(calling_ae=calling, called_ae="HOUNSFIELD ", peer_address=address)


def test_what_was_noted_is_added_up_and_written_once():
    clock, store = ManualClock(), FakePeerStore()
    book = SightingBook(clock)
    first = clock.now()
    book.note(parties(), SightingReason.UNKNOWN_PEER, False)
    clock.advance(5)
    book.note(parties(" CT1 "), SightingReason.UNKNOWN_PEER, False)
    book.note(parties(), SightingReason.UNKNOWN_PEER, True)
    book.flush(store)
    book.flush(store)
    assert [(seen.calling_ae, seen.called_ae, seen.admitted, seen.count) for seen in store.seen] == [
        ("CT1", "HOUNSFIELD", False, 2),
        ("CT1", "HOUNSFIELD", True, 1),
    ]
    assert (store.seen[0].first_seen_at, store.seen[0].last_seen_at) == (first, clock.now())


def test_addresses_are_noted_as_a_peer_would_name_them():
    store, book = FakePeerStore(), SightingBook(ManualClock())
    for address in ("::ffff:10.1.2.3", "fe80:0::1%eth0", "nonsense"):
        book.note(parties(address=address), SightingReason.KNOWN, True)
    book.flush(store)
    assert [seen.address for seen in store.seen] == ["10.1.2.3", "fe80::1", "nonsense"]


def test_a_database_that_is_down_loses_nothing():
    clock, store = ManualClock(), FakePeerStore()
    book = SightingBook(clock)
    first = clock.now()
    store.is_down = True
    book.note(parties(), SightingReason.KNOWN, True)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            book.flush(store)
    clock.advance(60)
    book.note(parties(), SightingReason.KNOWN, True)
    book.note(parties("CT2"), SightingReason.KNOWN, True)
    with pytest.raises(DatabaseUnavailable):
        book.flush(store)
    store.is_down = False
    book.flush(store)
    assert [(seen.calling_ae, seen.count) for seen in store.seen] == [("CT1", 2), ("CT2", 1)]
    assert (store.seen[0].first_seen_at, store.seen[0].last_seen_at) == (first, clock.now())


def test_a_flood_of_invented_senders_is_cut_off_but_known_ones_still_count():
    store, book = FakePeerStore(), SightingBook(ManualClock(), max_waiting=3)
    for number in range(100):
        book.note(parties(f"X{number}"), SightingReason.UNKNOWN_PEER, False)
    book.note(parties("X0"), SightingReason.UNKNOWN_PEER, False)
    book.flush(store)
    assert [(seen.calling_ae, seen.count) for seen in store.seen] == [("X0", 2), ("X1", 1), ("X2", 1)]
    book.note(parties("X9"), SightingReason.UNKNOWN_PEER, False)
    book.flush(store)
    assert store.seen[-1].calling_ae == "X9"


def test_a_flood_while_the_database_is_down_stays_bounded():
    store, book = FakePeerStore(), SightingBook(ManualClock(), max_waiting=2)
    store.is_down = True
    for number in range(10):
        book.note(parties(f"X{number}"), SightingReason.UNKNOWN_PEER, False)
        with pytest.raises(DatabaseUnavailable):
            book.flush(store)
    store.is_down = False
    book.flush(store)
    assert [seen.calling_ae for seen in store.seen] == ["X0", "X1"]


def test_threads_that_note_while_it_is_written_lose_no_count():
    store, book = FakePeerStore(), SightingBook(ManualClock())

    def note() -> None:
        for _ in range(500):
            book.note(parties(), SightingReason.KNOWN, True)

    threads = [threading.Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        book.flush(store)
        threads[0].join(0.001)
    book.flush(store)
    assert sum(seen.count for seen in store.seen) == 2000
