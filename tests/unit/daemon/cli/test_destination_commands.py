"""`hounsfield destinations`, and what `jobs show` says of a delivery."""

from pathlib import Path

import pytest
from support.joblog import Log, at
from support.joblog import add_delivery as add

from hounsfield.daemon.deliveries import status_words
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import ObjectDelivery, ResultObject
from hounsfield.storage.states import Proof, Reason

CONFIGURED = """
[[destination]]
name = "pacs"
ae_title = "PACS"
host = "pacs.example.org"
port = 4242

[[destination]]
name = "archive"
ae_title = "ARCHIVE"
host = "archive.example.org"
port = 104

[[destination]]
name = "folder"
kind = "folder"
folder = "/var/spool/results"

[[destination]]
name = "back"
kind = "sender"
port = 11112
"""
AWAY = DestinationState(
    name="pacs",
    is_open=True,
    since=at(100),
    reason=Reason.UNREACHABLE,
    failures=3,
    probe_at=at(130),
    answered_at=at(90),
)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "home")
    configuration = tmp_path / "hounsfield.toml"
    configuration.write_text(CONFIGURED)
    made.environment["HOUNSFIELD_CONFIG"] = str(configuration)
    return made


def told(log: Log, *states: DestinationState) -> None:
    database = open_database(None, log.home)
    try:
        for state in states:
            database.destination_states.put(state)
    finally:
        database.close()


def test_a_destination_that_is_away_says_since_when_why_and_what_waits(log: Log) -> None:
    told(log, AWAY, DestinationState(name="archive", is_open=False, since=at(5), answered_at=at(80)))
    pacs, archive, folder, back = log.json("destinations")
    assert (pacs["state"], pacs["reason"], pacs["failures"]) == ("away", "unreachable", 3)
    assert (pacs["since"], pacs["next_test"]) == ("2026-11-22T08:01:40.000Z", "2026-11-22T08:02:10.000Z")
    assert (pacs["waiting"], pacs["held"], pacs["given_up"]) == (0, 0, 1)
    assert (pacs["delivered"], pacs["delivered_in_24_h"]) == (1, 0), "that was years ago, or will be"
    assert list(pacs)[8:] == ["waiting", "held", "delivered", "given_up", "last_answer", "delivered_in_24_h"]
    assert (archive["state"], archive["next_test"], archive["last_answer"]) == ("ok", None, "2026-11-22T08:01:20.000Z")
    assert (folder["state"], folder["where"]) == ("unknown", "/var/spool/results")
    assert back["where"] == "the sender, port 11112"


def test_people_read_a_line_for_each_destination(log: Log) -> None:
    told(log, AWAY)
    result = log.run("destinations")
    assert result.exit_code == 0
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("pacs"))
    assert "PACS at pacs.example.org:4242" in line
    assert "(unreachable), next test" in line


def test_results_that_wait_for_a_destination_nobody_configures_are_not_forgotten(log: Log) -> None:
    add(log.home, "removed", 60)
    assert "1 wait for 'removed', which is no longer configured" in log.run("destinations").output


def test_a_delivery_tells_class_status_in_words_and_proof(log: Log) -> None:
    job = add(log.home, "archive", 60)
    database = open_database(None, log.home)
    try:
        claim = database.jobs.claim_overdue("archive", "courier-1", at(1) - at(0), at(9e6))
        assert claim is not None
        variant = ResultObject(
            role="sr",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
            sop_instance_uid="2.25.4712",
            sha256="d" * 64,
            size=5000,
            variant_of=log.seen.report_uid,
        )
        database.jobs.add_variant(claim.job.result_set_id or 0, variant)
        sent = ObjectDelivery(sop_instance_uid="2.25.4712", status=0xB007, at=at(61), proven_at=at(62))
        assert database.jobs.complete_delivery(claim, [sent], at(62), {}, Proof.PROVEN)
    finally:
        database.close()
    output = log.run("jobs", "show", str(job)).output
    for words in ("SR as Comprehensive SR", "B007 stored, with a warning", "proven 20"):
        assert words in output
    (detail,) = log.json("jobs", "show", str(job))
    (shown,) = detail["deliveries"][0]["objects"]  # type: ignore[index]
    assert (shown["role"], shown["variant_of"]) == ("sr", log.seen.report_uid)
    assert shown["proven_at"] == "2026-11-22T08:01:02.000Z"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x0000, "stored"),
        (0xB000, "stored, with a warning"),
        (0xA700, "no room there"),
        (0xA900, "it does not match its class, says the destination"),
        (0xC123, "not understood there"),
        (0x0112, "it does not have it"),
        (0x4711, "refused"),
    ],
)
def test_a_status_has_words(status: int, words: str) -> None:
    assert status_words(status) == words
