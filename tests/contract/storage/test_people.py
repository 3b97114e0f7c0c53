"""What a person decides about a series: who it was stands in the log, and a release holds for what was looked at."""

from dataclasses import replace

import pytest
from support.recording import register
from support.stored import BUNDLE, SERIES, WHOLE, at, closed, present, receipt, received

from hounsfield.storage.engine import Database
from hounsfield.storage.records import EventRecord, InstanceReceipt, Registration, SeriesRecord
from hounsfield.storage.states import Reason, SeriesState


def the_series(database: Database) -> SeriesRecord:
    return present(database.series.find(SERIES))


def last_event(database: Database) -> EventRecord:
    return database.jobs.events()[-1]


def held(database: Database, reason: Reason) -> SeriesRecord:
    series = received(database)
    assert database.series.hold(series, reason, at(20))
    return series


def test_a_release_waives_the_hold_and_says_who_did_it(database: Database) -> None:
    series = held(database, Reason.CONFLICT)
    assert database.series.release(series.id, at(30), by="admin@console")
    after = the_series(database)
    assert (after.state, after.reason, after.waived) == (SeriesState.RECEIVING, None, (Reason.CONFLICT,))
    event = last_event(database)
    assert (event.to_state, event.reason) == ("RECEIVING", Reason.OPERATOR)
    assert event.detail == {"by": "admin@console", "waived": "conflict"}


def test_each_release_adds_to_what_is_waived(database: Database) -> None:
    series = held(database, Reason.IMPLAUSIBLE_HU)
    for reason in (Reason.AMBIGUOUS_GEOMETRY, Reason.IMPLAUSIBLE_HU):
        assert database.series.release(series.id, at(30))
        assert database.series.hold(series, reason, at(31))
    assert database.series.release(series.id, at(32))
    assert the_series(database).waived == (Reason.AMBIGUOUS_GEOMETRY, Reason.IMPLAUSIBLE_HU)


@pytest.mark.parametrize("reason", [Reason.TWO_PATIENTS, Reason.TWO_STUDIES])
def test_two_patients_are_never_waived(database: Database, reason: Reason) -> None:
    series = held(database, reason)
    assert database.series.release(series.id, at(30), by="admin")
    assert (the_series(database).state, the_series(database).waived) == (SeriesState.RECEIVING, ())
    assert last_event(database).detail == {"by": "admin"}


@pytest.mark.parametrize(
    ("news", "kind", "waived"),
    [
        (receipt(1, received_at=at(40)), Registration.DUPLICATE, (Reason.CONFLICT,)),
        (receipt(9, received_at=at(40)), Registration.NEW, ()),
        (receipt(1, content="another header", received_at=at(40)), Registration.VARIANT, ()),
    ],
)
@pytest.mark.parametrize("is_closed", [True, False])
def test_a_release_holds_until_something_comes_that_nobody_looked_at(
    database: Database, news: InstanceReceipt, kind: str, waived: tuple[Reason, ...], is_closed: bool
) -> None:
    series = held(database, Reason.CONFLICT)
    assert database.series.release(series.id, at(30))
    if is_closed:
        assert database.series.close(the_series(database), [1, 2, 3], WHOLE, [BUNDLE], at(35))
    assert the_series(database).waived == (Reason.CONFLICT,)
    assert register(database.series, news) == kind
    assert the_series(database).waived == waived


def test_a_copy_and_then_a_new_image_in_one_batch_end_the_waiver(database: Database) -> None:
    series = held(database, Reason.CONFLICT)
    assert database.series.release(series.id, at(30))
    database.series.record([], [receipt(9, received_at=at(40)), receipt(1, received_at=at(40))], [])
    assert the_series(database).waived == ()


def test_a_discard_says_who_did_it(database: Database) -> None:
    series = held(database, Reason.CONFLICT)
    assert database.series.discard(series.id, Reason.OPERATOR, at(30), by="admin")
    assert (last_event(database).to_state, last_event(database).detail) == ("SKIPPED", {"by": "admin"})


def test_a_name_in_the_log_is_short_and_plain(database: Database) -> None:
    series = held(database, Reason.CONFLICT)
    assert database.series.discard(series.id, Reason.OPERATOR, at(30), by="\x1b[31m\nadmin\u202e" + "x" * 200)
    assert last_event(database).detail == {"by": "[31madmin" + "x" * 119}


