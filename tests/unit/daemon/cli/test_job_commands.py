"""`hounsfield jobs` and `series` over a job log that the stores wrote."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from support.joblog import FLAGGED, UNANALYSED, Log
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.storage.states import Reason

JOB_FIELDS = [
    "id",
    "kind",
    "state",
    "series_uid",
    "revision",
    "bundle",
    "bundle_version",
    "destination",
    "outcome",
    "reason",
    "score",
    "attempts",
    "created_at",
    "updated_at",
    "scanner",
]


def hash_of(log: Log, uid: str = FLAGGED) -> str:
    return UidHasher.of_home(log.home)(uid)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def test_jobs_list_has_exactly_the_fixed_fields_in_their_order(log: Log) -> None:
    rows = log.json("jobs", "list")
    assert len(rows) == 4
    assert all(list(row) == JOB_FIELDS for row in rows)


def test_jobs_list_tells_what_the_log_holds(log: Log) -> None:
    infer = next(row for row in log.json("jobs", "list") if row["id"] == log.seen.infer)
    assert infer["kind"] == "INFER"
    assert infer["outcome"] == "positive"
    assert infer["score"] == 0.93
    assert infer["series_uid"] == FLAGGED
    assert infer["destination"] is None
    created = str(infer["created_at"])
    assert created.endswith("Z")
    assert datetime.fromisoformat(created).utcoffset() is not None


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--kind", "INFER"], 2),
        (["--kind", "deliver"], 2),
        (["--state", "DISCARDED"], 1),
        (["--series", UNANALYSED], 2),
        (["--series", "1.2.3"], 0),
        (["--limit", "3"], 3),
        (["--after", "3"], 1),
        (["--before", "3"], 2),
        (["--outcome", "positive"], 1),
        (["--reason", "incomplete"], 1),
        (["--scanner", "CT1"], 4),
        (["--scanner", "MR1"], 0),
        (["--bundle", "ich-demo"], 4),
        (["--destination", "pacs", "--state", "completed"], 1),
        (["--since", "2026-11-22T08:00:20Z"], 2),
        (["--since", "30s"], 0),
    ],
)
def test_jobs_list_selects(log: Log, options: list[str], count: int) -> None:
    assert len(log.json("jobs", "list", *options)) == count


def test_jobs_list_pages_without_losing_or_repeating(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.daemon.cli.paging.PAGE", 1)
    assert [row["id"] for row in log.json("jobs", "list")] == [4, 3, 2, 1]
    assert [row["id"] for row in log.json("jobs", "list", "--limit", "2")] == [4, 3]
    assert [row["id"] for row in log.json("jobs", "list", "--limit", "2", "--before", "3")] == [2, 1]


def test_a_program_reads_on_from_the_last_job_it_has_seen(log: Log) -> None:
    assert [row["id"] for row in log.json("jobs", "list", "--after", "0")] == [1, 2, 3, 4]
    assert [row["id"] for row in log.json("jobs", "list", "--after", "2", "--kind", "deliver")] == [4]
    assert log.run("jobs", "list", "--after", "2", "--scanner", "CT1").exit_code == 2


def test_a_page_for_people_says_how_to_see_older_jobs(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.daemon.cli.filters.TABLE_ROWS", 3)
    assert log.run("jobs", "list").stderr == "older ones: --before 2\n"
    assert log.run("jobs", "list", "--before", "2").stderr == ""
    assert len(log.json("jobs", "list")) == 4, "a program gets all that it did not limit"


def test_lists_for_people_name_series_by_a_hash_that_other_commands_take(log: Log) -> None:
    jobs, series = log.run("jobs", "list").output, log.run("series", "list").output
    assert FLAGGED not in jobs + series
    handle = hash_of(log)
    assert handle in jobs
    assert handle in series
    assert {row["series_uid"] for row in log.json("jobs", "list", "--series", handle)} == {FLAGGED}
    assert log.json("series", "show", handle)[0]["series_uid"] == FLAGGED
    assert {event["series_uid"] for event in log.json("jobs", "tail", "--series", handle)} == {FLAGGED}
    assert log.json("rules", "explain", handle)[0]["series_uid"] == FLAGGED
    unknown = log.run("series", "show", "h:000000000000")
    assert (unknown.exit_code, "with this hash" in unknown.stderr) == (4, True)


def test_people_read_the_words_of_the_report(log: Log) -> None:
    output = log.run("jobs", "list").output
    assert "FLAGGED" in output
    assert "NOT ANALYSED (slices missing)" in output
    assert "positive" not in output
    assert "negative" not in output


def test_jobs_show_tells_timeline_objects_and_where_they_went(log: Log) -> None:
    preview = log.home / "previews" / f"{log.seen.report_uid}.png"
    preview.parent.mkdir()
    preview.write_bytes(b"png")
    (detail,) = log.json("jobs", "show", str(log.seen.infer))
    assert list(detail)[: len(JOB_FIELDS)] == JOB_FIELDS
    assert detail["timings"] == {"preprocess": 0.25, "infer": 0.5, "report": 0.1}
    assert [event["to_state"] for event in detail["timeline"]][-1] == "COMPLETED"  # type: ignore[attr-defined]
    assert detail["objects"] == [
        {
            "role": "sr",
            "sop_instance_uid": log.seen.report_uid,
            "size": 5000,
            "file": str(log.home / "results" / f"{log.seen.report_uid}.dcm"),
            "preview": str(preview),
        }
    ]
    (delivery,) = detail["deliveries"]  # type: ignore[misc]
    assert delivery["destination"] == "pacs"
    assert delivery["objects"][0]["status"] == "0000"


def test_jobs_show_is_readable(log: Log) -> None:
    output = log.run("jobs", "show", str(log.seen.infer)).output
    for words in (
        "FLAGGED",
        "0.930",
        "subdural 0.200  below 0.61",
        "preprocess 0.25",
        "RUNNING>COMPLETED",
        log.seen.report_uid,
        "0000",
        "worker-1",
    ):
        assert words in output
    assert "tensorflow 2.21.0, precision float32" in output


def test_a_delivery_shows_why_it_was_given_up_and_what_to_do(log: Log) -> None:
    output = log.run("jobs", "show", str(log.seen.discarded)).output
    text = REASON_TEXTS[Reason.REFUSED_STATUS]
    for words in ("refused-status", "not sent", text.meaning, "what to do", text.advice):
        assert words in output
    (detail,) = log.json("jobs", "show", str(log.seen.discarded))
    assert {"reason": "refused-status", "meaning": text.meaning, "advice": text.advice} in detail["advice"]  # type: ignore[operator]


def test_jobs_show_keeps_the_uid_of_the_series_to_itself(log: Log) -> None:
    output = log.run("jobs", "show", str(log.seen.infer)).output
    assert FLAGGED not in output
    assert hash_of(log) in output
    assert "CT1" in output


@pytest.mark.parametrize(
    "arguments",
    [["jobs", "show", "999"], ["jobs", "retry", "999"], ["jobs", "cancel", "999"], ["series", "show", "1.2"]],
)
def test_what_is_not_there_ends_with_the_code_for_it(log: Log, arguments: list[str]) -> None:
    result = log.run(*arguments)
    assert result.exit_code == 4
    assert result.stderr.startswith("error: there is no")


def test_retry_puts_a_discarded_job_back(log: Log) -> None:
    assert log.run("jobs", "retry", str(log.seen.discarded)).exit_code == 0
    job = next(row for row in log.json("jobs", "list") if row["id"] == log.seen.discarded)
    assert (job["state"], job["attempts"]) == ("AVAILABLE", 0)


def test_the_job_log_says_who_retried_and_who_cancelled(log: Log) -> None:
    job = str(log.seen.discarded)
    log.run("jobs", "retry", job, "--by", "anna")
    log.run("jobs", "cancel", job, "--by", "bert")
    timeline = log.json("jobs", "show", job)[0]["timeline"]
    assert isinstance(timeline, list)
    decided = [(event["to_state"], event["detail"].get("by")) for event in timeline[-2:]]
    assert decided == [("AVAILABLE", "anna"), ("CANCELLED", "bert")]


def test_cancel_takes_out_a_job_that_waits(log: Log) -> None:
    log.run("jobs", "retry", str(log.seen.discarded))
    assert log.run("jobs", "cancel", str(log.seen.discarded)).exit_code == 0
    job = next(row for row in log.json("jobs", "list") if row["id"] == log.seen.discarded)
    assert job["state"] == "CANCELLED"


def test_a_completed_job_is_neither_retried_nor_cancelled(log: Log) -> None:
    for command in ("retry", "cancel"):
        result = log.run("jobs", command, str(log.seen.infer))
        assert result.exit_code == 1
        assert "COMPLETED" in result.stderr


def test_a_home_without_a_database_is_named_and_not_made(tmp_path: Path) -> None:
    runner = CliRunner(env={"HOUNSFIELD_STORAGE__HOME": str(tmp_path / "none")})
    result = runner.invoke(app, ["jobs", "list"])
    assert result.exit_code == 4
    assert "hounsfield db upgrade" in result.stderr
    assert not (tmp_path / "none").exists()


def test_an_empty_log_says_so_and_prints_no_rows(tmp_path: Path) -> None:
    runner = CliRunner(env={"HOUNSFIELD_STORAGE__HOME": str(tmp_path / "home")})
    assert runner.invoke(app, ["db", "upgrade"]).exit_code == 0
    for group in ("jobs", "series"):
        result = runner.invoke(app, [group, "list"])
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"no {group} yet\n")


def test_db_upgrade_check_and_backup(tmp_path: Path) -> None:
    runner = CliRunner(env={"HOUNSFIELD_STORAGE__HOME": str(tmp_path / "home")})
    assert runner.invoke(app, ["db", "upgrade"]).exit_code == 0
    assert "up to date" in runner.invoke(app, ["db", "check"]).output
    answer = json.loads(runner.invoke(app, ["db", "check", "--json"]).stdout)
    assert answer["current"] == answer["head"]
    copy = tmp_path / "copy.db"
    assert runner.invoke(app, ["db", "backup", str(copy)]).exit_code == 0
    assert copy.stat().st_size > 0
    again = runner.invoke(app, ["db", "backup", str(copy)])
    assert again.exit_code == 1
    assert "is there already" in again.stderr
