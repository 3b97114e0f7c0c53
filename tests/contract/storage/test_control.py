"""Pauses on both engines: they are there for every process until somebody lifts them."""

from pathlib import Path

import pytest
from support.stored import at

from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.states import Stage


def test_nothing_is_paused_at_first(database: Database) -> None:
    assert database.control.pauses() == []
    assert not database.control.resume(Part.INTAKE, at(5))


def test_a_pause_comes_back_as_it_was_made_in_the_order_of_the_flow(database: Database) -> None:
    delivery = Pause(part=Part.DELIVERY, since=at(1), note="PACS moves", person="anna")
    intake = Pause(part=Part.INTAKE, since=at(2))
    assert database.control.pause(delivery)
    assert database.control.pause(intake)
    assert database.control.pauses() == [intake, delivery]


def test_another_process_sees_it_also_after_a_restart(database_url: str, database: Database) -> None:
    database.control.pause(Pause(part=Part.INFERENCE, since=at(1)))
    again = open_database(database_url, Path("unused"))
    try:
        assert [pause.part for pause in again.control.pauses()] == [Part.INFERENCE]
    finally:
        again.close()


def test_pausing_twice_keeps_the_beginning_and_takes_a_new_note_only(database: Database) -> None:
    database.control.pause(Pause(part=Part.INTAKE, since=at(1), note="first", person="anna"))
    assert not database.control.pause(Pause(part=Part.INTAKE, since=at(9), person="ben"))
    assert database.control.pauses() == [Pause(part=Part.INTAKE, since=at(1), note="first", person="anna")]
    assert not database.control.pause(Pause(part=Part.INTAKE, since=at(9), note="second", person="ben"))
    assert database.control.pauses() == [Pause(part=Part.INTAKE, since=at(1), note="second", person="ben")]


def test_what_is_resumed_goes_on_and_the_rest_stays_paused(database: Database) -> None:
    for part in Part:
        database.control.pause(Pause(part=part, since=at(1)))
    assert database.control.resume(Part.INFERENCE, at(5))
    assert not database.control.resume(Part.INFERENCE, at(5))
    assert [pause.part for pause in database.control.pauses()] == [Part.INTAKE, Part.DELIVERY]


def test_the_event_log_says_who_paused_and_who_let_it_go_on(database: Database) -> None:
    database.control.pause(Pause(part=Part.INTAKE, since=at(1), note="moving", person="anna"))
    database.control.pause(Pause(part=Part.INTAKE, since=at(2), note="still", person="ben"))
    database.control.resume(Part.INTAKE, at(9), "carl")
    database.control.resume(Part.INTAKE, at(10), "dora")
    told = [(event.at, event.stage, event.to_state, event.detail) for event in database.jobs.events()]
    assert told == [
        (at(1), Stage.OPERATE, "PAUSED", {"part": "intake", "by": "anna", "origin": "command line"}),
        (at(9), Stage.OPERATE, "RESUMED", {"part": "intake", "by": "carl", "origin": "command line"}),
    ]


@pytest.mark.parametrize("text", ["a\nb\x00\x1b[2J", "x" * 1000, "'; DROP TABLE pause; --", "\udcff"])
def test_any_note_can_be_kept_and_holds_no_control_characters(database: Database, text: str) -> None:
    assert database.control.pause(Pause(part=Part.INTAKE, since=at(1), note=text, person=text))
    (kept,) = database.control.pauses()
    assert (kept.note + kept.person).isprintable()
    assert (len(kept.note) <= 255, len(kept.person) <= 128) == (True, True)
