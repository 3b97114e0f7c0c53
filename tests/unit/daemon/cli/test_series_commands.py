"""`hounsfield series`: what is listed, what is shown of one, and what only a person decides."""

import getpass
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.joblog import (
    FLAGGED,
    HELD,
    STUDY,
    UNANALYSED,
    Log,
    add_analysed,
    add_held,
    add_skipped,
    at,
    forget,
)

from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.person import LONGEST_NAME, person
from hounsfield.daemon.verdict_texts import evidence_lines, evidence_text
from hounsfield.storage.records import InferRequest, Verdict
from hounsfield.storage.states import Completeness, Reason

SERIES_FIELDS = ["series_uid", "study_uid", "revision", "state", "completeness", "reason", "instances", "id", "scanner"]
AMBIGUOUS = "1.2.826.0.1.3680043.8.498.911"
UNMATCHED = "1.2.826.0.1.3680043.8.498.921"
UNMATCHED_LATER = "1.2.826.0.1.3680043.8.498.922"
CHEST = "1.2.826.0.1.3680043.8.498.923"
BY_RULE = "1.2.826.0.1.3680043.8.498.931"
EVIDENCE: dict[str, object] = {
    "images": {"received": 28, "announced": 30, "known": None},
    "associations": {"released": 2, "aborted": 1},
    "quiet_seconds": 12.5,
    "gaps": [{"step_mm": 20.0, "expected_mm": 5.0}],
    "coverage_mm": 140.0,
    "left_out": 0,
}


@pytest.fixture
def log(tmp_path: Path) -> Log:
    filled = Log(tmp_path / "home")
    add_held(filled.home, AMBIGUOUS, Reason.AMBIGUOUS_GEOMETRY, 60)
    add_skipped(filled.home, UNMATCHED, Reason.NO_RULE, 70)
    add_skipped(filled.home, CHEST, Reason.BODY_PART, 80)
    add_skipped(filled.home, UNMATCHED_LATER, Reason.NO_RULE, 7000)
    return filled


def states(log: Log) -> dict[str, str]:
    return {str(row["series_uid"]): str(row["state"]) for row in log.json("series", "list")}


def test_series_list_has_exactly_the_fixed_fields_in_their_order(log: Log) -> None:
    rows = log.json("series", "list")
    assert all(list(row) == SERIES_FIELDS for row in rows)
    assert rows[-1] == {
        "series_uid": FLAGGED,
        "study_uid": STUDY,
        "revision": 1,
        "state": "CLOSED",
        "completeness": "COMPLETE",
        "reason": None,
        "instances": 3,
        "id": 1,
        "scanner": "CT1",
    }
    assert len(log.json("series", "list", "--limit", "2")) == 2


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "held"], [AMBIGUOUS, HELD]),
        (["--state", "SKIPPED", "--reason", "no-rule"], [UNMATCHED_LATER, UNMATCHED]),
        (["--reason", "gap"], [UNANALYSED]),
        (["--reason", "tilt"], []),
        (["--state", "skipped", "--after", "5"], [CHEST, UNMATCHED_LATER]),
        (["--study", "1.2.3"], []),
        (["--after", "0", "--state", "held"], [HELD, AMBIGUOUS]),
        (["--state", "skipped", "--before", "7"], [CHEST, UNMATCHED]),
        (["--study", STUDY, "--state", "held", "--limit", "1"], [AMBIGUOUS]),
        (["--study", STUDY, "--state", "held", "--before", "4"], [HELD]),
    ],
)
def test_series_list_selects(log: Log, options: list[str], found: list[str]) -> None:
    assert [row["series_uid"] for row in log.json("series", "list", *options)] == found
    result = log.run("series", "list", *options)
    assert ("no such series" in result.stderr) == (not found)


