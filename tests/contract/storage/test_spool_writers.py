"""Writers of a shared spool, on both engines: one of all hosts takes up what a silent one left, and that one learns."""

from concurrent.futures import ThreadPoolExecutor

from support.stored import at

from hounsfield.storage.engine import Database
from hounsfield.storage.spool_writers import SpoolWriter
from hounsfield.storage.writer_book import SharedBook


def test_a_writer_comes_back_as_it_was_written(database: Database) -> None:
    database.spool_writers.opened("b-1", "b boot", at(2))
    database.spool_writers.opened("a-1", "a boot", at(1))
    assert database.spool_writers.all() == [
        SpoolWriter(name="a-1", machine="a boot", seen_at=at(1)),
        SpoolWriter(name="b-1", machine="b boot", seen_at=at(2)),
    ]


def test_a_writer_that_lives_is_not_taken(database: Database) -> None:
    writers = database.spool_writers
    writers.opened("a-1", "a boot", at(1))
    assert writers.seen("a-1", at(50))
    assert not writers.take("a-1", "b-1", at(60), unseen_since=at(50))
    assert writers.seen("a-1", at(61))


def test_a_silent_writer_is_taken_and_learns_it_when_it_comes_back(database: Database) -> None:
    writers = database.spool_writers
    writers.opened("a-1", "a boot", at(1))
    assert writers.take("a-1", "b-1", at(200), unseen_since=at(100))
    assert not writers.seen("a-1", at(201))
    assert writers.all() == [SpoolWriter(name="a-1", machine="a boot", seen_at=at(200), taken_by="b-1")]


def test_one_of_several_gets_a_silent_writer(database: Database) -> None:
    database.spool_writers.opened("a-1", "a boot", at(1))

    def take(number: int) -> bool:
        return database.spool_writers.take("a-1", f"host-{number}", at(200), unseen_since=at(100))

    with ThreadPoolExecutor(4) as hosts:
        assert sorted(hosts.map(take, range(6))) == [False] * 5 + [True]


def test_a_host_that_dies_over_it_is_followed_by_another_one(database: Database) -> None:
    writers = database.spool_writers
    writers.opened("a-1", "a boot", at(1))
    assert writers.take("a-1", "b-1", at(200), unseen_since=at(100))
    assert not writers.take("a-1", "c-1", at(250), unseen_since=at(150))
    assert writers.take("a-1", "c-1", at(400), unseen_since=at(300))


def test_writers_that_ended_are_forgotten_and_write_no_more(database: Database) -> None:
    writers = database.spool_writers
    writers.opened("a-1", "a boot", at(1))
    writers.ended(["a-1", "never there"])
    assert writers.all() == []
    assert not writers.seen("a-1", at(2))
    assert not writers.take("a-1", "b-1", at(200), unseen_since=None)


def book(database: Database, host: str, now: int, *, is_judge: bool = True) -> SharedBook:
    return SharedBook(
        database.spool_writers,
        process=f"{host}-judge",
        machine=f"{host} boot",
        now=lambda: at(now),
        is_judge=lambda: is_judge,
    )


def test_of_the_own_machine_a_free_lock_is_enough_of_another_one_only_silence(database: Database) -> None:
    book(database, "a", 0).announce("a-1")
    book(database, "b", 0).announce("b-1")
    assert book(database, "a", 10).may_take("a-1")
    assert not book(database, "a", 10).may_take("b-1")
    assert not book(database, "a", 99).may_take("b-1")
    assert not book(database, "a", 200, is_judge=False).may_take("b-1"), "it was silent itself"
    assert book(database, "a", 200).may_take("b-1")


def test_a_folder_whose_process_nobody_knows_goes_by_its_lock(database: Database) -> None:
    assert book(database, "a", 0).may_take("made before the database knew writers")


def test_writers_of_other_machines_live_until_they_were_silent_for_long(database: Database) -> None:
    book(database, "a", 0).announce("a-1")
    book(database, "b", 50).announce("b-1")
    assert book(database, "a", 60).living() == {"b-1"}
    assert book(database, "b", 60).living() == {"a-1"}
    assert book(database, "b", 120).living() == set()
    book(database, "a", 60).gone("b-1")
    assert book(database, "a", 60).living() == set()
