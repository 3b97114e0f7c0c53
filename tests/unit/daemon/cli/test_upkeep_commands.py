"""`hounsfield purge`, `jobs archive`, `db vacuum` and `db restore`: what is told, asked and refused."""

import csv
import gzip
import io
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.joblog import FLAGGED, UNANALYSED, Log, add_skipped

from hounsfield.storage.engine import open_database
from hounsfield.storage.records import EventRecord
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import Reason, Stage

CHEST = "1.2.826.0.1.3680043.8.498.923"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    filled = Log(tmp_path / "home")
    add_skipped(filled.home, CHEST, Reason.BODY_PART, 80)
    Spool(filled.home / "spool").prepare()
    filled.environment["HOUNSFIELD_RETENTION__IMAGES_DAYS"] = "0.0001"  # the story may be of today
    filled.environment["HOUNSFIELD_RETENTION__FREE_PERCENT"] = "0"  # whatever the disk of the tests
    return filled


def noted(log: Log) -> list[EventRecord]:
    database = open_database(None, log.home)
    try:
        return [event for event in database.jobs.events() if event.stage is Stage.OPERATE]
    finally:
        database.close()


def test_a_dry_run_shows_what_would_go_and_what_keeps_the_rest(log: Log) -> None:
    rows = {row["rule"]: row for row in log.json("purge", "--dry-run")}
    assert list(rows) == ["images", "space", "results", "jobs"]
    assert (rows["images"]["series"], rows["images"]["files"], rows["images"]["bytes"]) == (2, 6, 6000)
    assert rows["images"]["kept"] == {"undelivered": 1}
    told = log.run("purge", "--dry-run")
    assert "kept, images: 1 series with a result that is not delivered" in told.stdout
    assert "retention.enabled is false" in told.stderr
    assert noted(log) == []


def test_a_home_without_a_spool_lacks_no_space(log: Log) -> None:
    shutil.rmtree(log.home / "spool")
    rows = {row["rule"]: row for row in log.json("purge", "--dry-run")}
    assert rows["space"]["series"] == 0


def test_nothing_is_removed_unless_somebody_says_so(log: Log) -> None:
    refused = log.run("purge")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert noted(log) == []


def test_what_was_removed_is_told_and_stands_in_the_event_log(log: Log) -> None:
    rows = {row["rule"]: row for row in log.json("purge", "--yes", "--by", "anna")}
    assert rows["images"]["series"] == 2
    (event,) = noted(log)
    assert (event.to_state, event.detail["by"], event.detail["series"]) == ("PURGED", "anna", 2)
    assert FLAGGED not in str(event.detail)
    assert "images_removed_at" in log.run("series", "show", FLAGGED).stdout
    assert log.json("series", "show", FLAGGED)[0]["images_removed_at"] is not None
    assert log.json("series", "show", UNANALYSED)[0]["images_removed_at"] is None
    replayed = log.run("series", "replay", CHEST)
    assert "images were removed after their time" in replayed.stderr


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.csv.gz"])
def test_the_job_log_is_written_to_a_new_file_only(log: Log, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    answer = log.run("jobs", "archive", "--before", "2030-01-01", str(target))
    assert answer.exit_code == 0, answer.output
    content = target.read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["job"] for row in rows] == [str(job["id"]) for job in reversed(log.json("jobs", "list"))]
    assert FLAGGED not in text
    again = log.run("jobs", "archive", "--before", "2030-01-01", str(target))
    assert (again.exit_code, target.read_bytes()) == (1, content)
    assert [event.to_state for event in noted(log)] == ["ARCHIVED"]


def test_only_jobs_before_the_date_are_written(log: Log, tmp_path: Path) -> None:
    assert "0 jobs written" in log.run("jobs", "archive", "--before", "2020-01-01", str(tmp_path / "none.csv")).stdout
    assert "4 jobs written" in log.run("jobs", "archive", "--before", "30s", str(tmp_path / "all.csv")).stdout


def test_vacuum_gives_room_back_and_says_how_much(log: Log) -> None:
    file = log.home / "hounsfield.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE heap (content BLOB)")
        connection.execute("INSERT INTO heap VALUES (zeroblob(4000000))")
        connection.commit()
        connection.execute("DROP TABLE heap")
        connection.commit()
    (told,) = log.json("db", "vacuum")
    assert file.stat().st_size == told["after"]
    assert int(str(told["before"])) - int(str(told["after"])) >= 4_000_000
    assert [event.to_state for event in noted(log)] == ["VACUUMED"]


def test_a_backup_is_put_in_place_and_the_old_database_kept(log: Log, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert log.run("db", "backup", str(copy)).exit_code == 0
    assert [event.to_state for event in noted(log)] == ["BACKED_UP"]
    add_skipped(log.home, "1.2.826.0.1.3680043.8.498.990", Reason.BODY_PART, 90)
    assert len(log.json("series", "list")) == 5
    answer = log.run("db", "restore", str(copy), "--yes", "--by", "anna")
    assert answer.exit_code == 0, answer.output
    assert len(log.json("series", "list")) == 4
    assert [(event.to_state, event.detail["by"]) for event in noted(log)] == [("RESTORED", "anna")]
    (kept,) = log.home.glob("hounsfield.db.before-restore-*")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (5,)


def test_a_path_with_two_slashes_in_front_is_a_path(log: Log, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    assert log.run("db", "backup", str(backup)).exit_code == 0
    told = log.run("db", "restore", f"/{backup}", "--yes")
    assert told.exit_code == 0, told.stderr


def test_a_database_that_anybody_has_open_is_not_replaced(log: Log, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    log.run("db", "backup", str(copy))
    database = open_database(None, log.home)
    database.series.page()
    refused = log.run("db", "restore", str(copy), "--yes")
    assert (refused.exit_code, list(log.home.glob("*restor*"))) == (1, [])
    assert "in use" in refused.stderr
    database.close()
    intake = Spool(log.home / "spool").open_intake("receiver-1")
    refused = log.run("db", "restore", str(copy), "--yes")
    intake.close()
    assert (refused.exit_code, "receives into this spool" in refused.stderr) == (1, True)


def test_what_is_no_whole_backup_of_ours_is_refused(log: Log, tmp_path: Path) -> None:
    whole, before = tmp_path / "whole.db", (log.home / "hounsfield.db").read_bytes()
    log.run("db", "backup", str(whole))
    before = (log.home / "hounsfield.db").read_bytes()
    text, other, damaged, newer = (tmp_path / f"{name}.db" for name in ("text", "other", "damaged", "newer"))
    text.write_text("not a database, but long enough to be taken for one" * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE cooking (recipe TEXT)")
    content = bytearray(whole.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    damaged.write_bytes(content)
    newer.write_bytes(whole.read_bytes())
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for file in (text, other, damaged, newer, tmp_path / "missing.db"):
        refused = log.run("db", "restore", str(file), "--yes")
        assert refused.exit_code == 1, file
        assert "unexpected" not in refused.stderr
    assert (log.home / "hounsfield.db").read_bytes() == before
