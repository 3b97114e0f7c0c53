"""`hounsfield jobs tail`: which events it shows, when, and what it takes to see a patient there."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.ct_factory import ct_slice, write
from support.joblog import FLAGGED, UNANALYSED, Log
from support.waiting import wait_until

from hounsfield.daemon.cli.tailing import Tail
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.log_book import EventQuery
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import JobKind, Stage

WHY = "the ward asked for it"
REVEALING = (
    *(["jobs", "show", "1"], ["series", "show", FLAGGED], ["rules", "explain", FLAGGED]),
    ["results", "show", "1"],
)
NAME, NUMBER, ACCESSION = "Gauß^Ada", "4711", "A\x1b[2J17"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


@pytest.fixture
def imaged(log: Log) -> Log:
    """The same log with the first image of the flagged series in the spool."""
    path = Spool(log.home / "spool").path(f"{FLAGGED[-3:]}0".rjust(64, "0"))
    path.parent.mkdir(parents=True)
    write(ct_slice(PatientName=NAME, PatientID=NUMBER, AccessionNumber=ACCESSION), path)
    return log


@contextmanager
def opened(log: Log) -> Iterator[Database]:
    database = open_database(None, log.home)
    try:
        yield database
    finally:
        database.close()


def test_tail_prints_the_newest_events_without_uids(log: Log) -> None:
    output = log.run("jobs", "tail", "-n", "1000").output
    lines = output.splitlines()
    assert len(lines) == len(log.json("jobs", "tail", "-n", "1000"))
    assert FLAGGED not in output
    assert any("infer" in line and "AVAILABLE>RUNNING" in line for line in lines)
    assert any("preprocess" in line and "0.25 s" in line for line in lines)
    assert "refused-status" in lines[-2] + lines[-1] + lines[-3]
    assert len(log.run("jobs", "tail", "-n", "3").output.splitlines()) == 3
    assert log.run("jobs", "tail", "-n", "0").output == ""


def test_one_series_has_one_hash_in_the_tail(log: Log) -> None:
    output = log.run("jobs", "tail", "-n", "1000", "--series", FLAGGED).output
    hashes = {word for line in output.splitlines() for word in line.split() if word.startswith("h:")}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        (["--job", "2"], lambda event: event["job"] == 2),
        (["--series", UNANALYSED], lambda event: event["series_uid"] == UNANALYSED),
        (["--state", "completed"], lambda event: event["to_state"] == "COMPLETED"),
        (["--state", "HELD"], lambda event: event["to_state"] == "HELD"),
        (["--stage", "deliver"], lambda event: event["stage"] == "deliver"),
        (["--kind", "INFER"], lambda event: event["kind"] == "INFER"),
        (["--bundle", "ich-demo", "--kind", "infer"], lambda event: event["kind"] == "INFER"),
        (["--scanner", "CT1"], lambda event: event["series_uid"] is not None),
        (["--since", "2026-11-22T08:00:30Z"], lambda event: str(event["at"]) >= "2026-11-22T08:00:30"),
    ],
)
def test_tail_shows_exactly_what_was_chosen(log: Log, options: list[str], fits: object) -> None:
    assert callable(fits)
    every = log.json("jobs", "tail", "-n", "1000")
    expected = [event["id"] for event in every if fits(event)]
    assert expected
    assert [event["id"] for event in log.json("jobs", "tail", *options)] == expected


def test_a_state_that_nothing_leads_to_is_refused_with_those_there_are(log: Log) -> None:
    result = log.run("jobs", "tail", "--state", "DONE")
    assert result.exit_code == 2
    assert "nothing leads to 'DONE'" in result.stderr
    assert "COMPLETED" in result.stderr


def test_events_that_do_not_fit_are_passed_over_for_good(log: Log) -> None:
    with opened(log) as database:
        tail = Tail(database.log_book, database.jobs, EventQuery(kind=JobKind.NOTIFY))
        assert list(tail.fresh()) == []
        assert tail._seen == database.jobs.last_event_id()
        later = Tail(database.log_book, database.jobs, EventQuery(stage=Stage.OPERATE))
        assert later.last(5) == []
        assert later._seen == database.jobs.last_event_id()


def test_a_line_appears_within_a_fifth_of_a_second_and_a_signal_ends_the_tail_quietly(log: Log) -> None:
    command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "jobs", "tail", "-f", "-n", "1", "--json"]
    environment = {**os.environ, "HOUNSFIELD_STORAGE__HOME": str(log.home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines: list[tuple[float, str]] = []
    assert process.stdout is not None
    stdout = process.stdout
    threading.Thread(target=lambda: lines.extend((time.monotonic(), line) for line in stdout), daemon=True).start()
    try:
        wait_until(lambda: len(lines) == 1, 60)
        delays = []
        with opened(log) as database:
            for count in range(5):
                done = time.monotonic()
                change = database.jobs.cancel if count % 2 else database.jobs.requeue
                assert change(log.seen.discarded, database.jobs.events()[-1].at)
                done = time.monotonic()
                wait_until(lambda wanted=count + 2: len(lines) >= wanted, 20)
                delays.append(lines[count + 1][0] - done)
        assert json.loads(lines[1][1])["job"] == log.seen.discarded
        assert min(delays) < 0.2, "under load a single one may wait for the processor"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()


def test_who_asks_for_patients_and_why_is_written_down_before_they_are_shown(imaged: Log) -> None:
    output = imaged.run("jobs", "tail", "-n", "1000", "--reveal", WHY).output
    assert all(("Gauß^Ada, ID 4711, accession A\\x1b[2J17" in line) for line in output.splitlines() if " #1 " in line)
    (event,) = imaged.json("jobs", "tail", "--state", "REVEALED")
    assert event["stage"] == "operate"
    assert event["series_uid"] is None
    detail = event["detail"]
    assert isinstance(detail, dict)
    assert (detail["reason"], detail["command"], detail["origin"]) == (WHY, "jobs tail", "command line")
    assert detail["by"]


def test_without_asking_no_patient_is_shown_anywhere(imaged: Log) -> None:
    texts = [
        imaged.run(*command, *more).output
        for command in (
            *(["jobs", "list"], ["jobs", "show", "1"], ["jobs", "tail"], ["jobs", "stats"], ["top"]),
            *(["series", "list"], ["series", "show", FLAGGED], ["rules", "explain", FLAGGED]),
            *(["results", "list"], ["results", "show", "1"]),
        )
        for more in ([], ["--json"])
    ]
    assert all(texts)
    assert not any(word in text for text in texts for word in ("Gau", "Ada", ACCESSION[:1] + ACCESSION[5:]))
    assert imaged.json("jobs", "tail", "--stage", "operate") == []


@pytest.mark.parametrize("command", [["jobs", "tail"], *REVEALING])
def test_a_reason_of_a_few_letters_reveals_nothing(imaged: Log, command: list[str]) -> None:
    for reason in ("", "because", "  a     b "):
        result = imaged.run(*command, "--reveal", reason)
        assert result.exit_code == 2
        assert "--reveal" in result.stderr
        assert "Ada" not in result.output
    assert imaged.json("jobs", "tail", "--stage", "operate") == []


def test_one_job_result_or_series_is_revealed_with_its_uid(imaged: Log) -> None:
    for command in REVEALING:
        output = imaged.run(*command, "--reveal", WHY).output
        assert "Gauß^Ada" in output
        assert FLAGGED in output
        (row,) = imaged.json(*command, "--reveal", WHY)
        assert row["patient"] == {"name": NAME, "id": NUMBER, "accession": "A\\x1b[2J17"}
        told = imaged.json("jobs", "tail", "--state", "REVEALED")[-1]["detail"]
        assert isinstance(told, dict)
        assert told["command"] == " ".join(command[:2])
        assert FLAGGED not in json.dumps(told)


def test_a_series_whose_images_are_gone_or_damaged_is_told_so(log: Log) -> None:
    path = Spool(log.home / "spool").path(f"{FLAGGED[-3:]}0".rjust(64, "0"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no DICOM" * 100)
    assert "no longer in the spool" in log.run("jobs", "show", "1", "--reveal", WHY).output
    assert log.json("jobs", "tail", "-n", "1", "--reveal", WHY)[0]["patient"] is None
