"""The alarm that ended last is found: what was looked at then does not raise the next one."""

from support.stored import at

from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.engine import Database

DISK, DRIFT = AlarmKind.DISK, AlarmKind.DRIFT


def wrong(subject: str) -> Condition:
    return Condition(kind=DISK, subject=subject)


def test_the_one_that_ended_last_is_found(database: Database) -> None:
    alarms = database.alarms
    assert alarms.last_ended(DISK, "spool") is None
    for start in (0, 10):
        alarms.set([DISK], [wrong("spool")], at(start))
        assert alarms.set([DISK], [], at(start + 5))[1]
    alarms.set([DISK], [wrong("spool"), wrong("home")], at(20))
    last = alarms.last_ended(DISK, "spool")
    assert last is not None
    assert (last.began_at, last.ended_at) == (at(10), at(15))
    assert alarms.last_ended(DISK, "home") is None
    assert alarms.last_ended(DRIFT, "spool") is None
