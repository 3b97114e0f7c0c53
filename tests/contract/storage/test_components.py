"""Processes of the service as they say that they live, on both engines."""

from dataclasses import replace
from typing import Any

from support.stored import at

from hounsfield.storage.components import Component
from hounsfield.storage.engine import Database


def component(**changes: Any) -> Component:
    fields: dict[str, Any] = {
        "name": "worker@node7",
        "role": "worker",
        "host": "node7",
        "pid": 10,
        "version": "1.0",
        "started_at": at(0),
        "seen_at": at(0),
        "facts": {},
    }
    return Component(**fields | changes)


def test_a_process_is_kept_as_it_was_written(database: Database) -> None:
    written = component(facts={"loads": 1, "bundles": {"ich-demo 1.0": {"state": "served"}}})
    assert database.components.started(written) == 1
    assert database.components.all() == [written]


def test_starts_under_the_same_name_are_counted(database: Database) -> None:
    database.components.started(component())
    again = component(pid=11, started_at=at(9), seen_at=at(9))
    assert database.components.started(again) == 2
    assert database.components.all() == [replace(again, starts=2)]


def test_a_beat_moves_the_time_and_the_facts(database: Database) -> None:
    database.components.started(component())
    assert database.components.seen("worker@node7", 10, at(5), {"loads": 2})
    assert database.components.all() == [component(seen_at=at(5), facts={"loads": 2})]


def test_a_beat_of_another_process_changes_nothing(database: Database) -> None:
    database.components.started(component())
    assert not database.components.seen("worker@node7", 11, at(5), {})
    assert not database.components.seen("courier@node7", 10, at(5), {})
    assert database.components.all() == [component()]


def test_those_that_were_not_seen_for_long_are_forgotten(database: Database) -> None:
    database.components.started(component())
    database.components.started(component(name="courier@node7", role="courier", seen_at=at(100)))
    assert database.components.forget(at(50)) == 1
    assert [one.name for one in database.components.all()] == ["courier@node7"]