def test_a_skipped_series_is_asked_about_again(database: Database) -> None:
    series = received(database)
    assert not database.series.replay(series.id, at(19))
    assert database.series.skip(series, Reason.NO_RULE, at(20), remarks=["No rule matches."])
    skipped = the_series(database)
    assert (skipped.state, skipped.reason, skipped.rule) == (SeriesState.SKIPPED, Reason.NO_RULE, None)
    assert skipped.remarks == ("No rule matches.",)
    assert last_event(database).detail == {"remarks": ["No rule matches."]}
    assert database.series.replay(series.id, at(100), by="admin")
    after = the_series(database)
    assert (after.state, after.reason, after.receiving_since) == (SeriesState.RECEIVING, None, at(100))
    assert (last_event(database).from_state, last_event(database).detail) == ("SKIPPED", {"by": "admin"})
    assert not database.series.replay(series.id, at(101))
    assert not database.series.replay(999, at(101))


def test_a_decision_names_its_rule(database: Database) -> None:
    series = received(database)
    assert database.series.close(series, [1, 2, 3], WHOLE, [BUNDLE], at(20), rule="stroke")
    assert the_series(database).rule == "stroke"
    assert database.jobs.events()[-2].detail == {"revision": 1, "instances": 3, "rule": "stroke"}
    assert database.series.hold(the_series(database), Reason.CONFLICT, at(25))
    assert the_series(database).rule == "stroke", "a hold for safety is no decision by another rule"
    assert database.series.release(series.id, at(26))
    assert database.series.hold(the_series(database), Reason.RULE, at(27), ["By rule."], rule="wait")
    assert (the_series(database).rule, last_event(database).detail) == (
        "wait",
        {"remarks": ["By rule."], "rule": "wait"},
    )
    assert database.series.release(series.id, at(28))
    assert database.series.skip(the_series(database), Reason.RULE, at(29), rule="no phantoms")
    assert (the_series(database).rule, the_series(database).remarks) == ("no phantoms", ())


def test_the_series_of_a_study_are_found_by_it(database: Database) -> None:
    for number in (2, 1, 3):
        register(database.series, receipt(1, series=f"1.2.{number}", study_uid="1.9" if number == 3 else "1.8"))
    assert [s.series_uid for s in database.series.of_study("1.8")] == ["1.2.2", "1.2.1"]
    assert database.series.of_study("1.7") == []


def test_variants_are_counted_into_a_revision_without_being_part_of_it(database: Database) -> None:
    series = closed(database, 2)
    register(database.series, receipt(1, content="another header", received_at=at(40)))
    register(database.series, receipt(3, received_at=at(41)))
    stranger = received(database, 1, "1.2.99")
    variant, image = [i for i in database.series.instances(series.id) if i.revision == 0]
    assert (variant.is_primary, image.is_primary) == (False, True)
    strangers = [i.id for i in database.series.instances(stranger.id)]
    assert database.series.close(
        the_series(database), [1, 2, image.id], WHOLE, [BUNDLE], at(60), variants=[variant.id, *strangers]
    )
    assert {i.id: i.revision for i in database.series.instances(series.id)} == {1: 1, 2: 1, variant.id: 2, image.id: 2}
    assert {i.id for i in database.series.instances(series.id, 2)} == {1, 2, image.id}
    assert [replace(i, revision=0) == i for i in database.series.instances(stranger.id)] == [True]


def test_who_cancels_a_job_and_who_has_it_tried_again_stands_in_its_log(database: Database) -> None:
    series = closed(database)
    (job,) = database.jobs.of_series(series.id)
    assert database.jobs.cancel(job.id, at(30), "anna")
    assert (last_event(database).to_state, last_event(database).detail) == ("CANCELLED", {"by": "anna"})
    assert database.jobs.requeue(job.id, at(31), "ben")
    assert (last_event(database).to_state, last_event(database).detail) == ("AVAILABLE", {"by": "ben"})
    assert database.jobs.cancel(job.id, at(32))
    assert last_event(database).detail == {}
