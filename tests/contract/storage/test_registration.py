"""Received instances: every copy kept, the first one primary, the series' state as the table of states says."""

import threading
from dataclasses import asdict, replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from support.recording import end_association, open_association, register
from support.stored import (
    BUNDLE,
    SERIES,
    T0,
    WHOLE,
    association,
    at,
    closed,
    present,
    receipt,
    received,
)

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import Registration
from hounsfield.storage.states import AssociationEnding, InstanceRole, Reason, SeriesState, Stage


def test_the_first_instance_makes_a_series_that_is_receiving(database: Database) -> None:
    assert register(database.series, receipt()) == Registration.NEW
    series = present(database.series.find(SERIES))
    assert (series.state, series.revision, series.instances) == (SeriesState.RECEIVING, 0, 1)
    assert series.first_received_at == series.last_received_at == T0
    assert series.first_received_at.utcoffset() == timedelta(0)
    (event,) = database.jobs.events()
    assert (event.stage, event.from_state, event.to_state) == (Stage.RECEIVE, None, "RECEIVING")
    assert (event.series_uid, event.job_id, event.at) == (SERIES, None, T0)


def test_an_instance_comes_back_as_it_was_registered(database: Database) -> None:
    there = receipt(role=InstanceRole.COMPANION, received_at=at(1.5).astimezone(timezone(timedelta(hours=9))))
    register(database.series, there)
    (found,) = database.series.instances(1)
    assert asdict(there).items() <= asdict(found).items()
    assert (found.is_primary, found.copies, found.revision) == (True, 1, 0)


def test_the_same_bytes_again_are_counted_and_change_no_state(database: Database) -> None:
    series = closed(database)
    events = database.jobs.last_event_id()
    assert register(database.series, receipt(1, received_at=at(40))) == Registration.DUPLICATE
    after = present(database.series.get(series.id))
    assert (after.state, after.duplicates, after.instances) == (SeriesState.CLOSED, 1, 3)
    assert [i.copies for i in database.series.instances(series.id)] == [2, 1, 1]
    assert database.jobs.last_event_id() == events


def test_a_copy_with_other_bytes_is_kept_beside_the_first(database: Database) -> None:
    register(database.series, receipt(1))
    assert register(database.series, receipt(1, content="other header")) == Registration.VARIANT
    series = present(database.series.find(SERIES))
    assert (series.instances, series.variants) == (1, 1)
    assert [i.is_primary for i in database.series.instances(series.id)] == [True, False]


def test_the_same_instance_under_another_series_is_another_series(database: Database) -> None:
    register(database.series, receipt(1))
    elsewhere = receipt(1, series="1.2.3.5", sop_instance_uid=f"{SERIES}.1")
    assert register(database.series, elsewhere) == Registration.NEW
    assert [s.series_uid for s in database.series.page()] == [SERIES, "1.2.3.5"]
    assert all(i.is_primary for s in database.series.page() for i in database.series.instances(s.id))


def test_a_late_instance_reopens_a_closed_series(database: Database) -> None:
    series = closed(database)
    assert register(database.series, receipt(9, received_at=at(40))) == Registration.NEW
    after = present(database.series.get(series.id))
    assert (after.state, after.revision, after.instances) == (SeriesState.RECEIVING, 1, 4)
    event = database.jobs.events()[-1]
    assert (event.stage, event.from_state, event.to_state) == (Stage.RECEIVE, "CLOSED", "RECEIVING")


def test_a_variant_reopens_a_skipped_series_and_clears_its_reason(database: Database) -> None:
    series = received(database)
    assert database.series.skip(series, Reason.MODALITY, at(20))
    register(database.series, receipt(1, content="other header", received_at=at(40)))
    after = present(database.series.get(series.id))
    assert (after.state, after.reason) == (SeriesState.RECEIVING, None)


def test_a_held_series_records_what_comes_and_stays_held(database: Database) -> None:
    series = received(database)
    assert database.series.hold(series, Reason.TWO_PATIENTS, at(20))
    assert register(database.series, receipt(9, received_at=at(30))) == Registration.NEW
    after = present(database.series.get(series.id))
    assert (after.state, after.reason, after.instances) == (SeriesState.HELD, Reason.TWO_PATIENTS, 4)


def test_own_results_and_companions_are_registered_like_any_other(database: Database) -> None:
    for number, role in enumerate((InstanceRole.OWN_RESULT, InstanceRole.COMPANION)):
        assert register(database.series, receipt(1, series=f"1.2.{number}", role=role)) == Registration.NEW
    roles = [i.role for s in database.series.page() for i in database.series.instances(s.id)]
    assert roles == [InstanceRole.OWN_RESULT, InstanceRole.COMPANION]


