"""The tables of transitions."""

import pytest

from hounsfield.storage.states import (
    SERIES_TRANSITIONS,
    TRANSITIONS,
    IllegalTransition,
    JobAction,
    JobState,
    SeriesAction,
    SeriesState,
    next_state,
    refuse_impossible,
)

ALL = [(state, action) for state in JobState for action in JobAction]


@pytest.mark.parametrize(("state", "action"), ALL)
def test_a_job_goes_only_where_the_table_says(state: JobState, action: JobAction) -> None:
    if (state, action) in TRANSITIONS:
        assert next_state(state, action) is TRANSITIONS[state, action]
    else:
        with pytest.raises(IllegalTransition, match=f"{state} cannot take '{action}'"):
            next_state(state, action)


def test_only_a_person_moves_a_job_that_ended() -> None:
    final = {action for state, action in TRANSITIONS if state.is_final}
    assert final == {JobAction.REQUEUE}


def test_a_completed_job_stays_completed() -> None:
    assert not [action for state, action in TRANSITIONS if state is JobState.COMPLETED]


def test_a_job_runs_only_by_a_claim() -> None:
    assert {action for (_, action), after in TRANSITIONS.items() if after is JobState.RUNNING} == {JobAction.CLAIM}


def test_every_state_can_be_reached_from_available() -> None:
    reached = {JobState.AVAILABLE}
    for _ in JobState:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(JobState)


# Rows: where a series stands; columns: what is done to it.
SERIES_TABLE = """
.          close   skip     hold  reopen     release    discard  replay
RECEIVING  CLOSED  SKIPPED  HELD  -          -          -        -
CLOSED     -       -        HELD  RECEIVING  -          -        -
HELD       -       -        -     -          RECEIVING  SKIPPED  -
SKIPPED    -       -        -     RECEIVING  -          -        RECEIVING
"""
ROWS = [line.split() for line in SERIES_TABLE.strip().splitlines()]
CELLS = {(row[0], action): after for row in ROWS[1:] for action, after in zip(ROWS[0][1:], row[1:], strict=True)}


def test_a_series_goes_where_the_table_says_and_nowhere_else() -> None:
    assert set(CELLS) == {(state, action) for state in SeriesState for action in SeriesAction}
    assert {key: after for key, after in CELLS.items() if after != "-"} == SERIES_TRANSITIONS


MOVES = {(before, after) for (before, _), after in SERIES_TRANSITIONS.items()}


@pytest.mark.parametrize("before", list(SeriesState))
@pytest.mark.parametrize("after", list(SeriesState))
def test_a_series_goes_only_where_its_table_says_or_stays(before: SeriesState, after: SeriesState) -> None:
    if before is after or (before, after) in MOVES:
        refuse_impossible(before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"{before} does not become {after}"):
            refuse_impossible(before, after)


def test_only_a_person_moves_a_series_that_is_held() -> None:
    actions = {action for before, action in SERIES_TRANSITIONS if before is SeriesState.HELD}
    assert actions == {SeriesAction.RELEASE, SeriesAction.DISCARD}


def test_a_series_is_closed_only_by_the_assembler_that_received_it() -> None:
    ways = {key for key, after in SERIES_TRANSITIONS.items() if after is SeriesState.CLOSED}
    assert ways == {(SeriesState.RECEIVING, SeriesAction.CLOSE)}
