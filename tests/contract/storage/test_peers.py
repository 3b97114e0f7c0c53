"""The peer store on both engines: adding up, bounded, and safe for whatever comes over the network."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.stored import at

from hounsfield.storage import peer_store
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.peer_records import Sighting, SightingReason, SightingRecord


def sighting(
    calling_ae: str = "CT1",
    *,
    called_ae: str = "HOUNSFIELD",
    address: str = "10.1.2.3",
    reason: SightingReason = SightingReason.UNKNOWN_PEER,
    admitted: bool = False,
    first: datetime | None = None,
    last: datetime | None = None,
    count: int = 1,
) -> Sighting:
    return Sighting(
        calling_ae=calling_ae,
        called_ae=called_ae,
        address=address,
        reason=reason,
        admitted=admitted,
        first_seen_at=first or at(0),
        last_seen_at=last or first or at(0),
        count=count,
    )


def test_nothing_was_seen_at_first(database: Database) -> None:
    database.peers.saw([])
    assert database.peers.sightings() == []
    assert database.peers.forget() == 0


def test_a_sighting_comes_back_as_it_was_seen(database: Database) -> None:
    database.peers.saw([sighting(count=3, first=at(1), last=at(5), admitted=True)])
    (record,) = database.peers.sightings()
    assert record == SightingRecord(
        id=record.id,
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        address="10.1.2.3",
        reason=SightingReason.UNKNOWN_PEER,
        admitted=True,
        first_seen_at=at(1),
        last_seen_at=at(5),
        count=3,
    )


def test_counts_add_up_and_times_widen_also_backwards(database: Database) -> None:
    database.peers.saw([sighting(first=at(10), last=at(20), count=2)])
    database.peers.saw([sighting(first=at(30), count=5), sighting(first=at(5), count=1)])
    (record,) = database.peers.sightings()
    assert (record.count, record.first_seen_at, record.last_seen_at) == (8, at(5), at(30))


def test_each_sender_finding_and_answer_is_told_apart_and_the_most_frequent_comes_first(database: Database) -> None:
    database.peers.saw(
        [
            sighting(),
            sighting("CT2", count=7),
            sighting(called_ae="OTHER", count=6),
            sighting(address="10.1.2.4", count=5),
            sighting(reason=SightingReason.CALLED_AE, count=4),
            sighting(admitted=True, count=3),
        ]
    )
    assert [record.count for record in database.peers.sightings()] == [7, 6, 5, 4, 3, 1]


def test_when_it_is_full_those_seen_longest_ago_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_store, "MAX_SIGHTINGS", 3)
    database.peers.saw([sighting(f"CT{n}", first=at(n)) for n in range(3)])
    database.peers.saw([sighting("CT0", first=at(50)), sighting("CT9", first=at(60))])
    assert {record.calling_ae for record in database.peers.sightings()} == {"CT0", "CT2", "CT9"}


def test_at_most_a_thousand_are_kept(database: Database) -> None:
    database.peers.saw([sighting(f"X{n}", first=at(0) + timedelta(milliseconds=n)) for n in range(1010)])
    kept = {record.calling_ae for record in database.peers.sightings()}
    assert len(kept) == 1000
    assert "X9" not in kept
    assert "X10" in kept


@pytest.mark.parametrize(
    "title", ["'; DROP TABLE sighting; --", 'A"\n[[peer]]', "\x00\x1b[2J", "\udcff", "é" * 200, "%s {0}", "\\", ""]
)
def test_whatever_a_sender_calls_itself_can_be_stored_again_and_again(database: Database, title: str) -> None:
    for _ in range(2):
        database.peers.saw([sighting(title, called_ae=title, address=title), sighting()])
    records = {record.calling_ae: record.count for record in database.peers.sightings()}
    assert len(records) == 2
    assert set(records.values()) == {2}
    shown = next(name for name in records if name != "CT1")
    assert shown[:10] == title[:10].replace("\x00", "\ufffd").replace("\udcff", "\ufffd")


def test_what_is_forgotten_is_gone(database: Database) -> None:
    database.peers.saw([sighting("CT1"), sighting("CT2")])
    assert database.peers.forget() == 2
    assert database.peers.sightings() == []


def test_receivers_that_add_at_once_lose_no_count(database_url: str, database: Database) -> None:
    forth = [sighting(f"CT{n}") for n in range(20)]
    start = threading.Barrier(2)

    def add(sightings: list[Sighting]) -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        for _ in range(5):
            own.peers.saw(sightings)
        own.close()

    threads = [threading.Thread(target=add, args=(order,)) for order in (forth, forth[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [record.count for record in database.peers.sightings()] == [10] * 20
