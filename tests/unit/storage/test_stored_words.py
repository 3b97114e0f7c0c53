"""What lies in databases and in what scripts read: the table of transitions once more, and every word."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from hounsfield.storage.states import (
    FAULTS_OF_THE_MODEL,
    NEVER_WAIVED,
    REASON_WORDS,
    AssociationEnding,
    Completeness,
    IllegalTransition,
    InstanceRole,
    JobAction,
    JobKind,
    JobState,
    Outcome,
    Proof,
    Reason,
    ResultKind,
    SeriesState,
    Stage,
    next_state,
)

REASONS = (Path(__file__).parents[3] / "docs" / "reasons.md").read_text(encoding="utf-8")
# Rows: where a job stands; columns: what is done to it.
TABLE = """
.           claim    complete   retry_later  discard    cancel     requeue    hold  release
AVAILABLE   RUNNING  -          -            -          CANCELLED  -          -     -
RUNNING     -        COMPLETED  RETRYABLE    DISCARDED  CANCELLED  -          HELD  AVAILABLE
RETRYABLE   RUNNING  -          -            DISCARDED  CANCELLED  -          -     -
COMPLETED   -        -          -            -          -          -          -     -
DISCARDED   -        -          -            -          -          AVAILABLE  -     -
CANCELLED   -        -          -            -          -          AVAILABLE  -     -
HELD        -        -          -            -          CANCELLED  AVAILABLE  -     -
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
ALL = [(state, action, after) for state, *row in ROWS[1:] for action, after in zip(ROWS[0][1:], row, strict=True)]


@pytest.mark.parametrize(("state", "action", "after"), ALL)
def test_a_job_goes_where_the_table_says_and_nowhere_else(state: str, action: str, after: str) -> None:
    if after == "-":
        with pytest.raises(IllegalTransition, match=f"{state} cannot take '{action}'"):
            next_state(JobState(state), JobAction(action))
    else:
        assert next_state(JobState(state), JobAction(action)) is JobState(after)


def test_the_table_speaks_of_every_state_and_of_every_action() -> None:
    assert {(state, action) for state, action, _ in ALL} == {(one, other) for one in JobState for other in JobAction}


def test_a_job_has_ended_that_only_a_person_moves_on() -> None:
    assert [state for state in JobState if state.is_final] == ["COMPLETED", "DISCARDED", "CANCELLED"]


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        (SeriesState, "RECEIVING CLOSED HELD SKIPPED"),
        (JobKind, "INFER DELIVER NOTIFY"),
        (JobState, "AVAILABLE RUNNING RETRYABLE COMPLETED DISCARDED CANCELLED HELD"),
        (JobAction, "claim complete retry_later discard cancel requeue hold release"),
        (Outcome, "positive negative not_analysed"),
        (Completeness, "COMPLETE SUSPECT INCOMPLETE"),
        (Proof, "none sent proven"),
        (ResultKind, "analysis reissue retraction"),
        (AssociationEnding, "open released aborted lost"),
        (InstanceRole, "source companion own_result"),
        (Stage, "receive assemble infer report deliver notify operate"),
    ],
)
def test_rows_of_earlier_versions_are_understood(words: type[StrEnum], stored: str) -> None:
    """A word may be added; none may change."""
    assert [str(word) for word in words] == stored.split()
    assert [word.name.lower() for word in words] == [word.lower() for word in stored.split()]


def test_the_reasons_are_those_of_the_document() -> None:
    assert {str(reason) for reason in Reason} == set(re.findall(r"^\| `([a-z-]+)` \|", REASONS, re.MULTILINE))


def test_a_report_ends_with_the_words_that_the_document_gives_for_its_reason() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \| NOT ANALYSED - ([^|]*?) \|", REASONS, re.MULTILINE)
    assert {Reason(code): words for code, words in told} == REASON_WORDS


def test_no_release_lifts_what_would_speak_of_the_wrong_person_or_of_a_part_of_the_images() -> None:
    assert {"two-patients", "two-studies", "images-removed"} == NEVER_WAIVED


def test_a_fault_of_the_model_is_none_of_the_images() -> None:
    model = {reason for reason in REASON_WORDS if str(reason).startswith(("model-", "out-of-memory", "bundle-"))}
    assert len(model) == 6
    assert model == FAULTS_OF_THE_MODEL