def test_digests_with_a_row_are_told_from_those_without(database: Database) -> None:
    received(database, 3)
    there = [receipt(number).digest for number in (1, 2, 3)]
    assert database.series.registered_digests([*there[:2], "f" * 64]) == set(there[:2])
    assert database.series.registered_digests([]) == set()
    assert database.series.digests("") == set(there)


def test_more_digests_than_a_statement_holds_can_be_asked_for(database: Database) -> None:
    received(database, 1)
    many = [f"{number:064x}" for number in range(40_000)]
    assert database.series.registered_digests([*many, receipt(1).digest]) == {receipt(1).digest}


def test_every_instance_touches_its_series_even_a_duplicate(database: Database) -> None:
    first = received(database)
    register(database.series, receipt(4, received_at=at(5)))
    (second,) = database.series.receiving()
    register(database.series, receipt(4, received_at=at(9)))
    (third,) = database.series.receiving()
    assert [one.touched_at for one in (first, second, third)] == [at(0), at(5), at(9)]
    assert first.version < second.version < third.version
    assert third.receiving_since == at(0)


def test_a_reopened_series_receives_since_its_reopening(database: Database) -> None:
    closed(database)
    register(database.series, receipt(9, received_at=at(9000)))
    (series,) = database.series.receiving()
    assert (series.receiving_since, series.first_received_at) == (at(9000), at(0))


def test_only_receiving_series_are_open(database: Database) -> None:
    closed(database)
    received(database, series="1.2.9")
    assert [one.series_uid for one in database.series.receiving()] == ["1.2.9"]


def test_an_association_is_remembered_with_its_ending(database: Database) -> None:
    open_association(database.series, association())
    open_association(database.series, association())
    series = received(database)
    end_association(database.series, "a1", AssociationEnding.ABORTED, at(3))
    end_association(database.series, "unknown", AssociationEnding.RELEASED, at(3))
    expected = replace(association(), ending=AssociationEnding.ABORTED, ended_at=at(3))
    assert database.series.associations(series.id) == [expected]


def test_associations_of_dead_receivers_are_lost_and_their_series_touched(database: Database) -> None:
    for name, receiver in (("a1", "dead"), ("a2", "alive"), ("a3", "dead")):
        open_association(database.series, association(name, receiver))
    end_association(database.series, "a3", AssociationEnding.RELEASED, at(1))
    before = received(database)
    register(database.series, receipt(1, series="1.2.3.5", association_id="a2"))
    assert database.series.lose_open_associations({"alive"}, at(100)) == 1
    assert [a.ending for a in database.series.associations(before.id)] == [AssociationEnding.LOST]
    touched = {one.series_uid: one.touched_at for one in database.series.receiving()}
    assert touched == {SERIES: at(100), "1.2.3.5": at(0)}
    assert not database.series.close(before, [1], WHOLE, [BUNDLE], at(105))
    assert database.series.lose_open_associations({"alive"}, at(101)) == 0


def test_receivers_that_store_the_same_series_at_once_do_not_disturb_each_other(
    database_url: str, database: Database
) -> None:
    answers: list[str] = []
    start = threading.Barrier(4)

    def receive(name: str) -> None:
        own = open_database(database_url, Path("unused"))
        start.wait()
        for number in range(10):
            answers.append(register(own.series, receipt(number, association_id=name)))
        own.close()

    threads = [threading.Thread(target=receive, args=(f"a{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    series = present(database.series.find(SERIES))
    assert sorted(answers) == [Registration.DUPLICATE] * 30 + [Registration.NEW] * 10
    assert (series.instances, series.duplicates, series.variants) == (10, 30, 0)
    assert len(database.jobs.events()) == 1


@pytest.mark.parametrize("ending", [AssociationEnding.RELEASED, AssociationEnding.ABORTED])
def test_an_association_that_ends_is_new_evidence_for_its_open_series_and_touches_none(
    database: Database, ending: AssociationEnding
) -> None:
    other, done = "1.2.3.8", "1.2.3.9"
    ended, still_open = (received(database, series=name) for name in (SERIES, other))
    finished = closed(database, series=done)
    open_association(database.series, association("a2"))
    register(database.series, receipt(9, series=other, association_id="a2"))
    still_open = present(database.series.get(still_open.id))
    end_association(database.series, "a1", ending, at(60))
    after = present(database.series.get(ended.id))
    assert (after.version, after.touched_at) == (ended.version + 1, ended.touched_at)
    assert present(database.series.get(finished.id)).version == finished.version
    assert present(database.series.get(still_open.id)).version == still_open.version + 1, "it had images of both"
    end_association(database.series, "a2", ending, at(61))
    assert present(database.series.get(ended.id)).version == ended.version + 1
