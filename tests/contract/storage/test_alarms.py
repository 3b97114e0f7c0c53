"""Alarms on both engines: each has one beginning and one end, and is told of once."""

from dataclasses import replace

import pytest
from support.stored import at

from hounsfield.storage.alarms import AlarmKind, Condition, Told
from hounsfield.storage.engine import Database

DISK = Condition(kind=AlarmKind.DISK, subject="spool", detail={"free_percent": 4, "do": "make room"})
SILENT = Condition(kind=AlarmKind.SCANNER_SILENT, subject="CT1")
KINDS = (AlarmKind.DISK, AlarmKind.SCANNER_SILENT)


def test_nothing_is_wrong_at_first(database: Database) -> None:
    assert (database.alarms.open(), database.alarms.newest(), database.alarms.untold()) == ([], [], [])
    assert database.alarms.set(KINDS, [], at(0)) == ([], [])


def test_what_is_wrong_begins_once_however_often_it_is_said(database: Database) -> None:
    begun, ended = database.alarms.set(KINDS, [DISK, SILENT], at(1))
    assert [(one.kind, one.subject, one.began_at, one.ended_at) for one in begun] == [
        (DISK.kind, "spool", at(1), None),
        (SILENT.kind, "CT1", at(1), None),
    ]
    assert ended == []
    assert database.alarms.set(KINDS, [SILENT, DISK], at(2)) == ([], [])
    assert database.alarms.open() == begun


def test_an_open_alarm_tells_how_bad_it_is_now(database: Database) -> None:
    database.alarms.set(KINDS, [DISK], at(1))
    worse = replace(DISK, detail={"free_percent": 1})
    assert database.alarms.set(KINDS, [worse], at(2)) == ([], [])
    (one,) = database.alarms.open()
    assert (one.detail, one.began_at) == ({"free_percent": 1}, at(1))


def test_what_is_no_longer_wrong_ends_once_and_may_begin_again(database: Database) -> None:
    (first,), _ = database.alarms.set(KINDS, [DISK], at(1))
    begun, ended = database.alarms.set(KINDS, [], at(2))
    assert (begun, [(one.id, one.ended_at) for one in ended]) == ([], [(first.id, at(2))])
    assert database.alarms.set(KINDS, [], at(3)) == ([], [])
    (second,), _ = database.alarms.set(KINDS, [DISK], at(4))
    assert database.alarms.newest() == [second, *ended]
    assert database.alarms.open() == [second]


def test_who_speaks_of_some_kinds_leaves_the_others_alone(database: Database) -> None:
    database.alarms.set(KINDS, [DISK, SILENT], at(1))
    assert database.alarms.set([AlarmKind.DRIFT], [DISK], at(2)) == ([], []), "a kind it does not speak of"
    begun, ended = database.alarms.set([AlarmKind.DISK], [], at(3))
    assert (begun, [one.kind for one in ended]) == ([], [AlarmKind.DISK])
    assert [one.kind for one in database.alarms.open()] == [AlarmKind.SCANNER_SILENT]


def test_two_subjects_are_two_alarms(database: Database) -> None:
    other = replace(SILENT, subject="CT2")
    begun, _ = database.alarms.set(KINDS, [SILENT, other], at(1))
    _, ended = database.alarms.set(KINDS, [other], at(2))
    assert ([one.subject for one in begun], [one.subject for one in ended]) == (["CT1", "CT2"], ["CT1"])


def test_pages_of_alarms_neither_lose_nor_repeat(database: Database) -> None:
    database.alarms.set(KINDS, [replace(SILENT, subject=f"CT{number}") for number in range(5)], at(1))
    seen: list[str] = []
    before = None
    while page := database.alarms.newest(2, before):
        seen += [one.subject for one in page]
        before = page[-1].id
    assert seen == ["CT4", "CT3", "CT2", "CT1", "CT0"]


def test_beginning_and_end_are_each_told_once(database: Database) -> None:
    (alarm,), _ = database.alarms.set(KINDS, [DISK], at(1))
    assert [one.id for one in database.alarms.untold()] == [alarm.id]
    database.alarms.mark_told(alarm.id, Told.BEGINNING)
    assert database.alarms.untold() == []
    database.alarms.set(KINDS, [], at(2))
    assert [(one.id, one.told) for one in database.alarms.untold()] == [(alarm.id, Told.BEGINNING)]
    database.alarms.mark_told(alarm.id, Told.END)
    assert database.alarms.untold() == []


@pytest.mark.parametrize("late", [Told.NOTHING, Told.BEGINNING])
def test_what_was_told_never_goes_back(database: Database, late: Told) -> None:
    (alarm,), _ = database.alarms.set(KINDS, [DISK], at(1))
    database.alarms.mark_told(alarm.id, Told.END)
    database.alarms.mark_told(alarm.id, late)
    assert [one.told for one in database.alarms.newest()] == [Told.END]


def test_an_alarm_that_ended_before_anybody_was_told_is_told_with_its_end(database: Database) -> None:
    database.alarms.set(KINDS, [DISK], at(1))
    database.alarms.set(KINDS, [], at(2))
    assert [(one.told, one.ended_at) for one in database.alarms.untold()] == [(Told.NOTHING, at(2))]
