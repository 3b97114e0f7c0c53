"""`hounsfield alarms` lists what is wrong, and lets a person say to have looked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.joblog import Log

from hounsfield.daemon.cli.check import Level
from hounsfield.daemon.cli.waiting_checks import check_alarms
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.engine import open_database
from hounsfield.storage.states import Stage

DISK, DEAD = AlarmKind.DISK, AlarmKind.DEAD_LETTERS
LAST = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def wrong(log: Log, *conditions: Condition, at: datetime = LAST) -> None:
    database = open_database(None, log.home)
    database.alarms.set([DISK, DEAD], conditions, at)
    database.close()


def test_what_is_open_is_listed_and_with_all_what_is_over_too(log: Log) -> None:
    assert "no alarm is open" in log.run("alarms").stderr
    wrong(log, Condition(kind=DISK, subject="spool", detail={"free_percent": 4, "do": "make room"}))
    wrong(log, Condition(kind=DEAD, detail={"jobs": 2}))
    shown = log.run("alarms").stdout
    assert "dead-letters" in shown
    assert "jobs were given up (jobs 2)" in shown
    assert "alarms acknowledge" in shown
    assert "spool" not in shown
    newest, oldest = log.json("alarms", "--all")
    assert (newest["kind"], newest["ended_at"]) == ("dead-letters", None)
    assert (oldest["subject"], oldest["detail"], oldest["do"]) == ("spool", {"free_percent": 4}, "make room")
    assert "make room" not in log.run("alarms", "--all").stdout, "nothing is to be done about what is over"


def test_who_has_looked_at_jobs_that_were_given_up_hears_of_the_next_ones_only(log: Log) -> None:
    wrong(log, Condition(kind=DEAD), Condition(kind=DISK, subject="spool"))
    result = log.run("alarms", "acknowledge", "--by", "anna")
    assert (result.exit_code, "is over" in result.stderr) == (0, True)
    assert [row["kind"] for row in log.json("alarms")] == ["disk"]
    assert log.run("alarms", "acknowledge").exit_code != 0
    database = open_database(None, log.home)
    (event,) = [one for one in database.jobs.events() if one.stage is Stage.OPERATE]
    ended = database.alarms.last_ended(DEAD)
    database.close()
    assert (event.to_state, event.detail["by"], event.detail["alarm"]) == ("ALARM_ENDED", "anna", "dead-letters")
    assert ended is not None


def test_the_doctor_tells_of_open_alarms(log: Log) -> None:
    wrong(log, Condition(kind=DISK, subject="spool", detail={"do": "make room"}))
    database = open_database(None, log.home)
    (check,) = check_alarms(database.alarms)
    database.close()
    assert (check.level, check.mend) == (Level.WARNING, "make room")
    assert check.message.startswith("disk: spool, since 2")
