"""Single values on pages."""

import pytest
from support.rows import delivery_row, job_row

from hounsfield.daemon.console.pages.shown import (
    JOB_LEVELS,
    SERIES_LEVELS,
    Veil,
    advice_of,
    delivery_state,
    finding,
    job_state,
    series_state,
)
from hounsfield.daemon.console.standing import Level
from hounsfield.daemon.words import subject
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, Reason, SeriesState

VEIL = Veil(lambda uid: f"h:{len(uid):012x}")


def test_every_state_has_a_level() -> None:
    assert set(JOB_LEVELS) == set(JobState)
    assert set(SERIES_LEVELS) == set(SeriesState)


def test_not_analysed_is_told_with_its_reason_and_never_as_not_flagged() -> None:
    found = finding(job_row(outcome=Outcome.NOT_ANALYSED, reason=Reason.INCOMPLETE))
    assert found is not None
    assert (found.code, found.words) == ("not_analysed", "NOT ANALYSED (slices missing)")
    negative = finding(job_row(outcome=Outcome.NEGATIVE))
    assert negative is not None
    assert (negative.code, negative.words) == ("negative", "NOT FLAGGED")
    assert finding(job_row()) is None


def test_uids_in_texts_become_hashes_and_addresses_and_versions_stay() -> None:
    made = "2.25.329800735698586629295641978511506172918"
    shown = VEIL.text(f"from 192.0.2.17 with 2.21.0: 1.2.840.113619.2.5.1762 and 1.2.3.4.5, {made}.")
    assert "1.2.840" not in shown
    assert "1.2.3.4.5" not in shown.replace("h:", "")
    assert made not in shown
    assert "192.0.2.17" in shown
    assert "2.21.0" in shown


def test_text_that_would_move_a_terminal_or_forge_a_line_is_escaped() -> None:
    assert VEIL.text("a\nb\x1b[2J") == "a\\nb\\x1b[2J"
    assert "\n" not in subject(job_row(bundle="x\ny"))


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_meaning_and_what_to_do(reason: Reason) -> None:
    found = advice_of(reason)
    assert found is not None
    assert found.meaning
    assert found.advice


def test_a_delivery_is_told_by_its_destination_and_proof() -> None:
    assert delivery_state(delivery_row(proof=Proof.PROVEN)).more == "proven"
    assert delivery_state(delivery_row(proof=Proof.SENT)).more == "sent"
    waiting = delivery_state(job_row(kind=JobKind.DELIVER, destination="pacs"))
    assert (waiting.words, waiting.more) == ("pacs", "AVAILABLE")
    told = job_row(kind=JobKind.NOTIFY, destination="his", state=JobState.COMPLETED)
    assert delivery_state(told).more == "told"


def test_the_reason_of_a_state_is_told_once() -> None:
    assert job_state(job_row(state=JobState.RETRYABLE, reason=Reason.UNREACHABLE)).more == "unreachable"
    ended = job_row(state=JobState.COMPLETED, outcome=Outcome.NOT_ANALYSED, reason=Reason.TILT)
    assert job_state(ended).more == ""
    assert series_state(SeriesState.HELD, Reason.CONFLICT).more == "conflict"
    assert series_state(SeriesState.CLOSED, Reason.GAP).more == ""
    assert series_state(SeriesState.HELD, Reason.CONFLICT).level is Level.WARNING