def test_series_list_pages_through_a_selection(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.daemon.cli.paging.PAGE", 1)
    assert len(log.json("series", "list", "--state", "skipped")) == 3


def test_series_show_tells_remarks_senders_and_jobs(log: Log) -> None:
    (row,) = log.json("series", "show", UNANALYSED)
    assert row["remarks"] == ["one gap of 20 mm"]
    assert [job["kind"] for job in row["jobs"]] == ["INFER", "DELIVER"]  # type: ignore[attr-defined]
    assert row["associations"][0]["calling_ae"] == "CT1"  # type: ignore[index]
    output = log.run("series", "show", UNANALYSED).output
    assert "one gap of 20 mm" in output
    assert "NOT ANALYSED (slices missing)" in output


def analysed(log: Log) -> int:
    verdict = Verdict(
        completeness=Completeness.INCOMPLETE, reasons=(Reason.FEWER_THAN_ANNOUNCED, Reason.GAP), evidence=EVIDENCE
    )
    part = Verdict(completeness=Completeness.COMPLETE, evidence={"part": "kernel H40s", "images": {"received": 14}})
    request = InferRequest(
        bundle="ich-demo",
        bundle_version="1.0.0",
        bundle_sha256="a" * 64,
        part="c" * 64,
        rule="head-ct",
        shadow=True,
        destinations=("pacs", "research"),
        verdict=part,
    )
    return add_analysed(log.home, BY_RULE, verdict, request, 90)


def test_series_show_prints_verdict_evidence_rule_and_the_verdict_of_each_job(log: Log) -> None:
    job = analysed(log)
    output = log.run("series", "show", BY_RULE).output
    for words in (
        "INCOMPLETE (fewer-than-announced, gap)",
        "received 28, announced 30",
        "released 2, aborted 1",
        "quiet seconds",
        "step mm 20, expected mm 5",
        "head-ct",
        f"job {job}",
        "COMPLETE; part kernel H40s; images received 14",
    ):
        assert words in output, words


def test_series_show_for_programs_has_all_of_it(log: Log) -> None:
    analysed(log)
    (row,) = log.json("series", "show", BY_RULE)
    assert list(row)[: len(SERIES_FIELDS)] == SERIES_FIELDS
    assert (row["rule"], row["waived"], row["decisions"]) == ("head-ct", [], [])
    assert row["verdict"] == {
        "completeness": "INCOMPLETE",
        "reasons": ["fewer-than-announced", "gap"],
        "remarks": [],
        "evidence": EVIDENCE,
    }
    (job,) = row["jobs"]  # type: ignore[misc]
    assert job["verdict"]["evidence"]["part"] == "kernel H40s"


def test_jobs_show_tells_rule_shadow_destinations_and_verdict(log: Log) -> None:
    job = analysed(log)
    (row,) = log.json("jobs", "show", str(job))
    assert (row["rule"], row["shadow"], row["destinations"]) == ("head-ct", True, ["pacs", "research"])
    assert row["verdict"]["completeness"] == "COMPLETE"  # type: ignore[index]
    output = log.run("jobs", "show", str(job)).output
    for words in ("head-ct", "nothing is sent", "pacs, research", "cccccccc", "COMPLETE", "kernel H40s"):
        assert words in output, words


def test_a_held_series_can_be_released_and_the_log_says_by_whom(log: Log) -> None:
    assert log.run("series", "release", AMBIGUOUS, "--by", "Dr. Roe").exit_code == 0
    (row,) = log.json("series", "show", AMBIGUOUS)
    assert (row["state"], row["waived"]) == ("RECEIVING", ["ambiguous-geometry"])
    (decision,) = row["decisions"]  # type: ignore[misc]
    assert (decision["from_state"], decision["to_state"], decision["by"]) == ("HELD", "RECEIVING", "Dr. Roe")
    assert "Dr. Roe" in log.run("series", "show", AMBIGUOUS).output
    assert "by Dr. Roe" in log.run("jobs", "tail", "-n", "1").output
    (event,) = log.json("jobs", "tail", "-n", "1")
    assert event["detail"]["by"] == "Dr. Roe"  # type: ignore[index]


def test_without_a_name_the_user_of_the_system_stands_in_the_log(log: Log) -> None:
    assert log.run("series", "discard", AMBIGUOUS).exit_code == 0
    (row,) = log.json("series", "show", AMBIGUOUS)
    assert row["decisions"][0]["by"] == getpass.getuser()  # type: ignore[index]


@pytest.mark.parametrize("reason", [Reason.TWO_PATIENTS, Reason.TWO_STUDIES])
def test_a_series_of_two_patients_or_studies_is_not_released_and_the_way_out_is_named(log: Log, reason: Reason) -> None:
    uid = f"1.2.3.{len(reason)}"
    add_held(log.home, uid, reason, 100)
    result = log.run("series", "release", uid)
    assert result.exit_code == 1
    assert "never analysed" in result.stderr
    assert "series discard" in result.stderr
    assert states(log)[uid] == "HELD"
    assert log.run("series", "discard", uid).exit_code == 0


def test_a_held_series_can_be_discarded(log: Log) -> None:
    assert log.run("series", "discard", HELD).exit_code == 0
    row = log.json("series", "show", HELD)[0]
    assert (row["state"], row["reason"]) == ("SKIPPED", "operator")


def test_a_series_that_is_not_held_is_left_alone(log: Log) -> None:
    for command in ("release", "discard"):
        result = log.run("series", command, FLAGGED)
        assert result.exit_code == 1
        assert "only a HELD series" in result.stderr


def test_named_series_are_replayed_and_each_is_told(log: Log) -> None:
    result = log.run("series", "replay", UNMATCHED, CHEST, UNMATCHED, "--by", "mkx")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"{UNMATCHED}: looked at again",
        f"{CHEST}: looked at again",
        "2 series are looked at again",
    ]
    after = states(log)
    assert (after[UNMATCHED], after[CHEST], after[UNMATCHED_LATER]) == ("RECEIVING", "RECEIVING", "SKIPPED")
    assert log.json("series", "show", CHEST)[0]["decisions"][0]["by"] == "mkx"  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "replayed"),
    [
        (["--all-unmatched"], {UNMATCHED, UNMATCHED_LATER}),
        (["--reason", "no-rule"], {UNMATCHED, UNMATCHED_LATER}),
        (["--reason", "body-part"], {CHEST}),
        (["--reason", "tilt"], set()),
        (["--all-unmatched", "--since", at(3600).astimezone().strftime("%Y-%m-%dT%H:%M")], {UNMATCHED_LATER}),
        (["--all-unmatched", "--since", "2099-01-01"], set()),
        (["--all-unmatched", "--since", "0s"], set()),
    ],
)
def test_all_of_a_reason_are_replayed(
    log: Log, options: list[str], replayed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hounsfield.daemon.cli.paging.PAGE", 1)
    result = log.run("series", "replay", *options)
    assert result.exit_code == 0, result.stderr
    assert {uid for uid, state in states(log).items() if state == "RECEIVING"} == replayed
    assert result.stdout == f"{len(replayed)} series {'is' if len(replayed) == 1 else 'are'} looked at again\n"


def test_what_cannot_be_replayed_is_named_and_the_others_are_replayed(log: Log) -> None:
    result = log.run("series", "replay", FLAGGED, HELD, UNMATCHED, "1.2.3")
    assert result.exit_code == 1
    assert f"{FLAGGED} is CLOSED, {HELD} is HELD" in result.stderr
    assert states(log)[UNMATCHED] == "RECEIVING"
    assert log.run("series", "replay", "1.2.3").exit_code == 4


def test_a_series_whose_images_were_removed_is_not_replayed_but_told(log: Log) -> None:
    forget(log.home, UNMATCHED, at(1000), at(2000))
    result = log.run("series", "replay", "--all-unmatched")
    assert result.exit_code == 0
    assert result.stdout == "1 series is looked at again\n"
    assert "1 whose images were removed" in result.stderr
    after = states(log)
    assert (after[UNMATCHED], after[UNMATCHED_LATER]) == ("SKIPPED", "RECEIVING")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["1.2.3", "--all-unmatched"],
        ["--reason", "no-rule", "--all-unmatched"],
        ["1.2.3", "--since", "2026-01-01"],
        ["--all-unmatched", "--by", "\x1b\n"],
    ],
)
def test_a_replay_that_does_not_say_which_series_or_who_is_wrong_usage(log: Log, arguments: list[str]) -> None:
    before = states(log)
    assert log.run("series", "replay", *arguments).exit_code == 2
    assert states(log) == before


@given(st.text())
def test_a_name_in_the_log_is_one_line_of_ascii(text: str) -> None:
    try:
        name = person(text)
    except UsageFault:
        assert not [c for c in text if c.isascii() and c.isprintable() and c != " "]
        return
    assert 0 < len(name) <= LONGEST_NAME
    assert name.isascii()
    assert name.isprintable()
    assert name == name.strip()


def test_a_user_without_a_name_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert person(None) == f"user {os.getuid()}"


def test_evidence_is_shown_without_what_says_nothing_and_never_longer_than_a_line() -> None:
    lines = dict(evidence_lines({"images": 3, "gaps": [], "known": None, "mixed": False, "steps_mm": list(range(40))}))
    assert list(lines) == ["images", "steps mm"]
    assert lines["steps mm"].endswith("10, 11, and 28 more")
    assert evidence_text("line\nbreak \x1b[31m") == "line\\nbreak \\x1b[31m"
