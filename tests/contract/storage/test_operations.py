"""What was done to the service itself stands in the one event log, on both engines."""

import pytest
from support.stored import at, received

from hounsfield.storage.engine import Database
from hounsfield.storage.log_book import EventQuery
from hounsfield.storage.operations import Action, Operation
from hounsfield.storage.states import Stage


def test_an_operation_is_an_event_without_job_and_series(database: Database) -> None:
    purge = Operation(at=at(5), action=Action.PURGED, person="anna", origin="console", detail={"jobs": 3})
    database.operations.note(purge)
    (event,) = database.jobs.events()
    assert (event.at, event.stage, event.from_state, event.to_state) == (at(5), Stage.OPERATE, None, "PURGED")
    assert (event.series_id, event.series_uid, event.job_id, event.kind) == (None, None, None, None)
    assert event.detail == {"jobs": 3, "by": "anna", "origin": "console"}


def test_what_the_service_does_by_itself_names_nobody(database: Database) -> None:
    database.operations.note(Operation(at=at(5), action=Action.VACUUMED))
    assert database.jobs.events()[0].detail == {}


def test_operations_stand_between_the_other_events_and_are_found_alone(database: Database) -> None:
    database.operations.note(Operation(at=at(1), action=Action.SIGNED_IN, person="anna"))
    received(database, 1)
    database.operations.note(Operation(at=at(3), action=Action.SIGNED_OUT, person="anna"))
    assert [one.stage for one in database.jobs.events()] == [Stage.OPERATE, Stage.RECEIVE, Stage.OPERATE]
    alone = database.log_book.last_events(EventQuery(stage=Stage.OPERATE), 10)
    assert [one.to_state for one in alone] == ["SIGNED_IN", "SIGNED_OUT"]
    assert [one.id for one in database.log_book.events(EventQuery(state="SIGNED_OUT"))] == [3]


@pytest.mark.parametrize("name", ["a\nb\x00\x1b[2J", "x" * 1000, "\udcff"])
def test_any_name_can_be_kept_and_holds_no_control_characters(database: Database, name: str) -> None:
    database.operations.note(Operation(at=at(1), action=Action.SIGN_IN_FAILED, person=name))
    kept = str(database.jobs.events()[0].detail.get("by", ""))
    assert kept.isprintable()
    assert len(kept) <= 128
