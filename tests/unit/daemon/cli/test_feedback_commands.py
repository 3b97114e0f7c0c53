"""`hounsfield feedback` and what `jobs show` tells of it."""

from pathlib import Path

import pytest
from support.joblog import Log, at

from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.engine import open_database
from hounsfield.storage.feedback import Feedback, Opinion

ROW = ["bundle", "version", "outcome", "results", "agreed", "disagreed", "agreement", "low", "high"]
SAID = ["id", "received_at", "opinion", "title", "job", "calling_ae", "sop_instance_uid", "about_uid"]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def say(log: Log, *opinions: Opinion, sender: str = "PACS") -> None:
    database = open_database(None, log.home)
    for number, opinion in enumerate(opinions):
        said = Feedback(
            sop_instance_uid=f"9.{number}",
            about_uid=log.seen.report_uid,
            job_id=log.seen.infer,
            opinion=opinion,
            title="113037,DCM",
            calling_ae=sender,
            received_at=at(3600 * (number + 1)),
        )
        assert database.feedback.add([said]) == 1
    database.close()


def test_the_report_has_exactly_the_fixed_fields_in_their_order(log: Log) -> None:
    say(log, Opinion.DISAGREE)
    rows = log.json("feedback", "report")
    assert all(list(row) == ROW for row in rows)
    everything = next(row for row in rows if row["outcome"] is None)
    assert (everything["bundle"], everything["version"], everything["disagreed"]) == ("ich-demo", "1.0.0", 1)
    flagged = next(row for row in rows if row["outcome"] == "positive")
    assert (flagged["results"], flagged["agreement"], flagged["low"], flagged["high"]) == (1, 0.0, 0.0, 0.7935)
    assert next(row for row in rows if row["outcome"] == "not_analysed")["agreement"] is None


def test_the_report_for_people_has_shares_and_intervals_in_words(log: Log) -> None:
    say(log, Opinion.AGREE)
    shown = log.run("feedback", "report")
    assert shown.exit_code == 0
    assert "FLAGGED" in shown.stdout
    assert "100%" in shown.stdout
    assert "21% to 100%" in shown.stdout
    assert not {"absent", "negative", "normal", "clear"} & set(shown.stdout.lower().split())


def test_without_feedback_the_report_says_where_it_would_come_from(log: Log) -> None:
    shown = log.run("feedback", "report")
    assert shown.exit_code == 0
    assert "[feedback]" in shown.stderr
    assert log.json("feedback", "report", "--since", "2099-01-01") == []


def test_the_list_has_exactly_the_fixed_fields_in_their_order(log: Log) -> None:
    say(log, Opinion.AGREE, Opinion.DISAGREE)
    rows = log.json("feedback", "list")
    assert all(list(row) == SAID for row in rows)
    assert [(row["opinion"], row["job"], row["about_uid"]) for row in rows] == [
        ("agree", log.seen.infer, log.seen.report_uid),
        ("disagree", log.seen.infer, log.seen.report_uid),
    ]
    assert [row["id"] for row in log.json("feedback", "list", "--limit", "1")] == [rows[0]["id"]]
    assert [row["id"] for row in log.json("feedback", "list", "--after", str(rows[0]["id"]))] == [rows[1]["id"]]
    assert log.run("feedback", "list").stdout.count("113037,DCM") == 2


def test_the_list_for_people_names_documents_by_their_hash(log: Log) -> None:
    say(log, Opinion.AGREE)
    (row,) = log.json("feedback", "list")
    line = log.run("feedback", "list").stdout.splitlines()[-1]
    assert line.split()[-1] == UidHasher.of_home(log.home)(str(row["sop_instance_uid"]))
    assert log.seen.report_uid not in line


def test_an_empty_list_says_so(log: Log) -> None:
    assert "no feedback yet" in log.run("feedback", "list").stderr
    assert "no such feedback" in log.run("feedback", "list", "--since", "2099-01-01").stderr
    assert "no such feedback" in log.run("feedback", "list", "--since", "0s").stderr


def test_the_name_of_a_sender_cannot_write_on_the_terminal(log: Log) -> None:
    say(log, Opinion.AGREE, sender="\x1b[2JPACS")
    for command in (["feedback", "list"], ["jobs", "show", str(log.seen.infer)]):
        shown = log.run(*command).stdout
        assert "\x1b" not in shown
        assert "PACS" in shown


def test_a_job_and_its_deliveries_show_what_was_said_about_the_result(log: Log) -> None:
    say(log, Opinion.DISAGREE)
    for job in (log.seen.infer, log.seen.deliver):
        (detail,) = log.json("jobs", "show", str(job))
        (said,) = detail["feedback"]  # type: ignore[misc]
        assert (list(said), said["opinion"]) == (SAID, "disagree")
        assert "disagree" in log.run("jobs", "show", str(job)).stdout
    (other,) = log.json("jobs", "show", str(log.seen.discarded))
    assert other["feedback"] == []
